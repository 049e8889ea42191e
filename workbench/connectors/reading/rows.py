"""From what a source said to rows with a verdict: the steps all connectors of records share.

Nothing is guessed and nothing goes silently: a record that cannot be read is refused with its
place, rows outside the range, duplicates and disorder are counted in the verdict.
"""

from __future__ import annotations

import io
import itertools
import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.connectors.contract import Fetched
from workbench.connectors.transport.bodies import check_values
from workbench.coverage import CoverageRow
from workbench.errors import BadInput, SourceGarbled, WindowTooLarge, WorkbenchError, unknown_name
from workbench.moved import renamed
from workbench.tables import SCHEMAS, conform, labels_text
from workbench.times import utc, utc_column

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from workbench.connectors.contract import Query
    from workbench.coverage import Status
    from workbench.times import TimeRange

__all__ = [
    "EVERY_SERVICE",
    "Parsed",
    "RowReader",
    "check_asked",
    "epoch",
    "json_of",
    "json_records",
    "json_text",
    "list_at",
    "mapping_at",
    "parse_timestamp",
    "summarize_rejected",
    "text_of",
    "to_fetched",
]

if not TYPE_CHECKING:
    __getattr__ = renamed(
        __name__,
        {
            "Gathering": "RowReader",
            "moment": "parse_timestamp",
            "settled": "to_fetched",
            "told": "summarize_rejected",
        },
    )

_TIME = re.compile(
    r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d{1,9})?)?)? ?(Z|z|UTC|[+-]\d\d:?\d\d)?"
)
# What may stand between documents: whitespace, and RFC 7464's record separator.
_BETWEEN = re.compile(r"[\s\x1e]*")
# Stands for all services, as in coverage.
EVERY_SERVICE = "*"
_MOST_RECORDS = 3_000_000  # of one file or answer: their rows take about two gigabytes
_MOST_GARBLED = 10_000  # lines: a file of lines whose first so many are none is not one
_TOLD = 3  # refused records told by name; the others are counted


