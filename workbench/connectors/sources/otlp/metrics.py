"""OTLP metrics → rows of the metrics table, in Prometheus form.

Names, units and suffixes follow OpenTelemetry's "Prometheus and OpenMetrics compatibility":
``http.server.request.duration`` in ``s`` is ``http_server_request_duration_seconds_bucket``.
Labels are attributes by their Prometheus names. Deltas are added up, over all files, so that
every counter is cumulative; a sum that may fall is a gauge; a summary's quantiles are gauges with
a label ``quantile``. A counter goes on over restarts that its start time tells. Exponential
histograms become the buckets they stand for, at the coarsest scale of their series.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
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
from workbench.connectors.reading.rows import (
    json_of,
    json_text,
    list_at,
    mapping_at,
    text_of,
)
from workbench.connectors.sources.otlp.points import Point
from workbench.connectors.sources.otlp.writers import Oddity, told_apart
from workbench.errors import SourceGarbled
from workbench.semconv import plain_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
class MetricPoints:
    """Points of all export requests of a source: series go on from one file to the next."""

    series: dict[tuple[str, ...], list[Point]] = field(default_factory=lambda: defaultdict(list))
    refused: list[str] = field(default_factory=list)
    empty: int = 0
    odd: Counter[Oddity] = field(default_factory=Counter)
    _deltas: Counter[tuple[object, ...]] = field(default_factory=Counter)

    @classmethod
    def of(cls, frames: Sequence[pd.DataFrame]) -> MetricPoints:
        """Put the points of several files together again; see `records`."""
        made = cls()
        for frame in frames:
            for key, point in zip(frame["key"], frame["point"], strict=True):
                made.series[key].append(point)
        return made

    def add(self, document: object) -> None:
        """Take the points of one export request; what cannot be read is kept in `refused`."""
        self._deltas = Counter()
        for g, group in enumerate(list_at(document, "resourceMetrics")):
            service, resource = resource_of(group)
            # Before 1.0 scopes were called instrumentation libraries.
            old = list_at(group, "instrumentationLibraryMetrics")
            for scope in list_at(group, "scopeMetrics") or old:
                for n, metric in enumerate(list_at(scope, "metrics")):
                    place = f"metrics[{g}.{n}] {text_of(mapping_at(metric).get('name'))}"
                    self._metric(place, mapping_at(metric), service, resource)

    def records(self) -> pd.DataFrame:
        """One row a point: its series and itself."""
        pairs = [(key, point) for key, points in self.series.items() for point in points]
        frame = pd.DataFrame(index=range(len(pairs)), columns=["key", "point"], dtype="object")
        frame["key"] = pd.Series([key for key, _ in pairs], dtype="object")
        frame["point"] = pd.Series([point for _, point in pairs], dtype="object")
        return frame

    def frame(self) -> pd.DataFrame:
        """Rows of the metrics table; what was odd about its series is counted in `odd`."""
        parts: list[tuple[Any, ...]] = []
        self.odd = Counter()
        for key, points in self.series.items():
            for labelled, own in told_apart(key, points, self.odd):
                parts += _rows(labelled, own)
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
                own = attributes_of(mapping_at(point).get("attributes"))
                labels = {plain_name(k): v for k, v in {**resource, **own}.items()}
            except SourceGarbled as error:
                self.refused.append(f"{place} point {n}: {error}")
                continue
            if read is None:
                self.empty += 1
                continue
            kind = {"gauge": "gauge", "sum": "counter" if counter else "gauge"}.get(shape, shape)
            key = (service, name, unit, kind, json_text(labels))
            if delta:
                read.nth = self._deltas[key, read.identity]
                self._deltas[key, replace(read, nth=0).identity] += 1
            self.series[key].append(read)


def _named(name: str, unit: str, counter: bool) -> tuple[str, str]:  # noqa: FBT001
    plain = plain_name(name)
    suffix = _UNITS.get(unit, "")
    if suffix and not plain.endswith(f"_{suffix}"):
        plain = f"{plain}_{suffix}"
    if counter and not plain.endswith("_total"):
        plain = f"{plain}_total"
    return plain, unit


def _point(raw: dict[str, Any], shape: str, *, delta: bool) -> Point | None:
    """Read one data point; None where it says that nothing was recorded."""
    point = Point(
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
        told = [mapping_at(one) for one in list_at(raw, "quantileValues")]
        point.quantiles = tuple(
            (number(one.get("quantile") or 0), number(one.get("value") or 0)) for one in told
        )
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


def _exponential(raw: dict[str, Any], point: Point) -> Point:
    sides = [mapping_at(raw, side) for side in ("positive", "negative")]
    counts = [tuple(integer(c) for c in list_at(side, "bucketCounts")) for side in sides]
    point.scale = integer(raw.get("scale") or 0)
    if not _COARSEST_SCALE <= point.scale <= _FINEST_SCALE or sum(map(len, counts)) > _MOST_BUCKETS:
        raise SourceGarbled(fact="A scale or a number of buckets beyond any use", value=point.scale)
    point.zeros = integer(raw.get("zeroCount") or 0)
    point.offsets = (integer(sides[0].get("offset") or 0), integer(sides[1].get("offset") or 0))
    point.buckets, point.negative = counts
    return point


def _rows(key: tuple[str, ...], points: list[Point]) -> Iterator[tuple[Any, ...]]:
    """Columns of the series of one metric: times, name, values, and what is the same for all."""
    service, name, unit, kind, labels = key
    ts = np.array([one.ts for one in points], dtype=np.int64)
    delta = any(one.delta for one in points)
    # A new start is a restart from nothing, even where the value did not fall.
    starts = np.array([one.start for one in points], dtype=np.int64)
    begun = np.r_[False, (np.diff(starts) != 0) & (starts[1:] > 0) & (starts[:-1] > 0)]

    def row(metric: str, values: list[float], le: float = math.nan, of: str = unit) -> Any:  # noqa: ANN401
        column = np.array(values, dtype=np.float64)
        if delta:
            column = np.cumsum(column)
        elif kind != "gauge":
            before = np.where(begun, np.r_[0.0, column[:-1]], 0.0)
            column = column + np.cumsum(np.nan_to_num(before))
        shape = kind if kind in {"gauge", "counter"} else "histogram"
        temporality = "" if kind == "gauge" else "cumulative"
        return ts, metric, column, service, labels, of, shape, temporality, le

    if kind in {"gauge", "counter"}:
        yield row(name, [one.value for one in points])
        return
    yield row(f"{name}_sum", [one.value for one in points])
    totals = [float(sum(one.buckets) + sum(one.negative) + one.zeros) for one in points]
    yield row(f"{name}_count", totals, of="1")
    if kind == "summary":
        yield from _quantiles(key, points)
        return
    for bound, counts in _buckets(points).items():
        yield row(f"{name}_bucket", counts, bound, "1")


def _quantiles(key: tuple[str, ...], points: list[Point]) -> Iterator[tuple[Any, ...]]:
    """Each quantile of a summary is a gauge, its level a label (Prometheus, "summary")."""
    service, name, unit, _, labels = key
    for level in sorted({level for one in points for level, _ in one.quantiles}):
        own = [(one.ts, value) for one in points for q, value in one.quantiles if q == level]
        ts = np.array([at for at, _ in own], dtype=np.int64)
        values = np.array([value for _, value in own], dtype=np.float64)
        text = json_text({**json_of(labels), "quantile": f"{level:g}"})
        yield ts, name, values, service, text, unit, "gauge", "", math.nan


def _buckets(points: list[Point]) -> dict[float, list[float]]:
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


def _spread(point: Point, scale: int) -> list[tuple[float, int]]:
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
