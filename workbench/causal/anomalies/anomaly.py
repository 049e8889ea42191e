"""One departure beside the SLI, in doublings beyond its own normal range."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PART", "Anomaly"]

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
        Doublings beyond the normal range.
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
