"""The claim ladder on planted incidents: guilty, innocent, surge, silence, in both directions."""

from __future__ import annotations

import sys

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from planted import SHOP, START, Fault, everywhere, metrics_window, without
from workbench import SLI
from workbench.checks import CheckId, not_passed
from workbench.diagnose import compare, next_checks
from workbench.errors import BadInput


def changes(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        [{"ts": pd.Timestamp(ts), "kind": "deploy", "service": s, "ref": r} for ts, s, r in rows]
    )


TWO_DEPLOYS = changes(
    ("2026-01-31T13:26:00Z", "cart", "cart-9"), ("2026-01-31T13:29:30Z", "payments", "payments-2")
)


@pytest.fixture(scope="module")
def guilty():
    window = metrics_window(
        faults=(Fault("payments", "latency", 0.2),), seed=1, changes=TWO_DEPLOYS
    )
    return compare(window)


def test_a_guilty_deploy_is_the_cause_and_its_service_failed_first(guilty):
    assert guilty.cause.change == "payments-2"
    assert guilty.bucket("first failure")[0].service == "payments"
    assert "caused by change payments-2" in guilty.verdict
    assert "placebo changes moved it" in guilty.cause.reason


def test_an_innocent_deploy_is_ruled_out_with_its_reason(guilty):
    decoy = next(s for s in guilty.suspects if s.change == "cart-9")
    assert decoy.claim == "refuted"
    assert decoy in guilty.ruled_out
    assert "did not demonstrably move" in decoy.reason


