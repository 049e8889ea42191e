import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planted import ar1
from workbench.stats.past_windows import (
    contrast,
    doublings,
    empirical_p,
    half_width,
    medians,
    p_value,
    peak_contrast,
    split_bins,
    weights_of,
)


def split(bins=200, incident=10):
    rows = np.arange(bins)
    inside = rows >= bins - incident
    return split_bins(inside, ~inside, ~inside)


def test_past_windows_have_the_incidents_length_and_stay_in_the_baseline():
    found = split()
    assert found.length == 10
    assert found.n_independent == pytest.approx(19.0)
    assert found.starts.max() + found.length <= found.baseline.size
    assert list(found.before) == [185, 186, 187, 188, 189]


def test_a_short_baseline_shortens_the_past_windows():
    assert split(bins=50, incident=25).length == 3


def test_a_shift_is_measured_and_gaps_weigh_nothing():
    values = np.zeros((200, 1))
    values[190:] = 2.0
    values[::7] = np.nan
    assert contrast(values, split()).change[0] == pytest.approx(2.0)
    assert peak_contrast(values, split()).change[0] == pytest.approx(2.0)


def test_a_level_that_had_shifted_before_is_no_news():
    values = np.random.default_rng(0).normal(0, 0.1, (200, 1))
    values[150:] += 5.0
    seen = contrast(values, split())
    assert seen.change[0] > 4.5
    assert abs(seen.departure[0]) < 0.5


def test_weights_fall_on_bins_where_the_sli_stood_high():
    values = np.zeros(200)
    values[193:196] = 3.0
    now, past = weights_of(values, split())
    assert now[3:6].sum() == pytest.approx(1.0)
    assert past.sum(axis=1) == pytest.approx(np.ones(len(past)))


def test_worse_is_up_even_where_the_fall_is_larger():
    values = np.random.default_rng(0).normal(0, 0.1, 200)
    values[190:196] = -3.0
    values[196:] = 2.0
    now, _ = weights_of(values, split())
    assert now[6:].sum() > 0.9


def test_doublings_count_nothing_inside_the_normal_range_and_stop_at_seven():
    assert doublings(np.array([0.5, 1.0, 2.0, 4.0, 1e9, np.nan])) == pytest.approx(
        [0, 0, 1, 2, 7, 0]
    )


def test_rarity_counts_the_incident_as_one_of_the_windows():
    past = np.arange(1.0, 10.0)[:, None]
    assert empirical_p(np.array([100.0]), past)[0] == pytest.approx(0.1)
    assert empirical_p(np.array([9.0]), past)[0] == pytest.approx(0.2)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.8, 0.95])
def test_quiet_series_are_rarely_significant(phi):
    rng = np.random.default_rng(1)
    values = ar1(400, phi, rng, columns=400)
    parts = split(400, 20)
    seen = contrast(values, parts)
    assert (p_value(seen.departure, seen.past, parts.n_independent) <= 0.05).mean() <= 0.09
    inside = np.abs(seen.change) <= half_width(seen.past, parts.n_independent)
    assert inside.mean() >= 0.9


def test_a_column_nobody_saw_is_never_significant():
    values = np.full((200, 1), np.nan)
    seen = contrast(values, split())
    assert p_value(seen.departure, seen.past, 19.0)[0] == 1.0


@st.composite
def gapped(draw):
    """Values with gaps, and their bins told apart."""
    bins, incident = draw(st.integers(12, 90)), draw(st.integers(1, 11))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    values = rng.normal(size=(bins, 3))
    values[rng.random((bins, 3)) < draw(st.sampled_from([0.0, 0.1, 0.6]))] = np.nan
    values[:, 2] = np.nan if draw(st.booleans()) else values[:, 2]
    return values, split(bins, incident)


@given(gapped())
def test_past_contrasts_are_weighted_means_of_each_window(found):
    values, parts = found
    _, past = weights_of(values[:, 0], parts)
    seen = contrast(values, parts, weights_of(values[:, 0], parts))
    for window, (start, weights) in enumerate(zip(parts.starts, past, strict=True)):
        rows = values[parts.baseline][start : start + parts.length]
        for column in range(3):
            there = ~np.isnan(rows[:, column])
            weight = weights[there].sum()
            mean = weights[there] @ rows[there, column] / weight if weight > 0 else np.nan
            wanted = mean - seen.level[column]
            assert seen.past[window, column] == pytest.approx(wanted, abs=1e-9, nan_ok=True)


@given(gapped())
def test_past_extremes_are_the_farthest_half_of_each_window(found):
    values, parts = found
    seen, half = peak_contrast(values, parts), (parts.length + 1) // 2
    for window, start in enumerate(parts.starts):
        rows = values[parts.baseline][start : start + parts.length]
        halves = [rows[i : i + half] for i in range(parts.length - half + 1)]
        for column in range(3):
            means = [
                np.mean(h[~np.isnan(h)])
                for h in (part[:, column] for part in halves)
                if not np.isnan(h).all()
            ]
            farthest = max((abs(mean - seen.level[column]) for mean in means), default=np.nan)
            assert abs(seen.past[window, column]) == pytest.approx(farthest, abs=1e-9, nan_ok=True)


@given(gapped())
def test_medians_leave_out_gaps(found):
    for column, middle in zip(found[0].T, medians(found[0]), strict=True):
        known = column[~np.isnan(column)]
        assert middle == pytest.approx(np.median(known) if known.size else np.nan, nan_ok=True)


def test_a_column_is_judged_alone_however_many_stand_beside_it():
    values = np.random.default_rng(0).normal(size=(200, 600))
    alone, together = contrast(values[:, 300:301], split()), contrast(values, split())
    assert together.past.shape == (len(split().starts), 600)
    assert together.past[:, 300] == pytest.approx(alone.past[:, 0])
    assert together.departure[300] == pytest.approx(alone.departure[0])


def test_a_season_is_not_taken_for_memory_that_never_ends():
    hours = np.arange(288)
    rng = np.random.default_rng(1)
    values = 0.2 * np.sin(2 * np.pi * hours / 144) + 0.02 * rng.normal(size=hours.size)
    values[-6:] += 0.8
    seen = contrast(values[:, None], split(bins=288, incident=6))
    found = p_value(seen.departure, seen.past, 47.0)
    assert found[0] < 0.05
    values[-6:] -= 0.8
    seen = contrast(values[:, None], split(bins=288, incident=6))
    assert p_value(seen.departure, seen.past, 47.0)[0] > 0.05
