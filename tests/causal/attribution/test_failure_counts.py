"""A few failed requests are never sure; many are, whatever the baseline held."""

import numpy as np
import pandas as pd
import pytest

from workbench import SLI
from workbench.causal.attribution.failure_counts import count_chance
from workbench.stats.past_windows import split_bins

ERRORS = SLI("front", "errors")


def chance(before, during, *, ratio=False, quiet=60, now=6, asked=100.0):
    rows = np.arange(quiet + now)
    failed = np.where(rows < quiet, before / quiet, during / now)
    name = "error_ratio" if ratio else "errors"
    values = {
        ("front", "load"): np.full(rows.size, asked),
        ("front", name): failed / asked if ratio else failed,
    }
    split = split_bins(rows >= quiet, rows < quiet, rows < quiet)
    return count_chance(pd.DataFrame(values), ERRORS, split)


def test_one_failure_after_none_is_no_miracle_and_a_hundred_are():
    assert chance(0, 1) > 0.05
    assert chance(0, 2) > 0.005
    assert chance(0, 100) < 1e-6


def test_as_many_as_before_are_expected():
    assert chance(600, 60) == pytest.approx(0.5, abs=0.1)
    assert chance(600, 120) < 0.001


def test_a_ratio_is_counted_over_its_requests():
    assert chance(30, 8, ratio=True) == pytest.approx(chance(30, 8), rel=1e-6)


def test_what_is_not_counted_is_not_limited():
    split = split_bins(np.arange(8) > 5, np.arange(8) < 5, np.arange(8) < 5)
    nodes = pd.DataFrame({("front", "error_ratio"): np.full(8, 0.1)})
    assert count_chance(nodes, ERRORS, split) == 0.0
    assert count_chance(nodes, SLI("front", "latency"), split) == 0.0
