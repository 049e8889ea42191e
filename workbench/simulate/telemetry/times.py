"""When the bins of an incident lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.times import TimeRange

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.simulate.traffic import Clock

__all__ = ["Calendar"]


@dataclass(frozen=True, slots=True)
class Calendar:
    """Bins as instants.

    Parameters
    ----------
    clock
        The bins.
    start
        When the first one begins, where the history is not stale.
    stale_s
        Seconds by which the history lies further back.
    late
        Bins by which the incident was noticed after its onset.
    """

    clock: Clock
    start: pd.Timestamp
    stale_s: float
    late: int

    @property
    def noticed(self) -> int:
        """First bin of the incident as it was noticed."""
        return min(self.clock.onset + self.late, self.clock.size - 3)

    def at(self, bins: NDArray[np.float64]) -> NDArray[np.int64]:
        """Nanoseconds since the epoch of places in bins, fractions included."""
        seconds = bins * self.clock.step_s - np.where(bins < self.noticed, self.stale_s, 0.0)
        result: NDArray[np.int64] = self.start.value + np.round(seconds * 1e9).astype(np.int64)
        return result

    def stamps(self, bins: NDArray[np.float64]) -> pd.DatetimeIndex:
        """Return the same as UTC timestamps."""
        return pd.DatetimeIndex(self.at(bins).astype("datetime64[ns]")).tz_localize("UTC")

    @property
    def when(self) -> TimeRange:
        """The incident as it was noticed, until the end."""
        start, end = self.stamps(np.array([self.noticed, self.clock.size], dtype=float))
        return TimeRange(start, end)

    @property
    def baseline(self) -> TimeRange | None:
        """The history where it is stale, else nothing: then it is chosen as always."""
        if not self.stale_s:
            return None
        start, last = self.stamps(np.array([0.0, self.noticed - 1e-6]))
        return TimeRange(start, last.ceil("s"))
