"""Interrupted series: how much a step at a known moment moved a series, and how surely."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.causal.thresholds import (
    FEWEST_FREEDOM,
    FEWEST_PLACEBOS,
    MIN_BINS,
    MOSTLY_KNOWN,
    ROUNDING,
)
from workbench.errors import BadInput
from workbench.stats.ar_regression import regress

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

__all__ = ["StepEffect", "placebo_effects", "quiet_reach", "step_effect", "widened"]


@dataclass(frozen=True, slots=True)
class StepEffect:
    """A step in a series.

    Parameters
    ----------
    effect, low, high
        Size of the step with its 95 % interval, in the series' unit.
    p_value
        Two-sided, against no step.
    phi
        Lag-one autocorrelation of the errors, bias-corrected.
    n, effective_n
        Bins used, and how many independent ones they are worth.
    """

    effect: float
    low: float
    high: float
    p_value: float
    phi: float
    n: int
    effective_n: float


def step_effect(
    series: pd.Series, at: pd.Timestamp, covariates: pd.DataFrame | None = None
) -> StepEffect:
    """Estimate the step of a series at a moment, given covariates.

    Parameters
    ----------
    series
        Values by UTC instant on a regular grid; NaN bins are left out.
    at
        First instant that counts as after.
    covariates
        Columns to adjust for (traffic, what happens elsewhere), on the same index.

    Returns
    -------
    StepEffect
        In the series' unit.

    Raises
    ------
    BadInput
        Fewer than four bins with values on one side.

    Notes
    -----
    Generalised least squares with AR(1) errors (statsmodels' GLSAR) at the bias-corrected φ
    of `workbench.stats.ar_regression`, which fits the many placebo moments in one go.
    """
    from scipy import stats
    from statsmodels.regression.linear_model import GLSAR

    y, design = _design(series, at, covariates)
    phi = float(regress(y[None], design[None]).phi[0])
    fit = GLSAR(y, design, rho=np.array([phi])).fit()
    effect, error = float(fit.params[1]), float(fit.bse[1])
    worth = (1 - max(phi, 0.0)) / (1 + max(phi, 0.0))
    freedom = max(FEWEST_FREEDOM, fit.df_resid * worth)
    reach = float(stats.t.ppf(0.975, freedom)) * error
    p_value = _without_noise(y, effect)
    if error > ROUNDING * np.abs(y).max():
        p_value = float(2 * stats.t.sf(abs(effect) / error, freedom))
    return StepEffect(effect, effect - reach, effect + reach, p_value, phi, len(y), len(y) * worth)


def quiet_reach(null: np.ndarray, after: int) -> float:
    """Half-width of a 95 % prediction interval for the step of a quiet moment.

    Parameters
    ----------
    null
        Steps at placebo moments.
    after
        Bins after each: moments closer than that resemble each other.

    Returns
    -------
    float
        NaN with fewer than 20 moments.
    """
    from scipy import stats

    if len(null) < FEWEST_PLACEBOS:
        return float("nan")
    n_independent = max(2.0, len(null) / max(after, 1))
    spread = float(np.sqrt(np.mean(null**2) * (1 + 1 / n_independent)))
    return spread * float(stats.t.ppf(0.975, n_independent - 1))


def widened(step: StepEffect, reach: float) -> StepEffect:
    """Widen an interval to what quiet moments move by themselves, where that is more.

    Parameters
    ----------
    step
        A step with its interval.
    reach
        From `quiet_reach`; NaN changes nothing.

    Notes
    -----
    Few requests in a bin add white noise that hides how much the rest remembers, so that
    the interval of a short series comes out too narrow; quiet moments have both.
    """
    reach = float(np.fmax(step.high - step.effect, reach))
    return replace(step, low=step.effect - reach, high=step.effect + reach)


def placebo_effects(
    series: pd.Series,
    moments: pd.DatetimeIndex,
    *,
    covariates: pd.DataFrame | None = None,
    before: int,
    after: int,
) -> np.ndarray:
    """Estimate a step at moments when nothing happened: the empirical null.

    Parameters
    ----------
    series, covariates
        As for `step_effect`.
    moments
        Placebo moments.
    before, after
        Bins used on either side, as for the real change.

    Returns
    -------
    numpy.ndarray, shape (n,)
        Steps at the moments that had enough bins on both sides, estimated as the real one.
    """
    values = series.to_numpy(dtype=float)
    extra = np.empty((len(values), 0)) if covariates is None else covariates.to_numpy(dtype=float)
    alike: dict[tuple[int, ...], list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
    for i in series.index.searchsorted(moments):
        rows = slice(i - before, i + after)
        if i >= before and i + after <= len(values):
            for y, design in _placebo(values[rows], extra[rows], before):
                alike[design.shape].append((y, design))
    found = [
        regress(np.stack(ys), np.stack(xs)).value
        for ys, xs in (zip(*pairs, strict=True) for pairs in alike.values())
    ]
    return np.concatenate(found) if found else np.zeros(0)


def _placebo(
    values: np.ndarray, extra: np.ndarray, before: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Outcome and design of one placebo, where half of the bins and both sides are known."""
    known = np.isfinite(values) & np.isfinite(extra).all(axis=1)
    after = (np.arange(len(values)) >= before)[known]
    if known.mean() >= MOSTLY_KNOWN and min(after.sum(), (~after).sum()) >= MIN_BINS:
        yield values[known], _columns(after.astype(float), extra[known])


def _without_noise(y: np.ndarray, effect: float) -> float:
    """P-value of a step without noise: certain, or none at all."""
    return float(abs(effect) <= ROUNDING * np.abs(y).max())


def _design(
    series: pd.Series, at: pd.Timestamp, covariates: pd.DataFrame | None
) -> tuple[np.ndarray, np.ndarray]:
    known = series.notna()
    if covariates is not None:
        known &= covariates.notna().all(axis=1)
    y = series[known].to_numpy(dtype=float)
    after = (series.index[known] >= at).astype(float)
    if min(after.sum(), (1 - after).sum()) < MIN_BINS:
        fact = "Too few bins to judge a step"
        raise BadInput(
            fact,
            value=f"{int((1 - after).sum())} before, {int(after.sum())} after",
            hint=f"At least {MIN_BINS} with values on each side",
        )
    extra = np.empty((len(y), 0)) if covariates is None else covariates[known].to_numpy(float)
    return y, _columns(after, extra)


def _columns(after: np.ndarray, extra: np.ndarray) -> np.ndarray:
    """Intercept, step and standardised covariates; a constant covariate tells nothing."""
    columns = [np.ones_like(after), after, *(_standardised(column) for column in extra.T)]
    return np.column_stack([c for c in columns if np.isfinite(c).all()])


def _standardised(values: np.ndarray) -> np.ndarray:
    spread = values.std()
    return (values - values.mean()) / spread if spread > 0 else np.full_like(values, np.nan)
