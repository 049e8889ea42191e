"""Work-conserving mechanisms: a service's time and failures are its own plus what it passes on.

Everything is expressed per request of the SLI's service, so that changes can be added up:
``work(n) = latency(n) · load(n) / load(SLI)`` seconds and
``failures(n) = errors(n) / load(SLI)``. A caller's work contains the work it waits for at
its callees, with known coefficients; nothing here is a regression.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from workbench.causal.panel import Panel
    from workbench.causal.traced import Books
    from workbench.features import Signals
    from workbench.slis import SLI

__all__ = ["Accounts", "accounts", "signal_column"]

# Where the mean is not measured, the lowest quantile is the nearest to it.
_NEAREST = {
    "latency": ("latency", "latency_p50", "latency_p90", "latency_p95", "latency_p99"),
    "errors": ("errors", "error_ratio"),
}


_FEW = 3  # callees from which on "all of them" can be told from "one of them"


@dataclass(frozen=True, slots=True)
class Accounts:
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
        What each such call cost its caller at its usual number of calls a request, shape
        (bins, calls).
    extra
        What calls beyond that number cost: the caller's own doing, same shape.
    visits
        Requests each service gets per SLI request, shape (bins, services).
    sli
        Column of the SLI's service.
    exact
        Whether latency is a mean, so that parts can be added; a quantile cannot.
    counts
        Whether failed requests are counted rather than seconds.
    """

    services: tuple[str, ...]
    total: NDArray[np.float64]
    calls: tuple[tuple[int, int], ...]
    passed: NDArray[np.float64]
    extra: NDArray[np.float64]
    visits: NDArray[np.float64]
    sli: int
    exact: bool
    counts: bool


def signal_column(nodes: pd.DataFrame, service: str, signal: str) -> pd.Series | None:
    """One signal of one service; for latency the nearest to the mean that is measured."""
    names = _NEAREST.get(signal, (signal,))
    there = [nodes[service, name] for name in names if (service, name) in nodes]
    return next((series for series in there if series.notna().any()), None)


