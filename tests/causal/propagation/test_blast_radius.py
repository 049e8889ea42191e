"""Blast radius: what is forecast of planted faults, what it may not know, and how it is graded."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from planted import SHOP, Fault, metrics_window
from workbench.causal import blast_radius, score_forecast
from workbench.causal.propagation.departures import departures
from workbench.errors import BadInput, UnknownName
from workbench.features.aligned import align

FAULT = (Fault("payments", "latency", 0.2),)


def chances(found):
    return {r.service: r.probability for r in found.reached}


@pytest.fixture(scope="module")
def window():
    return metrics_window(faults=FAULT, seed=1)


@pytest.fixture(scope="module")
def forecast(window):
    return blast_radius(window, "payments", added_s=0.2)


def test_callers_are_reached_and_callees_and_strangers_are_not(forecast):
    p = chances(forecast)
    assert min(p["checkout"], p["front"]) > 0.9
    assert max(p[name] for name in ("cart", "catalog", "cache", "orders", "db")) < 0.1
    assert "payments" not in p


def test_what_arrives_follows_from_the_calls_a_request(forecast):
    """By hand: checkout calls payments once a request, front calls checkout 0.3 times."""
    added = {r.service: r.added_s for r in forecast.reached}
    assert added["checkout"] == pytest.approx(0.2, rel=0.1)
    assert added["front"] == pytest.approx(0.06, rel=0.15)


@pytest.mark.parametrize("edges", [True, False])
def test_transmission_is_learned_and_a_fault_that_is_too_small_reaches_nobody(edges):
    window = metrics_window(seed=2, bins=240, edges=edges)
    large = blast_radius(window, "db", added_s=0.05)
    small = blast_radius(window, "db", added_s=0.00001)
    assert chances(large)["orders"] > 0.9
    assert max(chances(small).values()) < 0.2
    assert large.learned[0] >= 5


def test_failing_requests_reach_callers_too():
    window = metrics_window(seed=2, bins=240, signal="errors")
    found = blast_radius(window, "payments", added_errors=0.5)
    assert chances(found)["checkout"] > 0.7
    assert chances(found)["cart"] < 0.2


def test_nothing_of_the_incident_is_known_to_the_forecast(window):
    """The same window with another incident in it has the same forecast."""
    metrics = window.metrics
    during = window.when.mask(metrics["ts"])
    metrics["value"] = metrics["value"].where(~during, 7.0 * metrics["value"])
    other = window.with_(tables={**window.tables, "metrics": metrics})
    assert repr(blast_radius(other, "payments")) == repr(blast_radius(window, "payments"))


def test_the_same_seed_gives_the_same_forecast_and_another_one_another(window, forecast):
    assert repr(blast_radius(window, "payments", added_s=0.2)) == repr(forecast)
    frames = [blast_radius(window, "payments", seed=seed).to_frame() for seed in (1, 2)]
    assert not frames[0].equals(frames[1])


def test_a_call_that_is_not_waited_for_passes_nothing_on(window):
    graph = nx.DiGraph(window.topology)
    graph.edges["checkout", "payments"]["asynchronous"] = True
    found = blast_radius(window.with_(topology=nx.freeze(graph)), "payments", added_s=0.2)
    assert max(chances(found).values()) < 0.1


def test_a_ring_of_calls_is_walked_once(window):
    graph = nx.DiGraph(window.topology)
    graph.add_edge("payments", "front")
    found = blast_radius(window.with_(topology=nx.freeze(graph)), "payments", added_s=0.2)
    assert chances(found)["checkout"] > 0.9
    assert np.isfinite(found.expected)


def test_a_change_is_forecast_at_its_service():
    deploy = pd.DataFrame(
        [
            {
                "ts": pd.Timestamp("2026-01-31T13:29:00Z"),
                "kind": "deploy",
                "service": "payments",
                "ref": "payments-2",
            }
        ]
    )
    window = metrics_window(faults=FAULT, seed=1, changes=deploy)
    found = blast_radius(window, "payments-2")
    assert (found.service, found.change) == ("payments", "payments-2")
    assert "payments-2 of payments" in repr(found)


def test_callers_without_telemetry_are_told(window):
    graph = nx.DiGraph(window.topology)
    graph.add_edge("app", "front")
    found = blast_radius(window.with_(topology=nx.freeze(graph)), "payments", added_s=0.2)
    assert found.unmeasured == ("app",)
    assert "app" not in chances(found)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"origin": "nobody"}, UnknownName),
        ({"origin": "payments", "added_s": -1.0}, BadInput),
        ({"origin": "payments", "added_s": float("nan")}, BadInput),
        ({"origin": "payments", "added_errors": 1.5}, BadInput),
    ],
)
def test_what_cannot_be_forecast_is_a_named_error(window, asked, error):
    with pytest.raises(error):
        blast_radius(window, **asked)


def test_a_grade_by_hand(window, forecast):
    graded = score_forecast(forecast, window)
    left = {name: out for name, (_, out) in graded.happened.items()}
    assert {name for name, out in left.items() if out} == {"checkout", "front"}
    errors = [(p - left[name]) ** 2 for name, p in chances(forecast).items()]
    assert graded.brier == pytest.approx(np.mean(errors))
    assert graded.reference["nobody"] == pytest.approx(2 / 7)
    assert graded.reference["all callers"] == 0.0
    assert graded.reference["base rate in hindsight"] == pytest.approx(2 / 7 * 5 / 7)


@pytest.mark.slow
def test_forecasts_of_faults_of_unknown_size_beat_the_base_rate():
    """Small and large faults at every depth; the sizes are not told."""
    scores, rate, n = [], [], 12
    places = ("payments", "db", "cache", "orders", "cart", "catalog")
    for seed in range(n):
        place = places[seed % len(places)]
        amount = SHOP.own(place) * (0.5, 2.0, 8.0)[seed % 3]
        window = metrics_window(faults=(Fault(place, "latency", amount),), seed=seed)
        graded = score_forecast(blast_radius(window, place), window)
        scores.append(graded.brier)
        rate.append(graded.reference["base rate in hindsight"])
    assert np.mean(scores) < np.mean(rate), f"{np.mean(scores):.3f} of {n}"


@pytest.mark.slow
@pytest.mark.parametrize("phi", [0.0, 0.8])
def test_in_quiet_windows_hardly_anybody_leaves_its_range(phi):
    left = []
    for seed in range(12):
        aligned = align(metrics_window(seed=seed, phi=phi, bins=240, incident=0.875))
        left += list(departures(aligned, aligned.services).left)
    assert np.mean(left) <= 0.05, f"{np.mean(left):.3f} of {len(left)}"


def test_forecasts_show_themselves(window, forecast):
    assert "If payments fails, within 30 min" in repr(forecast)
    assert "Brier score" in repr(score_forecast(forecast, window))
    assert "learned for" in forecast._repr_html_()
    assert "left its range" in score_forecast(forecast, window)._repr_html_()
