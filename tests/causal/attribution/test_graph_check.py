"""A graph that cannot be true is told and not used; one that can be is left alone."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from planted import SHOP, Fault, System, metrics_window
from workbench.causal import rank
from workbench.causal.attribution.graph_check import check_graph
from workbench.features.aligned import align

SLOW = (Fault("payments", "latency", 0.2),)


def window(*, seed=0, faults=SLOW, **more):
    return metrics_window(SHOP, faults, seed=seed, edges=False, **more)


def turned(window):
    return window.with_(topology=nx.freeze(window.topology.reverse()))


def check(window):
    return check_graph(window.topology, align(window))


@pytest.mark.parametrize("seed", range(5))
def test_a_true_graph_holds_and_the_same_turned_round_does_not(seed):
    straight, back = check(window(seed=seed)), check(turned(window(seed=seed)))
    assert straight.believed
    assert straight.contradicted == ()
    assert not back.believed
    assert len(back.contradicted) > len(back.held)


@pytest.mark.parametrize("seed", range(5))
def test_a_graph_turned_round_is_told_and_not_used(seed):
    found, blind = (
        rank(turned(window(seed=seed))),
        rank(window(seed=seed).with_(topology=nx.freeze(nx.DiGraph()))),
    )
    assert any("contradicts the data" in note for note in found.notes)
    assert [row.service for row in found.rows] == [row.service for row in blind.rows]


def test_nothing_is_told_of_a_graph_that_holds():
    assert not any("contradicts" in note or "turned round" in note for note in rank(window()).notes)


def test_a_slow_queue_worker_is_one_doubtful_call_and_the_graph_stays():
    queued = System(
        calls={"front": {"orders": 1.0, "cart": 1.0, "search": 1.0}, "orders": {"db": 1.0}},
        own_s={"front": 0.02, "orders": 0.01, "db": 0.005},
    )
    made = metrics_window(queued, edges=False)
    rng = np.random.default_rng(0)
    rows = made.metrics[made.metrics["service"] == "orders"]
    level = np.where(
        rows["metric"] == "service.latency", 0.5 + 0.01 * rng.random(len(rows)), 1000.0
    )
    worker = rows.assign(service="worker", value=level)
    worker = worker[worker["metric"].isin(["service.latency", "service.load"])]
    graph = nx.DiGraph([*made.topology.edges, ("orders", "worker")])
    metrics = made.metrics.astype({"service": str})
    joined = made.with_(
        tables={"metrics": pd.concat([metrics, worker.astype({"service": str})])},
        topology=nx.freeze(graph),
    )
    found = check(joined)
    assert found.contradicted == (("orders", "worker"),)
    assert found.believed
    assert "not waited for" in found.notes()[0]


def test_a_call_that_was_measured_is_not_doubted():
    made = turned(window())
    calls = list(made.topology.edges)
    found = check_graph(made.topology, align(made), waited_for=calls)
    assert found.calls == ()
    assert found.believed


def test_calls_without_measurements_are_undecided():
    made = window()
    graph = nx.DiGraph([*made.topology.edges, ("front", "nobody")])
    found = check_graph(graph, align(made))
    assert ("front", "nobody") in found.undecided
