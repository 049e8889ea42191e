"""DoWhy on the known mechanisms: it agrees with the fast path, and answers what-if."""

from __future__ import annotations

import numpy as np
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


def test_dowhy_agrees_with_the_fast_path(slow_payments):
    ranking = wb.causal.rank(slow_payments)
    slow = wb.causal.dowhy_attribution(slow_payments, seed=2)
    fast = {row.service: row.attribution for row in ranking.rows}
    # DoWhy takes plain means over the incident, the fast path weighs bins by the SLI's
    # departure: a tenth of the change covers the difference.
    tolerance = 0.1 * abs(ranking.change)
    for service, part in slow.items():
        assert fast[service] == pytest.approx(part, abs=tolerance)
    assert slow.idxmax() == ranking.rows[0].service == "payments"
    assert slow.sum() == pytest.approx(ranking.change, abs=tolerance)


def test_dowhy_shapley_values_of_a_linear_game_are_right():
    """Guard: with scikit-learn 1.9 this game silently gives every node the same share."""
    from dowhy.gcm.shapley import (
        ShapleyApproximationMethods,
        ShapleyConfig,
        estimate_shapley_values,
    )

    worth = np.array([1.0, 2.0, 3.0, 4.0])
    for method in (ShapleyApproximationMethods.AUTO, ShapleyApproximationMethods.EXACT):
        config = ShapleyConfig(approximation_method=method, n_jobs=1)
        found = estimate_shapley_values(lambda s: float(np.asarray(s) @ worth), 4, config)
        assert found == pytest.approx(worth)


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
