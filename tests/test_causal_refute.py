"""DoWhy on a change: the adjustment set comes from the graph, refuters bite, seeds hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.causal.refute import change_graph, estimate_and_refute, seeded


def bins_with_a_change(effect: float, *, elsewhere: float = 0.0) -> pd.DataFrame:
    """Bins in which a change adds `effect` to its own service, and a fault adds elsewhere."""
    rng = np.random.default_rng(5)
    change = (np.arange(120) >= 80).astype(int)
    traffic = 5 + np.sin(np.arange(120) / 9) + rng.normal(0, 0.2, 120)
    own = 0.05 + 0.004 * traffic + effect * change + rng.normal(0, 0.004, 120)
    other = 0.10 + 0.006 * traffic + elsewhere * change + rng.normal(0, 0.004, 120)
    return pd.DataFrame(
        {"change": change, "traffic": traffic, "own": own, "elsewhere": other, "sli": own + other}
    )


def test_the_graph_holds_traffic_as_a_common_cause():
    graph = change_graph()
    assert {"change", "own"} <= set(graph.successors("traffic"))


def test_a_guilty_change_survives_and_adjusts_for_traffic():
    found = estimate_and_refute(bins_with_a_change(0.1), "s", seed=1)
    assert found.adjusted_for == ("traffic",)
    assert found.value == pytest.approx(0.1, abs=0.01)
    assert all(r.passed for r in found.refutations), found.refutations
    assert len(found.refutations) == 3


def test_an_innocent_change_beside_a_fault_elsewhere_has_no_effect():
    found = estimate_and_refute(bins_with_a_change(0.0, elsewhere=0.2), "s", seed=1)
    assert abs(found.value) < 0.005


def test_the_same_seed_gives_the_same_figures():
    data = bins_with_a_change(0.05)
    assert estimate_and_refute(data, "s", seed=3) == estimate_and_refute(data, "s", seed=3)


def test_the_global_generator_is_put_back():
    np.random.seed(11)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(11)  # noqa: NPY002
    with seeded(seed=99):
        np.random.random()  # noqa: NPY002
    assert np.random.random() == expected  # noqa: NPY002
