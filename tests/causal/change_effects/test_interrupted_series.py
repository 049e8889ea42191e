"""Steps in autocorrelated series: intervals that cover, nulls that hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.causal.change_effects.interrupted_series import (
    placebo_effects,
    quiet_reach,
    step_effect,
    widened,
)
from workbench.errors import BadInput


def bins(n: int) -> pd.DatetimeIndex:
    return pd.date_range("2026-01-31T12:00Z", periods=n, freq="10s")


def ar1(rng: np.random.Generator, phi: float, n: int) -> np.ndarray:
    noise = rng.normal(size=n + 100)
    series = np.zeros(n + 100)
    for i in range(1, n + 100):
        series[i] = phi * series[i - 1] + noise[i]
    return series[100:]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("phi", "least", "most"),
    [(0.0, 0.92, 0.99), (0.5, 0.92, 0.99), (0.8, 0.92, 0.99), (0.95, 0.90, 1)],
)
def test_intervals_cover_the_truth_under_autocorrelation(phi, least, most):
    rng, index, covered, rounds = np.random.default_rng(7), bins(72), 0, 250
    for _ in range(rounds):
        traffic = ar1(rng, 0.9, 72)
        y = ar1(rng, phi, 72) + 1.0 * (np.arange(72) >= 48) + 0.5 * traffic
        step = step_effect(
            pd.Series(y, index), index[48], pd.DataFrame({"traffic": traffic}, index)
        )
        covered += step.low <= 1.0 <= step.high
    # 3.5 binomial standard errors below .95 at 250 rounds is .90: the bounds leave room for luck.
    assert least <= covered / rounds <= most


def test_naive_intervals_would_not_cover():
    """Why this module exists: the same simulation with ordinary errors."""
    rng, covered, rounds = np.random.default_rng(7), 0, 200
    after = np.arange(72) >= 48
    for _ in range(rounds):
        y = ar1(rng, 0.8, 72)
        gap = y[after].mean() - y[~after].mean()
        error = np.sqrt(y[after].var(ddof=1) / after.sum() + y[~after].var(ddof=1) / (~after).sum())
        covered += abs(gap) <= 1.96 * error
    assert covered / rounds < 0.7


def test_traffic_is_adjusted_for():
    rng, index = np.random.default_rng(1), bins(80)
    after = np.arange(80) >= 50
    traffic = pd.Series(5 + 3.0 * after + rng.normal(0, 0.5, 80), index)
    y = 0.1 * traffic + rng.normal(0, 0.01, 80)
    naive = step_effect(y, index[50])
    adjusted = step_effect(y, index[50], traffic.to_frame("traffic"))
    assert naive.low > 0.2, "unadjusted, the surge looks like an effect"
    assert adjusted.low <= 0 <= adjusted.high


@pytest.mark.parametrize("level", [0.0, 0.1, 1.0, 3e9])
def test_without_noise_a_step_is_certain_and_a_flat_line_has_none(level):
    index, after = bins(40), np.arange(40) >= 20
    assert step_effect(pd.Series(level + 1.0 * after, index), index[20]).p_value < 1e-9
    assert step_effect(pd.Series(np.full(40, level), index), index[20]).p_value == 1


def test_gaps_are_left_out_and_counted():
    index = bins(40)
    y = pd.Series(np.where(np.arange(40) >= 20, 2.0, 1.0), index)
    y += np.random.default_rng(0).normal(0, 0.01, 40)
    y.iloc[[3, 25]] = np.nan
    step = step_effect(y, index[20])
    assert step.n == 38
    assert step.effect == pytest.approx(1.0, abs=0.05)


def test_a_constant_covariate_does_no_harm():
    index = bins(30)
    y = pd.Series(np.random.default_rng(0).normal(size=30), index)
    with_constant = step_effect(y, index[15], pd.DataFrame({"flat": 1.0}, index=index))
    assert with_constant.effect == pytest.approx(step_effect(y, index[15]).effect)


def test_too_few_bins_is_a_named_error():
    index = bins(10)
    with pytest.raises(BadInput, match="Too few bins"):
        step_effect(pd.Series(1.0, index), index[8])


def test_placebos_are_moments_with_enough_bins_on_both_sides():
    index = bins(60)
    y = pd.Series(np.random.default_rng(3).normal(size=60), index)
    found = placebo_effects(y, index, before=10, after=5)
    assert len(found) == 60 - 10 - 5 + 1
    assert np.abs(found).mean() > 0
    y.iloc[20:40] = np.nan
    assert len(placebo_effects(y, index, before=10, after=5)) < len(found)


def test_an_interval_is_never_narrower_than_quiet_moments_are():
    index = bins(60)
    y = pd.Series(np.random.default_rng(3).normal(size=60), index)
    step = step_effect(y, index[40])
    assert widened(step, 9.0).low == pytest.approx(step.effect - 9.0)
    assert widened(step, 0.01) == step
    assert widened(step, float("nan")) == step


def test_overlapping_quiet_moments_are_few_independent_ones():
    null = np.random.default_rng(0).normal(size=200)
    assert quiet_reach(null, 1) == pytest.approx(1.97, abs=0.2)
    assert quiet_reach(null, 50) > 1.3 * quiet_reach(null, 1)
    assert np.isnan(quiet_reach(null[:19], 1)), "too few to tell a range"
