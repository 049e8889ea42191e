"""Lagged rank association of many series with one, judged against surrogates.

Series that wander together by chance are the rule, not the exception: with a memory of
φ = 0.8 a plain test calls most unrelated pairs related once the best of several lags is
taken. Here the null is made from the data: surrogates of the target with its own spectrum
and random phases (Theiler et al. 1992, Physica D 58), each put through the same search
over lags. The spectrum is that of the series followed by as many zeros, so that surrogates
do not wrap round: with it the test holds its level on short series up to φ = 0.95.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

__all__ = ["FEWEST_PAIRS", "Association", "associate", "association", "effective_size"]

FEWEST_PAIRS = 10
"""Fewer common bins than this have no correlation."""

_FLAT = 1e-12


@dataclass(frozen=True, slots=True)
class Association:
    """Strongest association over lags of each candidate with the target.

    Parameters
    ----------
    correlation
        Spearman correlation at the strongest lag; NaN where undefined; shape ``(m,)``.
    lag
        That lag in bins, positive where the candidate moves first; shape ``(m,)``.
    p_value
        Share of surrogates at least as strong at *their* strongest lag; shape ``(m,)``.
    effective_n
        Independent pairs the common bins are worth; shape ``(m,)``.
    """

    correlation: np.ndarray
    lag: np.ndarray
    p_value: np.ndarray
    effective_n: np.ndarray


def associate(
    target: np.ndarray,
    candidates: np.ndarray,
    *,
    max_lag: int,
    surrogates: int = 499,
    seed: int = 0,
) -> Association:
    """Associate each candidate with the target at every lag up to `max_lag`.

    Parameters
    ----------
    target
        Shape ``(n,)``; NaN is a gap.
    candidates
        Shape ``(n, m)``; NaN is a gap.
    max_lag
        Bins either way.
    surrogates
        Number of surrogates; the smallest p-value is ``1 / (surrogates + 1)``.
    seed
        Of the random phases.

    Notes
    -----
    Ranks are taken once over a series' own values (average ranks for ties); at each lag
    they are correlated over the bins both have.
    """
    rng = np.random.default_rng(seed)
    x, x_known = _ranks(target[:, None])
    y, y_known = _ranks(candidates)
    observed = _lagged(x, x_known, y, y_known, max_lag)[:, 0, :]
    strength = np.abs(observed)
    best = np.argmax(np.where(np.isnan(strength), -1.0, strength), axis=0)
    strongest = strength[best, np.arange(y.shape[1])]
    made, known = _surrogates(x[:, 0], x_known[:, 0], surrogates, rng)
    null = np.nanmax(np.nan_to_num(np.abs(_lagged(made, known, y, y_known, max_lag))), axis=0)
    at_least = (null >= strongest[None, :] - _FLAT).sum(axis=0)
    undefined = np.isnan(strongest)
    return Association(
        correlation=observed[best, np.arange(y.shape[1])],
        lag=np.where(undefined, 0, best - max_lag),
        p_value=np.where(undefined, np.nan, (1 + at_least) / (1 + surrogates)),
        effective_n=_effective_size(x, x_known, y, y_known),
    )


def association(
    x: np.ndarray, y: np.ndarray, *, max_lag: int = 0, surrogates: int = 999, seed: int = 0
) -> tuple[float, float]:
    """Associate two series; return the Spearman correlation and its p-value.

    Parameters
    ----------
    x, y
        Shape ``(n,)``; NaN is a gap.
    max_lag
        Bins either way; the strongest lag counts.
    surrogates, seed
        See `associate`.
    """
    found = associate(x, y[:, None], max_lag=max_lag, surrogates=surrogates, seed=seed)
    return float(found.correlation[0]), float(found.p_value[0])


def effective_size(target: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Count the independent pairs that autocorrelated common bins are worth (Bartlett 1935).

    Parameters
    ----------
    target, candidates
        Shapes ``(n,)`` and ``(n, m)``; NaN is a gap.

    Returns
    -------
    numpy.ndarray
        ``n / (1 + 2 Σ ρx(k) ρy(k))``, summed up to a quarter of the bins and while both
        autocorrelations stay positive; shape ``(m,)``.
    """
    return _effective_size(*_ranks(target[:, None]), *_ranks(candidates))


