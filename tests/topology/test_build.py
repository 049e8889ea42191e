from __future__ import annotations

import json

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from planted import (
    SHOP,
    START,
    System,
    counter_rows,
    metrics_window,
    span_row,
    spans_frame,
    spans_window,
)
from workbench import IncidentWindow, TimeRange, topology
from workbench.archive import graph_from_dict, graph_to_dict
from workbench.errors import BadInput, BadTable, NaiveTimestamp
from workbench.features import signals
from workbench.tables import conform, empty
from workbench.topology import pair_spans

WHEN = TimeRange(START, START + pd.Timedelta("10min"))


def spans(*rows):
    return conform("spans", spans_frame(list(rows)))


def call(kind="client", callee_kind="server", callee="b", **attributes):
    """A request in a, its outgoing span, and what b made of it."""
    return [
        span_row(span="1", service="a", duration=1.0),
        span_row(
            span="2",
            parent="1",
            service="a",
            kind=kind,
            start=0.1,
            duration=0.6,
            attributes=attributes,
        ),
        span_row(span="3", parent="2", service=callee, kind=callee_kind, start=0.2, duration=0.4),
    ]


# ---- calls


def test_a_call_lasts_as_long_as_the_caller_waits():
    frame = pair_spans(spans(*call())).frame
    assert len(frame) == 1
    row = frame.iloc[0]
    assert (row["caller"], row["callee"], row["kind"]) == ("a", "b", "http")
    assert (row["duration_s"], row["callee_s"]) == (0.6, 0.4)
    assert row["seen"]
    assert not row["asynchronous"]


def test_without_a_client_span_the_callees_duration_stands_in():
    rows = [
        span_row(span="1", service="edge"),
        span_row(span="2", parent="1", service="b", duration=0.4),
    ]
    assert pair_spans(spans(*rows)).frame["duration_s"].tolist() == [0.4]


@pytest.mark.parametrize(
    ("attributes", "callee", "kind", "node"),
    [
        ({"db.system.name": "postgresql"}, "postgresql", "db", "database"),
        ({"db.system": "redis", "server.address": "10.0.0.1"}, "redis", "db", "database"),
        ({"service.peer.name": "mail"}, "mail", "http", "external"),
        ({"peer.service": "mail", "rpc.system": "grpc"}, "mail", "rpc", "external"),
        ({"server.address": "api.example.org"}, "api.example.org", "http", "external"),
    ],
)
def test_a_peer_that_sends_no_spans_is_named_by_attributes(attributes, callee, kind, node):
    graph = topology.from_spans(spans(*call(**attributes)[:2]))
    assert graph.edges["a", callee]["kind"] == kind
    assert graph.nodes[callee]["kind"] == node
    assert graph.edges["a", callee]["confidence"] < 1


def test_an_unnamed_leaf_is_no_edge():
    assert topology.from_spans(spans(*call()[:2])).number_of_edges() == 0


def test_messages_are_asynchronous_and_nobody_waits():
    graph = topology.from_spans(spans(*call("producer", "consumer")))
    edge = graph.edges["a", "b"]
    assert (edge["asynchronous"], edge["kind"]) == (True, "messaging")
    assert "latency_s" not in edge
    window = IncidentWindow.from_frames(when=WHEN, spans=spans(*call("producer", "consumer")))
    assert signals(window).asynchronous == {("a", "b")}


def test_a_missing_parent_is_counted():
    graph = topology.from_spans(spans(span_row(span="3", parent="gone", service="b")))
    assert graph.graph["missing_parents"] == 1
    assert list(graph.nodes) == ["b"]


# ---- graphs


def test_the_planted_graph_is_read_from_its_traces(traced):
    graph = topology.from_spans(traced.spans)
    assert set(graph.edges) == set(SHOP.graph.edges)
    edge = graph.edges["checkout", "payments"]
    assert edge["calls"] == graph.edges["checkout", "orders"]["calls"]
    assert edge["latency_s"] == pytest.approx(0.05 + 0.25 * 0.3, abs=0.03)
    assert edge["valid_from"] < edge["valid_to"]
    json.dumps(graph_to_dict(graph), allow_nan=False)


def test_a_cycle_is_fine():
    rows = [
        *call(),
        span_row(span="4", parent="3", service="b", kind="client", start=0.3, duration=0.2),
        span_row(span="5", parent="4", service="a", start=0.35, duration=0.1),
    ]
    graph = topology.from_spans(spans(*rows))
    assert set(graph.edges) == {("a", "b"), ("b", "a")}
    assert not nx.is_directed_acyclic_graph(graph)
    window = IncidentWindow.from_frames(when=WHEN, spans=spans(*rows), topology=graph)
    assert signals(window).calls == (("a", "b"), ("b", "a"))
    assert topology.merge_duplicate_views(graph, signals(window))[1] == ()


