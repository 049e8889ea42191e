import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planted import SHOP, Fault, metrics_window
from workbench import SLI
from workbench.causal.attribution.study import study
from workbench.features.aligned import align


def opened(window, sli=None):
    seen = align(window)
    return study(seen, sli or window.sli())


@pytest.mark.slow
@given(
    st.sampled_from(SHOP.services),
    st.sampled_from(["latency", "errors"]),
    st.integers(0, 50),
    st.booleans(),
)
def test_parts_always_sum_to_the_change(service, signal, seed, edges):
    fault = Fault(service, signal, 0.15)
    window = metrics_window(SHOP, (fault,), seed=seed, bins=80, signal=signal, edges=edges)
    split = opened(window).split
    assert split.part.sum() == pytest.approx(split.change, abs=1e-12)
    assert (split.low <= split.part + 1e-12).all()
    assert (split.high >= split.part - 1e-12).all()
    assert ((split.share >= 0) & (split.share <= 1)).all()


@pytest.mark.slow
def test_a_planted_part_is_found_in_the_slis_unit():
    found = [
        opened(metrics_window(SHOP, (Fault("payments", "latency", 0.2),), seed=seed)).split
        for seed in range(8)
    ]
    parts = [split.part[split.services.index("payments")] for split in found]
    # 0.3 of the front's requests reach payments, each 0.2 s slower.
    assert np.mean(parts) == pytest.approx(0.06, rel=0.05)


def test_two_causes_share_the_change():
    faults = (Fault("payments", "latency", 0.2), Fault("catalog", "latency", 0.03))
    split = opened(metrics_window(SHOP, faults)).split
    part = dict(zip(split.services, split.part, strict=True))
    assert part["payments"] == pytest.approx(0.06, rel=0.15)
    assert part["catalog"] == pytest.approx(0.06, rel=0.15)


def test_failures_are_parts_of_failed_requests():
    window = metrics_window(SHOP, (Fault("orders", "errors", 0.2),), signal="errors")
    split = opened(window, SLI("front", "errors")).split
    assert split.part[split.services.index("orders")] == pytest.approx(0.06, rel=0.1)
    assert split.passes["checkout", "orders"] == pytest.approx(1.0, abs=0.05)
