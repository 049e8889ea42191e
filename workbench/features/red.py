"""Rate, errors and duration from spans: of every service, and of every call between two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.features.columns import frame_of
from workbench.features.grid import grid_of
from workbench.features.self_time import self_time
from workbench.features.series import NO_COUNT
from workbench.topology.calls import failed_spans

if TYPE_CHECKING:
    from workbench.features.columns import Columns
    from workbench.features.grid import Grid
    from workbench.features.self_time import SelfTime
    from workbench.topology.calls import SpanCalls
    from workbench.window import IncidentWindow

__all__ = ["call_columns", "peer_columns", "red", "request_span_columns"]

_QUANTILES = {"latency_p50": 0.5, "latency_p90": 0.9, "latency_p95": 0.95, "latency_p99": 0.99}
# A first or last bin that lacks more than this share of its width is not counted.
_PARTIAL = 0.1


def red(window: IncidentWindow, *, step: float | pd.Timedelta | None = None) -> pd.DataFrame:
    """RED of every service from its server and consumer spans.

    Parameters
    ----------
    window
        The incident window.
    step
        Bin width in seconds or as a Timedelta; chosen from the data if missing.

    Returns
    -------
    pandas.DataFrame
        Index of bin starts; columns (service, signal): ``load`` (requests a bin),
        ``errors`` (failed requests a bin), ``latency`` (mean seconds) and
        ``latency_p50/p90/p95/p99``.

    Raises
    ------
    BadInput
        No metrics and no spans.
    """
    grid = grid_of(window, step)
    columns = request_span_columns(window.spans, self_time(window.spans), grid)
    return frame_of(columns, grid, ["service", "signal"])


def request_span_columns(spans: pd.DataFrame, spent: SelfTime, grid: Grid) -> Columns:
    """RED of every service; NaN in bins where no service sent a span."""
    rows = spent.frame["entry"].to_numpy() & spent.frame["service"].notna().to_numpy()
    frame = spent.frame[rows]
    if frame.empty:
        return {}
    names = frame["service"].cat.categories
    code = frame["service"].cat.codes.to_numpy().astype(np.int64)
    ts, weight = frame["ts"].array.asi8, frame["weight"].to_numpy()
    duration = frame["duration_s"].to_numpy()
    load = grid.sums(ts, weight, code=code, codes=len(names))
    errors = grid.sums(ts, weight * failed_spans(spans)[rows], code=code, codes=len(names))
    timed = np.isfinite(duration)
    counted = grid.sums(ts, weight * timed, code=code, codes=len(names))
    spent_s = grid.sums(ts, weight * np.where(timed, duration, 0), code=code, codes=len(names))
    quantiles = _quantiles(grid, ts[timed], duration[timed], code[timed])
    blind = _blind(grid, spans)
    load[blind], errors[blind] = np.nan, np.nan
    result: Columns = {}
    for i in np.unique(code):
        place = str(names[i])
        result[(place, "load")] = (load[:, i], "spans")
        result[(place, "errors")] = (errors[:, i], "spans")
        result[(place, "latency")] = (_ratio(spent_s[:, i], counted[:, i]), "spans")
        for signal, values in quantiles.items():
            result[(place, signal)] = (values.get(i, np.full(grid.size, np.nan)), "spans")
    return result


def call_columns(calls: SpanCalls, spans: pd.DataFrame, grid: Grid) -> Columns:
    """Count calls, failures and mean latency of every edge, as the caller saw them."""
    frame = calls.frame
    if frame.empty:
        return {}
    pair = pd.MultiIndex.from_arrays([frame["caller"], frame["callee"]])
    code, pairs = pd.factorize(pair, sort=True)
    ts, weight = frame["ts"].array.asi8, frame["weight"].to_numpy()
    duration = frame["duration_s"].to_numpy()
    known = np.isfinite(duration)
    count = grid.sums(ts, weight, code=code, codes=len(pairs))
    errors = grid.sums(
        ts, weight * frame["failed"].to_numpy(dtype=float), code=code, codes=len(pairs)
    )
    waited = grid.sums(ts, weight * known, code=code, codes=len(pairs))
    spent = grid.sums(ts, weight * np.where(known, duration, 0), code=code, codes=len(pairs))
    blind = _blind(grid, spans)
    count[blind], errors[blind] = np.nan, np.nan
    result: Columns = {}
    for i, (caller, callee) in enumerate(pairs):
        place = (str(caller), str(callee))
        result[(*place, "calls")] = (count[:, i], "spans")
        result[(*place, "errors")] = (errors[:, i], "spans")
        result[(*place, "latency")] = (_ratio(spent[:, i], waited[:, i]), "spans")
    return result


def peer_columns(edges: Columns, known: set[str]) -> Columns:
    """Load, errors and latency of callees that report nothing themselves, as callers see them.

    Parameters
    ----------
    edges
        Columns by (caller, callee, signal).
    known
        Services with a load of their own; left out here.
    """
    result: Columns = {}
    callees = {place[1] for place in edges if place[2] == "calls"} - known
    for callee in sorted(callees):
        callers = sorted(p[0] for p in edges if p[1] == callee and p[2] == "calls")
        calls = [edges[(caller, callee, "calls")][0] for caller in callers]
        load = _total(calls)
        missing = np.full(len(load), np.nan)
        errors = [edges.get((c, callee, "errors"), (missing, ""))[0] for c in callers]
        spent = [
            n * edges.get((c, callee, "latency"), (missing, ""))[0]
            for c, n in zip(callers, calls, strict=True)
        ]
        source = "callers:" + edges[(callers[0], callee, "calls")][1]
        result[(callee, "load")] = (load, source)
        result[(callee, "errors")] = (_total(errors), source)
        result[(callee, "latency")] = (_ratio(_total(spent), load), source)
    return result


def _total(parts: list[np.ndarray]) -> np.ndarray:
    """Sum over callers; NaN only where none of them is known."""
    stacked = np.vstack(parts)
    return np.where(np.isnan(stacked).all(axis=0), np.nan, np.nansum(stacked, axis=0))


def _ratio(total: np.ndarray, by: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(by > NO_COUNT, total / by, np.nan)


def _blind(grid: Grid, spans: pd.DataFrame) -> np.ndarray:
    """Bins in which spans were not, or only partly, recorded."""
    ts = spans["ts"].array.asi8
    at = grid.bins(ts)
    seen = np.bincount(at[(at >= 0) & (at < grid.size)], minlength=grid.size) > 0
    ends = grid.bins(ts[[0, -1]])
    late = ts[0] - grid.edges[np.clip(ends[0], 0, grid.size)]
    early = grid.edges[np.clip(ends[1] + 1, 0, grid.size)] - ts[-1]
    for at_end, lacking in zip(ends, (late, early), strict=True):
        if 0 <= at_end < grid.size and lacking > _PARTIAL * grid.step:
            seen[at_end] = False
    return ~seen


def _quantiles(
    grid: Grid, ts: np.ndarray, duration: np.ndarray, code: np.ndarray
) -> dict[str, dict[int, np.ndarray]]:
    """Quantiles of durations by bin and code, linear between order statistics."""
    at = grid.bins(ts)
    inside = (at >= 0) & (at < grid.size)
    group, duration = (code * grid.size + at)[inside], duration[inside]
    order = np.lexsort((duration, group))
    group, sorted_s = group[order], duration[order]
    found, first, count = np.unique(group, return_index=True, return_counts=True)
    result: dict[str, dict[int, np.ndarray]] = {}
    if not len(found):
        return result
    for name, q in _QUANTILES.items():
        place = first + q * (count - 1)
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, first + count - 1)
        value = sorted_s[low] + (place - low) * (sorted_s[high] - sorted_s[low])
        wide = np.full((int(code.max()) + 1) * grid.size, np.nan)
        wide[found] = value
        rows = wide.reshape(-1, grid.size)
        result[name] = dict(enumerate(rows))
    return result
