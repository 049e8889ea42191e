from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planted import START, counter_rows, metrics_window, spans_window
from workbench import IncidentWindow, TimeRange
from workbench.errors import BadInput
from workbench.features import Grid, choose_step, grid_of


def scraped(every_s, minutes=15.0):
    totals = np.arange(int(minutes * 60 / every_s))
    when = TimeRange(START, START + pd.Timedelta(minutes, "min"))
    return IncidentWindow.from_frames(
        when=when, metrics=counter_rows("up_total", "cart", totals, every_s=every_s)
    )


@pytest.mark.parametrize(("every_s", "step_s"), [(1, 10), (5, 10), (15, 30), (60, 60), (300, 300)])
def test_the_step_follows_the_cadence(every_s, step_s):
    assert choose_step(scraped(every_s, 60)) == pd.Timedelta(step_s, "s")


def test_jitter_does_not_move_the_step():
    metrics = scraped(60, 600).metrics
    jitter = pd.to_timedelta(np.random.default_rng(0).uniform(-0.4, 0.4, len(metrics)), unit="s")
    moved = metrics.assign(ts=metrics["ts"] + jitter)
    window = IncidentWindow.from_frames(
        when=TimeRange(START, START + pd.Timedelta("10h")), metrics=moved
    )
    assert choose_step(window) == pd.Timedelta("60s")


@pytest.mark.slow
def test_spans_alone_get_about_a_hundred_bins():
    assert choose_step(spans_window(minutes=4)) == pd.Timedelta("10s")


def test_a_days_window_keeps_its_minutes():
    assert grid_of(metrics_window(bins=1440)).size == 1440


def test_the_grid_covers_all_and_is_aligned():
    grid = grid_of(scraped(5), 10)
    assert grid.index[0] == START
    assert grid.index[0].value % (10 * 10**9) == 0
    assert grid.index.freq == pd.Timedelta("10s")


def test_a_window_without_numbers_is_refused():
    window = IncidentWindow.from_frames(when=TimeRange(START, START + pd.Timedelta("1h")))
    with pytest.raises(BadInput, match="neither metrics nor spans"):
        grid_of(window)


@pytest.mark.parametrize("step", [0, -5, pd.Timedelta(0)])
def test_a_step_must_be_positive(step):
    with pytest.raises(BadInput, match="must be positive"):
        grid_of(scraped(60), step)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 500))
def test_every_covered_instant_has_a_bin(first, length, step):
    low = START + pd.Timedelta(first, "s")
    high = low + pd.Timedelta(length, "s")
    grid = Grid.covering(low, high, pd.Timedelta(step, "s"))
    at = grid.bins(np.array([low.value, high.value]))
    assert at[0] == 0
    assert at[1] == grid.size - 1
