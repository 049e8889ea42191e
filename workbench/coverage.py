"""What was seen and what was not: one row for each source, table and service.

"No data" is not "error", and neither is silence: a source that failed, a service that
stopped reporting and a table nobody has are rows here, shown on every window's card.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from workbench.cards import ResultCard, table_html
from workbench.errors import BadInput
from workbench.moved import warn_renamed
from workbench.tables import SCHEMAS, problems

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping

    from workbench.times import TimeRange

__all__ = ["Coverage", "CoverageRow", "measure"]

_FEWEST_SAMPLES = 3  # samples with a cadence: the median of one step is that step
Status = Literal["complete", "partial", "empty", "failed", "stale"]

# A stretch without samples counts as a gap from this many usual intervals on.
_GAP_FACTOR = 2.5


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """What one source gave of one table for one service.

    Parameters
    ----------
    source, table, service
        Where from, which table, which service (``"*"`` for all).
    status
        ``complete``, ``partial``, ``empty``, ``failed`` or ``stale`` (stopped early).
    rows
        Number of rows.
    cadence_s
        Usual interval between samples in seconds; NaN where there is none.
    gaps
        Stretches without a sample, as ``(start, end)`` ISO 8601 text.
    reason
        Why the status is not ``complete``, or what is odd.
    """

    source: str
    table: str
    service: str
    status: Status
    rows: int
    cadence_s: float = float("nan")
    gaps: tuple[tuple[str, str], ...] = ()
    reason: str = ""

    def __post_init__(self) -> None:
        if self.status not in get_args(Status):
            raise BadInput(
                fact="Unknown coverage status",
                value=self.status,
                hint=f"One of {', '.join(get_args(Status))}",
            )


@dataclass(frozen=True, slots=True)
class Coverage(ResultCard):
    """All coverage rows of a window."""

    rows: tuple[CoverageRow, ...] = ()

    def __iter__(self) -> Iterator[CoverageRow]:
        """Iterate over the rows."""
        return iter(self.rows)

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.rows)

    def __add__(self, other: Coverage) -> Coverage:
        """Rows of both; declared rows replace the measured one of the same place.

        Several sources may declare the same place: each keeps its word.
        """
        declared = {(row.source, row.table, row.service): row for row in other.rows}
        places = {(row.table, row.service) for row in other.rows}
        kept = [row for row in self.rows if (row.table, row.service) not in places]
        return Coverage((*kept, *declared.values()))

    @property
    def problems(self) -> tuple[CoverageRow, ...]:
        """Rows that are not complete."""
        return tuple(row for row in self.rows if row.status != "complete")

    @property
    def troubles(self) -> tuple[CoverageRow, ...]:
        """Return `problems`, by the name they had."""
        warn_renamed("Coverage.troubles", "Coverage.problems")
        return self.problems

    def missing(self, *tables: str) -> tuple[CoverageRow, ...]:
        """Rows of these tables that are empty, failed or stale."""
        bad = {"empty", "failed", "stale"}
        return tuple(r for r in self.rows if r.status in bad and (not tables or r.table in tables))

    def to_frame(self) -> pd.DataFrame:
        """One line a row; `gaps` stays a tuple of ``(start, end)`` pairs."""
        columns = list(CoverageRow.__dataclass_fields__)
        return pd.DataFrame([asdict(row) for row in self.rows], columns=columns)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Coverage:
        """Read the rows back from `to_frame`."""
        return cls(tuple(_row_of(record) for record in frame.to_dict("records")))

    def __repr__(self) -> str:
        """Count by status, then every trouble on a line."""
        lines = [f"Coverage of {len(self.rows)} places: {_counts(self.rows)}"]
        lines += [f"  {r.table}/{r.service}: {r.status} – {r.reason}" for r in self.problems]
        return "\n".join(lines)

    def _headline(self) -> str:
        return "Coverage"

    def _facts(self) -> dict[str, str]:
        return {"places": _counts(self.rows)}

    def _body(self) -> str:
        frame = pd.DataFrame(
            [
                {
                    "table": r.table,
                    "service": r.service,
                    "status": r.status,
                    "rows": r.rows,
                    "gaps": len(r.gaps),
                    "reason": r.reason,
                }
                for r in self.rows
            ]
        )
        return table_html(frame)


def measure(
    tables: Mapping[str, pd.DataFrame],
    span: TimeRange,
    *,
    source: str = "frames",
    raw: Mapping[str, pd.DataFrame] | None = None,
) -> Coverage:
    """Measure coverage from the tables themselves.

    Parameters
    ----------
    tables
        Conformed frames by table name.
    span
        The range that should be covered.
    source
        Name of the source for the rows made here.
    raw
        The frames as handed in, to count duplicates and disorder; `tables` if missing.

    Returns
    -------
    Coverage
        A row a service for metrics, a row for every other table.

    Notes
    -----
    A gap is a stretch of more than 2.5 usual intervals (the median interval between
    distinct times) without a sample, at the ends of `span` too.
    """
    originals = raw or tables
    rows: list[CoverageRow] = []
    for name in SCHEMAS:
        frame = tables.get(name)
        odd = "; ".join(problems(name, originals[name], tables[name])) if name in tables else ""
        if frame is None or frame.empty:
            rows.append(CoverageRow(source, name, "*", "empty", 0, reason=odd or "no rows"))
        elif name == "metrics":
            rows += [replace(r, source=source) for r in _per_service(frame, span, odd)]
        else:
            rows.append(CoverageRow(source, name, "*", "complete", len(frame), reason=odd))
    return Coverage(tuple(rows))


def _per_service(metrics: pd.DataFrame, span: TimeRange, odd: str) -> Iterator[CoverageRow]:
    named, whole = metrics["service"].cat, metrics["ts"].array.asi8
    order = np.argsort(named.codes.to_numpy(), kind="stable")  # rows stay in order of time
    starts = np.searchsorted(named.codes.to_numpy()[order], np.arange(len(named.categories) + 1))
    for service, (start, end) in zip(named.categories, pairwise(starts), strict=True):
        if start == end:
            continue
        stamps = whole[order[start:end]]
        times = stamps[np.diff(stamps, prepend=stamps[0] - 1) > 0]
        cadence = (
            float(np.median(np.diff(times)) / 1e9)
            if len(times) >= _FEWEST_SAMPLES
            else float("nan")
        )
        gaps = _gaps(times, span, cadence)
        status, why = _judge(gaps, span)
        reason = "; ".join(text for text in (why, odd) if text)
        yield CoverageRow("", "metrics", str(service), status, len(stamps), cadence, gaps, reason)


def _gaps(times: np.ndarray, span: TimeRange, cadence: float) -> tuple[tuple[str, str], ...]:
    if not np.isfinite(cadence):
        return ()
    edges = np.concatenate([[span.start.value], times, [span.end.value]])
    wide = np.flatnonzero(np.diff(edges) > _GAP_FACTOR * cadence * 1e9)
    return tuple((_iso(edges[i]), _iso(edges[i + 1])) for i in wide)


def _judge(gaps: tuple[tuple[str, str], ...], span: TimeRange) -> tuple[Status, str]:
    if not gaps:
        return "complete", ""
    if pd.Timestamp(gaps[-1][1]) >= span.end.floor("s"):  # gaps are told to the second
        return "stale", f"nothing after {gaps[-1][0]}"
    return "partial", f"{len(gaps)} gap(s), the first {gaps[0][0]} – {gaps[0][1]}"


def _iso(nanoseconds: int) -> str:
    text: str = pd.Timestamp(int(nanoseconds), unit="ns", tz="UTC").strftime("%Y-%m-%dT%H:%M:%SZ")
    return text


def _counts(rows: Iterable[CoverageRow]) -> str:
    counted = pd.Series([row.status for row in rows], dtype="object").value_counts(sort=False)
    return ", ".join(f"{count} {status}" for status, count in counted.items()) or "none"


def _row_of(record: Mapping[Hashable, Any]) -> CoverageRow:
    gaps = tuple((str(a), str(b)) for a, b in record["gaps"])
    plain = {str(key): value for key, value in record.items()}
    return CoverageRow(**{**plain, "rows": int(record["rows"]), "gaps": gaps})
