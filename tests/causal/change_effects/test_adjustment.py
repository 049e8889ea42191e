"""The back-door set is read from the graph, and refuses what can't be adjusted for."""

from __future__ import annotations

import networkx as nx
import pytest

from workbench.causal.change_effects.adjustment import adjustment, change_graph
from workbench.errors import BadInput


def test_traffic_is_what_a_change_is_adjusted_for():
    found = adjustment(change_graph())
    assert found.adjusted_for == ("traffic",)
    roles = dict(found.roles)
    assert roles["moment"] == "not observed"
    assert roles["sli"] == "affected"
    assert roles["elsewhere"] == "other"
    assert "adjusted for traffic" in found.statement


def test_on_the_sli_itself_what_happens_elsewhere_is_needed_too():
    assert adjustment(change_graph(), outcome="sli").adjusted_for == ("elsewhere", "traffic")


def test_an_unobserved_common_cause_is_a_named_error():
    with pytest.raises(BadInput, match="No observed set"):
        adjustment(change_graph(), outcome="sli", unobserved={"moment", "elsewhere"})


def test_what_the_change_affects_is_never_adjusted_for():
    graph = nx.DiGraph(
        [("change", "cache"), ("cache", "own"), ("traffic", "change"), ("traffic", "own")]
    )
    assert adjustment(graph).adjusted_for == ("traffic",)


def test_the_graph_and_the_table_say_the_same():
    found = adjustment(change_graph())
    assert set(found.graph.edges) == set(change_graph().edges)
    table = found.to_frame().set_index("node")
    assert table.loc["own", "acted on by"] == "change, traffic"
    assert "adjusted for" in found._repr_html_()
    assert "traffic: adjusted for" in repr(found)
