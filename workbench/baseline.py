"""The normal range to compare an incident with, chosen in the open."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from workbench.times import TimeRange

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

__all__ = ["BaselineChoice", "choose_baseline", "extent"]


class BaselineChoice(NamedTuple):
    """A baseline range, or None, and the reason for it in words."""

    range: TimeRange | None
    reason: str


def extent(tables: Mapping[str, pd.DataFrame]) -> TimeRange | None:
    """Range that metrics and spans cover (logs where neither is there); None if nothing."""
    for names in (("metrics", "spans"), ("logs",)):
        stamps = [tables[n]["ts"] for n in names if n in tables and len(tables[n])]
        if stamps:
            latest = max(s.iloc[-1] for s in stamps)
            return TimeRange(min(s.iloc[0] for s in stamps), latest + pd.Timedelta(1, "ns"))
    return None


def choose_baseline(tables: Mapping[str, pd.DataFrame], when: TimeRange) -> BaselineChoice:
    """Choose the latest clean stretch before the incident.

    Clean means: covered by data, outside other incidents and outside times when a critical
    or high alert fired. The latest stretch at least as long as the incident wins; if none
    is, the longest.

    Parameters
    ----------
    tables
        Conformed frames by name; ``incidents`` and ``alerts`` are looked at.
    when
        The incident range.
    """
    covered = extent(tables)
    if covered is None or covered.start >= when.start:
        return BaselineChoice(None, "no data before the incident")
    before = TimeRange(covered.start, min(covered.end, when.start))
    troubled = [r for r in _troubles(tables, when) if r.overlaps(before)]
    clean = list(_without(before, troubled))
    if not clean:
        return BaselineChoice(before, "alerts or incidents all the time before; nothing cleaner")
    long_enough = [r for r in clean if r.duration >= when.duration]
    chosen = long_enough[-1] if long_enough else max(clean, key=lambda r: r.duration)
    return BaselineChoice(chosen, _reason(chosen, len(troubled), enough=bool(long_enough)))


def _reason(chosen: TimeRange, avoided: int, *, enough: bool) -> str:
    minutes = chosen.duration.total_seconds() / 60
    text = f"{minutes:.0f} min before the incident"
    if avoided:
        text += f", away from {avoided} other incident(s) or alert(s)"
    return text if enough else text + ", shorter than the incident"


def _troubles(tables: Mapping[str, pd.DataFrame], when: TimeRange) -> Iterator[TimeRange]:
    incidents = tables.get("incidents", pd.DataFrame())
    for row in incidents.to_dict("records"):
        start = _first(row, "impact_start", "created_at")
        end = _first(row, "impact_end", "resolved_at")
        yield from _range(start, end, when)
    alerts = tables.get("alerts", pd.DataFrame())
    for row in alerts.to_dict("records"):
        if str(row["severity"]) in {"critical", "high"}:
            yield from _range(row["starts_at"], row["ends_at"], when)


def _first(row: Mapping[Hashable, pd.Timestamp], *names: str) -> pd.Timestamp:
    return next((row[n] for n in names if n in row and not pd.isna(row[n])), pd.NaT)


def _range(start: pd.Timestamp, end: pd.Timestamp, when: TimeRange) -> Iterator[TimeRange]:
    stop = when.end if pd.isna(end) else end
    if not pd.isna(start) and start < stop:
        yield TimeRange(start, stop)


def _without(whole: TimeRange, holes: list[TimeRange]) -> Iterator[TimeRange]:
    at = whole.start
    for hole in sorted(holes):
        if hole.start > at:
            yield TimeRange(at, min(hole.start, whole.end))
        at = max(at, hole.end)
    if at < whole.end:
        yield TimeRange(at, whole.end)
