"""OTLP traces and logs → rows of the spans and logs tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.connectors.reading.log_levels import severity_number
from workbench.connectors.reading.otlp_values import (
    any_value,
    attributes_of,
    hex_id,
    resource_of,
    time_ns,
)
from workbench.connectors.reading.rows import json_text, list_at, mapping_at, text_of
from workbench.connectors.reading.spans import span_frame
from workbench.errors import SourceGarbled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["log_rows", "span_rows"]

_KINDS = {
    "1": "internal",
    "2": "server",
    "3": "client",
    "4": "producer",
    "5": "consumer",
    "SPAN_KIND_INTERNAL": "internal",
    "SPAN_KIND_SERVER": "server",
    "SPAN_KIND_CLIENT": "client",
    "SPAN_KIND_PRODUCER": "producer",
    "SPAN_KIND_CONSUMER": "consumer",
}
_STATUSES = {"1": "ok", "2": "error", "STATUS_CODE_OK": "ok", "STATUS_CODE_ERROR": "error"}
_LAST_SEVERITY = 24  # SEVERITY_NUMBER_FATAL4 of the OpenTelemetry log data model
_SEVERITIES = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


def span_rows(document: object) -> tuple[pd.DataFrame, list[str]]:
    """Read the spans of one export request.

    Returns
    -------
    tuple
        Rows of the spans table, and what was refused, by place.
    """
    rows, refused = _read(document, ("resourceSpans", "scopeSpans", "spans"), _span)
    return span_frame(rows), refused


def log_rows(document: object) -> tuple[pd.DataFrame, list[str]]:
    """Read the log records of one export request.

    Returns
    -------
    tuple
        Rows of the logs table, and what was refused, by place.
    """
    rows, refused = _read(document, ("resourceLogs", "scopeLogs", "logRecords"), _record)
    names = (
        "ts",
        "service",
        "severity_number",
        "body",
        "attributes",
        "observed_ts",
        "severity_text",
        "trace_id",
        "span_id",
    )
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    frame = pd.DataFrame(dict(zip(names, map(list, columns), strict=True)))
    for name in ("ts", "observed_ts"):
        frame[name] = pd.to_datetime(
            np.array(frame[name].to_list(), dtype=np.int64), unit="ns", utc=True
        )
    return frame, refused


def _read(
    document: object,
    path: tuple[str, str, str],
    row: Callable[[dict[str, Any], str, dict[str, Any]], tuple[object, ...]],
) -> tuple[list[tuple[object, ...]], list[str]]:
    rows, refused = [], []
    for place, record, service, resource in _records(document, path):
        try:
            rows.append(row(record, service, resource))
        except SourceGarbled as error:
            refused.append(f"{place}: {error}")
    return rows, refused


def _records(
    document: object, path: tuple[str, str, str]
) -> Iterator[tuple[str, dict[str, Any], str, dict[str, Any]]]:
    groups, scopes, records = path
    for g, group in enumerate(list_at(document, groups)):
        service, resource = resource_of(group)
        # Before 1.0 scopes were called instrumentation libraries.
        old = scopes.replace("scope", "instrumentationLibrary")
        for s, scope in enumerate(list_at(group, scopes) or list_at(group, old)):
            for n, record in enumerate(list_at(scope, records)):
                yield f"{records}[{g}.{s}.{n}]", mapping_at(record), service, resource


def _span(record: dict[str, Any], service: str, resource: dict[str, Any]) -> tuple[object, ...]:
    start, end = time_ns(record.get("startTimeUnixNano")), time_ns(record.get("endTimeUnixNano"))
    if end < start:
        raise SourceGarbled(
            fact="A span that ends before it starts", value=text_of(record.get("name"))
        )
    ids = [hex_id(record.get(name)) for name in ("traceId", "spanId", "parentSpanId")]
    if not ids[0] or not ids[1]:
        raise SourceGarbled(fact="A span without an id", value=text_of(record.get("name")))
    attributes = {**resource, **attributes_of(record.get("attributes")), **_thrown(record)}
    links = [
        {
            "trace_id": hex_id(mapping_at(one).get("traceId")),
            "span_id": hex_id(mapping_at(one).get("spanId")),
        }
        for one in list_at(record, "links")
    ]
    status = text_of(mapping_at(record, "status").get("code"))
    return (
        start,
        (end - start) / 1e9,
        *ids,
        service,
        text_of(record.get("name")),
        _KINDS.get(text_of(record.get("kind")), "internal"),
        _STATUSES.get(status, "unset"),
        json_text(attributes),
        json_text(links) if links else "",
    )


def _thrown(record: dict[str, Any]) -> dict[str, Any]:
    """Keep of a span's events what says why it failed: the last exception."""
    found: dict[str, Any] = {}
    for event in list_at(record, "events"):
        if text_of(mapping_at(event).get("name")) == "exception":
            known = attributes_of(mapping_at(event).get("attributes"))
            found = {k: v for k, v in known.items() if k in ("exception.type", "exception.message")}
    return found


def _record(record: dict[str, Any], service: str, resource: dict[str, Any]) -> tuple[object, ...]:
    observed = record.get("observedTimeUnixNano")
    told = record.get("timeUnixNano")
    ts = time_ns(told if text_of(told) not in {"", "0"} else observed)
    number = _severity(record)
    body = any_value(record.get("body"))
    return (
        ts,
        service,
        float(number),
        body if isinstance(body, str) else json_text(body),
        json_text({**resource, **attributes_of(record.get("attributes"))}),
        time_ns(observed) if text_of(observed) not in {"", "0"} else ts,
        text_of(record.get("severityText")) or _name(number),
        hex_id(record.get("traceId")),
        hex_id(record.get("spanId")),
    )


def _severity(record: dict[str, Any]) -> int:
    """Read 1 … 24, an enumeration's name, or else the text; 0 is "not said"."""
    told = text_of(record.get("severityNumber") or 0)
    if told.isdigit() and int(told) > _LAST_SEVERITY:
        return 0
    if told.isdigit():
        return int(told) or severity_number(text_of(record.get("severityText")))
    word = told.removeprefix("SEVERITY_NUMBER_")
    name = word.rstrip("234")
    step = int(word[len(name) :] or 1)
    return _SEVERITIES.index(name) * 4 + step if name in _SEVERITIES else 0


def _name(number: int) -> str:
    return _SEVERITIES[(number - 1) // 4] if number else ""
