"""DoWhy's attributions on the known mechanisms: they agree with the fast path, or abstain."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import workbench as wb
from parts import AMPLE_S
from planted import SMALL, Fault, metrics_window
from workbench.causal.gcm.scm import flow_graph, modelled, own_work, study_of, totals
from workbench.errors import BadInput
from workbench.stats.partial_correlation import conditional_test, independence_test

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["distribution_change", "anomaly_attribution"])
def attributed(request, small_slow_payments):
    return getattr(wb.causal, request.param)(small_slow_payments, seed=2, seconds=AMPLE_S)


def test_dowhy_agrees_with_the_fast_path(attributed, small_slow_payments):
    ranking = wb.causal.rank(small_slow_payments)
    fast = {row.service: row.attribution for row in ranking.rows}
    # DoWhy takes plain means over the incident, the fast path weighs bins by the SLI's
    # departure: a tenth of the change covers the difference.
    tolerance = 0.1 * abs(ranking.change)
    for service, part in attributed.parts.items():
        assert fast[service] == pytest.approx(part, abs=tolerance)
    assert attributed.first == ranking.rows[0].service == "payments"
    assert sum(attributed.parts.values()) == pytest.approx(ranking.change, abs=tolerance)


def test_intervals_hold_the_part_and_zero_elsewhere(attributed):
    assert not attributed.note
    assert attributed.low["payments"] > 0
    assert attributed.low["catalog"] < 0 < attributed.high["catalog"] or (
        abs(attributed.parts["catalog"]) < 0.002
    )
    assert "payments" in attributed.statement
    assert attributed.to_frame()["service"][0] == "payments"


@pytest.mark.parametrize(("service", "seed"), [("catalog", 1), ("checkout", 2), ("front", 3)])
def test_the_same_first_service_on_other_planted_systems(service, seed):
    window = metrics_window(SMALL, faults=(Fault(service, "latency", 0.1),), seed=seed)
    found = wb.causal.anomaly_attribution(window, seconds=0)
    assert found.first == wb.causal.rank(window).rows[0].service == service


def test_without_time_there_are_no_intervals_and_it_says_so(small_slow_payments):
    found = wb.causal.anomaly_attribution(small_slow_payments, seconds=0)
    assert found.first == "payments"
    assert np.isnan(found.low["payments"])
    assert "stopped at 0 s: partial" in repr(found)


def test_where_the_sli_did_not_move_nothing_is_attributed():
    """Guard: DoWhy itself never abstains, and raises on some quiet windows."""
    for seed in (1, 2):
        found = wb.causal.distribution_change(metrics_window(SMALL, seed=seed), seconds=AMPLE_S)
        assert not found.moved
        assert found.first is None
        assert found.to_frame().empty
        assert "stayed in its normal range" in found._repr_html_()


def test_what_dowhy_cannot_fit_is_a_named_error(small_slow_payments, monkeypatch):
    def broken(*_: object) -> None:
        raise ValueError("Input contains NaN")

    monkeypatch.setattr("workbench.causal.gcm.attribution._anomaly", broken)
    with pytest.raises(BadInput, match="anomaly attribution"):
        wb.causal.anomaly_attribution(small_slow_payments, seconds=AMPLE_S)


def test_the_same_seed_gives_the_same_parts_and_puts_the_generator_back(small_slow_payments):
    np.random.seed(11)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(11)  # noqa: NPY002
    first = wb.causal.anomaly_attribution(small_slow_payments, seed=5, seconds=0)
    assert np.random.random() == expected  # noqa: NPY002
    again = wb.causal.anomaly_attribution(small_slow_payments, seed=5, seconds=0)
    assert first.parts == again.parts


@pytest.mark.parametrize("permutations", [2, 10])
@pytest.mark.parametrize("players", [4, 8])
def test_dowhy_shapley_values_of_a_linear_game_are_right(players, permutations):
    """Guard: with scikit-learn 1.9 other methods silently give every node the same share."""
    from dowhy.gcm.shapley import estimate_shapley_values

    from workbench.causal.gcm.attribution import _shapley

    worth = np.arange(1.0, players + 1)
    found = estimate_shapley_values(
        lambda s: float(np.asarray(s) @ worth), players, _shapley(players, permutations)
    )
    assert found == pytest.approx(worth)
    assert _shapley(players, permutations).n_jobs == 1


def test_own_work_is_what_callees_do_not_pass(small_slow_payments):
    found = study_of(small_slow_payments, None)
    names = modelled(found)
    rows = found.aligned.split.incident
    own, total = own_work(found, names, rows), totals(found, names, rows)
    assert own["payments"].equals(total["payments"])
    graph = flow_graph(found, names)
    assert set(graph.predecessors("front")) == {"catalog", "checkout"}
    passed = sum(graph.edges[c, "front"]["part"] * total[c] for c in ("catalog", "checkout"))
    assert np.allclose(own["front"], total["front"] - passed)


@pytest.mark.parametrize("phi", [0.0, 0.8])
def test_independent_series_are_seldom_called_dependent(phi):
    rng, hits = np.random.default_rng(0), 0
    for _ in range(200):
        noise = rng.standard_normal((120, 2))
        for i in range(1, 120):
            noise[i] = phi * noise[i - 1] + np.sqrt(1 - phi**2) * noise[i]
        hits += independence_test(noise[:, 0], noise[:, 1]) <= 0.05
    assert hits <= 22, "P(more than 22 of 200 at 5 %) is .02 %"


def test_a_common_cause_explains_a_dependence_away():
    rng = np.random.default_rng(0)
    cause = rng.standard_normal((200, 1))
    x, y = cause[:, 0] + rng.standard_normal(200), cause[:, 0] + rng.standard_normal(200)
    assert independence_test(x, y) < 0.001
    assert conditional_test(x, y, cause) > 0.05
    assert independence_test(x, np.ones(200)) == 1.0


def test_names_from_outside_are_escaped(attributed):
    odd = replace(attributed, parts={"<img>": 1.0}, low={"<img>": 0.0}, high={"<img>": 2.0})
    assert "<img>" not in odd._repr_html_()
