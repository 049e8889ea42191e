"""Rank services by cause: attribution of the SLI first, then every other clue, in one score."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.causal.anomalies.anomaly import PART, Anomaly
from workbench.causal.anomalies.collect import collect_anomalies, collect_host_faults
from workbench.causal.anomalies.host_faults import host_fault_anomalies
from workbench.causal.anomalies.noisy_neighbours import hosts_of, shared_host_anomalies
from workbench.causal.attribution.call_graph import twins_of
from workbench.causal.attribution.confidence_cap import confidence_cap
from workbench.causal.attribution.study import Study, study
from workbench.causal.ranking import RankedService, Ranking, confidence
from workbench.causal.thresholds import (
    DOUBTFUL_GRAPH,
    FAITH_ONE_QUANTILE,
    FAITH_SEVERAL_QUANTILES,
    LITTLE_HISTORY,
    OUT_OF_REACH,
    SIGNIFICANT,
    WHOLE_CHANGE,
)
from workbench.features.aligned import align
from workbench.features.columns import values_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workbench.causal.attribution.breakdown import Breakdown
    from workbench.causal.attribution.call_graph import MechanismGraph
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["rank", "rank_study"]

_METHOD = "work-conserving attribution with clues"
_WEIGHT = {"load": 0.5}


def rank(window: IncidentWindow, sli: SLI | str | None = None, *, seed: int = 0) -> Ranking:
    """Rank the services of a window by how much of the SLI's change starts at them.

    The SLI's change is split over the service graph by conservation of work
    (`workbench.causal.attribution`), which gives each service its part in the SLI's unit with an
    interval from past windows. Anomalies that no attribution can hold are added
    (`workbench.causal.anomalies`, one module a source), each in doublings beyond its own normal
    range; of one kind only the strongest counts.

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
    # Of an SLI that was not measured nobody has a part.
    parts = _attribution_anomalies(found) if np.isfinite(found.before) else ()
    anomalies = [*parts, *collect_anomalies(found, hosts)]
    faults = collect_host_faults(found, hosts, anomalies)
    anomalies = [*shared_host_anomalies(hosts, anomalies, slowed), *host_fault_anomalies(faults)]
    doubted = _doubted(found) - {fault.aggressor for fault in faults}
    best = _best(found, [_halved(c) if c.service in doubted else c for c in anomalies])
    limit = confidence_cap(found.breakdown, found.graph, found.aligned.split)
    return Ranking(
        window_id=window.id,
        sli=found.sli,
        before=found.before,
        during=found.before + found.split.change,
        moved=found.p_value <= SIGNIFICANT,
        p_value=found.p_value,
        rows=_rows(found, best, limit=limit.limit),
        n_independent=found.aligned.split.n_independent,
        method=_METHOD,
        seed=seed,
        notes=(*_notes(found), *limit.note()),
        hosts=faults,
        limit=limit.limit,
    )


def _attribution_anomalies(found: Study) -> Iterable[Anomaly]:
    """Read the attribution as clues: part of the SLI's change, and departure of own work."""
    split, unit = found.split, found.sli.signal
    faith = _faith(found.breakdown) * found.size / (1.0 + found.size)
    for i, name in enumerate(split.services):
        share, own = WHOLE_CHANGE * faith * float(split.share[i]), float(split.surprise[i])
        nothing = float("nan")
        if share > 0:
            yield Anomaly(
                name,
                unit,
                PART,
                share,
                0.0,
                float(split.part[i]),
                f"{100 * split.share[i]:.0f} % of the SLI's change",
            )
        if own > 0 and _comparable(found.breakdown, found.graph):
            kind = "time" if unit == "latency" else f"own {unit}"
            words = "own time" if unit == "latency" else f"own {unit}"
            yield Anomaly(
                name,
                unit,
                kind,
                own,
                nothing,
                float(split.own[i]),
                f"{words} left its normal range",
            )


def _comparable(breakdown: Breakdown, graph: MechanismGraph) -> bool:
    """Whether own work is told by the attribution, else by doublings along the graph.

    Means read from quantiles do not add up well enough to take callees off; but without a
    graph there is nothing to take off, and doublings of services apart compare nothing.
    """
    return breakdown.is_mean or (breakdown.mean_from_quantiles and graph.has_no_callees)


def _faith(breakdown: Breakdown) -> float:
    if breakdown.is_mean:
        return 1.0
    return FAITH_SEVERAL_QUANTILES if breakdown.mean_from_quantiles else FAITH_ONE_QUANTILE


def _doubted(found: Study) -> frozenset[str]:
    """Services no request of the SLI reaches by this graph, and that it would not need."""
    graph, split = found.graph, found.split
    if graph.has_no_callees:
        return frozenset()
    credit = dict(zip(split.services, split.share, strict=True))
    return frozenset(
        name
        for name, share in credit.items()
        if name not in graph.reached and share < DOUBTFUL_GRAPH
    )


def _halved(anomaly: Anomaly) -> Anomaly:
    return replace(anomaly, weight=OUT_OF_REACH * anomaly.weight, on_path=False)


def _best(found: Study, anomalies: Iterable[Anomaly]) -> Mapping[str, list[Anomaly]]:
    """Strongest clue of each kind for each service, strongest first."""
    best: dict[tuple[str, str], Anomaly] = {}
    for anomaly in anomalies:
        held = best.get((anomaly.service, anomaly.kind))
        if anomaly.weight > 0 and (held is None or anomaly.weight > held.weight):
            best[anomaly.service, anomaly.kind] = anomaly
    sorted_clues: dict[str, list[Anomaly]] = {name: [] for name in found.split.services}
    for anomaly in sorted(best.values(), key=lambda c: (-c.weight, c.kind)):
        sorted_clues.setdefault(anomaly.service, []).append(anomaly)
    return sorted_clues


def _rows(
    found: Study, anomalies: Mapping[str, list[Anomaly]], *, limit: float
) -> tuple[RankedService, ...]:
    split = found.split
    place = {name: i for i, name in enumerate(split.services)}
    names = [name for name in anomalies if name in place]
    score = {n: sum(_WEIGHT.get(c.kind, 1.0) * c.weight for c in anomalies[n]) for n in names}
    sure = confidence(np.array([score[n] for n in names]), limit=limit)
    rows = [
        RankedService(
            service=name,
            signal=anomalies[name][0].signal if anomalies[name] else found.sli.signal,
            score=score[name],
            attribution=float(split.part[place[name]]),
            low=float(split.low[place[name]]),
            high=float(split.high[place[name]]),
            p_value=float(split.p_value[place[name]]),
            confidence=float(share),
            anomalies=tuple(anomalies[name]),
        )
        for name, share in zip(names, sure, strict=True)
    ]
    return tuple(sorted(rows, key=lambda r: (-r.score, -abs(r.attribution), r.service)))


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
