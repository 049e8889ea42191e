"""How cost grows, counted in allocations: no clock is asked."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks import layered, scaling
from workbench.causal import rank

BINS = 240


def peak(size):
    """Bytes allocated at most while ranking, and the place of the faulty service."""
    window, guilty = layered.window_of(size, bins=BINS)
    tracemalloc.start()
    try:
        found = rank(window)
        return tracemalloc.get_traced_memory()[1], [r.service for r in found.rows].index(guilty)
    finally:
        tracemalloc.stop()


@pytest.fixture(scope="module")
def peaks():
    peak(20)  # what is imported and cached on first use is nobody's growth
    return {size: peak(size) for size in (300, 600)}


@pytest.mark.slow
def test_twice_the_services_take_about_twice_the_memory(peaks):
    assert peaks[600][0] <= 2.6 * peaks[300][0]


@pytest.mark.slow
def test_memory_is_a_few_times_the_samples(peaks):
    samples = 600 * 4 * BINS * 8
    assert peaks[600][0] <= 12 * samples


@pytest.mark.slow
def test_the_faulty_service_of_a_layered_system_is_first(peaks):
    assert [place for _, place in peaks.values()] == [0, 0]


@pytest.mark.parametrize("edges", [False, True])
def test_a_layered_system_conserves_work(edges):
    metrics, system, _ = layered.metrics_of(60, bins=90, edges=edges)
    assert (metrics["service"].value_counts() >= 4 * 90).all()
    assert metrics["ts"].is_monotonic_increasing
    wide = metrics[metrics["metric"] == "service.latency"].pivot(
        index="ts", columns="service", values="value"
    )
    below = wide.to_numpy() @ system.ratio.toarray().T
    assert (wide.to_numpy() > below).all()


def test_every_service_below_the_first_layer_is_called():
    system = layered.layered(200, np.random.default_rng(0))
    called = np.unique(system.ratio.nonzero()[1])
    assert set(called) == set(range(200)) - set(system.layers[0])


@pytest.mark.slow
def test_the_curve_is_drawn_with_every_size(tmp_path):
    frame = pd.DataFrame(
        {
            "services": [50, 200, 1000],
            "signals": "4 a service",
            "seconds": [0.1, 0.3, 1.5],
        }
    )
    text = scaling.save(frame, tmp_path / "bench" / "scaling.svg").read_text()
    assert all(label in text for label in ("50", "200", "1,000", "n·log n", "seconds to rank"))
