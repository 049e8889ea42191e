"""Interventions: own work cut by a share, with an interval from blocks of bins."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from parts import AMPLE_S
from workbench.errors import BadInput, UnknownName
from workbench.stats.block_bootstrap import block_length, block_rows, interval

pytestmark = pytest.mark.slow


def test_half_of_the_own_time_saves_half_of_what_it_costs(small_slow_payments):
    found = wb.causal.intervene(small_slow_payments, "payments", by=-0.5, seconds=AMPLE_S)
    saved = 0.5 * 0.25 * 0.5  # half of the 0.25 s on the half payments call of a request
    assert found.actual - found.would_be == pytest.approx(saved, rel=0.1)
    assert found.low < found.would_be < found.high < found.actual
    assert "cut by 50 %" in found.statement
    assert "would be" in found._repr_html_()


def test_all_of_it_saves_twice_as_much_and_doubling_costs_as_much(small_slow_payments):
    half, whole, twice = (
        wb.causal.intervene(small_slow_payments, "payments", by=by, seconds=AMPLE_S)
        for by in (-0.5, -1.0, 1.0)
    )
    assert whole.actual - whole.would_be == pytest.approx(2 * (half.actual - half.would_be))
    assert twice.would_be - twice.actual == pytest.approx(whole.actual - whole.would_be)
    assert "raised by 100 %" in repr(twice)


def test_a_service_that_only_waits_has_little_to_cut(small_slow_payments):
    found = wb.causal.intervene(small_slow_payments, "checkout", by=-1.0, seconds=AMPLE_S)
    assert found.actual - found.would_be < 0.02


def test_the_same_seed_gives_the_same_answer(small_slow_payments):
    first = wb.causal.intervene(small_slow_payments, "payments", seed=5, seconds=AMPLE_S)
    assert first == wb.causal.intervene(small_slow_payments, "payments", seed=5, seconds=AMPLE_S)


def test_without_time_the_interval_is_from_one_batch_and_it_says_so(small_slow_payments):
    found = wb.causal.intervene(small_slow_payments, "payments", seconds=0)
    assert found.note == "stopped at 0 s: partial, 100 of 400 rounds"
    assert np.isfinite(found.low)
    assert found.note in found.statement


def test_wrong_questions_are_named_errors(small_slow_payments):
    with pytest.raises(UnknownName, match="Did you mean 'payments'"):
        wb.causal.intervene(small_slow_payments, "payment", seconds=AMPLE_S)
    with pytest.raises(BadInput, match="does not depend"):
        wb.causal.intervene(
            small_slow_payments, "catalog", wb.SLI("payments", "latency"), seconds=AMPLE_S
        )
    with pytest.raises(BadInput, match="No own work"):
        wb.causal.intervene(small_slow_payments, "payments", by=-1.5, seconds=AMPLE_S)


def test_blocks_are_neighbours_and_longer_for_longer_memory():
    rng = np.random.default_rng(0)
    rows = block_rows(40, 8, 3, rng=rng)
    assert rows.shape == (3, 40)
    assert (np.diff(rows[:, :8], axis=1) == 1).all()
    noise = rng.standard_normal(300)
    assert block_length(np.cumsum(noise)) > block_length(noise)
    assert block_length(np.ones(30)) >= 1


def test_an_interval_needs_five_resamples():
    assert np.isnan(interval(1.0, np.array([1.0, 2.0, 3.0, np.nan, 4.0]))).all()
    low, high = interval(1.0, np.linspace(0, 2, 50))
    assert low < 1 < high
