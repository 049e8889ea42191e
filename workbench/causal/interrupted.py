"""Interrupted series: how much a step at a known moment moved a series, and how surely.

Bins of telemetry resemble their neighbours, so ordinary errors are far too small: on
series with φ = 0.8 the naive 95 % interval covers 48 %. Here the errors follow an AR(1)
process whose φ is corrected for its small-sample bias, and the interval is Student's t
with the effective number of bins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.errors import BadInput

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["StepEffect", "placebo_effects", "step_effect"]

# Fewer bins than this on one side say nothing about a step.
MIN_BINS = 4
_MAX_PHI = 0.99
_ROUNDS = 10


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
    Feasible generalised least squares with AR(1) errors (Prais and Winsten 1954, through
    statsmodels' GLSAR); φ is corrected by (k + 3φ) / n for its small-sample bias (Kendall
    1954; Marriott and Pope 1954, with one further (1 − φ) / n for each regressor); degrees of
    freedom are scaled by (1 − φ) / (1 + φ). `tests/test_causal_interrupted.py` checks the
    coverage by simulation.
    """
    y, design = _design(series, at, covariates)
    return _fitted(y, design)


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
        Steps at the moments that had enough bins on both sides, by ordinary least squares
        (the null needs no intervals).
    """
    values = series.to_numpy(dtype=float)
    extra = np.empty((len(values), 0)) if covariates is None else covariates.to_numpy(dtype=float)
    effects = []
    for i in series.index.searchsorted(moments):
        rows = slice(i - before, i + after)
        if i >= before and i + after <= len(values):
            effects.append(_plain_step(values[rows], extra[rows], before))
    found = np.asarray(effects, dtype=float)
    return found[np.isfinite(found)]


def _plain_step(values: np.ndarray, extra: np.ndarray, before: int) -> float:
    """Step by ordinary least squares; NaN where half of the bins or one side is missing."""
    known = np.isfinite(values) & np.isfinite(extra).all(axis=1)
    after = np.arange(len(values)) >= before
    if known.mean() < 0.5 or min(known[after].sum(), known[~after].sum()) < MIN_BINS:
        return float("nan")
    columns = [np.ones(known.sum()), after[known], *(_standardised(c) for c in extra[known].T)]
    design = np.column_stack([c for c in columns if np.isfinite(c).all()])
    return float(np.linalg.lstsq(design, values[known], rcond=None)[0][1])


def _design(
    series: pd.Series, at: pd.Timestamp, covariates: pd.DataFrame | None
) -> tuple[np.ndarray, np.ndarray]:
    known = series.notna()
    if covariates is not None:
        known &= covariates.notna().all(axis=1)
    y = series[known].to_numpy(dtype=float)
    after = (series.index[known] >= at).astype(float)
    if min(after.sum(), (1 - after).sum()) < MIN_BINS:
        raise BadInput(
            "Too few bins to judge a step",
            value=f"{int((1 - after).sum())} before, {int(after.sum())} after",
            hint=f"At least {MIN_BINS} with values on each side",
        )
    columns = [np.ones_like(after), after]
    if covariates is not None:
        columns += [_standardised(covariates.loc[known, c].to_numpy(float)) for c in covariates]
    return y, np.column_stack([c for c in columns if np.isfinite(c).all()])


def _standardised(values: np.ndarray) -> np.ndarray:
    spread = values.std()
    return (values - values.mean()) / spread if spread > 0 else np.full_like(values, np.nan)


def _fitted(y: np.ndarray, design: np.ndarray) -> StepEffect:
    from scipy import stats
    from statsmodels.regression.linear_model import GLSAR

    phi = _bias_corrected(y - design @ np.linalg.lstsq(design, y, rcond=None)[0], design)
    for _ in range(_ROUNDS):
        beta = np.asarray(GLSAR(y, design, rho=np.array([phi])).fit().params)
        phi, last = _bias_corrected(y - design @ beta, design), phi
        if abs(phi - last) < 1e-4:
            break
    result = GLSAR(y, design, rho=np.array([phi])).fit()
    effect, error = float(result.params[1]), float(result.bse[1])
    shrink = (1 - max(phi, 0.0)) / (1 + max(phi, 0.0))
    freedom = max(3.0, result.df_resid * shrink)
    reach = float(stats.t.ppf(0.975, freedom)) * error
    p = float(2 * stats.t.sf(abs(effect) / error, freedom)) if error > 0 else float(effect == 0)
    return StepEffect(effect, effect - reach, effect + reach, p, phi, len(y), len(y) * shrink)


def _bias_corrected(errors: np.ndarray, design: np.ndarray) -> float:
    energy = float(errors @ errors)
    if energy <= 0:
        return 0.0
    raw = float(errors[1:] @ errors[:-1]) / energy
    corrected = raw + (1 + design.shape[1] + 3 * raw) / len(errors)
    return float(np.clip(corrected, -_MAX_PHI, _MAX_PHI))
