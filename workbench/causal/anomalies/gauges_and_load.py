"""Clues that are not the SLI's own attribution: saturation, networks, load, silence.

Each clue is about one service and is measured in doublings: how many times the departure
doubles the service's own normal range of past windows. What the graph explains is taken
out first: a gauge that rose with the load, latency that the callees account for, a caller
that waits longer for all of its callees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.causal.anomalies.anomaly import Anomaly
from workbench.causal.attribution.concurrency import retried
from workbench.causal.thresholds import (
    ALL_FROM,
    FELL_SILENT,
    GAUGE_FALL,
    GAUGE_THAT_MATTERS,
    MOSTLY_SEEN,
    REPORTED_ALL_ALONG,
    REPORTS_FELL,
    SEEN_BEFORE,
)
from workbench.features.columns import values_of
from workbench.features.nearest import MEAN, nearest_columns
from workbench.stats.past_windows import doublings, empirical_p, medians, peak_contrast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.causal.attribution.call_graph import MechanismGraph
    from workbench.features.aligned import AlignedSignals
    from workbench.stats.past_windows import Contrast

__all__ = [
    "latency_anomalies",
    "load_anomalies",
    "network_anomalies",
    "saturation_anomalies",
    "silence_anomalies",
]

_PREFIX = "saturation:"


def saturation_anomalies(aligned: AlignedSignals) -> Iterator[Anomaly]:
    """Gauges (CPU, memory, pools, queues, locks, …) that left their normal range.

    A gauge counts as far as it moved both by itself and per request: what merely follows
    the load does not.
    """
    nodes = aligned.nodes
    columns = [c for c in nodes.columns if str(c[1]).startswith(_PREFIX)]
    if not columns:
        return
    values = values_of(nodes, columns)
    load = values_of(nodes, [(service, "load") for service, _ in columns])
    plain = peak_contrast(values, aligned.split)
    with np.errstate(invalid="ignore", divide="ignore"):
        each = peak_contrast(np.where(load > 0, values / load, np.nan), aligned.split)
    matters = GAUGE_THAT_MATTERS * _typical(plain.level, [str(signal) for _, signal in columns])
    size = _ratio(plain.departure, plain, matters)
    each_size = _ratio(each.departure, each, 0.0)
    size = np.where(np.isnan(each_size), size, _agreed(size, each_size))
    weight = doublings(size) * np.where(size < 0, GAUGE_FALL, 1.0)
    # What happened in one past window of eight is worth three bits at most.
    weight = np.minimum(weight, -np.log2(empirical_p(plain.departure, plain.past)))
    for i in np.flatnonzero(weight > 0):
        service, signal = map(str, columns[i])
        during = plain.level[i] + plain.change[i]
        name = signal.removeprefix(_PREFIX)
        verb = "rose" if size[i] > 0 else "fell"
        words = f"{name} {verb} from {plain.level[i]:.3g} to {during:.3g}"
        levels = float(plain.level[i]), float(during)
        yield Anomaly(service, signal, "saturation", float(weight[i]), *levels, words)


def latency_anomalies(
    aligned: AlignedSignals, graph: MechanismGraph, *, matters: float
) -> Iterator[Anomaly]:
    """Latency that rose by more than that of any callee, where it cannot be accounted for.

    For services whose mean latency and load are known, `attribute` splits the rise.
    Here self time is used where spans give it; otherwise doublings are compared, since
    quantiles cannot be subtracted.

    Parameters
    ----------
    matters
        Seconds that matter to the SLI; smaller changes are scaled by it.
    """
    names = aligned.services
    values, signals = _latencies(aligned, names)
    usable = (~np.isnan(values[aligned.split.baseline])).mean(axis=0) >= SEEN_BEFORE
    known = [i for i, signal in enumerate(signals) if signal and usable[i]]
    if not known:
        return
    seen = peak_contrast(values[:, known], aligned.split)
    size = _ratio(np.clip(seen.departure, 0, None), seen, matters)
    rise = dict(zip([names[i] for i in known], doublings(size), strict=True))
    waits, there = _waits(aligned, matters), set(aligned.nodes.columns)
    means = {"latency", MEAN} if graph.has_no_callees else {"latency"}
    for i, (name, signal) in enumerate((names[i], signals[i]) for i in known):
        own = signal == "self_time"
        passed = 0.0 if own else _passed_on(name, graph, rise, waits)
        accounted = signal in means and (name, "load") in there
        if (weight := float(rise[name]) - passed) > 0 and not accounted:
            before, during = float(seen.level[i]), float(seen.level[i] + seen.change[i])
            told = "latency" if signal == MEAN else signal
            yield Anomaly(
                name,
                told,
                "time",
                weight,
                before,
                during,
                f"{'own time' if own else 'time'} a request rose from "
                f"{1e3 * before:.3g} to {1e3 * during:.3g} ms",
            )


def _latencies(
    aligned: AlignedSignals, names: Sequence[str]
) -> tuple[NDArray[np.float64], list[str]]:
    """Self time of each service where spans give it, else what is nearest to mean latency."""
    values, signals = nearest_columns(aligned.nodes, names, "latency")
    own = values_of(aligned.nodes, [(name, "self_time") for name in names])
    for i in np.flatnonzero((~np.isnan(own)).mean(axis=0) > MOSTLY_SEEN):
        values[:, i], signals[i] = own[:, i], "self_time"
    return values, signals


def _waits(aligned: AlignedSignals, matters: float) -> dict[tuple[str, str], float]:
    """Doublings of each call's time as its caller saw it."""
    calls = [c for c in aligned.edges.columns if c[2] == "latency"]
    if not calls:
        return {}
    seen = peak_contrast(values_of(aligned.edges, calls), aligned.split)
    rise = doublings(_ratio(np.clip(seen.departure, 0, None), seen, matters))
    return {(str(c[0]), str(c[1])): float(r) for c, r in zip(calls, rise, strict=True)}


