"""Moving blocks: resamples of bins that keep what neighbours share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["block_length", "block_rows", "interval"]

_FEWEST = 5


def block_length(values: NDArray[np.float64]) -> int:
    """Longer blocks for longer memory, at most a third of the series.

    Parameters
    ----------
    values
        Residuals in time order.

    Notes
    -----
    The AR(1) rule of Andrews (1991).
    """
    centred = values - values.mean()
    energy = float(centred @ centred)
    phi = float(centred[1:] @ centred[:-1]) / energy if energy > 0 else 0.0
    memory = ((1 + max(phi, 0.0)) / (1 - min(max(phi, 0.0), 0.95))) ** (2 / 3)
    most = max(1, len(values) // 3)
    return int(np.clip(round(len(values) ** (1 / 3) * memory), min(2, most), most))


def block_rows(
    size: int, length: int, rounds: int, *, rng: np.random.Generator
) -> NDArray[np.intp]:
    """Draw row numbers of moving blocks (Künsch 1989), shape (rounds, size).

    Parameters
    ----------
    size, length
        Rows of the series and of a block.
    rounds
        Resamples.
    rng
        Seeded generator.
    """
    begins = rng.integers(0, size - length + 1, size=(rounds, -(-size // length)))
    return (begins[:, :, None] + np.arange(length)).reshape(rounds, -1)[:, :size]


def interval(value: float, resampled: NDArray[np.float64]) -> tuple[float, float]:
    """95 % interval of a value from resampled ones: symmetric, Student's t on their spread.

    Parameters
    ----------
    value
        The estimate.
    resampled
        The same on resamples; NaN ones are left out, under five tell nothing.
    """
    from scipy import stats

    known = resampled[np.isfinite(resampled)]
    if len(known) < _FEWEST:
        return float("nan"), float("nan")
    reach = float(stats.t.ppf(0.975, len(known) - 1) * known.std(ddof=1))
    return value - reach, value + reach
