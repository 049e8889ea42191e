"""The graph against its data: the right one stands, a wrong one is told."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest

import workbench as wb
from parts import AMPLE_S
from planted import SHOP, metrics_window
from workbench.causal.gcm.falsify import falsify_graph
from workbench.errors import BadInput

pytestmark = pytest.mark.slow

RIGHT = nx.DiGraph([("db", "orders"), ("orders", "front"), ("cache", "cart"), ("cart", "front")])


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    made = {}
    for node in nx.topological_sort(RIGHT):
        noise = rng.standard_normal(200)
        made[node] = noise + sum((made[p] for p in RIGHT.predecessors(node)), np.zeros(200))
    return pd.DataFrame(made)


def test_the_right_graph_is_not_contradicted(data):
    found = falsify_graph(RIGHT, data, seed=1, seconds=AMPLE_S)
    assert found.verdict == "not contradicted"
    assert found.share <= 0.2
    assert len(found.permuted) == 50
    assert "do not contradict" in found.statement


def test_a_graph_with_services_mixed_up_is_contradicted(data):
    mixed = nx.relabel_nodes(RIGHT, {"front": "orders", "orders": "front"})
    found = falsify_graph(mixed, data, seed=1, seconds=AMPLE_S)
    assert found.verdict == "contradicted"
    assert found.violated
    assert "not independent" in repr(found)


def test_series_that_have_nothing_in_common_tell_nothing():
    noise = pd.DataFrame(np.random.default_rng(0).standard_normal((100, 5)), columns=list(RIGHT))
    assert falsify_graph(RIGHT, noise, seed=1, seconds=AMPLE_S).verdict == "cannot tell"


def test_without_time_five_graphs_are_compared_and_it_says_so(data):
    found = falsify_graph(RIGHT, data, seconds=0)
    assert len(found.permuted) == 5
    assert "stopped at 0 s: partial, 5 of 50 rounds" in found.statement


def test_the_same_seed_gives_the_same_answer(data):
    assert falsify_graph(RIGHT, data, seed=4, seconds=AMPLE_S) == falsify_graph(
        RIGHT, data, seed=4, seconds=AMPLE_S
    )


def test_the_mechanism_graph_of_a_window_is_not_contradicted():
    found = wb.causal.falsify(metrics_window(SHOP, seed=4), seconds=AMPLE_S)
    assert found.verdict == "not contradicted"
    assert "violated" in found._repr_html_()


def test_too_little_is_a_named_error(data):
    with pytest.raises(BadInput, match="Too little"):
        falsify_graph(RIGHT, data.head(10), seconds=AMPLE_S)
    with pytest.raises(BadInput, match="Too little"):
        falsify_graph(nx.DiGraph([("db", "orders")]), data, seconds=AMPLE_S)