def accounts(signals: Signals | Panel | Books, services: Sequence[str], sli: SLI) -> Accounts:
    """Open the books: total work (or failures) of each service and measured call.

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
    requests = _requests(nodes, sli.service, len(signals.index))
    columns = [_total(nodes, edges, name, sli.signal) for name in services]
    total = np.column_stack(columns) if columns else np.empty((len(signals.index), 0))
    place = {name: number for number, name in enumerate(services)}
    calls, passed = _measured_calls(edges, place, sli.signal, signals.asynchronous)
    usual = _usual_part(nodes, edges, [(services[u], services[v]) for u, v in calls])
    series = signal_column(nodes, sli.service, sli.signal)
    exact = sli.signal != "latency" or (series is not None and series.name[1] == "latency")
    loads = [_values(nodes, (name, "load")) for name in services]
    visits = np.column_stack(loads) if loads else np.empty((len(signals.index), 0))
    return Accounts(
        tuple(services), total / requests[:, None], calls, usual * passed / requests[:, None],
        (1.0 - usual) * passed / requests[:, None],
        visits / requests[:, None], place[sli.service], exact, sli.signal == "errors",
    )  # fmt: skip


def _requests(nodes: pd.DataFrame, service: str, bins: int) -> NDArray[np.float64]:
    if (service, "load") not in nodes:
        return np.ones(bins)
    load = nodes[service, "load"].to_numpy(float)
    return np.where(load > 0, load, np.nan)


def _total(nodes: pd.DataFrame, edges: pd.DataFrame, name: str, signal: str) -> NDArray[np.float64]:
    load = _values(nodes, (name, "load"))
    if signal == "load":
        return load
    series = signal_column(nodes, name, signal)
    if series is None:
        return _seen_by_callers(edges, name, signal, len(nodes))
    values = series.to_numpy(float)
    if signal == "errors":
        return np.where(np.isnan(values) & (load == 0), 0.0, values)
    # No request: no work. That is a fact, not a gap.
    weight = load if (name, "load") in nodes else np.ones_like(values)
    return np.where(weight == 0, 0.0, values * weight)


def _seen_by_callers(edges: pd.DataFrame, name: str, signal: str, bins: int) -> NDArray[np.float64]:
    """Take a callee without telemetry of its own (a database) as its callers saw it."""
    if edges.empty or name not in edges.columns.get_level_values(1):
        return np.full(bins, np.nan)
    callers = edges.columns[edges.columns.get_level_values(1) == name].get_level_values(0).unique()
    known = [caller for caller in callers if _is_measured(edges, (caller, name), signal)]
    seen = np.array([_call_cost(edges, (caller, name), signal) for caller in known])
    if not known:
        return np.full(bins, np.nan)
    return np.where(np.isnan(seen).all(axis=0), np.nan, np.nansum(seen, axis=0))


def _measured_calls(
    edges: pd.DataFrame,
    place: dict[str, int],
    signal: str,
    asynchronous: frozenset[tuple[str, str]],
) -> tuple[tuple[tuple[int, int], ...], NDArray[np.float64]]:
    pairs = [] if edges.empty else list(dict.fromkeys((u, v) for u, v, _ in edges.columns))
    known = [
        pair for pair in pairs
        if pair[0] in place and pair[1] in place and pair not in asynchronous
        and _is_measured(edges, pair, signal)
    ]  # fmt: skip
    if not known:
        return (), np.empty((len(edges), 0))
    costs = np.column_stack([_call_cost(edges, pair, signal) for pair in known])
    if signal == "latency":
        costs = costs - _common_waiting(edges, known)
    return tuple((place[u], place[v]) for u, v in known), costs


def _usual_part(
    nodes: pd.DataFrame, edges: pd.DataFrame, calls: list[tuple[str, str]]
) -> NDArray[np.float64]:
    """Part of each bin's calls that the caller's usual number of calls a request explains."""
    part = np.ones((len(nodes), len(calls)))
    for number, (caller, callee) in enumerate(calls):
        made, load = _values(edges, (caller, callee, "calls")), _values(nodes, (caller, "load"))
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio = made / load
            usual = np.nanmedian(ratio) if np.isfinite(ratio).any() else np.nan
            found = usual / ratio
        part[:, number] = np.where(np.isfinite(found), found, 1.0)
    return part


def _common_waiting(edges: pd.DataFrame, calls: list[tuple[str, str]]) -> NDArray[np.float64]:
    """Find waiting that rose for all callees of a caller at once: it is the caller's own.

    A caller short of CPU sees every callee slow while none of them is. Between caller and
    callee lies the gap of the two views of a call; its rise common to all callees (their
    median, from three callees on) is taken off what each callee is said to cost.
    """
    shift = np.zeros((len(edges), len(calls)))
    by_caller: dict[str, list[int]] = {}
    for number, (caller, callee) in enumerate(calls):
        if (caller, callee, "latency_callee") in edges:
            by_caller.setdefault(caller, []).append(number)
    for numbers in (found for found in by_caller.values() if len(found) >= _FEW):
        gaps = np.column_stack([_gap(edges, calls[n]) for n in numbers])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # bins in which nothing was seen
            rise = np.nanmedian(gaps - np.nanmedian(gaps, axis=0), axis=1)
        common = np.clip(np.nan_to_num(rise), 0.0, None)
        for n in numbers:
            shift[:, n] = common * np.nan_to_num(_values(edges, (*calls[n], "calls")))
    return shift


def _gap(edges: pd.DataFrame, call: tuple[str, str]) -> NDArray[np.float64]:
    return _values(edges, (*call, "latency")) - _values(edges, (*call, "latency_callee"))


def _is_measured(edges: pd.DataFrame, pair: tuple[str, str], signal: str) -> bool:
    needed = {"latency": ("calls", "latency"), "errors": ("errors",), "load": ("calls",)}[signal]
    return all((*pair, name) in edges for name in needed)


def _call_cost(edges: pd.DataFrame, pair: tuple[str, str], signal: str) -> NDArray[np.float64]:
    calls = _values(edges, (*pair, "calls"))
    if signal == "load":
        return calls
    if signal == "errors":
        return np.where(calls == 0, 0.0, _values(edges, (*pair, "errors")))
    return np.where(calls == 0, 0.0, calls * _values(edges, (*pair, "latency")))


def _values(frame: pd.DataFrame, column: tuple[str, ...]) -> NDArray[np.float64]:
    if column in frame:
        return frame[column].to_numpy(float)
    return np.full(len(frame), np.nan)