def _passed_on(
    name: str,
    graph: MechanismGraph,
    rise: Mapping[str, float],
    waits: Mapping[tuple[str, str], float],
) -> float:
    callees = graph.callees.get(name, ())
    return max((max(rise.get(c, 0.0), waits.get((name, c), 0.0)) for c in callees), default=0.0)


def network_anomalies(aligned: AlignedSignals, *, matters: float) -> Iterator[Anomaly]:
    """Time lost between caller and callee: what the caller saw beyond what the callee took.

    The rise is split into a part common to all callees of a caller (the caller, or its
    way out) and the rest (the callee, or the way to it). Both sources of calls are asked,
    metrics and spans.
    """
    yield from _ways(aligned.edges, aligned, matters)
    if aligned.traced is not None:
        yield from _ways(aligned.traced.edges, aligned, matters)


def _ways(edges: pd.DataFrame, aligned: AlignedSignals, matters: float) -> Iterator[Anomaly]:
    there = set(edges.columns)
    both = [c[:2] for c in edges.columns if c[2] == "latency_callee"]
    calls = [c for c in both if (*c, "latency") in there and c not in aligned.asynchronous]
    if not calls:
        return
    waited = values_of(edges, [(*c, "latency") for c in calls])
    took = values_of(edges, [(*c, "latency_callee") for c in calls])
    seen = peak_contrast(waited - took, aligned.split)
    rise = doublings(_ratio(np.clip(seen.departure, 0, None), seen, matters))
    callers, callees = map(list, zip(*calls, strict=True))
    table = pd.Series(rise).groupby(callers)
    enough = table.transform("size") >= ALL_FROM
    common = table.transform("median").where(enough, 0.0)
    shared = common.groupby(callers).first()
    rest = (rise - common).groupby(callees).median()
    yield from (_way(str(n), float(w), "all of its callees") for n, w in shared.items() if w > 0)
    yield from (_way(str(n), float(w), "its callers") for n, w in rest.items() if w > 0)


def load_anomalies(aligned: AlignedSignals, graph: MechanismGraph) -> Iterator[Anomaly]:
    """Load that the callers' load does not account for.

    Where calls are measured, a caller that makes more of them a request is told apart
    from a callee that gets requests from elsewhere.
    """
    known = {c[0]: v for c, v in _columns(aligned.nodes, "load")}
    made = {(c[0], c[1]): v for c, v in _columns(aligned.edges, "calls")}
    ratios: list[tuple[str, str, NDArray[np.float64], NDArray[np.float64]]] = []
    for name, load in known.items():
        callers = [c for c in graph.callers.get(name, ()) if c in known]
        if callers and all((c, name) in made for c in callers):
            words = "requests per call of a known caller"
            ratios.append((name, words, load, np.sum([made[c, name] for c in callers], axis=0)))
        elif callers:
            above = np.sum([known[c] for c in callers], axis=0)
            ratios.append((name, "requests per caller's request", load, above))
    again = retried(aligned.edges, list(made)) if made else np.empty(0)
    for i, ((caller, callee), calls) in enumerate(made.items()):
        if caller in known:
            words = f"calls to {callee} a request"
            ratios.append((caller, words, calls - again[:, i], known[caller]))
    yield from _rises(ratios, aligned, known.get(graph.sli))


