"""What-if: one service's own work back at its baseline, the rest as it was."""

from __future__ import annotations

import re

import numpy as np
import pytest

import workbench as wb
from parts import AMPLE_S
from workbench.errors import BadInput, UnknownName

pytestmark = pytest.mark.slow


def test_what_if_puts_the_sli_back(small_slow_payments):
    found = wb.causal.what_if(small_slow_payments, service="payments", seconds=AMPLE_S)
    assert found.low <= found.counterfactual <= found.high
    assert found.counterfactual == pytest.approx(found.before, rel=0.1)
    assert found.actual > 1.3 * found.before


def test_what_if_of_a_bystander_changes_nothing(small_slow_payments):
    found = wb.causal.what_if(small_slow_payments, service="catalog", seconds=AMPLE_S)
    assert found.counterfactual == pytest.approx(found.actual, rel=0.03)


def test_what_if_of_a_caller_that_only_waits_changes_nothing(small_slow_payments):
    found = wb.causal.what_if(small_slow_payments, service="checkout", seconds=AMPLE_S)
    assert found.counterfactual == pytest.approx(found.actual, rel=0.03)


def test_the_same_seed_gives_the_same_answer(small_slow_payments):
    first = wb.causal.what_if(small_slow_payments, service="payments", seed=5, seconds=AMPLE_S)
    assert first == wb.causal.what_if(
        small_slow_payments, service="payments", seed=5, seconds=AMPLE_S
    )


def test_without_time_it_is_from_some_of_the_bins_and_says_so(small_slow_payments, monkeypatch):
    whole = wb.causal.what_if(small_slow_payments, service="payments", seconds=AMPLE_S)
    monkeypatch.setattr("workbench.causal.gcm.counterfactual.COUNTERFACTUAL_BATCH", 5)
    part = wb.causal.what_if(small_slow_payments, service="payments", seconds=0)
    assert not whole.note
    assert re.fullmatch(r"stopped at 0 s: partial, 5 of \d+ bins", part.note)
    assert part.note in part.statement
    assert part.note in part._repr_html_()
    assert part.counterfactual == pytest.approx(whole.counterfactual)


def test_an_interrupt_between_batches_ends_it_and_puts_the_generator_back(
    small_slow_payments, monkeypatch
):
    from dowhy import gcm

    calls, imagine = [], gcm.counterfactual_samples

    def interrupted(*args: object, **kwargs: object) -> object:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return imagine(*args, **kwargs)

    monkeypatch.setattr("workbench.causal.gcm.counterfactual.COUNTERFACTUAL_BATCH", 5)
    monkeypatch.setattr(gcm, "counterfactual_samples", interrupted)
    np.random.seed(11)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(11)  # noqa: NPY002
    with pytest.raises(KeyboardInterrupt):
        wb.causal.what_if(small_slow_payments, service="payments", seconds=AMPLE_S)
    assert len(calls) == 2
    assert np.random.random() == expected  # noqa: NPY002


def test_unknown_and_unreachable_services_are_named_errors(small_slow_payments):
    with pytest.raises(UnknownName, match="Did you mean 'payments'"):
        wb.causal.what_if(small_slow_payments, service="payment", seconds=AMPLE_S)
    sli = wb.SLI("payments", "latency")
    with pytest.raises(BadInput, match="does not depend"):
        wb.causal.what_if(small_slow_payments, service="catalog", sli=sli, seconds=AMPLE_S)