def _effective_size(
    x: np.ndarray, x_known: np.ndarray, y: np.ndarray, y_known: np.ndarray
) -> np.ndarray:
    n = (x_known & y_known).sum(axis=0).astype(float)
    reach = max(1, len(x) // 4)
    ax, ay = _autocorrelation(x, reach), _autocorrelation(y, reach)
    alive = np.cumprod((ax > 0) & (ay > 0), axis=0)
    size: np.ndarray = np.clip(n / (1 + 2 * (ax * ay * alive).sum(axis=0)), np.minimum(n, 2), n)
    return size


def _ranks(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centred ranks, 0 in gaps, and where there is a value."""
    known = np.isfinite(values)
    ranked = rankdata(np.where(known, values, np.nan), axis=0, nan_policy="omit")
    count = known.sum(axis=0)
    centred = ranked - (count + 1) / 2
    return np.where(known, centred, 0.0), known


def _lagged(
    x: np.ndarray, x_known: np.ndarray, y: np.ndarray, y_known: np.ndarray, max_lag: int
) -> np.ndarray:
    """Correlations at every lag; shape ``(2·max_lag + 1, columns of x, columns of y)``.

    Row ``max_lag + k`` pairs ``x[t]`` with ``y[t - k]``: for positive k, y moves first.
    """
    n = len(x)
    lags = range(-max_lag, max_lag + 1)
    result = np.full((len(lags), x.shape[1], y.shape[1]), np.nan)
    for i, k in enumerate(lags):
        if n - abs(k) >= FEWEST_PAIRS:
            at_x, at_y = slice(max(k, 0), n + min(k, 0)), slice(max(-k, 0), n - max(k, 0))
            result[i] = _correlation(x[at_x], x_known[at_x], y[at_y], y_known[at_y])
    return result


def _correlation(
    x: np.ndarray, x_known: np.ndarray, y: np.ndarray, y_known: np.ndarray
) -> np.ndarray:
    """Pearson correlation of every column of x with every column of y over common rows."""
    if x_known.all() and y_known.all():
        x, y = x - x.mean(axis=0), y - y.mean(axis=0)
        cross = x.T @ y
        spread = np.sqrt(np.outer((x**2).sum(axis=0), (y**2).sum(axis=0)))
        return _divided(cross, spread)
    u, v = x_known.astype(float), y_known.astype(float)
    n = u.T @ v
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_x, mean_y = (x.T @ v) / n, (u.T @ y) / n
        var_x = ((x**2).T @ v) / n - mean_x**2
        var_y = (u.T @ y**2) / n - mean_y**2
        cross = (x.T @ y) / n - mean_x * mean_y
        spread = np.sqrt(np.maximum(var_x, 0) * np.maximum(var_y, 0))
    return np.where(n >= FEWEST_PAIRS, _divided(cross, spread), np.nan)


def _divided(cross: np.ndarray, spread: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(spread > _FLAT, np.clip(cross / spread, -1, 1), np.nan)


def _surrogates(
    x: np.ndarray, known: np.ndarray, count: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Series with the spectrum of x, random phases and the same gaps; shape ``(n, count)``."""
    spectrum = np.abs(np.fft.rfft(x, n=2 * len(x)))
    phases = rng.uniform(0, 2 * np.pi, (len(spectrum), count))
    made = np.fft.irfft(spectrum[:, None] * np.exp(1j * phases), n=2 * len(x), axis=0)[: len(x)]
    gaps = np.broadcast_to(known[:, None], made.shape)
    ranked, _ = _ranks(np.where(gaps, made, np.nan))
    return ranked, gaps


def _autocorrelation(values: np.ndarray, reach: int) -> np.ndarray:
    """Autocorrelation at lags 1 … reach; shape ``(reach, columns)``."""
    power = (values**2).sum(axis=0)
    sums = np.array([(values[k:] * values[:-k]).sum(axis=0) for k in range(1, reach + 1)])
    correlation: np.ndarray = np.divide(sums, power, out=np.zeros_like(sums), where=power > _FLAT)
    return correlation
