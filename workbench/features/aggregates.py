"""Data published already aggregated (``service.load``, ``edge.calls``, …) onto the grid."""

from __future__ import annotations

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


def aggregate_columns(metrics: pd.DataFrame, grid: Grid) -> tuple[Columns, Columns]:
    """Read aggregates into node and edge columns.

    Where several samples fall into a bin (label sets, or bins wider than the cadence),
    counts add up, and latencies and ratios are means weighted by the requests behind each
    sample where those are known. A bin that misses a sample it should have misses its
    count.
    """
    nodes = _columns(_samples(metrics, NODE_METRICS), grid)
    edges = _columns(_samples(metrics, EDGE_METRICS, peers=True), grid)
    return _ratios_to_counts(nodes), edges


def _samples(
    metrics: pd.DataFrame, names: Mapping[str, str], *, peers: bool = False
) -> pd.DataFrame:
    """Rows of these metrics with their place, signal and weight."""
    wanted = metrics["metric"].cat.codes.isin(metrics["metric"].cat.categories.get_indexer(
        [name for name in names if name in metrics["metric"].cat.categories]
    ))  # fmt: skip
    wanted = wanted & metrics["service"].notna()
    rows = metrics.loc[wanted, ["ts", "metric", "value", "service", "labels"]]
    if rows.empty:
        return rows.assign(peer="")
    if peers:
        labels = rows["labels"].cat.categories
        named = labels.map(lambda text: first_of(labels_of(text), PEER_LABELS))
        rows = rows.assign(peer=np.asarray(named, dtype=object)[rows["labels"].cat.codes])
    else:
        rows = rows.assign(peer="")
    identity = ["ts", "metric", "service", "labels", "peer"]
    return rows if not _repeats(rows) else rows.drop_duplicates(identity, keep="last")


def _repeats(rows: pd.DataFrame) -> bool:
    return bool(rows.duplicated(["ts", "metric", "service", "labels"]).any())


def _columns(rows: pd.DataFrame, grid: Grid) -> Columns:
    """Reduce the samples of each (service, peer, signal) to one value a bin."""
    if rows.empty:
        return {}
    code, keys = _codes(rows)
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
    for i, (service, peer, metric) in enumerate(keys):
        signal = NODE_METRICS.get(metric) or EDGE_METRICS[metric]
        place = (service, peer, signal) if metric in EDGE_METRICS else (service, signal)
        if signal in _COUNTS:
            short = (missing[:, i] > 0) | (count[:, i] < _expected(count[:, i]))
            values = np.where(short | (count[:, i] == 0), np.nan, total[:, i])
        else:
            values = _divide(weighted[:, i], weights[:, i])
        result[place] = (values, f"metric:{metric}")
    return _without_idle_latency(result)


def _codes(rows: pd.DataFrame) -> tuple[np.ndarray, list[tuple[str, str, str]]]:
    peer, peers = pd.factorize(rows["peer"])
    service, metric = rows["service"].cat, rows["metric"].cat
    wide = (service.codes.to_numpy().astype(np.int64) * len(peers) + peer) * len(metric.categories)
    found, code = np.unique(wide + metric.codes.to_numpy(), return_inverse=True)
    rest, metrics = np.divmod(found, len(metric.categories))
    services, others = np.divmod(rest, len(peers))
    keys = [
        (str(service.categories[s]), str(peers[p]), str(metric.categories[m]))
        for s, p, m in zip(services, others, metrics, strict=True)
    ]
    return code, keys


def _weights(rows: pd.DataFrame) -> np.ndarray:
    """Find the requests behind each sample: load or calls of the same place and time."""
    keys = ["ts", "service", "labels"]
    counts = rows[rows["metric"].isin(["service.load", "edge.calls"])]
    if counts.empty:
        return np.ones(len(rows))
    found = rows[keys].merge(counts[[*keys, "value"]], on=keys, how="left")["value"].to_numpy()
    return np.where(np.isfinite(found), found, 0.0)


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
        counted = columns.get((*place[:-1], "load" if len(place) == 2 else "calls"))
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
