"""Falls tell a level from a counter, and several counters from one."""

import numpy as np
import pytest

from workbench.stats.counters import falls

RNG = np.random.default_rng(0)
COUNTER = np.cumsum(RNG.poisson(5, 200)).astype(float)


def test_a_counter_is_neither_mixed_nor_a_level():
    restarted = np.concatenate([COUNTER, COUNTER[:100], COUNTER[:50]])
    for values in (COUNTER, restarted, np.zeros(50)):
        found = falls(values)
        assert not found.is_mixed.any()
        assert not found.is_level.any()


@pytest.mark.parametrize("level", [50.0, 5.0])
def test_a_level_is_none(level):
    assert falls(level + RNG.poisson(3, 100)).is_level.all()


def test_two_counters_by_turns_are_mixed():
    both = np.column_stack([COUNTER, COUNTER + 90_000]).ravel()
    assert falls(both).is_mixed.all()


def test_many_series_are_judged_one_by_one():
    values = np.concatenate([COUNTER, 50 + RNG.poisson(3, 100)])
    series = np.repeat([0, 1], [200, 100])
    assert list(falls(values, series=series).is_level) == [False, True]
    apart = np.r_[np.ones(199, dtype=bool), np.zeros(100, dtype=bool)]
    assert list(falls(values, series=series, among=apart).is_level) == [False, False]


def test_missing_values_and_nothing_at_all_say_nothing():
    assert falls(np.array([1.0, np.nan, 0.5])).all[0] == 0
    assert len(falls(np.empty(0)).all) == 0
