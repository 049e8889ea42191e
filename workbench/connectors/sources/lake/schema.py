"""The OpenTelemetry collector's tables in a lake, as tables of a window.

Columns are those of the collector's ClickHouse exporter (opentelemetry-collector-contrib,
``exporter/clickhouseexporter``): ``otel_logs``, ``otel_traces`` and ``otel_metrics_gauge``,
``_sum``, ``_histogram``, ``_exponential_histogram``, ``_summary``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.errors import SourceGarbled
from workbench.tables import conform, labels_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ibis.expr.types import Table

    from workbench.archive.engines import Engine

__all__ = ["OTEL", "frame_of", "otel_rows", "time_of"]

OTEL: Mapping[str, tuple[str, ...]] = {
    "logs": ("otel_logs",),
    "spans": ("otel_traces",),
    "metrics": (
        "otel_metrics_gauge",
        "otel_metrics_sum",
        "otel_metrics_histogram",
        "otel_metrics_exponential_histogram",
        "otel_metrics_summary",
    ),
}
"""Table of a window to the collector's tables that hold it."""

_LOGS = {
    "service": "ServiceName",
    "body": "Body",
    "severity_text": "SeverityText",
    "trace_id": "TraceId",
    "span_id": "SpanId",
}
_SPANS = {
    "service": "ServiceName",
    "trace_id": "TraceId",
    "span_id": "SpanId",
    "parent_span_id": "ParentSpanId",
    "name": "SpanName",
}
_METRICS = {"service": "ServiceName", "metric": "MetricName", "unit": "MetricUnit"}
_NO_VALUE = 1  # bit of a data point's flags: nothing was recorded
_UNITS = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "1": "",
    "%": "percent",
}


def time_of(name: str) -> str:
    """Name the column of one of the collector's tables that its rows are ordered by."""
    return "TimeUnix" if name.startswith("otel_metrics") else "Timestamp"


def otel_rows(engine: Engine, name: str, raw: Table) -> Table:
    """Columns of one of the collector's tables that a window needs, in plain types.

    Parameters
    ----------
    engine
        Where the table lies.
    name
        Which of the collector's tables it is.
    raw
        The table itself.
    """
    if name == "otel_logs":
        return raw.select(
            ts=engine.nanoseconds(raw["Timestamp"]),
            severity_number=raw["SeverityNumber"].cast("float64"),
            own=engine.json_text(raw["LogAttributes"]),
            resource=engine.json_text(raw["ResourceAttributes"]),
            **_texts(raw, _LOGS),
        )
    if name == "otel_traces":
        return raw.select(
            ts=engine.nanoseconds(raw["Timestamp"]),
            duration_s=raw["Duration"].cast("float64") / 1e9,
            kind=raw["SpanKind"].cast("string").lower().replace("span_kind_", ""),
            status=raw["StatusCode"].cast("string").lower().replace("status_code_", ""),
            own=engine.json_text(raw["SpanAttributes"]),
            resource=engine.json_text(raw["ResourceAttributes"]),
            **_texts(raw, _SPANS),
        )
    return _metric_rows(engine, name, raw)


def _metric_rows(engine: Engine, name: str, raw: Table) -> Table:
    columns: dict[str, Any] = {
        "ts": engine.nanoseconds(raw["TimeUnix"]),
        "flags": raw["Flags"].cast("int64"),
        "own": engine.json_text(raw["Attributes"]),
        "resource": engine.json_text(raw["ResourceAttributes"]),
        **_texts(raw, _METRICS),
    }
    if name in {"otel_metrics_gauge", "otel_metrics_sum"}:
        columns["value"] = raw["Value"].cast("float64")
    else:
        columns |= {"count": raw["Count"].cast("float64"), "sum": raw["Sum"].cast("float64")}
    if name == "otel_metrics_histogram":
        columns["buckets"] = engine.json_text(raw["BucketCounts"])
        columns["bounds"] = engine.json_text(raw["ExplicitBounds"])
    if "AggregationTemporality" in raw.columns:
        columns["temporality"] = raw["AggregationTemporality"].cast("string")
    if "IsMonotonic" in raw.columns:
        columns["monotonic"] = raw["IsMonotonic"].cast("int64")
    return raw.select(**columns)


def _texts(raw: Table, names: Mapping[str, str]) -> dict[str, Any]:
    return {ours: raw[theirs].cast("string") for ours, theirs in names.items()}


