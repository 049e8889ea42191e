"""A service's own part of the SLI, and the effect of a change on it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from planted import SHOP, Fault, System, metrics_window
from workbench.causal.own import own_series
from workbench.errors import BadInput, UnknownName
from workbench.features import signals


def change(service: str, ref: str, ts: str = "2026-01-31T13:29:30Z") -> pd.DataFrame:
    return pd.DataFrame(
        [{"ts": pd.Timestamp(ts), "kind": "deploy", "service": service, "ref": ref}]
    )


def test_own_parts_add_up_to_the_sli():
    window = metrics_window(SHOP, seed=3)
    made, sli = signals(window), wb.SLI("front", "latency")
    parts = [own_series(made, window.topology, s, sli=sli) for s in SHOP.services]
    total = wb.features.sli_series(made, sli)
    # Each series is measured with its own noise of a few percent, so the sum is too.
    assert sum(parts).mean() == pytest.approx(total.mean(), rel=0.02)
    assert np.allclose(sum(parts), total, rtol=0.15)


def test_work_for_other_entries_is_taken_out():
    """Half of the cache's requests come from an entry that the SLI knows nothing of."""
    system = System(calls={"front": {"cache": 1.0}, "batch": {"cache": 1.0}}, own_s={"cache": 0.04})
    window = metrics_window(system, seed=1)
    own = own_series(signals(window), window.topology, "cache", sli=wb.SLI("front", "latency"))
    assert own.median() == pytest.approx(0.04, rel=0.15)


def test_a_service_off_the_path_has_no_part():
    window = metrics_window(SHOP, seed=1)
    with pytest.raises(BadInput, match="No path"):
        own_series(signals(window), window.topology, "cart", sli=wb.SLI("checkout", "latency"))


def test_a_guilty_and_an_innocent_change():
    guilty = metrics_window(
        faults=(Fault("payments", "latency", 0.2),), seed=1, changes=change("payments", "p-2")
    )
    found = wb.causal.effect(guilty, change="p-2")
    assert found.moved_it
    assert found.low <= 0.06 <= found.high  # 0.2 s on the 0.3 payments calls of a front request
    assert found.adjusted_for == ("traffic",)
    assert len(found.refutations) == 4
    assert f"placebo changes moved it this much 0 times in {found.placebos}" in found.statement
    assert max(map(abs, found.placebo_effects)) < found.effect
    innocent = metrics_window(
        faults=(Fault("payments", "latency", 0.2),), seed=1, changes=change("catalog", "c-3")
    )
    assert not wb.causal.effect(innocent, change="c-3").moved_it


def test_an_unknown_change_is_a_named_error():
    window = metrics_window(seed=1, changes=change("payments", "p-2"))
    with pytest.raises(UnknownName, match="p-2"):
        wb.causal.effect(window, change="p-3")


def test_a_change_at_the_very_end_cannot_be_judged():
    window = metrics_window(seed=1, changes=change("payments", "p-2", "2026-01-31T13:59:00Z"))
    with pytest.raises(BadInput, match="Too few bins"):
        wb.causal.effect(window, change="p-2")
