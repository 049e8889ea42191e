"""What-if: one service's own work back at its baseline, the rest as it was."""

from __future__ import annotations

import pytest

import workbench as wb
from planted import Fault, System, metrics_window
from workbench.errors import BadInput, UnknownName

SMALL = System(
    calls={"front": {"catalog": 2.0, "checkout": 0.5}, "checkout": {"payments": 1.0}},
    own_s={"front": 0.01, "payments": 0.05},
)


@pytest.fixture(scope="module")
def slow_payments():
    return metrics_window(SMALL, faults=(Fault("payments", "latency", 0.2),), seed=4)


def test_what_if_puts_the_sli_back(slow_payments):
    found = wb.causal.what_if(slow_payments, service="payments")
    assert found.low <= found.counterfactual <= found.high
    assert found.counterfactual == pytest.approx(found.before, rel=0.1)
    assert found.actual > 1.3 * found.before


def test_what_if_of_a_bystander_changes_nothing(slow_payments):
    found = wb.causal.what_if(slow_payments, service="catalog")
    assert found.counterfactual == pytest.approx(found.actual, rel=0.03)


def test_what_if_of_a_caller_that_only_waits_changes_nothing(slow_payments):
    found = wb.causal.what_if(slow_payments, service="checkout")
    assert found.counterfactual == pytest.approx(found.actual, rel=0.03)


def test_the_same_seed_gives_the_same_answer(slow_payments):
    first = wb.causal.what_if(slow_payments, service="payments", seed=5)
    assert first == wb.causal.what_if(slow_payments, service="payments", seed=5)


def test_unknown_and_unreachable_services_are_named_errors(slow_payments):
    with pytest.raises(UnknownName, match="Did you mean 'payments'"):
        wb.causal.what_if(slow_payments, service="payment")
    sli = wb.SLI("payments", "latency")
    with pytest.raises(BadInput, match="does not depend"):
        wb.causal.what_if(slow_payments, service="catalog", sli=sli)
