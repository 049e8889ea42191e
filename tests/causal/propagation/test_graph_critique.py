"""Discovery as a critic: planted doubts are told, and a true graph is left alone."""

from __future__ import annotations

import sys

import networkx as nx
import numpy as np
import pytest

from parts import AMPLE_S
from planted import SHOP, Fault, metrics_window
from workbench import SLI, SLO
from workbench.causal import critique
from workbench.causal.propagation.graph_critique import _significant
from workbench.causal.propagation.residuals import Association, Residuals, associations
from workbench.errors import BadInput, MissingPart, UnknownName

FAULT = (Fault("payments", "latency", 0.2),)


def graph_told(change, *, seed, phi=0.8, bins=240):
    """Window whose topology is not the one its telemetry was made with."""
    window = metrics_window(faults=FAULT, seed=seed, phi=phi, edges=False, bins=bins)
    graph = nx.DiGraph(window.topology)
    change(graph)
    return window.with_(topology=nx.freeze(graph))


def calls(doubts):
    return [(d.caller, d.callee) for d in doubts]


@pytest.mark.slow
@pytest.mark.parametrize("phi", [0.0, 0.8])
@pytest.mark.parametrize("call", [("checkout", "payments"), ("orders", "db")])
def test_a_missing_call_is_found_with_its_direction(call, phi):
    found = [
        critique(
            graph_told(lambda g: g.remove_edge(*call), seed=seed, phi=phi, bins=480),
            seconds=AMPLE_S,
        )
        for seed in range(8)
    ]
    hits = sum(call in calls(c.missing) for c in found)
    assert hits >= 7, f"found in {hits} of 8"


@pytest.mark.slow
def test_a_reversed_call_is_told():
    def turn(graph):
        graph.remove_edge("front", "catalog")
        graph.add_edge("catalog", "front")

    found = [critique(graph_told(turn, seed=seed), seconds=AMPLE_S) for seed in range(5)]
    hits = sum(("catalog", "front") in calls(c.contradicted) for c in found)
    assert hits == 5


@pytest.mark.slow
def test_an_invented_call_is_contradicted():
    found = [
        critique(
            graph_told(lambda g: g.add_edge("cart", "payments"), seed=seed, bins=480),
            seconds=AMPLE_S,
        )
        for seed in range(8)
    ]
    assert [calls(c.contradicted) for c in found] == [[("cart", "payments")]] * 8


@pytest.mark.slow
@pytest.mark.parametrize("phi", [0.0, 0.8])
def test_a_true_graph_is_left_alone(phi):
    """At most one false doubt in twenty windows, with and without measured calls."""
    seeds = range(50)
    found = [
        critique(
            metrics_window(faults=FAULT, seed=seed, phi=phi, edges=bool(seed % 2)), seconds=AMPLE_S
        )
        for seed in seeds
    ]
    doubted = [c for c in found if c.doubts]
    assert len(doubted) <= 0.1 * len(found), doubted
    assert sum(bool(c.missing) for c in found) <= 0.05 * len(found)


@pytest.mark.slow
def test_a_call_that_telemetry_counts_and_the_graph_does_not_list_is_missing():
    window = metrics_window(seed=1)
    graph = nx.DiGraph(window.topology)
    graph.remove_edge("cart", "cache")
    found = critique(window.with_(topology=nx.freeze(graph)), seconds=AMPLE_S)
    assert calls(found.missing) == [("cart", "cache")]
    assert "telemetry counts these calls" in found.missing[0].statement


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_what_is_joined_only_through_a_third_is_dropped_by_pc(seed):
    """Without front → checkout, front also shares what checkout waits for, until PC asks."""
    window = graph_told(lambda g: g.remove_edge("front", "checkout"), seed=seed, bins=1440)
    every = calls(critique(window, method="residuals", seconds=AMPLE_S).missing)
    assert ("front", "checkout") in every
    assert {("front", "payments"), ("front", "orders")} & set(every)
    assert calls(critique(window, method="pc", seconds=AMPLE_S).missing) == [("front", "checkout")]


