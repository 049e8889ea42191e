"""Work-conserving mechanisms: a service's time and failures are its own plus what it passes on.

Everything is expressed per request of the SLI's service, so that changes can be added up:
``work(n) = latency(n) · load(n) / load(SLI)`` seconds and
``failures(n) = errors(n) / load(SLI)``. A caller's work contains the work it waits for at
its callees, with known coefficients; nothing here is a regression.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.causal.attribution.concurrency import awaited_part, retried
from workbench.causal.thresholds import ALL_CALLEES_FROM
from workbench.features.columns import values_of
from workbench.features.nearest import MEAN, nearest_columns, signal_column
from workbench.stats.past_windows import medians

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from workbench.features import Signals
    from workbench.features.aligned import AlignedSignals
    from workbench.features.trace_signals import TraceSignals
    from workbench.slis import SLI

__all__ = ["Breakdown", "break_down"]

_MEASURED = {"latency": ("calls", "latency"), "errors": ("errors",), "load": ("calls",)}


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Work or failures of each service and each call, per request of the SLI's service.

    Parameters
    ----------
    services
        Columns of `total`.
    total
        Seconds (or failed requests) per SLI request, shape (bins, services); NaN = gap.
    calls
        Calls with a measurement of their own: (caller, callee) column numbers.
    passed
        What each such call cost its caller, shape (bins, calls).
    calls_per_request
        Calls for each of the caller's requests, same shape; NaN where they are not counted.
    visit_ratio
        Requests each service gets per SLI request, shape (bins, services).
    sli
        Column of the SLI's service.
    is_mean
        Whether latency is a mean, so that parts can be added; a quantile cannot.
    mean_from_quantiles
        Whether it is a mean read from several quantiles.
    counts
        Whether failed requests are counted rather than seconds.
    """

    services: tuple[str, ...]
    total: NDArray[np.float64]
    calls: tuple[tuple[int, int], ...]
    passed: NDArray[np.float64]
    calls_per_request: NDArray[np.float64]
    visit_ratio: NDArray[np.float64]
    sli: int
    is_mean: bool
    mean_from_quantiles: bool
    counts: bool


def break_down(
    signals: Signals | AlignedSignals | TraceSignals, services: Sequence[str], sli: SLI
) -> Breakdown:
    """Break the SLI down: total work (or failures) of each service and measured call.

    Parameters
    ----------
    signals
        Aligned series from `workbench.features`.
    services
        Which services, in which order.
    sli
        ``latency`` counts seconds, ``errors`` failed requests, ``load`` requests.
    """
    nodes, edges = signals.nodes, signals.edges
    requests = _requests(nodes, sli.service, len(signals.index))[:, None]
    loads = values_of(nodes, [(name, "load") for name in services])
    total = loads if sli.signal == "load" else _totals(signals, services, sli.signal, loads)
    place = {name: number for number, name in enumerate(services)}
    known = _measured_calls(edges, place, sli.signal, signals.asynchronous)
    passed = _call_costs(edges, known, sli.signal)
    if sli.signal == "latency":
        passed -= _common_waiting(edges, known)
        passed *= awaited_part(nodes, known, passed)
    series = signal_column(nodes, sli.service, sli.signal)
    read = str(series.name[1]) if series is not None else ""
    exact = sli.signal != "latency" or read == "latency"
    return Breakdown(
        tuple(services),
        total / requests,
        tuple((place[u], place[v]) for u, v in known),
        passed / requests,
        _calls_each(nodes, edges, known),
        loads / requests,
        place[sli.service],
        exact,
        read == MEAN,
        sli.signal == "errors",
    )


def _requests(nodes: pd.DataFrame, service: str, bins: int) -> NDArray[np.float64]:
    if (service, "load") not in nodes:
        return np.ones(bins)
    load = nodes[service, "load"].to_numpy(float)
    return np.where(load > 0, load, np.nan)


def _totals(
    signals: Signals | AlignedSignals | TraceSignals,
    services: Sequence[str],
    signal: str,
    loads: NDArray[np.float64],
) -> NDArray[np.float64]:
    nodes = signals.nodes
    values, names = nearest_columns(nodes, services, signal)
    if signal == "errors":
        total = np.where(np.isnan(values) & (loads == 0), 0.0, values)
    else:
        # No request: no work. That is a fact, not a gap.
        there = set(nodes.columns)
        counted = np.array([(name, "load") in there for name in services], dtype=bool)
        weight = np.where(counted, loads, 1.0)
        total = np.where(weight == 0, 0.0, values * weight)
    unmeasured = [i for i, name in enumerate(names) if not name]
    seen = _seen_by_callers(signals.edges, {services[i] for i in unmeasured}, signal)
    for i in unmeasured:
        total[:, i] = seen.get(services[i], np.nan)
    return total


