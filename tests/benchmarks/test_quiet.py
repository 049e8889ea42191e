"""The quiet windows of `make bench`, and the rates it shows."""

from __future__ import annotations

import numpy as np
import pytest

from parts import missing_part
from tests.benchmarks import quiet, simulated
from tests.benchmarks.rates import rate
from workbench import datasets
from workbench.features.aligned import align


def test_a_rate_stands_with_its_interval_and_n():
    assert rate([True, False, True, True]) == ".750 (.301–.954) n=4"
    assert rate([1.0] * 50).startswith("1.000 (.929–1.000)")
    assert rate([]) == "– n=0"


def test_a_season_spans_two_days_and_the_hour_under_test_is_at_another_phase_each_time():
    windows = [quiet.season(0.5, seed) for seed in (1, 2)]
    assert {window.baseline.duration.total_seconds() for window in windows} == {2 * 86_400}
    assert {window.when.duration.total_seconds() for window in windows} == {3600}
    loads = [align(window).nodes["front", "load"].to_numpy(float) for window in windows]
    for load in loads:
        assert np.corrcoef(load[:144], load[144:288])[0, 1] > 0.8
    assert abs(np.corrcoef(*loads)[0, 1]) < 0.8


def test_what_was_recorded_before_anything_was_done_is_quiet():
    if "shop-orders-locks" not in set(datasets.incidents()["id"]):
        missing_part("needs the recorded incidents in datasets/")
    began, ended = quiet._quiet_stretch("shop-orders-locks")
    assert began < ended <= datasets.load("shop-orders-locks").changes["ts"].min()


def test_the_truth_of_a_planted_part_is_what_the_fault_added():
    found, added = simulated.planted_pair(0.5, 0)
    assert added == pytest.approx(0.3 * 0.2, rel=0.05)
    assert found.of("payments").attribution == pytest.approx(added, rel=0.1)
