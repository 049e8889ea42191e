"""OTLP metrics → rows of the metrics table, in Prometheus form.

Names, units and suffixes follow OpenTelemetry's "Prometheus and OpenMetrics compatibility":
``http.server.request.duration`` in ``s`` is ``http_server_request_duration_seconds_bucket``.
Deltas are added up, so that every counter is cumulative; exponential histograms become the
buckets they stand for, at the coarsest scale of their series.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.connectors.reading.otlp_values import (
    attributes_of,
    integer,
    number,
    resource_of,
    time_ns,
)
from workbench.connectors.reading.rows import json_text, list_at, mapping_at, text_of
from workbench.errors import SourceGarbled

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MetricPoints"]

# Of an exponential histogram (OpenTelemetry SDK specification, "Exponential histogram").
_COARSEST_SCALE, _FINEST_SCALE = -10, 20
_UNITS = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "%": "percent",
    "Cel": "celsius",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "Hz": "hertz",
}
_DELTA = {"1", "AGGREGATION_TEMPORALITY_DELTA"}
_NO_VALUE = 1
_MOST_BUCKETS = 10_000
_COLUMNS = ("ts", "metric", "value", "service", "labels", "unit", "kind", "temporality", "le")


@dataclass(slots=True)
class _Point:
    ts: int
    start: int
    delta: bool
    value: float = 0.0
    bounds: tuple[float, ...] = ()
    buckets: tuple[int, ...] = ()
    scale: int | None = None
    zeros: int = 0
    offsets: tuple[int, int] = (0, 0)
    negative: tuple[int, ...] = ()


@dataclass(slots=True)
class MetricPoints:
    """Points of all export requests of a source: series go on from one to the next."""

    series: dict[tuple[str, ...], list[_Point]] = field(default_factory=lambda: defaultdict(list))
    refused: list[str] = field(default_factory=list)
    empty: int = 0

    def add(self, document: object) -> None:
        """Take the points of one export request; what cannot be read is kept in `refused`."""
        for g, group in enumerate(list_at(document, "resourceMetrics")):
            service, resource = resource_of(group)
            for scope in list_at(group, "scopeMetrics"):
                for n, metric in enumerate(list_at(scope, "metrics")):
                    place = f"metrics[{g}.{n}] {text_of(mapping_at(metric).get('name'))}"
                    self._metric(place, mapping_at(metric), service, resource)

    def frame(self) -> pd.DataFrame:
        """Rows of the metrics table."""
        parts = [part for key, points in self.series.items() for part in _rows(key, points)]
        columns = list(zip(*parts, strict=True)) if parts else [()] * len(_COLUMNS)
        counts = [len(ts) for ts in columns[0]]
        joined = {
            name: np.repeat(np.array(values, dtype=object), counts)
            for name, values in zip(_COLUMNS, columns, strict=True)
            if name not in {"ts", "value"}
        }
        ts = np.concatenate(columns[0]) if parts else np.empty(0, dtype=np.int64)
        value = np.concatenate(columns[2]) if parts else np.empty(0)
        frame = pd.DataFrame(
            {"ts": pd.to_datetime(ts, unit="ns", utc=True), "value": value, **joined}
        )
        frame["le"] = frame["le"].astype("float64")
        return frame[list(_COLUMNS)]

    def notes(self) -> tuple[str, ...]:
        """Say what was met that is no trouble."""
        return (f"{self.empty:,} point(s) without a recorded value: gaps",) if self.empty else ()

    def _metric(
        self, place: str, metric: dict[str, Any], service: str, resource: dict[str, Any]
    ) -> None:
        shape = next(
            (
                s
                for s in ("gauge", "sum", "histogram", "exponentialHistogram", "summary")
                if s in metric
            ),
            "",
        )
        if not shape:
            self.refused.append(f"{place}: no data of a kind that is known")
            return
        data = mapping_at(metric, shape)
        delta = text_of(data.get("aggregationTemporality")) in _DELTA
        counter = shape == "sum" and bool(data.get("isMonotonic"))
        name, unit = _named(text_of(metric.get("name")), text_of(metric.get("unit")), counter)
        for n, point in enumerate(list_at(data, "dataPoints")):
            try:
                read = _point(mapping_at(point), shape, delta=delta)
                labels = {**resource, **attributes_of(mapping_at(point).get("attributes"))}
            except SourceGarbled as error:
                self.refused.append(f"{place} point {n}: {error}")
                continue
            if read is None:
                self.empty += 1
                continue
            kind = {"gauge": "gauge", "sum": "counter" if counter else "gauge"}.get(shape, shape)
            self.series[service, name, unit, kind, json_text(labels)].append(read)


def _named(name: str, unit: str, counter: bool) -> tuple[str, str]:  # noqa: FBT001
    plain = re.sub(r"[^a-zA-Z0-9_:]", "_", name)
    suffix = _UNITS.get(unit, "")
    if suffix and not plain.endswith(f"_{suffix}"):
        plain = f"{plain}_{suffix}"
    if counter and not plain.endswith("_total"):
        plain = f"{plain}_total"
    return plain, unit


def _point(raw: dict[str, Any], shape: str, *, delta: bool) -> _Point | None:
    """Read one data point; None where it says that nothing was recorded."""
    point = _Point(
        time_ns(raw.get("timeUnixNano")), integer(raw.get("startTimeUnixNano") or 0), delta
    )
    if integer(raw.get("flags") or 0) & _NO_VALUE:
        return None
    if shape in {"gauge", "sum"}:
        told = raw.get("asDouble", raw.get("asInt"))
        if told is None:
            raise SourceGarbled(fact="A point without a value")
        point.value = number(told)
        return point
    point.value = number(raw.get("sum", "nan"))
    if shape == "summary":
        point.buckets = (integer(raw.get("count") or 0),)
        return point
    if shape == "histogram":
        point.bounds = tuple(number(one) for one in list_at(raw, "explicitBounds"))
        point.buckets = tuple(integer(one) for one in list_at(raw, "bucketCounts"))
        if len(point.buckets) not in {0, len(point.bounds) + 1}:
            raise SourceGarbled(
                fact="Buckets that do not fit their bounds", value=len(point.buckets)
            )
        if not point.buckets:
            point.buckets = (integer(raw.get("count") or 0),)
            point.bounds = ()
        return point
    return _exponential(raw, point)


def _exponential(raw: dict[str, Any], point: _Point) -> _Point:
    sides = [mapping_at(raw, side) for side in ("positive", "negative")]
    counts = [tuple(integer(c) for c in list_at(side, "bucketCounts")) for side in sides]
    point.scale = integer(raw.get("scale") or 0)
    if not _COARSEST_SCALE <= point.scale <= _FINEST_SCALE or sum(map(len, counts)) > _MOST_BUCKETS:
        raise SourceGarbled(fact="A scale or a number of buckets beyond any use", value=point.scale)
    point.zeros = integer(raw.get("zeroCount") or 0)
    point.offsets = (integer(sides[0].get("offset") or 0), integer(sides[1].get("offset") or 0))
    point.buckets, point.negative = counts
    return point


def _rows(key: tuple[str, ...], points: list[_Point]) -> Iterator[tuple[Any, ...]]:
    """Columns of the series of one metric: times, name, values, and what is the same for all."""
    service, name, unit, kind, labels = key
    points = sorted(points, key=lambda one: one.ts)
    ts = np.array([one.ts for one in points], dtype=np.int64)
    delta = any(one.delta for one in points)

    def row(metric: str, values: list[float], le: float = math.nan, of: str = unit) -> Any:  # noqa: ANN401
        gauge = kind == "gauge" and not delta
        column = np.cumsum(values) if delta else np.array(values, dtype=np.float64)
        shape = "gauge" if gauge else "counter" if kind == "counter" else "histogram"
        return ts, metric, column, service, labels, of, shape, "" if gauge else "cumulative", le

    if kind in {"gauge", "counter"}:
        yield row(name, [one.value for one in points])
        return
    yield row(f"{name}_sum", [one.value for one in points])
    totals = [float(sum(one.buckets) + sum(one.negative) + one.zeros) for one in points]
    yield row(f"{name}_count", totals, of="1")
    if kind == "summary":
        return
    for bound, counts in _buckets(points).items():
        yield row(f"{name}_bucket", counts, bound, "1")


def _buckets(points: list[_Point]) -> dict[float, list[float]]:
    """Upper bound to the number of values at or below it, for each point."""
    if points[0].scale is None:
        bounds = sorted({bound for one in points for bound in one.bounds})
        pairs = [list(zip((*one.bounds, math.inf), one.buckets, strict=True)) for one in points]
        bounds.append(math.inf)
    else:
        scale = min(one.scale for one in points if one.scale is not None)
        pairs = [_spread(one, scale) for one in points]
        bounds = sorted({bound for pair in pairs for bound, _ in pair} | {math.inf})
    return {
        bound: [float(sum(count for upper, count in pair if upper <= bound)) for pair in pairs]
        for bound in bounds
    }


def _spread(point: _Point, scale: int) -> list[tuple[float, int]]:
    """Buckets of an exponential histogram at a coarser scale, by upper bound.

    Bucket ``i`` holds values in ``(base**i, base**(i+1)]`` with ``base = 2**(2**-scale)``
    (OpenTelemetry data model); each step of scale joins two neighbours.
    """
    shift = (point.scale or 0) - scale
    found = [(0.0, point.zeros)] if point.zeros else []
    for n, count in enumerate(point.buckets):
        place = (point.offsets[0] + n) >> shift
        found.append((_bound(place + 1, scale), count))
    for n, count in enumerate(point.negative):
        place = (point.offsets[1] + n) >> shift
        found.append((-_bound(place, scale), count))
    return found


def _bound(place: int, scale: int) -> float:
    try:
        return float(2.0 ** (place * 2.0**-scale))
    except OverflowError:
        return math.inf
