"""Onsets: found where planted, with intervals that cover under autocorrelation."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from planted import Fault, ar1, metrics_window
from workbench.causal.change_effects.onset import onset_of


def series_of(values: np.ndarray) -> pd.Series:
    return pd.Series(values, pd.date_range("2026-01-31T12:00Z", periods=len(values), freq="10s"))


# A known gap, told in the module: under strong memory the interval is too short.
@pytest.mark.parametrize(("phi", "least"), [(0.0, 0.85), (0.5, 0.80), (0.8, 0.70)])
def test_the_interval_covers_the_planted_onset(phi, least):
    rng, covered, rounds = np.random.default_rng(1), 0, 60
    for seed in range(rounds):
        values = ar1(90, phi, rng)[:, 0]
        values = values / values.std()
        values[60:84] += 3
        series = series_of(values)
        found = onset_of(series, seed=seed)
        covered += found.low <= series.index[60] <= found.high
    assert covered / rounds >= least


def test_recovery_inside_the_window_is_not_taken_for_the_onset():
    values = np.r_[np.ones(40), 3 * np.ones(10), np.ones(30)]
    values += np.random.default_rng(0).normal(0, 0.1, 80)
    found = onset_of(series_of(values))
    assert found.at == series_of(values).index[40]
    assert found.until == series_of(values).index[50]
    assert found.during == pytest.approx(3, abs=0.2)


def test_too_little_or_flat_data_has_no_onset():
    assert onset_of(series_of(np.arange(5.0))) is None
    assert onset_of(series_of(np.ones(50))) is None
    assert onset_of(series_of(np.full(50, np.nan))) is None


def test_the_onset_of_an_sli():
    window = metrics_window(faults=(Fault("payments", "latency", 0.3),), seed=2)
    found = wb.causal.onset(window)
    assert abs((found.at - window.when.start).total_seconds()) <= 120
