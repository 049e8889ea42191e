"""Data published already aggregated (``service.load``, ``edge.calls``, …) onto the grid.

Mostly there is one sample a bin, and nothing to add up: such tables are read a stretch of
rows at a time straight into their bins, so that a day of thousands of services takes
little more memory than its result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.semconv import EDGE_METRICS, NODE_METRICS, PEER_LABELS, first_of
from workbench.tables import labels_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.features.columns import Columns
    from workbench.features.grid import Grid

__all__ = ["aggregate_columns"]

_COUNTS = frozenset({"load", "calls", "errors"})
_IDENTITY = ["ts", "metric", "service", "labels"]
_ROWS_AT_ONCE = 1 << 20
_NODE_KEY = 2  # parts of (service, signal); a call has three


def aggregate_columns(metrics: pd.DataFrame, grid: Grid) -> tuple[Columns, Columns]:
    """Read aggregates into node and edge columns.

    Where several samples fall into a bin (label sets, or bins wider than the cadence),
    counts add up, and latencies and ratios are means weighted by the requests behind each
    sample where those are known. A bin that misses a sample it should have misses its
    count.
    """
    nodes = _columns(metrics, _Wanted.of(metrics, NODE_METRICS), grid)
    edges = _columns(metrics, _Wanted.of(metrics, EDGE_METRICS, peers=True), grid)
    return _ratios_to_counts(nodes), edges


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which metrics are read, and which peer each label set names; by category number."""

    metric: np.ndarray
    peer: np.ndarray
    peers: tuple[str, ...]

    @classmethod
    def of(cls, metrics: pd.DataFrame, names: Mapping[str, str], *, peers: bool = False) -> _Wanted:
        """Look the metrics' and labels' categories through, once each."""
        there = metrics["metric"].cat.categories.isin(list(names))
        labels = metrics["labels"].cat.categories
        if not peers or not there.any():
            return cls(there, np.zeros(len(labels), dtype=np.int64), ("",))
        named = [first_of(labels_of(text), PEER_LABELS) for text in labels]
        code, found = pd.factorize(np.array(named, dtype=object))
        return cls(there, code, tuple(map(str, found)))

    def keys(self, metrics: pd.DataFrame, rows: slice = slice(None)) -> np.ndarray:
        """One number for service, peer and metric of each row; -1 where it is not read."""
        metric, service, labels = (
            metrics[name].array.codes[rows].astype(np.int64)
            for name in ("metric", "service", "labels")
        )
        key = (service * len(self.peers) + self.peer[labels]) * len(self.metric) + metric
        return np.where(self.metric[metric] & (service >= 0) & (metric >= 0), key, -1)

    def places(self, metrics: pd.DataFrame, keys: np.ndarray) -> list[tuple[str, str, str]]:
        """Service, peer and metric behind each key."""
        rest, metric = np.divmod(keys, len(self.metric))
        service, peer = np.divmod(rest, len(self.peers))
        services, names = (list(metrics[c].cat.categories) for c in ("service", "metric"))
        return [
            (services[s], self.peers[p], names[m])
            for s, p, m in zip(service, peer, metric, strict=True)
        ]


def _columns(metrics: pd.DataFrame, wanted: _Wanted, grid: Grid) -> Columns:
    """Values a bin of each (service, peer, metric), zero where known to be and else a gap."""
    if not wanted.metric.any():
        return {}
    columns = _placed(metrics, wanted, grid)
    return _without_idle_latency(_reduced(metrics, wanted, grid) if columns is None else columns)


def _placed(metrics: pd.DataFrame, wanted: _Wanted, grid: Grid) -> Columns | None:
    """Read samples straight into their bins; None where a bin holds several of a column."""
    blocks = [slice(i, i + _ROWS_AT_ONCE) for i in range(0, len(metrics), _ROWS_AT_ONCE)]
    seen = np.concatenate([pd.unique(wanted.keys(metrics, rows)) for rows in blocks])
    keys = pd.Index(np.unique(seen[seen >= 0]))
    ts, value = metrics["ts"].array.asi8, metrics["value"].to_numpy()
    parts = (
        (ts[rows], value[rows], keys.get_indexer(wanted.keys(metrics, rows))) for rows in blocks
    )
    placed = grid.placed(len(keys), parts)
    if placed is None:
        return None
    placed[~np.isfinite(placed)] = np.nan
    names = wanted.places(metrics, keys.to_numpy())
    return {_place(*name): (placed[i], f"metric:{name[2]}") for i, name in enumerate(names)}