@dataclass(frozen=True, slots=True)
class Parsed:
    """Rows of one file or answer.

    Parameters
    ----------
    frame
        Columns of the table, not yet conformed.
    problems
        What of it is missing or could not be used: the verdict becomes ``partial``.
    notes
        What is odd and costs no row.
    """

    frame: pd.DataFrame
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class RowReader:
    """Rows read so far, and the places of those that could not be."""

    table: str
    rows: list[Mapping[str, object]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def each(
        self,
        records: Iterable[tuple[str, Any]],
        read: Callable[[Any], Iterable[Mapping[str, object]]],
    ) -> RowReader:
        """Read records one by one; one that is refused hides no other.

        Parameters
        ----------
        records
            Place (``"line 3"``) and record.
        read
            Yields the rows of one record; a `WorkbenchError` refuses that record.

        Raises
        ------
        WindowTooLarge
            More records or rows than are held at once.
        """
        for number, (place, record) in enumerate(records):
            if max(number, len(self.rows)) >= _MOST_RECORDS:
                fact = f"More than {_MOST_RECORDS:,} records in one file or answer"
                raise WindowTooLarge(fact, hint="Split it, or ask for less at once")
            try:
                if isinstance(record, WorkbenchError):
                    raise record
                self.rows.extend(list(read(record)))
            except WorkbenchError as error:
                self.refused.append(f"{place}: {error}")
        return self

    def parsed(self) -> Parsed:
        """Return the rows as a frame, and what was refused as problems."""
        used = dict.fromkeys(name for row in self.rows for name in row)
        names = dict.fromkeys([*SCHEMAS[self.table].required, *used])
        columns = {name: [row.get(name) for row in self.rows] for name in names}
        return Parsed(
            pd.DataFrame(columns, dtype="object"),
            summarize_rejected(self.refused),
            tuple(self.notes),
        )


def summarize_rejected(refused: Sequence[str]) -> tuple[str, ...]:
    """Say what was refused: the first few by place, the rest by number."""
    if not refused:
        return ()
    named = "; ".join(refused[:_TOLD])
    more = f"; and {len(refused) - _TOLD:,} more" if len(refused) > _TOLD else ""
    return (f"{len(refused):,} record(s) refused ({named}{more})",)


def check_asked(table: str, tables: Sequence[str], services: tuple[str, ...]) -> str:
    """Return the table if a connector gives it.

    Raises
    ------
    BadInput
        Another table, or a service that is not text.
    """
    if table not in tables:
        raise unknown_name(what="table of this source", name=table, known=tables)
    wrong = [name for name in services if not isinstance(name, str)]
    if wrong or isinstance(services, str):
        raise BadInput(fact="Services are a tuple of names", value=wrong or services)
    return table


def to_fetched(
    table: str,
    source: str,
    when: TimeRange,
    *,
    parts: Sequence[Parsed],
    services: tuple[str, ...] = (),
    queries: Sequence[Query] = (),
    told_apart: bool = False,
) -> Fetched:
    """Join what was read, keep what was asked for, and say the verdict.

    Parameters
    ----------
    table, source, when, services
        As asked of the connector. Rows for every service (``"*"``) are kept.
    parts
        One a file or answer, all of which were read; what was not is in their problems.
    queries
        How the rows were asked for.
    told_apart
        The rows have been told from duplicates already: equal rows are different records.

    Returns
    -------
    Fetched
        ``complete`` (or ``empty``) where no part had problems, else ``partial`` with them.
    """
    notes = [note for part in parts for note in part.notes]
    fitted, disorder = _joined(table, [part.frame for part in parts])
    inside = when.mask(fitted[SCHEMAS[table].time])
    notes += _counted(disorder, "row(s) out of time order, sorted")
    notes += _counted(int((~inside).sum()), "row(s) outside the range left out")
    asked = _asked_for(fitted, services)
    if services and "service" in fitted:
        unknown = inside & ~asked & (fitted["service"].astype("object").fillna("") == "")
        notes += _counted(int(unknown.sum()), "row(s) of no known service left out")
    kept = fitted[inside & asked]
    if not told_apart:
        again = kept.duplicated()
        notes += _counted(int(again.sum()), "duplicated row(s) dropped")
        kept = kept[~again]
    frame = conform(table, kept.reset_index(drop=True))
    problems = list(dict.fromkeys(t for part in parts for t in part.problems))
    row = _verdict(CoverageRow(source, table, "*", "empty", len(frame)), problems, notes)
    return Fetched(table, frame, (row,), tuple(queries))


def parse_timestamp(value: object) -> pd.Timestamp | None:
    """Read an instant of ISO 8601 with its zone; nothing, or the zero year, is None.

    Raises
    ------
    NaiveTimestamp
        No zone.
    SourceGarbled
        Not a time, or one that nanoseconds cannot hold (before 1677, after 2262).
    """
    if value is None or value == "" or (isinstance(value, str) and value.startswith("0001-01-01")):
        return None
    if not isinstance(value, str) or not _TIME.fullmatch(value.strip()):
        raise SourceGarbled(fact="Not a time", value=value)
    try:
        return utc(value.strip().replace(",", "."))
    except (ValueError, OverflowError) as error:
        raise SourceGarbled(fact="Not a time", value=value) from error
    except BadInput as error:
        if type(error) is not BadInput:
            raise  # a time without a zone says so itself
        raise SourceGarbled(fact="Not a time", value=value) from error


def epoch(value: object, *, unit: str) -> pd.Timestamp:
    """Read seconds (``"s"``) or milliseconds (``"ms"``) since 1970.

    Raises
    ------
    SourceGarbled
        Not a number, or an instant that nanoseconds cannot hold.
    """
    number = pd.to_numeric(str(value), errors="coerce") if not isinstance(value, bool) else None
    if number is None or not math.isfinite(number):
        raise SourceGarbled(fact="Not a time since 1970", value=value)
    nanoseconds = float(number) * 10 ** {"s": 9, "ms": 6}[unit]
    if not abs(nanoseconds) < 2**63 - 1:  # true for infinity too
        raise SourceGarbled(fact="Not a time since 1970", value=value)
    return pd.Timestamp(round(nanoseconds), unit="ns", tz="UTC")


def text_of(value: object) -> str:
    """Write a value of JSON as text; nothing is empty, a lone surrogate is escaped."""
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return json_text(value)
    return str(value).encode("utf-8", "backslashreplace").decode("utf-8")


def json_text(value: object) -> str:
    """Write a value of JSON as canonical JSON text that any encoding can hold."""
    if isinstance(value, dict):
        return text_of(labels_text(value))
    return text_of(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def json_of(data: bytes | str) -> Any:  # noqa: ANN401 - JSON has any type
    """Read one JSON document.

    Raises
    ------
    SourceGarbled
        Not UTF-8, not JSON, or nested too deeply.
    WindowTooLarge
        More values than are held at once.
    """
    check_values(data)
    try:
        return json.loads(data.decode("utf-8-sig") if isinstance(data, bytes) else data)
    except UnicodeDecodeError as error:
        raise SourceGarbled(fact="Not UTF-8", value=error.reason) from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise SourceGarbled(fact="Not JSON", value=place) from error
    except (ValueError, RecursionError) as error:  # a number of too many digits, deep nesting
        raise SourceGarbled(fact="JSON beyond any use", value=type(error).__name__) from error


def json_records(data: bytes) -> Iterator[tuple[str, Any]]:
    """Read the records of a file: a JSON array, one document, several, or one record a line.

    Several documents may stand one after the other over many lines each, as ``kubectl get
    --watch -o json`` and ``jq`` write them, or behind record separators (RFC 7464).

    Yields
    ------
    tuple
        Place and record; of a line that is not JSON, or of the rest of a file behind its last
        whole document, the `SourceGarbled` instead of a record.

    Raises
    ------
    SourceGarbled
        The file is empty or not UTF-8, or nothing in it is JSON.
    """
    try:
        whole = json_of(data)
    except SourceGarbled as error:
        yield from _several(data, error)
        return
    if isinstance(whole, list):
        yield from ((f"item {n}", one) for n, one in enumerate(whole, start=1))
    else:
        yield "document", whole


def mapping_at(record: object, *path: str) -> dict[str, Any]:
    """Follow keys to a mapping; anything else on the way, or nothing, is an empty one."""
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    return record if isinstance(record, dict) else {}


def list_at(record: object, *path: str) -> list[Any]:
    """Follow keys to a list; anything else is an empty one."""
    found = mapping_at(record, *path[:-1]).get(path[-1]) if path else record
    return found if isinstance(found, list) else []


def _several(data: bytes, error: SourceGarbled) -> Iterator[tuple[str, Any]]:
    """Read records one a line, or documents of more lines than one."""
    lines = ((n, line) for n, line in enumerate(io.BytesIO(data), start=1) if line.strip())
    read = ((f"line {n}", _line(line)) for n, line in lines)
    waiting = list(itertools.islice(read, 1))  # until one line is JSON, it may be none of lines
    if not waiting:
        raise SourceGarbled(fact="An empty file")
    if isinstance(waiting[0][1], SourceGarbled):
        documents = _documents(data)
        first = next(documents, None)
        if first is not None and isinstance(first[1], dict | list):
            yield first
            yield from documents
            return
    while isinstance(waiting[-1][1], SourceGarbled):
        following = next(read, None)
        if following is None or len(waiting) > _MOST_GARBLED:
            raise error
        waiting.append(following)
    yield from waiting
    yield from read


def _documents(data: bytes) -> Iterator[tuple[str, Any]]:
    """Read documents one behind the other; the rest behind the last whole one is an error."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return
    decoder = json.JSONDecoder()
    at = number = 0
    while (at := _BETWEEN.match(text, at).end()) < len(text):  # type: ignore[union-attr]
        number += 1
        try:
            record, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            line = text.count("\n", 0, at) + 1
            fact = "Not JSON from here on" if number > 1 else "Not JSON"
            yield f"document {number}", SourceGarbled(fact=fact, value=f"line {line}")
            return
        yield f"document {number}", record


def _line(line: bytes) -> Any:  # noqa: ANN401 - JSON has any type
    try:
        return json_of(line)
    except SourceGarbled as error:
        return error


def _joined(table: str, frames: list[pd.DataFrame]) -> tuple[pd.DataFrame, int]:
    """Conform each frame and join them; count rows out of order within one frame."""
    fitted = [conform(table, frame) for frame in frames]
    time = SCHEMAS[table].time
    steps = [utc_column(raw[time]).diff() for raw in frames]
    disorder = sum(int((step < pd.Timedelta(0)).sum()) for step in steps)
    if not fitted:
        return conform(table, pd.DataFrame({name: [] for name in SCHEMAS[table].required})), 0
    return conform(table, pd.concat(fitted, ignore_index=True)), disorder


def _asked_for(frame: pd.DataFrame, services: tuple[str, ...]) -> pd.Series:
    wanted = {*services, EVERY_SERVICE}
    if services and "service" in frame:
        return frame["service"].astype("object").isin(wanted)
    if services and "services" in frame:
        named = frame["services"].map(lambda text: _names(str(text)))
        return named.map(lambda names: bool(names & wanted)).astype("bool")
    return pd.Series(data=True, index=frame.index)


def _names(text: str) -> set[str]:
    read = json_of(text)
    return {text_of(name) for name in read} if isinstance(read, list) else set()


def _counted(count: int, what: str) -> list[str]:
    return [f"{count:,} {what}"] if count else []


def _verdict(row: CoverageRow, problems: list[str], notes: list[str]) -> CoverageRow:
    why = "; ".join(dict.fromkeys([*problems, *notes]))
    status: Status = "partial" if problems else "complete" if row.rows else "empty"
    if status == "empty" and not why:
        why = "the source has no rows in this range"
    return CoverageRow(row.source, row.table, row.service, status, row.rows, reason=why)
