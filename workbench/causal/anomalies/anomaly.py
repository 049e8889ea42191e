"""One thing that speaks for a service, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from workbench.times import TimeRange

__all__ = ["PART", "Anomaly", "in_incident_and_normal"]

PART = "part of the change"
"""Kind of the anomaly that is the service's part of the SLI's change."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One thing that speaks for a service.

    Parameters
    ----------
    service, signal
        Whom it speaks for, and through which signal.
    kind
        The family; of one family only the strongest clue of a service counts.
    weight
        How much it speaks for the service: doublings beyond the normal range where it is found,
        nats in a ranking.
    before, during
        Level before and in the incident.
    statement
        One sentence.
    on_path
        Whether requests of the SLI are known to reach the service.
    """

    service: str
    signal: str
    kind: str
    weight: float
    before: float
    during: float
    statement: str
    on_path: bool = True

    @property
    def words(self) -> str:
        """The statement, with what limits it."""
        return self.statement if self.on_path else f"{self.statement} (no known path to the SLI)"


def in_incident_and_normal(
    ts: pd.Series, when: TimeRange, quiet: TimeRange
) -> tuple[pd.Series, pd.Series]:
    """Say which rows lie in the incident, and which stand for the usual.

    Parameters
    ----------
    ts
        Time of each row.
    when
        The incident; as long again after it is not usual either, as it may still recover.
    quiet
        Range to compare with.
    """
    after = when.end + when.duration
    recovering = (ts >= when.start) & (ts < after)
    return when.mask(ts), quiet.mask(ts) & ~recovering
