"""One departure beside the SLI, in doublings beyond its own normal range."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Anomaly"]


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
    """

    service: str
    signal: str
    kind: str
    weight: float
    before: float
    during: float
    statement: str
