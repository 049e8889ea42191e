"""Mean latency from quantiles: near the true mean, and only where there are several."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.features.nearest import LEVELS, MEAN, mean_of_quantiles, means_of, signal_column

ALL = np.array(list(LEVELS.values()))


@pytest.mark.parametrize("shape", ["exponential", "lognormal", "uniform"])
def test_the_integral_is_near_the_mean(shape):
    drawn = getattr(np.random.default_rng(3), shape)(size=100_000)
    found = mean_of_quantiles(np.quantile(drawn, ALL), ALL)
    assert found == pytest.approx(drawn.mean(), rel=0.15)


def test_a_tail_that_moves_moves_it_as_much_as_it_moves_the_mean():
    rng = np.random.default_rng(5)
    before = rng.exponential(0.1, 100_000)
    after = before + np.where(rng.random(before.size) < 0.2, 0.5, 0.0)
    rise = np.subtract(*(mean_of_quantiles(np.quantile(x, ALL), ALL) for x in (after, before)))
    assert np.median(after) - np.median(before) < 0.5 * rise
    assert rise == pytest.approx(after.mean() - before.mean(), rel=0.25)


def test_one_quantile_is_no_mean_and_a_gap_stays_a_gap():
    index = pd.date_range("2026-01-01", periods=2, freq="min", tz="UTC")
    nodes = pd.DataFrame(
        {
            ("a", "latency_p50"): [0.1, 0.1],
            ("a", "latency_p99"): [0.3, np.nan],
            ("b", "latency_p90"): [0.2, 0.2],
        },
        index=index,
    )
    means = means_of(nodes, ["a", "b"])
    assert means[0, 0] == pytest.approx(0.5 * 0.05 + 0.49 * 0.2 + 0.01 * 0.3)
    assert np.isnan(means[1, 0])
    assert np.isnan(means[:, 1]).all()
    assert signal_column(nodes, "a", "latency").name == ("a", MEAN)
    assert signal_column(nodes, "b", "latency").name == ("b", "latency_p90")
    assert signal_column(nodes, "c", "latency") is None
