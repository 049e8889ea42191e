"""The one door for time: UTC instants and half-open ranges.

A naive timestamp is refused here and never guessed elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from workbench.errors import BadInput, BadTimeRange, NaiveTimestamp

if TYPE_CHECKING:
    import datetime as dt
    from typing import TypeAlias

    Instant: TypeAlias = "str | dt.datetime | pd.Timestamp"

__all__ = ["TimeRange", "utc", "utc_column"]

_ZONE_HINT = "Say the zone, for example 2026-01-31T12:00:00Z"


def utc(value: Instant) -> pd.Timestamp:
    """Read one instant as UTC with nanosecond resolution.

    Raises
    ------
    NaiveTimestamp
        The value carries no zone.
    BadInput
        The value is not a time.
    """
    try:
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError) as error:
        raise BadInput(fact="Not a time", value=value, hint=_ZONE_HINT) from error
    if stamp is pd.NaT:
        raise BadInput(fact="Not a time", value=value, hint=_ZONE_HINT)
    if stamp.tzinfo is None:
        raise NaiveTimestamp(fact="A time without a zone", value=str(value), hint=_ZONE_HINT)
    return stamp.tz_convert("UTC").as_unit("ns")


def utc_column(column: pd.Series) -> pd.Series:
    """Read a column of instants as ``datetime64[ns, UTC]``; missing stays missing.

    Raises
    ------
    NaiveTimestamp
        The column, or one of its values, carries no zone.
    BadInput
        A value is not a time.
    """
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.dt.tz_convert("UTC").dt.as_unit("ns")
    present = column.dropna()
    if present.empty:
        return pd.Series(pd.NaT, index=column.index, dtype="datetime64[ns, UTC]", name=column.name)
    if pd.api.types.is_datetime64_dtype(column.dtype):
        first = str(present.iloc[0])
        raise NaiveTimestamp(
            fact=f"Column {column.name!r} has no zone", value=first, hint=_ZONE_HINT
        )
    read = present.map(utc)
    return read.reindex(column.index).astype("datetime64[ns, UTC]").rename(column.name)


@dataclass(frozen=True, slots=True, order=True)
class TimeRange:
    """A half-open range ``[start, end)`` of UTC instants.

    Parameters
    ----------
    start, end
        Instants with a zone: text, `datetime.datetime` or `pandas.Timestamp`.

    Raises
    ------
    NaiveTimestamp, BadInput
        One end is naive or not a time.
    BadTimeRange
        `end` is not after `start`.

    Examples
    --------
    >>> TimeRange("2026-01-31T12:00:00Z", "2026-01-31T12:15:00+00:00").duration
    Timedelta('0 days 00:15:00')
    """

    start: pd.Timestamp
    end: pd.Timestamp

    def __init__(self, start: Instant, end: Instant) -> None:
        object.__setattr__(self, "start", utc(start))
        object.__setattr__(self, "end", utc(end))
        if self.end <= self.start:
            raise BadTimeRange(
                fact="A range must end after it starts",
                value=f"{self.start.isoformat()} … {self.end.isoformat()}",
                hint="Swap the ends, or widen the range",
            )

    @property
    def duration(self) -> pd.Timedelta:
        """Length of the range."""
        return self.end - self.start

    def contains(self, instant: Instant) -> bool:
        """Whether the instant lies in ``[start, end)``."""
        return bool(self.start <= utc(instant) < self.end)

    def mask(self, column: pd.Series | pd.DatetimeIndex) -> pd.Series:
        """Boolean mask of the instants of a UTC column that lie in the range."""
        times = column.to_series(index=None) if isinstance(column, pd.DatetimeIndex) else column
        return (times >= self.start) & (times < self.end)

    def overlaps(self, other: TimeRange) -> bool:
        """Whether the two ranges share an instant."""
        return bool(self.start < other.end and other.start < self.end)

    def shift(self, by: pd.Timedelta) -> TimeRange:
        """Return the range moved by `by`."""
        return TimeRange(self.start + by, self.end + by)

    def to_dict(self) -> dict[str, str]:
        """Both ends as ISO 8601 text; `TimeRange(**d)` reads it back."""
        return {"start": self.start.isoformat(), "end": self.end.isoformat()}

    def __str__(self) -> str:
        """Read as a person would write it, the date once where one day suffices."""
        same_day = self.start.date() == self.end.date()
        end = self.end.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S")
        return f"{self.start.strftime('%Y-%m-%d %H:%M:%S')} – {end} UTC"
