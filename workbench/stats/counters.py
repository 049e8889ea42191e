"""What the falls of a series say: a counter restarts now and then, a level rises and falls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Falls", "falls"]

# Falls to more than this share of the value before are no restart: it begins at nothing.
_SHALLOW = 0.5
# From this many falls on, in this share of the steps that move at all, one counter is no more
# likely: a process that restarts at every fourth scrape has no service left to count.
_OFTEN, _OFTEN_SHARE = 3, 0.25


@dataclass(frozen=True, slots=True)
class Falls:
    """Steps of series, counted; of each series one number.

    Parameters
    ----------
    moves
        Steps with a change, shape ``(series,)``.
    all
        Steps downwards.
    shallow
        Those of them that end above half of the value before: no restart does.
    """

    moves: NDArray[np.int64]
    all: NDArray[np.int64]
    shallow: NDArray[np.int64]

    @property
    def is_mixed(self) -> NDArray[np.bool_]:
        """Whether it falls too often for one counter: a level, or several counters mixed."""
        often = (self.all >= _OFTEN) & (self.all >= _OFTEN_SHARE * self.moves)
        return np.asarray(often, dtype=bool)

    @property
    def is_level(self) -> NDArray[np.bool_]:
        """Whether it cannot be a counter: it falls too often, or mostly by little."""
        by_little = (self.shallow > 0) & (self.shallow * 2 >= self.all)
        return np.asarray(self.is_mixed | by_little, dtype=bool)


def falls(
    values: NDArray[np.float64],
    *,
    series: NDArray[np.int64] | None = None,
    among: NDArray[np.bool_] | None = None,
) -> Falls:
    """Count the falls of one series or of many.

    Parameters
    ----------
    values
        By series and in order of time, shape ``(n,)``; NaN is skipped.
    series
        Number of each value's series, rising; all of one where missing.
    among
        Which of the ``n - 1`` steps count; all where missing.

    Examples
    --------
    >>> found = falls(np.array([1.0, 5.0, 9.0, 2.0, 4.0]))
    >>> found.moves, found.all, found.shallow
    (array([4]), array([1]), array([0]))
    >>> falls(np.array([50.0, 53.0, 49.0, 51.0])).is_level
    array([ True])
    """
    code = np.zeros(len(values), dtype=np.int64) if series is None else series
    with np.errstate(invalid="ignore"):
        steps = np.diff(values)
        counted = np.isfinite(steps) & (np.diff(code) == 0)
        if among is not None:
            counted &= among
        down = counted & (steps < 0)
        shallow = down & (values[1:] > _SHALLOW * values[:-1])
    size = int(code[-1]) + 1 if len(code) else 0
    moves, every, little = (
        np.bincount(code[1:][which], minlength=size)
        for which in (counted & (steps != 0), down, shallow)
    )
    return Falls(moves, every, little)