def test_no_spans_no_graph():
    assert topology.from_spans(empty("spans")).number_of_nodes() == 0
    assert topology.from_metrics(empty("metrics")).number_of_nodes() == 0


def test_client_metrics_show_calls():
    labels = {"service_peer_name": "postgresql"}
    ok = counter_rows(
        "db_client_operation_duration_seconds_count", "orders", [0, 5, 10, 2, 4], labels=labels
    )
    bad = counter_rows(
        "db_client_operation_duration_seconds_count",
        "orders",
        [0, 1, 1],
        labels={**labels, "error_type": "Deadlock"},
    )
    graph = topology.from_metrics(pd.concat([ok, bad]))
    edge = graph.edges["orders", "postgresql"]
    assert (edge["calls"], edge["errors"], edge["kind"]) == (15.0, 1.0, "db")
    assert graph.nodes["postgresql"]["kind"] == "database"


def test_aggregates_show_calls(quiet):
    assert set(topology.from_metrics(quiet.metrics).edges) == set(SHOP.graph.edges)


def test_a_declared_table_is_read():
    table = pd.DataFrame(
        {
            "src": ["a", "a"],
            "dst": ["b", "db"],
            "kind": ["rpc", "db"],
            "valid_from": ["2026-01-31T12:00:00+01:00", None],
        }
    )
    graph = topology.from_table(table)
    assert graph.edges["a", "b"]["kind"] == "rpc"
    assert graph.edges["a", "b"]["valid_from"] == "2026-01-31T11:00:00+00:00"
    assert "valid_from" not in graph.edges["a", "db"]
    assert graph.nodes["db"]["kind"] == "database"
    assert dict(graph_from_dict(graph_to_dict(graph)).nodes) == dict(graph.nodes)


def test_a_table_without_edges_ends_is_refused():
    with pytest.raises(BadTable, match="Not a table of edges"):
        topology.from_table(pd.DataFrame({"src": ["a"]}))
    with pytest.raises(BadTable):
        topology.from_table(pd.DataFrame({"src": ["a"], "dst": [None]}))
    naive = pd.DataFrame({"src": ["a"], "dst": ["b"], "valid_from": ["2026-01-31T12:00:00"]})
    with pytest.raises(NaiveTimestamp):
        topology.from_table(naive)


def test_merging_keeps_both_and_lists_what_disagrees():
    seen = topology.from_spans(spans(*call()))
    said = topology.from_table(
        pd.DataFrame(
            {"src": ["a", "b", "x"], "dst": ["b", "a", "y"], "kind": ["rpc", "rpc", "http"]}
        )
    )
    merged = topology.merge(seen, said)
    assert set(merged.edges) == {("a", "b"), ("b", "a"), ("x", "y")}
    told = {(c["src"], c["dst"], c["what"]) for c in merged.graph["conflicts"]}
    assert told == {("a", "b", "kind: http or rpc"), ("b", "a", "declared, not observed")}
    assert merged.edges["a", "b"]["source"] == "spans+declared"
    assert merged.edges["a", "b"]["calls"] == 1


def test_an_undeclared_edge_is_listed_and_kept():
    said = topology.from_table(pd.DataFrame({"src": ["a"], "dst": ["c"]}))
    merged = topology.merge(topology.from_spans(spans(*call())), said)
    assert {"src": "a", "dst": "b", "what": "observed, not declared"} in merged.graph["conflicts"]
    assert merged.has_edge("a", "b")


def test_graphs_of_one_kind_have_no_conflicts(quiet):
    graph = topology.from_metrics(quiet.metrics)
    assert topology.merge(graph, graph).graph["conflicts"] == []


# ---- merged_views


WITH_BALANCER = System(
    calls={"front": {"lb": 1.0}, "lb": {"cart": 1.0}, "cart": {"db": 2.0, "cache": 1.0}},
    own_s={"lb": 0.0005, "cart": 0.02, "db": 0.01},
)


def exact(system, seed=0, **more):
    """Aggregates in which a balancer passes on every request it gets."""
    window = metrics_window(system, seed=seed, **more)
    frame = window.metrics
    loads = frame[(frame["metric"] == "service.load") & (frame["service"] == "lb")][
        "value"
    ].to_numpy()
    below = (frame["metric"] == "service.load") & (frame["service"] == "cart")
    frame.loc[below, "value"] = loads
    return IncidentWindow.from_frames(when=window.when, metrics=frame, topology=system.graph)


