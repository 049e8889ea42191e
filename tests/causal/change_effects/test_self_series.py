"""A service's own part of the SLI, bin by bin."""

from __future__ import annotations

import numpy as np
import pytest

import workbench as wb
from planted import SHOP, System, metrics_window
from workbench.causal.change_effects.self_series import self_series
from workbench.errors import BadInput
from workbench.features import signals


def test_own_parts_add_up_to_the_sli():
    window = metrics_window(SHOP, seed=3)
    made, sli = signals(window), wb.SLI("front", "latency")
    parts = [self_series(made, window.topology, s, sli=sli) for s in SHOP.services]
    total = wb.features.sli_series(made, sli)
    # Each series is measured with its own noise of a few percent, so the sum is too.
    assert sum(parts).mean() == pytest.approx(total.mean(), rel=0.02)
    assert np.allclose(sum(parts), total, rtol=0.15)


def test_work_for_other_entries_is_taken_out():
    """Half of the cache's requests come from an entry that the SLI knows nothing of."""
    system = System(calls={"front": {"cache": 1.0}, "batch": {"cache": 1.0}}, own_s={"cache": 0.04})
    window = metrics_window(system, seed=1)
    own = self_series(signals(window), window.topology, "cache", sli=wb.SLI("front", "latency"))
    assert own.median() == pytest.approx(0.04, rel=0.15)


def test_a_service_off_the_path_has_no_part():
    window = metrics_window(SHOP, seed=1)
    with pytest.raises(BadInput, match="No path"):
        self_series(signals(window), window.topology, "cart", sli=wb.SLI("checkout", "latency"))
