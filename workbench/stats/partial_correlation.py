"""Partial correlation between autocorrelated series: a quick test of independence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["conditional_test", "independence_test"]

_TINY = 1e-12
_LAGS = 0.2
_FEWEST = 4.0


def conditional_test(
    x: NDArray[np.float64], y: NDArray[np.float64], given: NDArray[np.float64]
) -> float:
    """Test whether two series are independent given others.

    Parameters
    ----------
    x, y
        Shape (n,) or (n, columns); of several columns the strongest pair counts.
    given
        Shape (n, k); k may be 0.

    Returns
    -------
    float
        p-value, Bonferroni-corrected for the pairs.

    Notes
    -----
    Fisher's z of the partial correlation, with as many rows as the two residuals are worth
    for their autocorrelation (Pyper and Peterman 1998). Linear: a dependence without any
    linear part is not seen.
    """
    first, second = _residuals(x, given), _residuals(y, given)
    tests = [_test(a, b, given.shape[1]) for a in first.T for b in second.T]
    return min(1.0, min(tests) * len(tests))


def independence_test(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Test whether two series are independent.

    Parameters
    ----------
    x, y
        As for `conditional_test`.
    """
    return conditional_test(x, y, np.empty((len(x), 0)))


def _residuals(values: NDArray[np.float64], given: NDArray[np.float64]) -> NDArray[np.float64]:
    columns = np.asarray(values, dtype=float).reshape(len(values), -1)
    design = np.column_stack([np.ones(len(columns)), np.asarray(given, dtype=float)])
    return np.asarray(columns - design @ np.linalg.lstsq(design, columns, rcond=None)[0])


def _test(x: NDArray[np.float64], y: NDArray[np.float64], given: int) -> float:
    from scipy import stats

    spread = float(np.sqrt((x @ x) * (y @ y)))
    if spread < _TINY**2 or x.std() < _TINY or y.std() < _TINY:
        return 1.0
    r = float(np.clip(x @ y / spread, -1 + _TINY, 1 - _TINY))
    worth = max(_FEWEST, _effective(x, y) - given)
    return float(2 * stats.norm.sf(abs(np.arctanh(r)) * np.sqrt(max(worth - 3.0, 1.0))))


def _effective(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Rows that two autocorrelated series are worth together."""
    n = len(x)
    lags = range(1, max(2, int(_LAGS * n)))
    common = sum((1 - lag / n) * _lagged(x, lag) * _lagged(y, lag) for lag in lags)
    return float(np.clip(n / (1 + 2 * max(common, 0.0)), _FEWEST, n))


def _lagged(x: NDArray[np.float64], lag: int) -> float:
    return float(x[lag:] @ x[:-lag]) / float(x @ x)
