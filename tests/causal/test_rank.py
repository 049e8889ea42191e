"""Planted cases, each in both directions where there are two."""

import numpy as np
import pytest

from node_windows import BINS, FIRST, node_window, shifted
from planted import SHOP, Fault, metrics_window, spans_window
from workbench import SLI, SLO, TimeRange
from workbench.causal import rank
from workbench.causal.attribution.study import choose_study, study
from workbench.errors import BadInput, UnknownName
from workbench.features.aligned import align

LOAD = "service.load"
TIME = "service.latency"
FAILED = "service.errors"
CALLS = [("front", "api"), ("api", "db")]


def top(window, sli=None):
    return rank(window, sli).rows[0].service


def steady(*names, load=1000.0):
    return {(name, LOAD): shifted(load, load, seed=i) for i, name in enumerate(names)}


def times(**levels):
    """Latency before and during, in ms, by service."""
    return {
        (name, TIME): shifted(before / 1e3, during / 1e3, seed=10 + i)
        for i, (name, (before, during)) in enumerate(levels.items())
    }


@pytest.mark.parametrize("service", ["front", "catalog", "payments", "db"])
def test_the_slow_service_comes_first_and_parts_sum_to_the_whole(service):
    found = rank(metrics_window(SHOP, (Fault(service, "latency", 0.2),)))
    assert found.rows[0].service == service
    assert found.moved
    assert sum(row.attribution for row in found.rows) == pytest.approx(found.change, abs=1e-12)
    assert found.rows[0].low > 0


@pytest.mark.parametrize("service", ["front", "orders", "db"])
def test_the_failing_service_comes_first(service):
    window = metrics_window(SHOP, (Fault(service, "errors", 0.2),), signal="errors")
    assert rank(window).named.service == service


@pytest.mark.slow
def test_nobody_is_named_when_nothing_happens():
    found = [rank(metrics_window(SHOP, phi=0.8, seed=seed)) for seed in range(20)]
    assert sum(f.named is not None for f in found) <= 1


def test_node_data_alone_is_enough():
    window = metrics_window(SHOP, (Fault("payments", "latency", 0.2),), edges=False)
    assert top(window) == "payments"


@pytest.mark.slow
def test_spans_alone_are_enough():
    window = spans_window(SHOP, (Fault("payments", "latency", 0.5),), minutes=8, seed=3)
    assert top(window) == "payments"


def test_of_twins_the_deepest_that_rose_is_first():
    series = steady("front", "balancer", "api") | times(
        front=(100, 180), balancer=(62, 142), api=(60, 140)
    )
    assert top(node_window(series, [("front", "balancer"), ("balancer", "api")])) == "api"


def test_a_balancer_slow_by_itself_is_not_put_down_to_its_twin():
    series = steady("front", "balancer", "api") | times(
        front=(100, 180), balancer=(62, 142), api=(60, 60)
    )
    assert top(node_window(series, [("front", "balancer"), ("balancer", "api")])) == "balancer"


def test_a_callee_that_appears_is_put_down_to_its_caller():
    new = np.where(np.arange(BINS) >= FIRST, 80e-3, np.nan)
    called = np.where(np.arange(BINS) >= FIRST, 1000.0, np.nan)
    series = steady("front", "api") | times(front=(100, 180), api=(60, 140))
    series |= {("extra", TIME): new, ("extra", LOAD): called}
    found = rank(node_window(series, [("front", "api"), ("api", "extra")]))
    assert found.rows[0].service == "api"
    assert any("seen only in the incident" in note for note in found.notes)


def test_a_callee_that_was_there_before_answers_for_itself():
    series = steady("front", "api", "extra") | times(
        front=(100, 180), api=(60, 140), extra=(10, 90)
    )
    assert top(node_window(series, [("front", "api"), ("api", "extra")])) == "extra"


def test_a_burst_from_outside_on_a_shared_database_is_found_there():
    series = steady("front", "api") | times(front=(100, 180), api=(60, 140), db=(5, 80))
    series |= {("db", LOAD): shifted(1000.0, 6000.0, seed=5)}
    found = rank(node_window(series, CALLS))
    assert found.rows[0].service == "db"
    assert any(anomaly.kind == "load" for anomaly in found.rows[0].anomalies)


def test_more_calls_a_request_are_the_callers_doing():
    fault = Fault("orders", "calls", 9.0, edge="db")
    assert top(metrics_window(SHOP, (fault,), seed=1)) == "orders"


def test_slower_calls_at_the_same_number_are_the_callees():
    assert top(metrics_window(SHOP, (Fault("db", "latency", 0.04),), seed=1)) == "db"


def test_failures_a_caller_swallows_do_not_blame_the_callee():
    none = np.zeros(BINS)
    series = steady("front", "api", "db") | {
        ("front", FAILED): shifted(1e-9, 100.0),
        ("api", FAILED): none,
        ("db", FAILED): shifted(1e-9, 300.0, seed=4),
    }
    window = node_window(series, CALLS, signal="errors")
    found = rank(window)
    assert found.of("front").attribution == pytest.approx(found.change, rel=0.05)
    assert found.of("db").attribution == pytest.approx(0.0, abs=1e-3)


