"""Compare two counts when events come in bursts: a test that does not take them for Poisson."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["dispersion_of", "rate_ratio_p"]


def dispersion_of(counts: Sequence[float] | np.ndarray) -> float:
    """Variance over mean of counts in equal bins; at least 1, which is Poisson.

    Correlation between neighbouring bins is folded in through batches of bins: the
    largest ratio over batches of 1, 2, 4 … bins (at least eight batches) is returned.
    """
    values = np.asarray(counts, dtype=float)
    largest = 1.0
    size = 1
    while len(values) // size >= 8:
        batches = values[: len(values) // size * size].reshape(-1, size).sum(axis=1)
        if batches.mean() > 0:
            largest = max(largest, float(batches.var(ddof=1) / batches.mean()))
        size *= 2
    return largest


def rate_ratio_p(
    before: float, during: float, ratio: float, *, dispersion: float = 1.0, batches: float = 30.0
) -> float:
    """Two-sided p-value that a rate did not change, for overdispersed counts.

    Parameters
    ----------
    before, during
        Events in the baseline and in the incident.
    ratio
        Length of the incident over that of the baseline.
    dispersion
        Variance over mean of the counts, as `dispersion_of` gives; 1 is Poisson.
    batches
        Number of bins the dispersion was estimated from, its degrees of freedom plus one.

    Notes
    -----
    Quasi-Poisson: the signed root of the deviance of the two counts against one common
    rate, divided by the root of the dispersion, against Student's t (McCullagh and Nelder
    1989, §6.2). Half an event is added to each side, so that a count of zero is not proof.
    """
    from scipy.stats import t

    total = before + during
    if total <= 0:
        return 1.0
    share = ratio / (1 + ratio)
    a, b = before + 0.5, during + 0.5
    expected_b = (a + b) * share
    expected_a = (a + b) - expected_b
    deviance = 2 * (a * math.log(a / expected_a) + b * math.log(b / expected_b))
    score = math.sqrt(max(deviance, 0.0) / max(dispersion, 1.0))
    return float(2 * t.sf(score, max(batches - 1, 1)))