def frame_of(name: str, rows: pd.DataFrame) -> tuple[str, pd.DataFrame]:
    """Make rows of one of the collector's tables into rows of a window's table.

    Parameters
    ----------
    name
        Which of the collector's tables they are of.
    rows
        What `otel_rows` selects.

    Returns
    -------
    table, frame
        Which table of a window, and its conformed rows.

    Raises
    ------
    SourceGarbled
        A column that is not what the collector writes.
    """
    try:
        rows = rows.assign(ts=pd.to_datetime(rows["ts"].astype("int64"), unit="ns", utc=True))
        if name in {"otel_logs", "otel_traces"}:
            table = "logs" if name == "otel_logs" else "spans"
            found = rows.assign(attributes=_merged(rows)).drop(columns=["own", "resource"])
            if table == "logs":  # 0 says that nobody said how severe it is
                found["severity_number"] = found["severity_number"].replace(0.0, np.nan)
            return table, conform(table, found)
        return "metrics", conform("metrics", _metrics(name, rows))
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError) as error:
        raise SourceGarbled(fact="Rows that the collector does not write", value=name) from error


def _merged(rows: pd.DataFrame) -> pd.Series:
    """Resource and own attributes as canonical JSON text, read once a distinct pair."""
    pairs = rows["resource"].fillna("{}") + "\x00" + rows["own"].fillna("{}")
    codes, texts = pd.factorize(pairs)
    merged = [_canonical(*text.split("\x00", 1)) for text in texts]
    return (
        pd.Series(pd.Categorical.from_codes(codes, range(len(merged))), index=rows.index)
        .map(dict(enumerate(merged)))
        .astype("str")
    )


def _canonical(resource: str, own: str) -> str:
    attributes = {**_mapping(resource), **_mapping(own)}
    attributes.pop("service.name", None)  # it has a column
    return labels_text(attributes)


def _mapping(text: str) -> dict[str, Any]:
    read = json.loads(text)
    if not isinstance(read, dict):
        message = "attributes that are no mapping"
        raise TypeError(message)
    return read


def _metrics(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows[(rows["flags"].fillna(0).astype("int64") & _NO_VALUE) == 0]
    temporality = rows.get("temporality", pd.Series("", index=rows.index))
    shown = temporality.map({"1": "delta", "2": "cumulative"})  # a gauge has none
    if name == "otel_metrics_sum":
        counter = rows["monotonic"].fillna(0) == 1
    else:
        counter = pd.Series(name != "otel_metrics_gauge", index=rows.index)
    kind = counter.map({True: "counter", False: "gauge"})
    plain = pd.DataFrame(
        {
            "ts": rows["ts"],
            "metric": _names(rows),
            "service": rows["service"],
            "kind": kind,
            "labels": _merged(rows),
            "unit": rows["unit"],
            "temporality": shown,
        }
    )
    if "value" in rows:
        ending = counter.map({True: "_total", False: ""})
        return plain.assign(value=rows["value"], metric=plain["metric"] + ending)
    parts = [
        plain.assign(metric=plain["metric"] + f"_{what}", value=rows[what])
        for what in ("count", "sum")
    ]
    if "buckets" in rows:
        parts.append(_buckets(plain, rows))
    return pd.concat(parts, ignore_index=True)


def _names(rows: pd.DataFrame) -> pd.Series:
    """Names as OpenTelemetry's compatibility rules spell them in Prometheus, with the unit."""
    codes, pairs = pd.factorize(rows["metric"] + "\x00" + rows["unit"].fillna(""))
    named = []
    for pair in pairs:
        metric, unit = pair.split("\x00", 1)
        spelled = "".join(c if c.isalnum() or c in "_:" else "_" for c in metric)
        word = _UNITS.get(unit, "")
        named.append(f"{spelled}_{word}" if word and not spelled.endswith(word) else spelled)
    return pd.Series(
        np.array(named, dtype=object)[codes] if named else [], index=rows.index, dtype="str"
    )


def _buckets(plain: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """One row a bucket, counted up to its upper bound as Prometheus does."""
    counts = [np.cumsum(np.asarray(json.loads(t), dtype=float)) for t in rows["buckets"]]
    bounds = [np.asarray([*json.loads(t), np.inf], dtype=float) for t in rows["bounds"]]
    fits = np.array([len(c) == len(b) for c, b in zip(counts, bounds, strict=True)], dtype=bool)
    empty = np.array([len(c) == 0 for c in counts], dtype=bool)  # a histogram of sums alone
    if not (fits | empty).all():
        message = "bucket counts that do not fit their bounds"
        raise ValueError(message)
    lengths = [len(c) for c in counts]
    repeated = plain.loc[plain.index.repeat(lengths)]
    kept = [b for b, c in zip(bounds, counts, strict=True) if len(c)]
    return repeated.assign(
        metric=repeated["metric"] + "_bucket",
        value=np.concatenate([*counts, np.array([])]),
        le=np.concatenate([*kept, np.array([])]),
    )