def _rises(
    ratios: Sequence[tuple[str, str, NDArray[np.float64], NDArray[np.float64]]],
    aligned: AlignedSignals,
    entry: NDArray[np.float64] | None,
) -> Iterator[Anomaly]:
    """Ratios that rose by more than their normal range and than what matters to the SLI."""
    usable = [r for r in ratios if np.isfinite(r[3]).any() and np.nanmax(r[3]) > 0]
    if not usable:
        return
    with np.errstate(invalid="ignore", divide="ignore"):
        values = [np.where(below > 0, above / below, np.nan) for _, _, above, below in usable]
    seen = peak_contrast(np.column_stack(values), aligned.split)
    busy = float(np.nanmedian(entry)) if entry is not None else 0.0
    typical = medians(np.column_stack([below for *_, below in usable]))
    matters = GAUGE_THAT_MATTERS * busy / np.maximum(typical, 1e-12)
    weight = doublings(_ratio(np.clip(seen.departure, 0, None), seen, matters))
    for i in np.flatnonzero(weight > 0):
        before, during = float(seen.level[i]), float(seen.level[i] + seen.change[i])
        words = f"{usable[i][1]} rose from {before:.3g} to {during:.3g}"
        yield Anomaly(usable[i][0], "load", "load", float(weight[i]), before, during, words)


def silence_anomalies(aligned: AlignedSignals) -> Iterator[Anomaly]:
    """Services that reported all along and fell silent in the incident."""
    split = aligned.split
    for name, seen in _reported(aligned.nodes):
        before, during = float(seen[split.baseline].mean()), float(seen[split.incident].mean())
        if before > REPORTED_ALL_ALONG and during < REPORTS_FELL:
            yield Anomaly(
                name,
                "telemetry",
                "silence",
                FELL_SILENT,
                before,
                during,
                f"reported in {100 * before:.0f} % of the bins before, then in "
                f"{100 * during:.0f} %",
            )


def _reported(nodes: pd.DataFrame) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Bins in which each service reported anything."""
    owner, names = pd.factorize(nodes.columns.get_level_values(0), sort=True)
    order = np.argsort(owner, kind="stable")
    first = np.flatnonzero(np.diff(owner[order], prepend=-1))
    known = ~np.isnan(nodes.to_numpy(float))
    seen = np.logical_or.reduceat(known[:, order], first, axis=1)
    return zip(map(str, names), seen.T, strict=True)


def _ratio(
    departure: NDArray[np.float64], seen: Contrast, matters: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Departure in normal ranges, none of them narrower than what matters; NaN unknown."""
    usual = np.maximum(
        np.nan_to_num(seen.normal), GAUGE_THAT_MATTERS * np.abs(np.nan_to_num(seen.level))
    )
    usual = np.maximum(np.maximum(usual, matters), 1e-12)
    return np.where(np.isnan(seen.level), np.nan, departure / usual)


def _columns(
    frame: pd.DataFrame, signal: str
) -> Iterator[tuple[tuple[str, ...], NDArray[np.float64]]]:
    """All columns of one signal, by their names."""
    keys = [column for column in frame.columns if column[-1] == signal]
    return zip(keys, values_of(frame, keys).T.copy(), strict=True)


def _typical(level: NDArray[np.float64], metrics: Sequence[str]) -> NDArray[np.float64]:
    """Own level, or where that is zero what the same metric reads at other services."""
    own = np.abs(np.nan_to_num(level))
    elsewhere = pd.Series(own).where(own > 0).groupby(list(metrics)).transform("median")
    return np.where(own > 0, own, np.nan_to_num(elsewhere.to_numpy()))


def _agreed(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    same = np.sign(a) == np.sign(b)
    return np.where(same, np.sign(a) * np.minimum(np.abs(a), np.abs(b)), 0.0)


def _way(name: str, weight: float, other: str) -> Anomaly:
    return Anomaly(
        name,
        "network",
        "time",
        weight,
        float("nan"),
        float("nan"),
        f"time between it and {other} rose",
    )
