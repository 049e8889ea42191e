"""Bad input to a diagnosis: a named error or a visible gap, nothing lost, nothing executed."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from planted import SHOP, Fault, metrics_window
from workbench import SLI, IncidentWindow, TimeRange
from workbench.diagnose import compare
from workbench.errors import BadInput, UnknownName

SLOW = (Fault("payments", "latency", 0.2),)


def with_graph(window: IncidentWindow, *edges: tuple[str, str]) -> IncidentWindow:
    graph = nx.DiGraph(window.topology)
    graph.add_edges_from(edges)
    return window.with_(topology=nx.freeze(graph))


def test_a_ring_of_calls_is_cut_and_told():
    window = with_graph(metrics_window(faults=SLOW, seed=1), ("payments", "front"))
    found = compare(window)
    assert found.cause.service == "payments"
    assert any("cycle" in note for note in found.notes)


@pytest.mark.slow
def test_a_service_without_telemetry_is_a_visible_gap():
    window = with_graph(metrics_window(faults=SLOW, seed=1), ("payments", "bank"))
    assert "bank: in the graph, no telemetry" in compare(window).missing


def test_no_baseline_is_a_named_error():
    window = metrics_window(faults=SLOW, seed=1)
    everything = TimeRange(window.metrics["ts"].min(), window.metrics["ts"].max())
    bare = window.between(everything.start, everything.end)
    assert "no data before" in bare.baseline_reason
    with pytest.raises(BadInput, match="no baseline"):
        compare(bare)


def test_an_empty_window_is_a_named_error():
    window = IncidentWindow.from_frames(when=TimeRange("2026-01-31T12:00Z", "2026-01-31T12:10Z"))
    with pytest.raises((BadInput, UnknownName)):
        compare(window, SLI("front", "latency"))


def test_an_unknown_sli_is_a_named_error():
    with pytest.raises(UnknownName, match="front"):
        compare(metrics_window(seed=1), SLI("fornt", "latency"))


@pytest.mark.slow
def test_nan_and_infinite_values_do_not_decide():
    window = metrics_window(faults=SLOW, seed=1)
    metrics = window.metrics
    rng = np.random.default_rng(0)
    hit = rng.choice(len(metrics), size=60, replace=False)
    metrics.loc[hit[:30], "value"] = np.nan
    metrics.loc[hit[30:], "value"] = np.inf
    found = compare(window.with_(tables={**window.tables, "metrics": metrics}))
    assert np.isfinite(found.during)
    assert found.cause.service == "payments"


def test_duplicated_and_unordered_rows_do_not_decide():
    window = metrics_window(faults=SLOW, seed=1)
    shuffled = pd.concat([window.metrics, window.metrics.head(500)]).sample(frac=1, random_state=2)
    again = window.with_(tables={**window.tables, "metrics": shuffled})
    assert compare(again).cause.service == "payments"


def test_names_with_html_are_shown_literally():
    hostile = "<img src=x onerror=alert(1)>"
    window = metrics_window(SHOP, faults=SLOW, seed=1)
    metrics = window.metrics.astype({"service": "str"}).replace({"service": {"payments": hostile}})
    metrics["labels"] = metrics["labels"].astype("str").str.replace("payments", hostile)
    graph = nx.relabel_nodes(nx.DiGraph(window.topology), {"payments": hostile})
    found = compare(
        window.with_(tables={"metrics": metrics}, topology=nx.freeze(graph), title=hostile)
    )
    assert found.cause.service == hostile
    assert "<img" not in found._repr_html_()
    assert "&lt;img" in found._repr_html_()
    assert "<img" not in window.with_(title=hostile)._repr_html_()
