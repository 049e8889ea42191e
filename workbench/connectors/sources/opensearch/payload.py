"""Hits of a search as rows of the logs table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd
import pydantic

from workbench.connectors.reading.log_levels import severity_number
from workbench.connectors.reading.rows import epoch, json_text, mapping_at, parse_timestamp, text_of
from workbench.errors import NaiveTimestamp, SourceGarbled, SourceRefused
from workbench.moved import renamed

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["FieldNames", "SearchHits", "hit_rows", "page_of"]

if not TYPE_CHECKING:
    __getattr__ = renamed(__name__, {"Found": "SearchHits"})

_COLUMNS = (
    "ts",
    "service",
    "severity_number",
    "body",
    "attributes",
    "severity_text",
    "trace_id",
    "span_id",
)


class FieldNames(pydantic.BaseModel):
    """What fields are called; dots lead into objects. The first that a record has counts.

    The defaults are those of the Elastic Common Schema and of OpenTelemetry's exporters.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    time: str = "@timestamp"
    service: tuple[str, ...] = (
        "service.name",
        "resource.attributes.service.name",
        "serviceName",
        "service",
    )
    message: tuple[str, ...] = ("message", "body", "body.text", "log")
    level: tuple[str, ...] = ("log.level", "severity_text", "severityText", "level")
    trace: tuple[str, ...] = ("trace.id", "trace_id", "traceId")
    span: tuple[str, ...] = ("span.id", "span_id", "spanId")


@dataclass(slots=True)
class SearchHits:
    """Hits by index and id, the total the search counts, and what is missing of it."""

    hits: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    total: int | None = None
    again: int = 0
    problems: list[str] = field(default_factory=list)


def page_of(payload: object, found: SearchHits) -> list[dict[str, Any]]:
    """Take one page of a search into `found`.

    Returns
    -------
    list
        The hits of the page as they came.

    Raises
    ------
    SourceRefused
        An error behind a status of 200.
    SourceGarbled
        No hits, or a hit without an id.
    """
    answer = mapping_at(payload)
    if "error" in answer:
        raise SourceRefused(fact="The search could not answer", value=str(answer["error"])[:200])
    hits = mapping_at(answer, "hits").get("hits")
    if not isinstance(hits, list) or not all(isinstance(hit, dict) for hit in hits):
        raise SourceGarbled(fact="An answer without hits", value=str(payload)[:100])
    if answer.get("timed_out") is not False:
        found.problems.append("the search timed out: not all shards answered in time")
    failed = mapping_at(answer, "_shards").get("failed")
    if failed != 0:
        found.problems.append(f"{text_of(failed) or 'an unknown number of'} shard(s) failed")
    total = mapping_at(answer, "hits", "total")
    counted = total.get("value")
    if total.get("relation") != "eq" or not isinstance(counted, int):
        found.problems.append("the search does not count its hits exactly")
    elif found.total is None:
        found.total = counted
    elif found.total != counted:
        found.problems.append(f"the total changed from {found.total:,} to {counted:,}")
    for hit in hits:
        key = (text_of(hit.get("_index")), text_of(hit.get("_id")))
        if not key[1]:
            raise SourceGarbled(fact="A hit without an id", value=str(hit)[:100])
        found.again += key in found.hits
        found.hits.setdefault(key, hit)
    return hits


def hit_rows(hits: Iterable[dict[str, Any]], names: FieldNames) -> tuple[pd.DataFrame, list[str]]:
    """Build the logs table.

    Returns
    -------
    tuple
        Its rows, and what was refused, by id.
    """
    rows, refused = [], []
    for hit in hits:
        record = mapping_at(hit, "_source")
        try:
            rows.append(_row(record, names))
        except (SourceGarbled, NaiveTimestamp) as error:
            refused.append(f"{text_of(hit.get('_id'))}: {error}")
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    frame["ts"] = pd.to_datetime(frame["ts"], utc=True)
    return frame, refused


def _row(record: dict[str, Any], names: FieldNames) -> tuple[object, ...]:
    told = _at(record, names.time)
    number = isinstance(told, int | float) and not isinstance(told, bool)
    ts = epoch(told, unit="ms") if number else parse_timestamp(told)
    if ts is None:
        raise SourceGarbled(fact="A record without a time")
    level = text_of(_first(record, names.level))
    used = {names.time.partition(".")[0], *(n for n in names.message)}
    rest = {k: v for k, v in record.items() if k not in used}
    return (
        ts,
        text_of(_first(record, names.service)),
        float(severity_number(level)),
        text_of(_first(record, names.message)),
        json_text(rest),
        level,
        text_of(_first(record, names.trace)),
        text_of(_first(record, names.span)),
    )


def _first(record: dict[str, Any], names: tuple[str, ...]) -> object:
    found = (_at(record, name) for name in names)
    return next((one for one in found if one not in (None, "") and not isinstance(one, dict)), None)


def _at(record: dict[str, Any], name: str) -> Any:  # noqa: ANN401 - any JSON
    """Follow a dotted name: as one key, or as keys within keys, at every step."""
    if name in record:
        return record[name]
    head, dot, rest = name.partition(".")
    while dot:
        if isinstance(record.get(head), dict):
            deeper = _at(record[head], rest)
            if deeper is not None:
                return deeper
        more, dot, rest = rest.partition(".")
        head = f"{head}.{more}"
    return None
