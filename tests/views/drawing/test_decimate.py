from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from workbench.views.drawing.decimate import decimate


def series(values: np.ndarray) -> pd.Series:
    index = pd.date_range("2026-01-31T12:00Z", periods=len(values), freq="1s")
    return pd.Series(values, index=index)


def test_a_short_series_is_left_alone() -> None:
    whole = series(np.arange(300.0))
    thin = decimate(whole, 100)
    assert thin.note == ""
    pd.testing.assert_series_equal(thin.series, whole)


def test_a_single_spike_in_a_hundred_thousand_survives() -> None:
    values = np.zeros(100_000)
    values[54_321] = 9.0
    values[12_345] = -7.0
    thin = decimate(series(values), 600)
    assert thin.series.max() == 9.0
    assert thin.series.min() == -7.0
    assert len(thin.series) <= 4 * 601


def test_it_says_how_much_was_thinned() -> None:
    thin = decimate(series(np.random.default_rng(0).normal(size=10_000)), 100)
    assert thin.note.startswith("10,000 samples drawn as ")
    assert f"{len(thin.series):,}" in thin.note


def test_a_gap_stays_a_gap() -> None:
    values = np.ones(10_000)
    values[5_000:5_400] = np.nan
    thin = decimate(series(values), 200)
    gap = thin.series[series(values).index[5_000] : series(values).index[5_399]]
    assert len(gap)
    assert gap.isna().all()


def test_the_last_sample_stays() -> None:
    whole = series(np.random.default_rng(1).normal(size=5_000))
    assert decimate(whole, 50).series.iloc[-1] == whole.iloc[-1]


@given(st.integers(1, 4_000), st.integers(1, 300), st.integers(0, 99))
def test_order_range_and_size_hold_for_any_series(size: int, pixels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=size)
    values[rng.random(size) < 0.2] = np.nan
    whole = series(values)
    thin = decimate(whole, pixels).series
    assert thin.index.is_monotonic_increasing
    assert thin.index.is_unique
    assert thin.index.isin(whole.index).all()
    if np.isfinite(values).any():
        assert (thin.min(), thin.max()) == (whole.min(), whole.max())
