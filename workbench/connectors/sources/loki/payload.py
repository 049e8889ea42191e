"""Answers of Loki as rows of the logs table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.connectors.reading.log_levels import severity_number
from workbench.connectors.reading.prometheus_answer import read_answer
from workbench.connectors.reading.rows import json_text, list_at, mapping_at, text_of
from workbench.errors import SourceGarbled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Line", "count_of", "lines_of", "log_frame", "warnings_of"]

_LEVELS = ("detected_level", "level", "severity", "severity_text")
_TRACE = ("trace_id", "traceid", "traceID")
_SPAN = ("span_id", "spanid", "spanID")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: nanoseconds, what was said, and the labels of its stream and of itself as JSON."""

    ts: int
    body: str
    labels: str
    metadata: str = "{}"


def lines_of(payload: object) -> Iterator[Line]:
    """Read the lines of an answer, in any order.

    Raises
    ------
    SourceRefused
        ``status: error``.
    SourceGarbled
        Not streams, or a line that is not a time and a text.
    """
    data, _, _ = read_answer(payload)
    if text_of(mapping_at(data).get("resultType")) != "streams":
        raise SourceGarbled(fact="Not streams", value=str(data)[:100])
    for stream in list_at(data, "result"):
        labels = mapping_at(stream).get("stream")
        if not isinstance(labels, dict):
            raise SourceGarbled(fact="A stream without labels", value=str(stream)[:100])
        text = json_text({text_of(k): text_of(v) for k, v in labels.items()})
        for value in list_at(stream, "values"):
            yield _line(value, text)


def count_of(payload: object) -> int:
    """Read the answer to a count; no series is none.

    Raises
    ------
    SourceRefused, SourceGarbled
        As of `lines_of`.
    """
    data, _, _ = read_answer(payload)
    found = list_at(data, "result")
    try:
        return sum(int(float(one["value"][1])) for one in found)
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        raise SourceGarbled(fact="A count that is not a number", value=str(found)[:100]) from error


def warnings_of(payload: object) -> tuple[str, ...]:
    """Read what the server warned of: a store or a tenant that was away, a limit.

    Raises
    ------
    SourceRefused, SourceGarbled
        As of `lines_of`.
    """
    _, warnings, _ = read_answer(payload)
    return warnings


def log_frame(lines: Sequence[Line], service_label: str) -> tuple[pd.DataFrame, list[str]]:
    """Build the logs table.

    Returns
    -------
    tuple
        Its rows, and what is odd.
    """
    read = {
        text: json.loads(text) for text in {t for one in lines for t in (one.labels, one.metadata)}
    }
    known = [{**read[one.labels], **read[one.metadata]} for one in lines]
    levels = [_first(labels, _LEVELS) for labels in known]
    rest = {service_label, *_TRACE, *_SPAN}
    frame = pd.DataFrame(
        {
            "ts": pd.to_datetime(
                np.array([o.ts for o in lines], dtype=np.int64), unit="ns", utc=True
            ),
            "service": [labels.get(service_label, "") for labels in known],
            "severity_number": [float(severity_number(level)) for level in levels],
            "body": [one.body for one in lines],
            "attributes": [
                json_text({k: v for k, v in labels.items() if k not in rest}) for labels in known
            ],
            "severity_text": levels,
            "trace_id": [_first(labels, _TRACE) for labels in known],
            "span_id": [_first(labels, _SPAN) for labels in known],
        }
    )
    lost = sum(not labels.get(service_label) for labels in known)
    return frame, [f"{lost:,} line(s) without {service_label}"] if lost else []


def _line(value: object, labels: str) -> Line:
    if not isinstance(value, list) or len(value) not in {2, 3} or not isinstance(value[1], str):
        raise SourceGarbled(fact="A line that is not a time and a text", value=str(value)[:100])
    stamp = text_of(value[0])
    if not stamp.isdigit() or int(stamp) >= 2**63 - 1:
        raise SourceGarbled(fact="A line without a time", value=stamp[:40])
    own: object = next(iter(value[2:]), {})
    plain = {text_of(k): text_of(v) for k, v in mapping_at(own).items()}
    nested = mapping_at(own, "structuredMetadata")
    plain = {text_of(k): text_of(v) for k, v in nested.items()} if nested else plain
    return Line(int(stamp), text_of(value[1]), labels, json_text(plain))


def _first(labels: dict[str, str], names: tuple[str, ...]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")
