"""Rank services by cause: accounts of the SLI first, then every other clue, in one score."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from workbench import datasets
from workbench.causal.anomalies.anomaly import Clue
from workbench.causal.anomalies.events import event_clues
from workbench.causal.anomalies.gauges_and_load import (
    latency_clues,
    load_clues,
    network_clues,
    saturation_clues,
    silence_clues,
)
from workbench.causal.anomalies.host_faults import host_gauges, host_troubles, trouble_clues
from workbench.causal.anomalies.instances import instance_clues
from workbench.causal.anomalies.logs import log_clues
from workbench.causal.anomalies.noisy_neighbours import hosts_of, shared_host_clues
from workbench.causal.anomalies.traces import shape_clues
from workbench.causal.attribution.call_graph import twins_of
from workbench.causal.attribution.confidence_cap import trust
from workbench.causal.attribution.study import Study, study
from workbench.causal.ranking import RankedService, Ranking, confidence
from workbench.errors import WorkbenchError
from workbench.features.aligned import panel
from workbench.features.columns import values_of
from workbench.features.nearest import signal_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from workbench.causal.anomalies.host_faults import HostTrouble
    from workbench.causal.attribution.breakdown import Accounts
    from workbench.causal.attribution.call_graph import MechanismGraph
    from workbench.features.aligned import Panel
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["rank", "rank_study", "read_panel"]

_METHOD = "work-conserving attribution with clues"
_ACCOUNTS = 6.0  # doublings that the whole of the SLI's change is worth
_NEARLY = 0.7  # of that, where means are read from several quantiles
_ROUGH = 0.3  # of that, where one quantile is known, which cannot be added
_MATTERS = 0.02  # of the SLI's latency: time lost elsewhere that begins to matter
_WEIGHT = {"load": 0.5}
_OUT_OF_REACH = 0.5
_DOUBTFUL = 0.25  # half of what a service out of reach would explain, given as its credit
_SIGNIFICANT = 0.05
_LITTLE = 8


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
    asked = window.sli(sli) if isinstance(sli, str) else sli
    seen, notes = read_panel(window)
    return rank_study(window, study(window, seen, asked or window.sli()), notes, seed=seed)


def rank_study(
    window: IncidentWindow, found: Study, notes: tuple[str, ...] = (), *, seed: int = 0
) -> Ranking:
    """Rank the services of a study, for callers that have already opened the accounts.

    Parameters
    ----------
    window, found
        The incident window, and one SLI of it with its accounts.
    notes
        What `read_panel` noted.
    seed
        As for `rank`.
    """
    hosts = hosts_of(window)
    slowed = dict(zip(found.split.services, map(float, found.split.surprise), strict=True))
    clues = [*_accounts_clues(found), *_other_clues(window, found, hosts)]
    troubles = _host_troubles(window, found, hosts, clues)
    clues = [*shared_host_clues(hosts, clues, slowed), *trouble_clues(troubles)]
    doubted = _doubted(found) - {trouble.filler for trouble in troubles}
    best = _best(found, [_halved(c) if c.service in doubted else c for c in clues])
    limit = trust(found.books, found.graph, found.panel.split)
    return Ranking(
        window_id=window.id,
        sli=found.sli,
        before=found.before,
        during=found.before + found.split.change,
        moved=found.p_value <= _SIGNIFICANT,
        p_value=found.p_value,
        rows=_rows(found, best, limit=limit.limit),
        independent=found.panel.split.independent,
        method=_METHOD,
        seed=seed,
        notes=(*notes, *_notes(found), *limit.note()),
        hosts=troubles,
        limit=limit.limit,
    )


def read_panel(window: IncidentWindow) -> tuple[Panel, tuple[str, ...]]:
    """Align a window's signals with those of its history, and note what is not there."""
    if not window.history:
        return panel(window), ()
    try:
        history = datasets.load(window.history)
    except WorkbenchError as error:
        return panel(window), (f"history {window.history!r} is not there: {error.fact}",)
    return panel(window, history=history), ()


def _accounts_clues(found: Study) -> Iterable[Clue]:
    """Read the accounts as clues: part of the SLI's change, and departure of own work."""
    split, unit = found.split, found.sli.signal
    faith = _faith(found.books) * found.size / (1.0 + found.size)
    for i, name in enumerate(split.services):
        share, own = _ACCOUNTS * faith * float(split.share[i]), float(split.surprise[i])
        nothing = float("nan")
        if share > 0:
            yield Clue(
                name,
                unit,
                "part of the change",
                share,
                0.0,
                float(split.part[i]),
                f"{100 * split.share[i]:.0f} % of the SLI's change",
            )
        if own > 0 and _comparable(found.books, found.graph):
            kind = "time" if unit == "latency" else f"own {unit}"
            words = "own time" if unit == "latency" else f"own {unit}"
            yield Clue(
                name,
                unit,
                kind,
                own,
                nothing,
                float(split.own[i]),
                f"{words} left its normal range",
            )


def _comparable(books: Accounts, graph: MechanismGraph) -> bool:
    """Whether own work is told by the accounts, else by doublings along the graph.

    Means read from quantiles do not add up well enough to take callees off; but without a
    graph there is nothing to take off, and doublings of services apart compare nothing.
    """
    return books.exact or (books.nearly and graph.lonely)


def _faith(books: Accounts) -> float:
    if books.exact:
        return 1.0
    return _NEARLY if books.nearly else _ROUGH