def _seen_by_callers(
    edges: pd.DataFrame, callees: set[str], signal: str
) -> dict[str, NDArray[np.float64]]:
    """Take callees without telemetry of their own (a database) as their callers saw them."""
    known = [call for call in _calls_with(edges, signal) if call[1] in callees]
    costs = _call_costs(edges, known, signal)
    total: dict[str, NDArray[np.float64]] = {}
    for number, (_, callee) in enumerate(known):
        seen = costs[:, number]
        before = total.get(callee, np.full(len(edges), np.nan))
        both = np.nan_to_num(before) + np.nan_to_num(seen)
        total[callee] = np.where(np.isnan(before) & np.isnan(seen), np.nan, both)
    return total


def _measured_calls(
    edges: pd.DataFrame,
    place: dict[str, int],
    signal: str,
    asynchronous: frozenset[tuple[str, str]],
) -> list[tuple[str, str]]:
    return [
        call
        for call in _calls_with(edges, signal)
        if call[0] in place and call[1] in place and call not in asynchronous
    ]


def _calls_with(edges: pd.DataFrame, signal: str) -> list[tuple[str, str]]:
    """List the calls with everything that their cost in this signal is made of."""
    there = set(edges.columns)
    calls = dict.fromkeys((column[0], column[1]) for column in edges.columns)
    return [c for c in calls if all((*c, name) in there for name in _MEASURED[signal])]


def _calls_each(
    nodes: pd.DataFrame, edges: pd.DataFrame, calls: list[tuple[str, str]]
) -> NDArray[np.float64]:
    """Count calls for each of the caller's requests, repeated tries apart; NaN unknown."""
    made = _edge_values(edges, calls, "calls")
    load = values_of(nodes, [(caller, "load") for caller, _ in calls])
    each = np.divide(made, load, out=np.full(made.shape, np.nan), where=load > 0)
    # A call that failed may be made again: that is not the caller's own doing.
    with np.errstate(invalid="ignore", divide="ignore"):
        again = np.clip(each - medians(each), 0.0, retried(edges, calls) / load)
    first_tries: NDArray[np.float64] = each - np.nan_to_num(again)
    return first_tries


def _common_waiting(edges: pd.DataFrame, calls: list[tuple[str, str]]) -> NDArray[np.float64]:
    """Find waiting that rose for all callees of a caller at once: it is the caller's own.

    A caller short of CPU sees every callee slow while none of them is. Between caller and
    callee lies the gap of the two views of a call; its rise common to all callees (their
    median, from three callees on) is taken off what each callee is said to cost.
    """
    shift = np.zeros((len(edges), len(calls)))
    there = set(edges.columns)
    by_caller: dict[str, list[int]] = {}
    for number, call in enumerate(calls):
        if (*call, "latency_callee") in there:
            by_caller.setdefault(call[0], []).append(number)
    for numbers in (found for found in by_caller.values() if len(found) >= ALL_CALLEES_FROM):
        some = [calls[n] for n in numbers]
        gaps = _edge_values(edges, some, "latency") - _edge_values(edges, some, "latency_callee")
        rise = medians((gaps - medians(gaps)).T)
        common = np.clip(np.nan_to_num(rise), 0.0, None)[:, None]
        shift[:, numbers] = common * np.nan_to_num(_edge_values(edges, some, "calls"))
    return shift


def _call_costs(
    edges: pd.DataFrame, calls: list[tuple[str, str]], signal: str
) -> NDArray[np.float64]:
    made = _edge_values(edges, calls, "calls")
    if signal == "load":
        return made
    cost = _edge_values(edges, calls, signal)
    if signal == "latency":
        awaited = _edge_values(edges, calls, "awaited")
        cost = np.where(np.isnan(awaited), cost, awaited)
    return np.where(made == 0, 0.0, cost if signal == "errors" else made * cost)


def _edge_values(
    edges: pd.DataFrame, calls: list[tuple[str, str]], signal: str
) -> NDArray[np.float64]:
    return values_of(edges, [(*call, signal) for call in calls])