def test_a_balancer_is_folded_into_its_service_and_told():
    window = exact(WITH_BALANCER)
    graph, merged_views = topology.merge_duplicate_views(window.topology, signals(window))
    assert [(t.view, t.service) for t in merged_views] == [("lb", "cart")]
    assert set(graph.edges) == {("front", "cart"), ("cart", "db"), ("cart", "cache")}
    assert graph.nodes["cart"]["views"] == ["lb"]
    assert "'lb' was taken for a client-side view of 'cart'" in graph.graph["duplicate_views"][0]
    assert "lb" in window.topology


def test_names_do_not_matter():
    names = {"front": "lb", "lb": "cart", "cart": "front", "db": "cache", "cache": "db"}
    renamed = System(
        calls={
            names[a]: {names[b]: r for b, r in c.items()} for a, c in WITH_BALANCER.calls.items()
        },
        own_s={names[a]: s for a, s in WITH_BALANCER.own_s.items()},
    )
    window = metrics_window(renamed)
    frame = window.metrics
    pick = {
        n: (frame["metric"] == "service.load") & (frame["service"] == names[n])
        for n in ("lb", "cart")
    }
    frame.loc[pick["cart"], "value"] = frame.loc[pick["lb"], "value"].to_numpy()
    window = IncidentWindow.from_frames(when=window.when, metrics=frame, topology=renamed.graph)
    merged_views = topology.merge_duplicate_views(window.topology, signals(window))[1]
    assert [(t.view, t.service) for t in merged_views] == [("cart", "front")]


@pytest.mark.parametrize(
    "system",
    [
        System({"front": {"lb": 1.0}, "lb": {"cart": 1.0}}, {"lb": 0.02, "cart": 0.02}),
        System({"front": {"lb": 1.0, "cart": 0.2}, "lb": {"cart": 1.0}}, {"lb": 0.0005}),
        System({"front": {"lb": 1.0}, "lb": {"cart": 1.0, "db": 0.1}}, {"lb": 0.0005}),
    ],
    ids=["works itself", "another caller", "another callee"],
)
def test_a_service_that_does_more_is_kept(system):
    window = exact(system)
    assert topology.merge_duplicate_views(window.topology, signals(window))[1] == ()


def test_calls_that_differ_keep_two_services_apart():
    system = System({"front": {"lb": 1.0}, "lb": {"cart": 1.2}}, {"lb": 0.0005})
    window = metrics_window(system)
    assert topology.merge_duplicate_views(window.topology, signals(window))[1] == ()


def test_a_view_that_slows_down_itself_in_the_incident_is_no_view():
    from planted import Fault

    window = exact(WITH_BALANCER, faults=(Fault("lb", "latency", 0.1),))
    assert topology.merge_duplicate_views(window.topology, signals(window))[1] == ()


def test_a_remote_peer_known_from_its_caller_is_the_service_nobody_calls():
    rng = np.random.default_rng(0)
    load = rng.poisson(500, 60).astype(float)
    parts = {
        ("service.load", "front", None): load,
        ("service.latency", "front", None): np.full(60, 0.2),
        ("service.load", "cart", None): load,
        ("service.latency", "cart", None): 0.1 + 0.01 * rng.random(60),
        ("edge.calls", "front", "cart-remote"): load,
    }
    parts["edge.latency", "front", "cart-remote"] = parts["service.latency", "cart", None] + 0.002
    frame = pd.concat(
        counter_rows(m, s, v, every_s=60, kind="gauge", labels={"peer": p} if p else {})
        for (m, s, p), v in parts.items()
    )
    graph = nx.DiGraph([("front", "cart-remote")])
    graph.add_node("cart", kind="service")
    graph.nodes["cart-remote"]["kind"] = "external"
    found = signals(IncidentWindow.from_frames(when=WHEN, metrics=frame))
    merged, merged_views = topology.merge_duplicate_views(graph, found)
    assert [(t.view, t.service) for t in merged_views] == [("cart-remote", "cart")]
    assert set(merged.edges) == {("front", "cart")}


# ---- history


def test_edge_history_adds_up_to_the_graph():
    window = spans_window(minutes=3)
    history = topology.edge_history(window)
    graph = topology.from_spans(window.spans)
    total = history.groupby(["caller", "callee"])["calls"].sum()
    assert dict(total) == {(u, v): d["calls"] for u, v, d in graph.edges(data=True)}
    assert history["ts"].dt.second.eq(0).all()


def test_edge_history_of_aggregates(quiet):
    history = topology.edge_history(quiet, step_s=300)
    found = signals(quiet).edge("cart", "cache", "calls").sum()
    chosen = history[(history["caller"] == "cart") & (history["callee"] == "cache")]
    assert chosen["calls"].sum() == found
    assert len(chosen) == 24


def test_edge_history_of_nothing_is_empty():
    window = IncidentWindow.from_frames(when=WHEN)
    assert topology.edge_history(window).empty
    with pytest.raises(BadInput, match="must be positive"):
        topology.edge_history(window, step_s=0)
