"""Arrow strength: the noisy callee drives its caller, and the time is kept."""

from __future__ import annotations

import pytest

import workbench as wb
from parts import AMPLE_S
from planted import System, metrics_window

pytestmark = pytest.mark.slow

PAIR = System(
    calls={"front": {"noisy": 1.0, "calm": 1.0}}, own_s={"front": 0.01, "noisy": 0.1, "calm": 0.01}
)


@pytest.fixture(scope="module")
def found():
    return wb.causal.arrow_strength(metrics_window(PAIR, seed=2), seed=3, seconds=AMPLE_S)


def test_the_noisy_callee_is_the_stronger_arrow(found):
    assert found.shares["front", "noisy"] > 0.5
    assert found.shares["front", "calm"] < 0.2
    assert found.statement.startswith("Strongest call")
    assert "front → noisy" in repr(found)
    assert "noisy" in found._repr_html_()


def test_shares_of_one_caller_sum_to_about_one_at_most(found):
    assert found.to_frame()["share of variance"].sum() < 1.2


def test_the_same_seed_gives_the_same_strengths(found):
    assert wb.causal.arrow_strength(metrics_window(PAIR, seed=2), seed=3, seconds=AMPLE_S) == found


def test_without_time_one_caller_is_done_and_it_says_so():
    system = System(calls={"front": {"a": 1.0}, "a": {"b": 1.0}, "b": {"c": 1.0}})
    found = wb.causal.arrow_strength(metrics_window(system, seed=1), seconds=0)
    assert len(found.shares) == 1
    assert "stopped at 0 s: partial, 1 of 3 rounds" in found.statement


def test_a_service_without_callees_has_no_arrows():
    sli = wb.SLI("calm", "latency")
    assert (
        "No call"
        in wb.causal.arrow_strength(metrics_window(PAIR, seed=2), sli, seconds=AMPLE_S).statement
    )