def _place(service: str, peer: str, metric: str) -> tuple[str, ...]:
    if metric in EDGE_METRICS:
        return service, peer, EDGE_METRICS[metric]
    return service, NODE_METRICS[metric]


def _reduced(metrics: pd.DataFrame, wanted: _Wanted, grid: Grid) -> Columns:
    """Reduce the samples of each column to one value a bin."""
    rows = metrics.assign(key=wanted.keys(metrics))
    rows = rows[rows["key"] >= 0].drop_duplicates(_IDENTITY, keep="last")
    code, keys = pd.factorize(rows["key"].to_numpy(), sort=True)
    ts, value = rows["ts"].array.asi8, rows["value"].to_numpy()
    count = grid.sums(ts, np.ones(len(rows)), code=code, codes=len(keys))
    weight = _weights(rows) if count.max() > 1 else np.ones(len(rows))
    known = np.isfinite(value)
    weight = np.where(known, weight, 0.0)
    plain = np.where(known, value, 0.0)
    total = grid.sums(ts, plain, code=code, codes=len(keys))
    missing = grid.sums(ts, (~known).astype(float), code=code, codes=len(keys))
    weighted = grid.sums(ts, plain * weight, code=code, codes=len(keys))
    weights = grid.sums(ts, weight, code=code, codes=len(keys))
    result: Columns = {}
    for i, (service, peer, metric) in enumerate(wanted.places(metrics, keys)):
        place = _place(service, peer, metric)
        if place[-1] in _COUNTS:
            short = (missing[:, i] > 0) | (count[:, i] < _expected(count[:, i]))
            values = np.where(short | (count[:, i] == 0), np.nan, total[:, i])
        else:
            values = _divide(weighted[:, i], weights[:, i])
        result[place] = (values, f"metric:{metric}")
    return result


def _weights(rows: pd.DataFrame) -> np.ndarray:
    """Find the requests behind each sample: load or calls of the same place and time.

    A label set that nobody counts requests for (a quantile of the whole service beside loads
    by pod or by operation) weighs one.
    """
    keys = ["ts", "service", "labels"]
    counts = rows[rows["metric"].isin(["service.load", "edge.calls"])]
    if counts.empty:
        return np.ones(len(rows))
    found = rows[keys].merge(counts[[*keys, "value"]], on=keys, how="left")["value"].to_numpy()
    places = ["service", "labels"]
    is_counted = pd.MultiIndex.from_frame(rows[places]).isin(
        pd.MultiIndex.from_frame(counts[places])
    )
    return np.where(np.isfinite(found), found, np.where(is_counted, 0.0, 1.0))


def _expected(count: np.ndarray) -> float:
    filled = count[count > 0]
    return float(np.median(filled)) if len(filled) else 0.0


def _divide(total: np.ndarray, by: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(by > 0, total / by, np.nan)


def _without_idle_latency(columns: Columns) -> Columns:
    """Drop latencies of bins without requests: nobody waited."""
    result = dict(columns)
    for place, (values, source) in columns.items():
        counted = columns.get((*place[:-1], "load" if len(place) == _NODE_KEY else "calls"))
        if place[-1].startswith("latency") and counted is not None:
            result[place] = (np.where(counted[0] == 0, np.nan, values), source)
    return result


def _ratios_to_counts(nodes: Columns) -> Columns:
    """Turn an error ratio into failed requests where the load is known; else keep it."""
    result = {place: column for place, column in nodes.items() if place[1] != "error_ratio"}
    for (service, signal), (values, source) in nodes.items():
        if signal == "error_ratio" and (service, "errors") not in nodes:
            load = nodes.get((service, "load"))
            if load is None:
                result[(service, "error_ratio")] = (values, source)
            else:
                result[(service, "errors")] = (_failed(values, load[0]), source)
    return result


def _failed(ratio: np.ndarray, load: np.ndarray) -> np.ndarray:
    return np.where(load == 0, 0.0, ratio * load)
