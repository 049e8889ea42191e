"""Compare two counts when events come in bursts: a test that does not take them for Poisson."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

__all__ = ["Dispersion", "dispersion_of", "rate_ratio_p"]

_LARGEST_MEMORY = 0.95


class Dispersion(NamedTuple):
    """How much more counts scatter than Poisson ones, and how well that is known.

    Parameters
    ----------
    factor
        Variance of a total over its mean; 1 is Poisson, never less.
    bins
        Independent bins the counts are worth.
    """

    factor: float
    bins: float


def dispersion_of(*stretches: np.ndarray) -> Dispersion:
    """Estimate the dispersion of counts in equal bins, bursts that last over bins included.

    Variance over mean within the stretches, times ``(1 + ρ) / (1 - ρ)`` for the lag-one
    autocorrelation ρ, corrected for its small-sample bias (Kendall 1954).

    Parameters
    ----------
    stretches
        Counts in time order, each of shape ``(n,)``; their means may differ.
    """
    counts = [np.asarray(s, dtype=float) for s in stretches if len(s) > 1]
    n = sum(len(s) for s in counts)
    mean = sum(s.sum() for s in counts) / n if n else 0.0
    if mean <= 0:
        return Dispersion(1.0, float(max(n, 1)))
    residuals = [s - s.mean() for s in counts]
    power = sum(float((r**2).sum()) for r in residuals)
    memory = sum(float((r[1:] * r[:-1]).sum()) for r in residuals) / power if power > 0 else 0.0
    memory = min(max(memory + (1 + 3 * memory) / n, 0.0), _LARGEST_MEMORY)
    inflation = (1 + memory) / (1 - memory)
    spread = power / max(n - len(counts), 1) / mean
    return Dispersion(max(1.0, spread * inflation), max(n / inflation, 2.0))


def rate_ratio_p(
    before: float, during: float, ratio: float, *, dispersion: Dispersion | None = None
) -> float:
    """Two-sided p-value that a rate did not change, for overdispersed counts.

    Parameters
    ----------
    before, during
        Events in the baseline and in the incident.
    ratio
        Length of the incident over that of the baseline.
    dispersion
        As `dispersion_of` gives; Poisson if missing.

    Notes
    -----
    Quasi-Poisson: the signed root of the deviance of the two counts against one common
    rate, divided by the root of the dispersion, against Student's t (McCullagh and Nelder
    1989, §6.2). Half an event is added to each side, so that a count of zero is not proof.
    """
    from scipy.stats import t

    if before + during <= 0:
        return 1.0
    factor, bins = dispersion or Dispersion(1.0, math.inf)
    a, b = before + 0.5, during + 0.5
    expected_b = (a + b) * ratio / (1 + ratio)
    expected_a = (a + b) - expected_b
    deviance = 2 * (a * math.log(a / expected_a) + b * math.log(b / expected_b))
    score = math.sqrt(max(deviance, 0.0) / factor)
    return float(2 * t.sf(score, max(bins - 2, 1)))