def _other_clues(
    window: IncidentWindow, found: Study, hosts: Mapping[str, Sequence[str]]
) -> Iterable[Clue]:
    seen, graph = found.panel, found.graph
    column = signal_column(seen.nodes, found.sli.service, "latency")
    latency = float(np.nanmedian(column)) if column is not None else 0.0
    yield from saturation_clues(seen)
    yield from latency_clues(seen, graph, matters=_MATTERS * latency)
    yield from network_clues(seen, matters=_MATTERS * latency)
    yield from load_clues(seen, graph)
    yield from silence_clues(seen)
    yield from instance_clues(window, seen)
    if window.baseline is not None:
        yield from shape_clues(window, window.baseline)
        yield from log_clues(window, window.baseline, graph)
        yield from event_clues(window, window.baseline, graph, hosts=hosts)


def _host_troubles(
    window: IncidentWindow,
    found: Study,
    hosts: Mapping[str, Sequence[str]],
    clues: Sequence[Clue],
) -> tuple[HostTrouble, ...]:
    if not hosts:
        return ()
    blind = np.atleast_1d(np.isnan(found.books.total).all(axis=0))
    seen = {name for name, gap in zip(found.books.services, blind, strict=True) if not gap}
    sizes = zip(found.split.services, map(float, found.split.surprise), strict=True)
    return host_troubles(
        hosts,
        clues,
        {name: size for name, size in sizes if name in seen},
        seen=found.panel,
        graph=found.graph,
        gauges=host_gauges(window, found.panel, hosts),
    )


def _doubted(found: Study) -> frozenset[str]:
    """Services no request of the SLI reaches by this graph, and that it would not need."""
    graph, split = found.graph, found.split
    if graph.lonely:
        return frozenset()
    credit = dict(zip(split.services, split.share, strict=True))
    return frozenset(
        name for name, share in credit.items() if name not in graph.reached and share < _DOUBTFUL
    )


def _halved(clue: Clue) -> Clue:
    words = f"{clue.statement} (no known path to the SLI)"
    return replace(clue, weight=_OUT_OF_REACH * clue.weight, statement=words)


def _best(found: Study, clues: Iterable[Clue]) -> Mapping[str, list[Clue]]:
    """Strongest clue of each kind for each service, strongest first."""
    best: dict[tuple[str, str], Clue] = {}
    for clue in clues:
        held = best.get((clue.service, clue.kind))
        if clue.weight > 0 and (held is None or clue.weight > held.weight):
            best[clue.service, clue.kind] = clue
    sorted_clues: dict[str, list[Clue]] = {name: [] for name in found.split.services}
    for clue in sorted(best.values(), key=lambda c: (-c.weight, c.kind)):
        sorted_clues.setdefault(clue.service, []).append(clue)
    return sorted_clues


def _rows(
    found: Study, clues: Mapping[str, list[Clue]], *, limit: float
) -> tuple[RankedService, ...]:
    split = found.split
    place = {name: i for i, name in enumerate(split.services)}
    names = [name for name in clues if name in place]
    score = {n: sum(_WEIGHT.get(c.kind, 1.0) * c.weight for c in clues[n]) for n in names}
    sure = confidence(np.array([score[n] for n in names]), limit=limit)
    rows = [
        RankedService(
            service=name,
            signal=clues[name][0].signal if clues[name] else found.sli.signal,
            score=score[name],
            attribution=float(split.part[place[name]]),
            low=float(split.low[place[name]]),
            high=float(split.high[place[name]]),
            p_value=float(split.p_value[place[name]]),
            confidence=float(share),
            clues=tuple(clues[name]),
        )
        for name, share in zip(names, sure, strict=True)
    ]
    return tuple(sorted(rows, key=lambda r: (-r.score, -abs(r.attribution), r.service)))


def _notes(found: Study) -> Iterable[str]:
    books, split, bins = found.books, found.split, found.panel.split
    place = {name: i for i, name in enumerate(books.services)}
    yield from found.panel.notes
    yield from found.check.notes()
    if found.graph.cut:
        rings = ", ".join(f"{u} → {v}" for u, v in found.graph.cut)
        yield f"the call graph has a ring; not followed: {rings}"
    if split.appeared:
        yield f"seen only in the incident, put down to its callers: {', '.join(split.appeared)}"
    yield from _missing_calls(found)
    load, time = (
        values_of(found.panel.nodes, [(name, signal) for name in books.services])
        for signal in ("load", "latency")
    )
    pairs = [(place[u], place[v]) for u, v in found.graph.edges if u in place and v in place]
    for i, j in twins_of(load[bins.baseline], time[bins.baseline], pairs):
        yield f"{books.services[i]} and {books.services[j]} look like two views of one service"
    if not books.exact:
        yield "only quantiles of latency are known: parts of the change are rough"
    if bins.times_as_long < _LITTLE:
        yield f"little history: {bins.times_as_long:.1f} times the incident's length"


def _missing_calls(found: Study) -> Iterable[str]:
    """Tell services outside the graph's reach that would explain the change: it is doubted."""
    split = found.split
    outside = [
        (float(share), name)
        for share, name in zip(split.share, split.services, strict=True)
        if name not in found.graph.reached and share >= _DOUBTFUL
    ]
    if outside and found.p_value <= _SIGNIFICANT:
        share, name = max(outside)
        part = min(200 * share, 100)
        yield (
            f"the graph has no way from {found.sli.service} to {name}, whose change would "
            f"explain {part:.0f} % of the SLI's: is a call missing or turned round?"
        )