@pytest.mark.slow
def test_nothing_is_merged_and_the_frame_shows_the_graph_beside_the_doubts():
    window = graph_told(lambda g: g.remove_edge("orders", "db"), seed=0)
    before = sorted(window.topology.edges)
    found = critique(window, seconds=AMPLE_S)
    assert sorted(window.topology.edges) == before
    frame = found.to_frame()
    assert set(zip(frame["caller"], frame["callee"], strict=True)) == {*before, ("orders", "db")}
    assert list(frame.loc[frame["verdict"] == "missing", "in the graph"]) == ["no"]
    assert {f.claim for f in found.findings()} <= {"observed", "correlated"}
    assert "not changed" in found._repr_html_()
    assert repr(found) == repr(critique(window, seconds=AMPLE_S))


@pytest.mark.slow
def test_only_the_nearest_services_are_looked_at_and_that_is_told():
    system = type(SHOP)({"front": {f"s{i:02d}": 1.0 for i in range(45)}})
    found = critique(
        metrics_window(system, bins=60, edges=False), method="residuals", seconds=AMPLE_S
    )
    assert len(found.services) == 40
    assert found.services[0] == "front"
    assert found.left_out == 6
    assert "6 farther ones were not looked at" in repr(found)


def test_without_time_candidates_stay_and_it_is_told():
    found = critique(graph_told(lambda g: g.remove_edge("orders", "db"), seed=0), seconds=0.0)
    assert found.partial
    assert ("orders", "db") in calls(found.missing)
    assert "partial" in repr(found)


def test_calls_that_are_not_waited_for_are_not_criticised():
    window = metrics_window(seed=1, edges=False)
    graph = nx.DiGraph(window.topology)
    graph.add_edge("cart", "payments", asynchronous=True)
    found = critique(window.with_(topology=nx.freeze(graph)), seconds=AMPLE_S)
    assert ("cart", "payments") not in calls(found.doubts)


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch):
    for name in ("causallearn", "causallearn.search.ConstraintBased.PC"):
        monkeypatch.setitem(sys.modules, name, None)
    window = metrics_window(bins=60)
    with pytest.raises(MissingPart, match=r"\[discovery\]"):
        critique(window, seconds=AMPLE_S)
    assert critique(window, method="residuals", seconds=AMPLE_S).calls


def test_what_cannot_be_asked_is_a_named_error():
    window = metrics_window(bins=60)
    with pytest.raises(UnknownName, match="method"):
        critique(window, method="magic", seconds=AMPLE_S)
    with pytest.raises(BadInput, match="Load"):
        critique(window, SLI("front", "load"), seconds=AMPLE_S)


def test_errors_are_criticised_too():
    window = metrics_window(
        faults=(Fault("payments", "errors", 0.2),), seed=1, signal="errors", bins=60
    )
    assert critique(window, seconds=AMPLE_S).sli == SLO("x", "front", "errors", 0.99, 0.5).sli


def test_pairs_are_corrected_for_tests_that_depend_on_each_other():
    """By hand: three tests, harmonic number 11/6; Benjamini & Hochberg would keep all."""
    chances = {"b": 0.005, "c": 0.04, "d": 0.03}
    tested = [Association(("a", name), 0.5, p) for name, p in chances.items()]
    kept = _significant(tested)
    assert [association.pair for association, _ in kept] == [("a", "b")]
    assert kept[0][1] == pytest.approx(0.005 * 3 * 11 / 6)
    assert _significant([]) == []


def test_what_stands_still_shares_nothing():
    still, moving = np.ones(40), np.random.default_rng(0).normal(size=40)
    both = np.column_stack([still, moving])
    found = Residuals(("a", "b"), both, both, {}, np.ones(2), np.ones(2))
    assert [association.p_value for association in associations(found)] == [1.0]
