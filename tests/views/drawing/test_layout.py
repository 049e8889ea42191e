from __future__ import annotations

import itertools
import random

import networkx as nx
import pytest

from pictures import EDGES
from workbench.views.drawing.layout import layered


def random_graph(size: int, seed: int) -> nx.DiGraph:
    rng = random.Random(seed)
    graph = nx.DiGraph()
    graph.add_nodes_from(f"s{i}" for i in range(size))
    for node in range(1, size):
        for _ in range(rng.choice([1, 1, 2])):
            graph.add_edge(f"s{rng.randrange(max(0, node - 8), node)}", f"s{node}")
    return graph


@pytest.mark.parametrize("size", [1, 2, 10, 25, 40])
@pytest.mark.parametrize("seed", [0, 1])
def test_boxes_never_touch(size: int, seed: int) -> None:
    places = layered(random_graph(size, seed)).places.values()
    for (x1, y1), (x2, y2) in itertools.combinations(places, 2):
        assert abs(x1 - x2) >= 1 or abs(y1 - y2) >= 0.999


def test_callers_stand_left_of_what_they_call() -> None:
    places = layered(nx.DiGraph(EDGES)).places
    assert all(places[a][0] < places[b][0] for a, b in EDGES)


def test_every_edge_is_routed_from_caller_to_callee() -> None:
    layout = layered(nx.DiGraph(EDGES))
    for caller, callee in EDGES:
        route = layout.routes[(caller, callee)]
        assert route[0] == layout.places[caller]
        assert route[-1] == layout.places[callee]


def test_a_cycle_and_a_call_to_itself_are_drawn_too() -> None:
    layout = layered(nx.DiGraph([("a", "b"), ("b", "c"), ("c", "a"), ("c", "c")]))
    assert set(layout.places) == {"a", "b", "c"}
    assert ("c", "a") in layout.routes
    back = layout.routes[("c", "a")]
    assert back[0][0] > back[-1][0]


def test_nothing_at_all_is_laid_out_as_nothing() -> None:
    assert layered(nx.DiGraph()).places == {}


def test_the_same_graph_gives_the_same_picture() -> None:
    turned = nx.DiGraph(reversed(EDGES))
    assert layered(nx.DiGraph(EDGES)) == layered(turned)


def test_three_hundred_services_take_a_moment_only() -> None:
    layout = layered(random_graph(300, 5))
    assert len(layout.places) == 300
    assert layout.rows > 1