def test_callers_that_wait_are_symptoms(guilty):
    checkout = next(s for s in guilty.suspects if s.service == "checkout")
    assert checkout.role == "symptom"
    assert "payments" in checkout.reason
    assert [s.service for s in guilty.bucket("impact")] == ["front"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_every_rung_names_its_tests_and_all_are_passed(seed):
    window = metrics_window(
        faults=(Fault("payments", "latency", 0.2),),
        seed=seed,
        bins=480,
        step_s=15.0,
        changes=TWO_DEPLOYS,
    )
    first = compare(window).bucket("first failure")[0]
    names = {test.name for test in first.tests}
    assert {
        "left its own range",
        "moves with the SLI",
        "on the path",
        "own part excludes zero",
        "placebo windows",
    } <= names
    assert not not_passed(first.tests)


def test_over_few_bins_only_the_correlation_may_be_passed_over(guilty):
    """A quarter of the bins cannot tell autocorrelated series apart; the accounts can."""
    first = guilty.bucket("first failure")[0]
    assert first.claim == "supported"
    assert {test.name for test in not_passed(first.tests)} == {"moves with the SLI"}


def test_a_place_without_a_recorded_change_is_named_as_such():
    window = metrics_window(faults=(Fault("payments", "latency", 0.2),), seed=1)
    found = compare(window)
    assert found.cause.service == "payments"
    assert "no change near it was recorded" in found.verdict
    assert "no changes" in found.missing


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_in_a_quiet_window_nothing_is_blamed(seed):
    found = compare(metrics_window(faults=(), seed=seed, changes=TWO_DEPLOYS))
    assert found.cause is None
    if not found.moved:
        assert "caused by" not in found.verdict
        assert {s.claim for s in found.suspects if s.change} == {"refuted"}


def test_errors_are_followed_to_where_they_begin():
    window = metrics_window(faults=(Fault("payments", "errors", 0.3),), seed=5, signal="errors")
    found = compare(window, SLI("front", "errors"))
    assert found.cause.service == "payments"


def test_an_sli_that_becomes_better_has_no_cause():
    window = metrics_window(faults=(Fault("payments", "latency", -0.04),), seed=2)
    found = compare(window)
    assert found.cause is None
    assert "caused by" not in found.verdict


@pytest.mark.slow
def test_a_change_after_the_onset_is_refuted_by_its_time():
    late = changes(("2026-01-31T13:45:00Z", "payments", "payments-3"))
    window = metrics_window(faults=(Fault("payments", "latency", 0.2),), seed=1, changes=late)
    found = compare(window)
    suspect = next(s for s in found.suspects if s.change == "payments-3")
    assert suspect.claim == "refuted"
    assert "after the SLI left its level" in suspect.reason


def test_the_same_seed_gives_the_same_diagnosis():
    window = metrics_window(faults=(Fault("payments", "latency", 0.2),), seed=1)
    assert repr(compare(window, seed=3)) == repr(compare(window, seed=3))


def saturating_surge(rise: float, seed: int = 0):
    """Load enters at the front; the catalog's own time follows a queue with a known capacity."""
    window = metrics_window(SHOP, faults=(Fault("front", "load", rise),), seed=seed, traffic=0.2)
    return queueing(window, 2.2 * load_of_catalog(window).iloc[:90].mean())


def load_of_catalog(window):
    metrics = window.metrics
    at_catalog = metrics["service"].eq("catalog") & metrics["metric"].eq("service.load")
    return metrics.loc[at_catalog].set_index("ts")["value"]


@everywhere
def queueing(window, capacity: float):
    metrics, load = window.metrics, load_of_catalog(window)
    busy = np.minimum(load / capacity, 0.97)
    wait = 0.02 * busy / (1 - busy)
    gauge = pd.DataFrame(
        {
            "ts": busy.index,
            "metric": "worker_pool_busy",
            "value": busy.to_numpy(),
            "service": "catalog",
            "labels": "{}",
            "kind": "gauge",
        }
    )
    extra = {("catalog", 1.0), ("front", 2.0)}
    for service, calls in extra:
        rows = metrics["service"].eq(service) & metrics["metric"].eq("service.latency")
        metrics.loc[rows, "value"] += calls * metrics.loc[rows, "ts"].map(wait)
    to_catalog = metrics["metric"].eq("edge.latency") & metrics["labels"].eq('{"peer":"catalog"}')
    metrics.loc[to_catalog, "value"] += metrics.loc[to_catalog, "ts"].map(wait)
    return window.with_(tables={**window.tables, "metrics": pd.concat([metrics, gauge])})


@pytest.mark.slow
@pytest.mark.parametrize(("minutes", "enough"), [(8, False), (60, False), (240, True)])
def test_history_is_enough_from_eight_windows_as_long_as_the_incident(minutes, enough):
    """Thirty minutes of incident after 8, 60 or 240 quiet ones: only the last can be judged."""
    window = metrics_window(
        faults=(Fault("payments", "latency", 0.3, at=minutes / (minutes + 30)),),
        bins=minutes + 30,
        incident=minutes / (minutes + 30),
        history=False,
    )
    found = compare(window)
    history = next(t for t in found.suspects[0].tests if t.id == CheckId.ENOUGH_HISTORY)
    assert history.passed is enough
    assert (found.cause is not None) is enough


def test_a_surge_is_the_state_change_and_the_saturated_service_the_first_failure():
    found = compare(saturating_surge(1.0))
    assert (found.cause.service, found.cause.signal) == ("front", "load")
    assert found.bucket("first failure")[0].service == "catalog"
    assert "surge of load" in found.verdict


def test_ordinary_traffic_is_not_called_a_surge():
    window = metrics_window(faults=(Fault("catalog", "latency", 0.05),), seed=1)
    found = compare(window)
    assert (found.cause.service, found.cause.signal) == ("catalog", "latency")


@pytest.mark.slow
def test_without_a_gauge_a_surge_and_a_service_slow_by_itself_cannot_be_told_apart():
    window = saturating_surge(1.0)
    found = compare(without(window, "catalog", "worker_pool_busy"))
    assert found.cause is None
    nearest = next(s for s in found.suspects if s.role == "undecided")
    assert (nearest.service, nearest.claim) == ("catalog", "plausible")
    assert "a gauge of what catalog may run out of: queue, pool, CPU" in found.would_settle


@everywhere
def without_calls(window):
    calls = window.metrics["metric"].astype(str).str.startswith("edge.")
    return window.with_(tables={**window.tables, "metrics": window.metrics[~calls]})


def test_a_window_without_a_service_graph_is_diagnosed_and_says_so():
    window = metrics_window(faults=(Fault("front", "latency", 0.2),), seed=1)
    found = compare(without_calls(window).with_(topology=nx.DiGraph()))
    assert any("no service graph" in text for text in found.missing)


def test_an_sli_that_improved_blames_nobody_and_says_so():
    window = metrics_window(faults=(Fault("payments", "latency", -0.045),), seed=3)
    found = compare(window)
    assert found.moved
    assert found.cause is None
    assert found.verdict.startswith("Nothing to blame: front/latency improved")
    assert found.ranking.named is None
    assert "improved" in repr(found.ranking)
    words = {s.reason for s in found.suspects}
    assert words == {"the SLI improved: there is nothing it could have caused"}
    assert "improved" in next_checks(window).reason


@pytest.mark.slow
def test_a_change_is_compared_with_the_latest_onset_and_only_where_the_sli_got_worse():
    told = pd.DataFrame(
        [{"ts": START + pd.Timedelta("89min"), "kind": "deploy", "service": "payments", "ref": "p"}]
    )
    slow = compare(metrics_window(faults=(Fault("payments", "latency", 0.2),), changes=told))
    words = {test.name: test.figure for test in slow.suspects[0].tests}
    assert words["not after the SLI"].startswith("made at 13:29:00; the SLI left its level at 13:")
    assert words["not after the SLI"].endswith("at the latest")
    calm = next(s for s in compare(metrics_window(changes=told, seed=1)).suspects if s.change)
    assert "not after the SLI" not in {test.name for test in calm.tests}
    assert ("the SLI got worse", False) in {(test.name, test.passed) for test in calm.tests}


def test_without_a_correlation_nobody_is_called_correlated(monkeypatch):
    def too_few(*_args, **_kwargs):
        raise BadInput("Too few bins")

    monkeypatch.setattr("workbench.diagnose.case.rank_in", too_few)
    window = metrics_window(faults=(Fault("payments", "latency", 0.2),), seed=1)
    found = compare(window)
    assert "too few bins to correlate anything with the SLI" in found.notes
    others = [s for s in found.suspects if s.service != found.sli.service]
    assert others
    assert "correlated" not in {s.claim for s in others}


feature_signals = sys.modules["workbench.features.signals"]  # the verb hides the module


def test_a_window_is_aligned_once_whatever_is_asked_of_it(monkeypatch):
    window = metrics_window(faults=(Fault("payments", "latency", 0.2),), seed=1, gauges=("cpu",))
    read = []

    def counted(of, grid):
        read.append(len(of))
        return from_metrics(of, grid)

    from_metrics = feature_signals._from_metrics
    monkeypatch.setattr(feature_signals, "_from_metrics", counted)
    compare(window)
    assert read == [len(window.metrics), len(window.history.metrics)]