def test_failures_that_are_passed_on_blame_the_callee():
    failed = {(n, FAILED): shifted(1e-9, 100.0, seed=i) for i, n in enumerate(("front", "api"))}
    series = steady("front", "api", "db") | failed | {("db", FAILED): shifted(1e-9, 101.0, seed=9)}
    assert top(node_window(series, CALLS, signal="errors")) == "db"


def test_a_service_that_falls_silent_is_a_clue():
    silent = np.where(np.arange(BINS) >= FIRST, np.nan, 20e-3)
    series = steady("front", "api") | times(front=(100, 180), api=(60, 60))
    series |= {("db", TIME): silent, ("db", LOAD): np.where(np.isnan(silent), np.nan, 1000.0)}
    found = rank(node_window(series, CALLS))
    assert [anomaly.kind for anomaly in found.of("db").anomalies] == ["silence"]
    assert not [c for c in found.of("api").anomalies if c.kind == "silence"]


def test_a_ring_in_the_topology_is_told_and_survived():
    series = steady("front", "api", "db") | times(front=(100, 180), api=(60, 140), db=(5, 85))
    found = rank(node_window(series, [*CALLS, ("db", "front")]))
    assert found.rows[0].service == "db"
    assert any("cycle" in note for note in found.notes)


def test_a_gauge_that_left_its_range_speaks_and_one_that_follows_the_load_does_not():
    series = steady("front", "api") | times(front=(100, 180), api=(60, 60))
    series |= {("db", LOAD): shifted(1000.0, 3000.0, seed=5), ("db", TIME): shifted(5e-3, 5e-3)}
    follows = series | {("db", "cpu"): shifted(10.0, 30.0, seed=6)}
    leaves = series | {("db", "cpu"): shifted(10.0, 90.0, seed=6)}
    kinds = [
        {anomaly.kind for anomaly in rank(node_window(s, CALLS)).of("db").anomalies}
        for s in (follows, leaves)
    ]
    assert "saturation" not in kinds[0]
    assert "saturation" in kinds[1]


def test_a_metric_in_another_unit_changes_no_score():
    series = steady("front", "api", "db") | times(front=(100, 180), api=(60, 140), db=(5, 85))
    scores = []
    for unit in (1.0, 1024.0):
        found = rank(node_window(series | {("api", "memory"): unit * shifted(50, 200)}, CALLS))
        scores.append([(row.service, round(row.score, 9)) for row in found.rows])
    assert scores[0] == scores[1]


def test_a_graph_without_the_guilty_call_still_finds_it():
    series = steady("front", "api", "db") | times(front=(100, 180), api=(60, 140), db=(5, 85))
    assert top(node_window(series, [("front", "api")])) == "db"


def test_a_caller_of_the_slis_service_can_only_be_a_symptom():
    series = steady("edge", "front", "api") | times(edge=(120, 300), front=(100, 280), api=(60, 60))
    found = rank(node_window(series, [("edge", "front"), ("front", "api")]))
    assert found.rows[0].service == "front"
    assert found.of("edge").attribution == 0


def test_quantiles_are_told_to_be_rough():
    series = steady("front", "api")
    series |= {("front", "service.latency_p90"): shifted(0.1, 0.2)}
    series |= {("api", "service.latency_p90"): shifted(0.05, 0.15, seed=3)}
    found = rank(node_window(series, [("front", "api")]))
    assert found.rows[0].service == "api"
    assert any("quantiles" in note for note in found.notes)


def test_the_same_window_gives_the_same_ranking():
    window = metrics_window(SHOP, (Fault("payments", "latency", 0.2),))
    assert rank(window).to_frame().equals(rank(window).to_frame())


def test_the_table_and_the_card_can_be_read():
    found = rank(metrics_window(SHOP, (Fault("payments", "latency", 0.2),)))
    assert {"score", "parts", "ci_low", "ci_high", "p_value"} <= set(found.to_frame())
    assert "payments" in repr(found)
    assert "payments" in found._repr_html_()
    assert found.findings()[0].service == "payments"


def test_an_sli_nobody_knows_is_refused_with_a_hint():
    with pytest.raises(UnknownName, match="front"):
        rank(metrics_window(SHOP), "fornt/latency")
    assert rank(metrics_window(SHOP), SLI("front", "errors")).sli.signal == "errors"


def test_a_window_without_a_baseline_is_refused():
    window = metrics_window(SHOP)
    everything = TimeRange(window.metrics["ts"].min(), window.when.end)
    with pytest.raises(BadInput, match="baseline"):
        rank(window.between(everything.start, everything.end))


@pytest.mark.slow
def test_who_looks_at_many_slis_finds_one_that_moved_more_often():
    slos = tuple(SLO(service, service, "latency", 0.99, 0.2) for service in SHOP.services)
    moved = {"each": 0, "the farthest": 0}
    for seed in range(30):
        window = metrics_window(SHOP, phi=0.5, seed=seed, history=False).with_(slos=slos)
        seen = align(window)
        alone = min(study(seen, slo.sli).p_value for slo in slos)
        moved["each"] += alone <= 0.05
        moved["the farthest"] += choose_study(seen).p_value <= 0.05
    assert moved["each"] > moved["the farthest"]
    assert moved["the farthest"] <= 5
