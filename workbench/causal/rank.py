"""Rank services by how well a fault there explains everything that was seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.cards import quantity
from workbench.causal.anomalies.anomaly import PART, Anomaly
from workbench.causal.anomalies.collect import collect_host_faults, platform_anomalies
from workbench.causal.anomalies.host_faults import host_fault_anomalies
from workbench.causal.anomalies.noisy_neighbours import hosts_of
from workbench.causal.attribution.call_graph import twins_of
from workbench.causal.attribution.confidence_cap import confidence_cap
from workbench.causal.attribution.study import Study, study
from workbench.causal.evidence.hypotheses import weigh
from workbench.causal.ranking import RankedService, Ranking, confidence
from workbench.causal.thresholds import (
    DOUBTFUL_GRAPH,
    LITTLE_HISTORY,
    LONGEST_TEMPLATE,
    NATS_PER_DOUBLING,
    SIGNIFICANT,
)
from workbench.features.aligned import align
from workbench.features.columns import values_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.causal.evidence.hypotheses import Posterior
    from workbench.causal.evidence.surprise import Evidence
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["rank", "rank_study"]

_METHOD = "posterior over places and kinds of fault"


def rank(window: IncidentWindow, sli: SLI | str | None = None, *, seed: int = 0) -> Ranking:
    """Rank the services of a window by how likely the SLI's change starts at them.

    Every signal is held against past windows of this very system, and the SLI's change is split
    over the service graph by conservation of work (`workbench.causal.attribution`). A service
    ranks by how well a fault there explains all of it (`workbench.causal.evidence`): that it
    became slow by itself, fails, does other things, lets in more load, or runs on something
    that is ill.

    Parameters
    ----------
    window
        The incident window, with a baseline.
    sli
        What is to be explained; the first SLO's if None (`choose_sli` finds the one that
        moved most).
    seed
        Kept with the result; nothing here is drawn at random.

    Returns
    -------
    Ranking
        Rows most suspect first, whether the SLI moved at all, and what to know about it.

    Raises
    ------
    BadInput, UnknownName
        No baseline, nothing measured, or an SLI nobody knows.
    """
    return rank_study(study(align(window), window.sli(sli)), seed=seed)


def rank_study(found: Study, *, seed: int = 0) -> Ranking:
    """Rank the services of a study, for callers that have already split the SLI's change.

    Parameters
    ----------
    found
        One SLI with its change split over the services.
    seed
        As for `rank`.
    """
    window = found.aligned.window
    hosts = hosts_of(window)
    slowed = dict(zip(found.split.services, map(float, found.split.surprise), strict=True))
    anomalies = list(platform_anomalies(found, hosts))
    faults = collect_host_faults(found, hosts)
    anomalies += host_fault_anomalies(faults, slowed)
    limit = confidence_cap(found.breakdown, found.graph, found.aligned.split)
    posterior = weigh(found, anomalies)
    return Ranking(
        window_id=window.id,
        sli=found.sli,
        before=found.before,
        during=found.before + found.split.change,
        moved=found.p_value <= SIGNIFICANT,
        p_value=found.p_value,
        rows=_rows(found, posterior, anomalies, limit=limit.limit),
        n_independent=found.aligned.split.n_independent,
        method=_METHOD,
        seed=seed,
        notes=(*_notes(found), *limit.note()),
        hosts=faults,
        limit=limit.limit,
        none=posterior.against_none,
    )


def _rows(
    found: Study, posterior: Posterior, platform: Iterable[Anomaly], *, limit: float
) -> tuple[RankedService, ...]:
    split = found.split
    place = {name: i for i, name in enumerate(split.services)}
    sure = confidence(posterior.score, none=posterior.against_none, limit=limit)
    said = [replace(a, weight=NATS_PER_DOUBLING * a.weight) for a in platform]
    rows = []
    for i, name in enumerate(posterior.places):
        if name not in place:
            continue
        at = place[name]
        seen = [_anomaly(found, one) for one in posterior.evidence[name]]
        seen += [a for a in said if a.service == name]
        part = _part(found, at)
        told = [*part, *sorted(seen, key=lambda a: (-a.weight, a.kind))]
        rows.append(
            RankedService(
                service=name,
                signal=next((a.signal for a in told), found.sli.signal),
                score=float(posterior.score[i]),
                kind=posterior.kinds[i],
                attribution=float(split.part[at]),
                low=float(split.low[at]),
                high=float(split.high[at]),
                p_value=float(split.p_value[at]),
                confidence=float(sure[i]),
                anomalies=tuple(told),
            )
        )
    return tuple(sorted(rows, key=lambda r: (-r.score, -abs(r.attribution), r.service)))


def _part(found: Study, at: int) -> list[Anomaly]:
    split = found.split
    share = float(split.share[at])
    # Of an SLI that was not measured nobody has a part.
    if share < _LEAST_PART or not np.isfinite(found.before):
        return []
    name, signal, part = split.services[at], found.sli.signal, float(split.part[at])
    words = f"{100 * share:.0f} % of the SLI's change"
    return [Anomaly(name, signal, PART, float(np.log(share / _LEAST_PART)), 0.0, part, words)]


_LEAST_PART = 0.05  # share of the SLI's change: less is told by no sentence


_KINDS = {
    "latency": "time",
    "call latency": "time",
    "own time": "time",
    "call errors": "errors",
    "gauge": "saturation",
    "failure gauge": "saturation",
    "duration gauge": "saturation",
}
_SIGNALS = {
    "own time": "self_time",
    "call latency": "latency",
    "call errors": "errors",
    "log": "logs",
}
_UNITS = {
    "latency": "s",
    "call latency": "s",
    "own time": "s",
    "errors": "ratio",
    "call errors": "ratio",
}


def _anomaly(found: Study, one: Evidence) -> Anomaly:
    """Say in words what departed."""
    unit = _UNITS.get(one.family, "")
    levels = f"from {quantity(one.before, unit)} to {quantity(one.during, unit)}"
    verb = "rose" if one.deviations > 0 else "fell"
    name = one.key.removeprefix("saturation:")
    words = {
        "latency": f"{name} {verb} {levels}",
        "own time": f"own time a request {verb} {levels}",
        "call latency": f"calls from {one.key} {verb} {levels}",
        "errors": f"failures {verb} {levels} of its requests",
        "call errors": f"failures of calls from {one.key} {verb} {levels}",
        **dict.fromkeys(
            ("gauge", "failure gauge", "duration gauge"),
            f"{name} {verb} from {one.before:.3g} to {one.during:.3g}",
        ),
        "load": f"load {verb} from {one.before:.3g} to {one.during:.3g} a bin",
        "log": f"{_line(one)}: {one.key[:LONGEST_TEMPLATE]}",
    }
    graph = found.graph
    return Anomaly(
        service=one.service,
        signal=_signal(found, one),
        kind=_KINDS.get(one.family, one.family),
        weight=one.nats,
        before=one.before,
        during=one.during,
        statement=words[one.family],
        on_path=graph.has_no_callees or one.service in graph.reached,
    )


def _signal(found: Study, one: Evidence) -> str:
    """Name the signal, of several quantiles of latency its mean where that is measured."""
    mean = (one.service, "latency")
    if one.family == "latency" and mean in found.aligned.nodes:
        return mean[1]
    return _SIGNALS.get(one.family, one.key)


def _line(one: Evidence) -> str:
    if one.during == 0:
        return f"gone, was {one.before:.3g} a request"
    if one.before == 0:
        return f"new, {one.during:.3g} a request"
    return f"{one.during:.3g} a request instead of {one.before:.3g}"


def _notes(found: Study) -> Iterable[str]:
    breakdown, split, bins = found.breakdown, found.split, found.aligned.split
    place = {name: i for i, name in enumerate(breakdown.services)}
    yield from found.aligned.notes
    yield from found.check.notes()
    if found.graph.cut:
        cycles = ", ".join(f"{u} → {v}" for u, v in found.graph.cut)
        yield f"the call graph has a cycle; not followed: {cycles}"
    if split.appeared:
        yield f"seen only in the incident, put down to its callers: {', '.join(split.appeared)}"
    yield from _missing_calls(found)
    load, time = (
        values_of(found.aligned.nodes, [(name, signal) for name in breakdown.services])
        for signal in ("load", "latency")
    )
    pairs = [(place[u], place[v]) for u, v in found.graph.edges if u in place and v in place]
    for i, j in twins_of(load[bins.baseline], time[bins.baseline], pairs):
        one, other = breakdown.services[i], breakdown.services[j]
        yield f"{one} and {other} look like two views of one service"
    if not breakdown.is_mean:
        yield "only quantiles of latency are known: parts of the change are rough"
    if bins.times_as_long < LITTLE_HISTORY:
        yield f"little history: {bins.times_as_long:.1f} times the incident's length"


def _missing_calls(found: Study) -> Iterable[str]:
    """Tell services outside the graph's reach that would explain the change: it is doubted."""
    split = found.split
    outside = [
        (float(share), name)
        for share, name in zip(split.share, split.services, strict=True)
        if name not in found.graph.reached and share >= DOUBTFUL_GRAPH
    ]
    if outside and found.p_value <= SIGNIFICANT:
        share, name = max(outside)
        part = min(200 * share, 100)
        yield (
            f"the graph has no way from {found.sli.service} to {name}, whose change would "
            f"explain {part:.0f} % of the SLI's: is a call missing or turned round?"
        )
