from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planted import START
from workbench.errors import BadInput
from workbench.features import Grid, bucket_quantile, histogram_mean, increase, resample
from workbench.features.series import cumulative, sampled_values

SECOND = 10**9
GRID = Grid(START.value, 10 * SECOND, 12)
STEPS = st.lists(st.floats(0, 1e6), min_size=1, max_size=40)


def samples(values, every=5.0, start=0.0):
    ts = START + pd.to_timedelta(start + every * np.arange(len(values)), unit="s")
    return pd.Series(values, index=ts, dtype=float)


@given(STEPS)
def test_without_resets_the_increase_is_last_minus_first(steps):
    totals = np.cumsum(steps)
    assert cumulative(totals)[-1] == pytest.approx(totals[-1] - totals[0], abs=1e-6 * totals[-1])


@given(STEPS, st.integers(1, 39))
def test_a_restart_counts_from_zero_and_never_goes_down(steps, at):
    totals = np.cumsum(steps)
    after = np.cumsum(steps[at:]) if at < len(steps) else np.zeros(0)
    restarted = np.concatenate([totals[:at], after])
    assert (np.diff(cumulative(restarted)) >= 0).all()


def test_a_reset_adds_the_new_value():
    assert cumulative(np.array([5.0, 8.0, 2.0, 4.0])).tolist() == [0.0, 3.0, 5.0, 7.0]


def test_increase_at_samples_on_the_edges_is_exact():
    found = increase(samples(np.arange(25.0) * 3), GRID)
    assert found.tolist() == [6.0] * 12


def test_increase_between_edges_is_spread_evenly():
    found = increase(samples(np.arange(26.0) * 3, start=2.5), GRID)
    assert np.isnan(found.iloc[0])
    assert found.iloc[1:].to_numpy() == pytest.approx([6.0] * 11)


def test_nothing_is_extrapolated_beyond_the_samples():
    found = increase(samples(np.arange(11.0), start=30.0), GRID)
    assert found.notna().tolist() == [False] * 3 + [True] * 5 + [False] * 4


def test_a_hole_in_a_counter_is_a_gap():
    whole = samples(np.arange(25.0) * 3)
    holed = whole.drop(whole.index[8:16])
    found = increase(holed, GRID)
    assert found.isna().tolist() == [False] * 3 + [True] * 5 + [False] * 4
    assert found.dropna().tolist() == [6.0] * 7


def test_one_missed_scrape_is_no_gap():
    whole = samples(np.arange(25.0) * 3)
    assert increase(whole.drop(whole.index[9]), GRID).tolist() == [6.0] * 12


def test_a_staleness_marker_is_a_gap():
    marked = samples(np.arange(25.0))
    marked.iloc[9] = np.nan
    assert increase(marked, GRID).isna().tolist() == [i == 4 for i in range(12)]


@given(st.lists(st.floats(0, 100), min_size=25, max_size=25), st.permutations(range(25)))
def test_order_does_not_matter(steps, order):
    series = samples(np.cumsum(steps))
    pd.testing.assert_series_equal(increase(series.iloc[order], GRID), increase(series, GRID))


@given(st.lists(st.floats(0, 100), min_size=25, max_size=25))
def test_the_bins_add_up_to_the_whole(steps):
    totals = np.cumsum(steps)
    found = increase(samples(totals), GRID)
    assert found.sum() == pytest.approx(totals[-1] - totals[0], abs=1e-6)


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=12, max_size=12))
def test_a_gauge_gap_is_neither_zero_nor_the_last_value(values):
    series = samples([np.nan if v is None else v for v in values], every=10.0)
    found = resample(series, GRID)
    assert np.array_equal(found.to_numpy(), series.to_numpy(), equal_nan=True)


def test_a_gauge_bin_is_the_mean_of_its_samples():
    assert resample(samples([1.0, 3.0, 5.0, 7.0]), GRID).dropna().tolist() == [2.0, 6.0]


def test_infinite_samples_are_gaps():
    found = resample(samples([1.0, np.inf, -np.inf], every=10.0), GRID)
    assert found.notna().sum() == 1


def test_of_two_gauge_samples_at_one_time_the_last_counts_and_it_says_so():
    twice = pd.concat([samples([1.0, 2.0], every=10.0), samples([9.0])])
    with pytest.warns(UserWarning, match=r"1 gauge sample\(s\) share a time"):
        found = resample(twice, GRID)
    assert found.iloc[:2].tolist() == [9.0, 2.0]


def test_samples_outside_the_grid_are_left_out():
    outside = samples([5.0, 6.0], start=-300.0)
    assert resample(outside, GRID).isna().all()
    assert sampled_values(outside).tolist() == [5.0, 6.0]


def test_an_empty_series_is_all_gap():
    nothing = pd.Series([], index=pd.DatetimeIndex([], tz="UTC"), dtype=float)
    assert increase(nothing, GRID).isna().all()
    assert resample(nothing, GRID).isna().all()


def test_a_mean_without_observations_is_a_gap():
    mean = histogram_mean(pd.Series([1.0, 0.0, np.nan]), pd.Series([4.0, 0.0, 2.0]))
    assert mean.iloc[0] == 0.25
    assert mean.iloc[1:].isna().all()


BOUNDS = np.array([0.1, 0.5, 1.0, np.inf])


@pytest.mark.parametrize(
    ("counts", "q", "value"),
    [
        ([10, 10, 10, 10], 0.5, 0.05),  # first bucket starts at 0
        ([0, 10, 10, 10], 0.5, 0.3),  # linear inside a bucket
        ([0, 10, 20, 20], 0.75, 0.75),
        ([0, 0, 0, 10], 0.5, 1.0),  # +Inf bucket: the highest finite bound
        ([5, 10, 10, 10], 0.0, 0.0),
        ([5, 10, 10, 10], 1.0, 0.5),
    ],
)
def test_quantiles_are_those_of_prometheus(counts, q, value):
    assert bucket_quantile(np.array([counts], dtype=float), BOUNDS, q)[0] == pytest.approx(value)


def test_an_empty_or_unknown_histogram_has_no_quantile():
    counts = np.array([[0.0, 0, 0, 0], [1, 2, np.nan, 4]])
    assert np.isnan(bucket_quantile(counts, BOUNDS, 0.5)).all()


def test_buckets_that_fall_are_repaired_loudly():
    counts = np.array([[0.0, 10.0, 8.0, 20.0]])
    with pytest.warns(UserWarning, match="1 bin"):
        found = bucket_quantile(counts, BOUNDS, 0.5)
    assert found[0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("bounds", "q"),
    [([0.1, 0.5, 1.0, 2.0], 0.5), ([0.5, 0.1, 1.0, np.inf], 0.5), (BOUNDS, 1.5), ([np.inf], 0.5)],
)
def test_buckets_without_sense_are_refused(bounds, q):
    with pytest.raises(BadInput):
        bucket_quantile(np.ones((1, len(bounds))), np.array(bounds), q)


@given(st.lists(st.floats(0.001, 0.999), min_size=20, max_size=200), st.floats(0.01, 0.99))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values, q):
    bounds = np.array([0.2, 0.4, 0.6, 0.8, 1.0, np.inf])
    counts = (np.array(values)[:, None] <= bounds).sum(axis=0)[None, :].astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = bucket_quantile(counts, bounds, q)[0]
    rank = q * len(values)
    bucket = int(np.argmax(counts[0] >= rank))
    assert (bounds[bucket - 1] if bucket else 0) - 1e-9 <= found <= bounds[bucket] + 1e-9
