"""What a collection brought, and how far it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeVar

    from workbench.connectors.contract import Fetched
    from workbench.times import TimeRange

    T = TypeVar("T")

__all__ = ["Collected", "Progress"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a collection is.

    Parameters
    ----------
    done, total
        Parts fetched, and parts there are.
    rows
        Rows so far.
    cached
        Parts that were kept from before.
    at
        The part that was finished last.
    """

    done: int
    total: int
    rows: int
    cached: int
    at: str

    def __str__(self) -> str:
        """Write it as one line."""
        share = "█" * (20 * self.done // max(self.total, 1))
        return f"{share:<20} {self.done}/{self.total} parts, {self.rows:,} rows ({self.at})"


@dataclass(slots=True)
class Collected:
    """What a collection brought, before it is one window.

    Parameters
    ----------
    when
        The range that was asked for, its baseline included.
    fetched
        Every part as it was fetched, masked.
    masked
        Matches of each kind that were masked.
    """

    when: TimeRange
    fetched: tuple[Fetched, ...]
    masked: dict[str, int] = field(default_factory=dict)

    def taken(self, table: str) -> tuple[Fetched, ...]:
        """Take the parts of a table out of it."""
        taken = tuple(part for part in self.fetched if part.table == table)
        self.fetched = tuple(part for part in self.fetched if part.table != table)
        return taken
