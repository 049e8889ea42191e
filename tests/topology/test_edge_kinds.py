"""Where a service runs says nothing of who calls whom: a host edge changes no answer."""

from __future__ import annotations

import networkx as nx
import pytest

from parts import AMPLE_S
from planted import Fault, metrics_window
from workbench.causal import blast_radius, critique
from workbench.causal.change_effects.difference_in_differences import control_services
from workbench.causal.propagation.forecast_score import score_forecast
from workbench.diagnose import compare
from workbench.postmortem.recipes.diagnosis import affected_callers
from workbench.topology import calls_only

HOSTED = [("node-1", "payments"), ("node-1", "front"), ("front", "node-1"), ("payments", "front")]


@pytest.fixture(scope="module")
def windows():
    """A window whose graph knows a host as a node, and the same with edges from and to it."""
    window = metrics_window(faults=(Fault("payments", "latency", 0.2),), seed=3)
    alone = nx.DiGraph(window.topology)
    alone.add_node("node-1", kind="host")
    hosted = nx.DiGraph(alone)
    hosted.add_edges_from(HOSTED, kind="hosts")
    return window.with_(topology=alone), window.with_(topology=hosted)


def test_only_calls_stay_with_every_node_and_what_is_known_of_them():
    graph = nx.DiGraph()
    graph.add_edge("a", "b", kind="calls", asynchronous=True)
    graph.add_edge("b", "c")
    graph.add_edge("node-1", "a", kind="hosts")
    calls = calls_only(nx.freeze(graph))
    assert list(calls.edges(data=True)) == [
        ("a", "b", {"kind": "calls", "asynchronous": True}),
        ("b", "c", {}),
    ]
    assert set(calls) == {"a", "b", "c", "node-1"}
    assert graph.number_of_edges() == 3


def test_a_host_edge_hides_no_control(windows):
    alone, hosted = windows
    for service in alone.services:
        controls = control_services(alone.topology, service)
        assert control_services(hosted.topology, service) == controls


def test_a_host_edge_forecasts_and_affects_nobody(windows):
    alone, hosted = (blast_radius(window, "payments", seed=1) for window in windows)
    assert hosted.to_frame().equals(alone.to_frame())
    scores = [score_forecast(alone, window).reference for window in windows]
    assert scores[1] == scores[0]


@pytest.mark.slow
def test_a_host_edge_is_no_call_to_criticise(windows):
    alone, hosted = (critique(window, seconds=AMPLE_S) for window in windows)
    assert hosted.calls == alone.calls
    assert hosted.doubts == alone.doubts


@pytest.mark.slow
def test_a_host_edge_changes_no_diagnosis(windows):
    alone, hosted = (compare(window) for window in windows)
    assert hosted.to_frame().equals(alone.to_frame())
    assert affected_callers(windows[1], hosted) == affected_callers(windows[0], alone)
