"""Request histograms (OpenTelemetry names) to load, errors, latency and quantiles a bin."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from workbench.features.metric_series import Pooled
from workbench.features.series import FEWEST_BUCKETS, NO_COUNT, bucket_quantile
from workbench.semconv import (
    CLIENT_HISTOGRAMS,
    PEER_LABELS,
    failed_labels,
    first_of,
    histogram_part,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.features.columns import Columns
    from workbench.features.grid import Grid
    from workbench.features.metric_series import MetricSeries, Series

__all__ = ["is_request_metric", "request_columns"]

_QUANTILES = {"latency_p50": 0.5, "latency_p90": 0.9, "latency_p95": 0.95, "latency_p99": 0.99}
_PARTS = ("_bucket", "_sum", "_count")


def is_request_metric(name: str) -> bool:
    """Whether a metric is a part of a request histogram read here."""
    return histogram_part(name) != ("", "")


def request_columns(series: MetricSeries, grid: Grid) -> tuple[Columns, Columns, tuple[str, ...]]:
    """Read request histograms into node and edge columns.

    Returns
    -------
    nodes, edges, notes
        Columns by (service, signal) and (caller, callee, signal) with their sources, and
        what was repaired, in words.
    """
    pooled = Pooled(grid.size)
    known = [entry for entry in series.entries if is_request_metric(entry.metric)]
    for entry in known:
        if entry.counter or entry.metric.endswith(_PARTS):
            _pool(entry, series.increases(entry, grid), pooled)
    nodes, notes = _node_columns(pooled)
    return nodes, _edge_columns(pooled), notes


def _pool(entry: Series, values: np.ndarray, pooled: Pooled) -> int:
    base, part = histogram_part(entry.metric)
    place: tuple[object, ...] = (entry.service, base)
    if base in CLIENT_HISTOGRAMS:
        place = (entry.service, first_of(entry.labels, PEER_LABELS) or base.split("_")[0], base)
    if part == "_bucket":
        return pooled.add((*place, part, entry.le), values)
    if part == "_count" and failed_labels(entry.labels):
        pooled.add((*place, "failed"), values)
    return pooled.add((*place, part), values)


def _node_columns(pooled: Pooled) -> tuple[Columns, tuple[str, ...]]:
    columns: Columns = {}
    notes: list[str] = []
    for service, base in _places(pooled, length=3):
        source = f"metric:{base}"
        for signal, values in _red(pooled, (service, base)).items():
            columns.setdefault((str(service), signal), (values, source))
        quantiles, told = _quantiles(pooled, (service, base))
        for signal, values in quantiles.items():
            columns.setdefault((str(service), signal), (values, source))
        notes += [f"{service}: {note}" for note in told]
    return columns, tuple(notes)


def _edge_columns(pooled: Pooled) -> Columns:
    columns: Columns = {}
    for caller, callee, base in _places(pooled, length=4):
        red = _red(pooled, (caller, callee, base))
        for signal, values in red.items():
            name = "calls" if signal == "load" else signal
            columns.setdefault((str(caller), str(callee), name), (values, f"metric:{base}"))
    return columns


def _places(pooled: Pooled, *, length: int) -> list[tuple[object, ...]]:
    """List the groups that have a request count, in a fixed order."""
    counted = [key[:-1] for key in pooled.total if len(key) == length and key[-1] == "_count"]
    return sorted(counted, key=str)


def _red(pooled: Pooled, place: tuple[object, ...]) -> dict[str, np.ndarray]:
    counted = (*place, "_count")
    load = pooled.read(counted)
    spent = pooled.read((*place, "_sum"))
    with np.errstate(invalid="ignore", divide="ignore"):
        latency = np.where(load > NO_COUNT, spent / load, np.nan)
    failed = pooled.read((*place, "failed"), seen=counted)
    return {"load": load, "latency": latency, "errors": failed}


def _quantiles(
    pooled: Pooled, place: tuple[object, ...]
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    prefix = (*place, "_bucket")
    keys = [key for key in pooled.total if key[:-1] == prefix]
    bounds = np.array(sorted(float(str(key[-1])) for key in keys))
    if len(bounds) < FEWEST_BUCKETS or not np.isposinf(bounds[-1]):
        return {}, ()
    counts = np.column_stack([pooled.read((*prefix, bound)) for bound in bounds])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = {name: bucket_quantile(counts, bounds, q) for name, q in _QUANTILES.items()}
    return found, tuple(dict.fromkeys(_texts(caught)))


def _texts(caught: Iterable[warnings.WarningMessage]) -> list[str]:
    return [str(warning.message) for warning in caught]
