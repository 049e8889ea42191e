"""DoWhy on a change: the adjustment set comes from the graph, refuters bite, seeds hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from parts import AMPLE_S
from planted import START, Fault, metrics_window
from workbench.causal.change_effects.adjustment import adjustment, change_graph
from workbench.causal.change_effects.refuters import linear_effect, refute_by_data
from workbench.causal.gcm.refuters import estimate_and_refute

pytestmark = pytest.mark.slow


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


@pytest.fixture(scope="module")
def guilty():
    return estimate_and_refute(bins_with_a_change(0.1), "s", seed=1, seconds=AMPLE_S)


def test_a_guilty_change_survives_and_adjusts_for_traffic(guilty):
    assert guilty.adjusted_for == ("traffic",)
    assert guilty.value == pytest.approx(0.1, abs=0.01)
    assert all(r.passed for r in guilty.refutations), guilty.refutations
    assert len(guilty.refutations) == 4
    assert not guilty.note


def test_dowhy_and_the_fast_refuters_agree(guilty):
    data = bins_with_a_change(0.1)
    assert guilty.adjusted_for == adjustment(change_graph()).adjusted_for
    assert guilty.value == pytest.approx(linear_effect(data, ("traffic",)), rel=1e-6)
    fast = refute_by_data(data, ("traffic",), unit="s", seed=1)
    slow = [(r.name, r.passed) for r in guilty.refutations]
    assert [(r.name, r.passed) for r in fast] == slow[:3]


def test_a_slight_effect_does_not_survive_a_hidden_common_cause_like_traffic():
    found = estimate_and_refute(bins_with_a_change(0.001), "s", seed=1, seconds=AMPLE_S)
    hidden = {r.name: r for r in found.refutations}["unobserved common cause"]
    assert not hidden.passed
    assert "as strong as traffic" in hidden.statement


def test_each_estimate_has_an_estimand_of_its_own_and_no_effect_modifiers(monkeypatch):
    """Guards: an estimate alters its estimand, and inferred modifiers take minutes."""
    from dowhy import CausalModel

    seen = []
    plain = CausalModel.estimate_effect

    def watched(self, estimand, **options):
        seen.append((estimand, options["effect_modifiers"], options["method_name"]))
        return plain(self, estimand, **options)

    monkeypatch.setattr(CausalModel, "estimate_effect", watched)
    estimate_and_refute(bins_with_a_change(0.1), "s", seed=1, seconds=AMPLE_S)
    assert len({id(estimand) for estimand, _, _ in seen}) == len(seen) > 10
    assert {(tuple(m), method) for _, m, method in seen} == {((), "backdoor.linear_regression")}


def test_placebos_are_permuted_one_job_no_progress_bar(monkeypatch):
    """Guard: random data always passes as a placebo; jobs and bars are DoWhy's defaults."""
    from dowhy import CausalModel

    asked = []
    plain = CausalModel.refute_estimate

    def watched(self, *given, **options):
        asked.append(options)
        return plain(self, *given, **options)

    monkeypatch.setattr(CausalModel, "refute_estimate", watched)
    estimate_and_refute(bins_with_a_change(0.1), "s", seed=1, seconds=0)
    (placebo,) = asked
    assert placebo["placebo_type"] == "permute"
    assert placebo["n_jobs"] == 1
    assert placebo["show_progress_bar"] is False


def test_a_flag_as_treatment_is_the_same_as_a_number(guilty):
    """Guard: one of DoWhy's refuters fails on booleans under pandas 3."""
    data = bins_with_a_change(0.1)
    data["change"] = data["change"].astype(bool)
    assert estimate_and_refute(data, "s", seed=1, seconds=AMPLE_S) == guilty


def test_an_innocent_change_beside_a_fault_elsewhere_has_no_effect():
    found = estimate_and_refute(bins_with_a_change(0.0, elsewhere=0.2), "s", seed=1, seconds=0)
    assert abs(found.value) < 0.005


def test_without_time_the_answer_is_partial_and_says_so():
    found = estimate_and_refute(bins_with_a_change(0.1), "s", seed=1, seconds=0)
    assert len(found.refutations) == 1
    assert found.note == "stopped at 0 s: partial, 5 of 80 rounds"
    assert found.note in found.statement


def test_an_interrupt_leaves_the_generator_as_it_was(monkeypatch):
    def interrupted(*_: object) -> None:
        np.random.random()  # noqa: NPY002
        raise KeyboardInterrupt

    monkeypatch.setattr("workbench.causal.gcm.refuters._estimate", interrupted)
    np.random.seed(11)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(11)  # noqa: NPY002
    with pytest.raises(KeyboardInterrupt):
        estimate_and_refute(bins_with_a_change(0.1), "s", seed=1, seconds=AMPLE_S)
    assert np.random.random() == expected  # noqa: NPY002


def test_a_change_of_a_window_is_refuted_by_name():
    told = pd.DataFrame(
        [
            {
                "ts": START + pd.Timedelta(90, "min"),
                "kind": "deploy",
                "service": "payments",
                "ref": "p-2",
            }
        ]
    )
    window = metrics_window(faults=(Fault("payments", "latency", 0.2),), seed=1, changes=told)
    found = wb.causal.refute(window, "p-2", seconds=0)
    assert found.value == pytest.approx(wb.causal.effect(window, "p-2").linear, rel=1e-6)
    assert "adjusted for traffic" in found._repr_html_()
