"""Regression with AR(1) errors: agrees with statsmodels, covers, bears odd designs."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.stats.ar_regression import least_squares, regress


def ar1(rng: np.random.Generator, phi: float, shape: tuple[int, int]) -> np.ndarray:
    series = rng.standard_normal(shape)
    for i in range(1, shape[1]):
        series[:, i] = phi * series[:, i - 1] + np.sqrt(1 - phi**2) * series[:, i]
    return series


def simulated(phi: float, rounds: int, n: int = 72) -> tuple[np.ndarray, np.ndarray]:
    """Steps of one under autocorrelated noise and a covariate."""
    rng = np.random.default_rng(7)
    step = np.broadcast_to((np.arange(n) >= n * 2 // 3).astype(float), (rounds, n))
    covariate = ar1(rng, 0.9, (rounds, n))
    design = np.stack([np.ones((rounds, n)), step, covariate], axis=2)
    return ar1(rng, phi, (rounds, n)) + step + 0.5 * covariate, design


@pytest.mark.parametrize(
    ("phi", "least", "most"),
    [(0.0, 0.93, 0.97), (0.5, 0.93, 0.97), (0.8, 0.93, 0.97), (0.95, 0.90, 1.0)],
)
def test_intervals_cover_the_truth_under_autocorrelation(phi, least, most):
    found = regress(*simulated(phi, 1000))
    assert least <= ((found.low <= 1) & (found.high >= 1)).mean() <= most


def test_the_estimate_is_that_of_statsmodels():
    from statsmodels.regression.linear_model import GLSAR

    outcome, design = simulated(0.6, 3)
    found = regress(outcome, design)
    for i in range(3):
        # statsmodels drops the first row, Prais and Winsten keep it.
        other = GLSAR(outcome[i], design[i], rho=np.array([found.phi[i]])).fit()
        assert found.value[i] == pytest.approx(other.params[1], abs=0.1 * other.bse[1])


def test_white_noise_is_least_squares():
    outcome, design = simulated(0.0, 1, n=400)
    plain = np.linalg.lstsq(design[0], outcome[0], rcond=None)[0]
    assert least_squares(outcome, design)[0] == pytest.approx(plain)
    assert regress(outcome, design).value[0] == pytest.approx(plain[1], abs=0.02)


def test_a_column_told_twice_breaks_nothing():
    outcome, design = simulated(0.5, 2)
    twice = np.concatenate([design, design[:, :, 2:]], axis=2)
    assert regress(outcome, twice).value == pytest.approx(regress(outcome, design).value, abs=0.05)


def test_a_series_without_errors_has_a_sure_step():
    design = simulated(0.0, 1)[1]
    found = regress(2.0 * design[:, :, 1], design)
    assert found.value[0] == pytest.approx(2.0)
    assert found.p_value[0] < 1e-6
