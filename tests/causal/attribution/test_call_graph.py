import networkx as nx
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.causal.attribution.call_graph import mechanism_graph, twins_of

NAMES = [f"s{i}" for i in range(8)]


def test_callers_come_before_callees_and_reach_is_told():
    topology = nx.DiGraph([("edge", "front"), ("front", "db"), ("batch", "db")])
    graph = mechanism_graph(topology, "front", ["stray"])
    assert graph.order.index("front") < graph.order.index("db")
    assert graph.reached == {"front", "db"}
    assert graph.above == {"edge"}
    assert "stray" in graph.order


def test_a_ring_is_cut_where_it_climbs_back_and_told():
    topology = nx.DiGraph([("front", "a"), ("a", "b"), ("b", "front")])
    graph = mechanism_graph(topology, "front", [])
    assert graph.cut == (("b", "front"),)
    assert graph.edges == (("front", "a"), ("a", "b"))


def test_an_asynchronous_call_passes_nothing_on():
    topology = nx.DiGraph([("front", "queue"), ("front", "db")])
    graph = mechanism_graph(topology, "front", [], asynchronous=[("front", "queue")])
    assert graph.callees["front"] == ("db",)


@given(st.sets(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=30))
def test_any_topology_becomes_an_order(edges):
    graph = mechanism_graph(nx.DiGraph(sorted(edges)), "s0", NAMES)
    place = {name: i for i, name in enumerate(graph.order)}
    assert set(place) == set(NAMES)
    assert all(place[caller] < place[callee] for caller, callee in graph.edges)
    kept = set(graph.edges) | set(graph.cut)
    assert kept == {edge for edge in edges if edge[0] != edge[1]}


def test_twins_carry_the_same_requests_and_time():
    rng = np.random.default_rng(0)
    load = rng.poisson(100, 60).astype(float)
    time = rng.lognormal(-3, 0.3, 60)
    loads = np.column_stack([load, load, load])
    times = np.column_stack([time * 1.03, time, rng.lognormal(-3, 0.3, 60)])
    assert twins_of(loads, times, [(0, 1), (0, 2)]) == [(0, 1)]


def test_twins_are_told_of_the_bins_both_were_seen_in():
    rng = np.random.default_rng(0)
    load = rng.poisson(100, 60).astype(float)
    time = rng.lognormal(-3, 0.3, 60)
    gaps = np.where(np.arange(60) % 3 == 0, np.nan, 1.0)
    loads, times = (np.column_stack([one, one * gaps, np.full(60, np.nan)]) for one in (load, time))
    assert twins_of(loads, times, [(0, 1), (0, 2), (1, 2)]) == [(0, 1)]
    assert twins_of(loads, times, []) == []
