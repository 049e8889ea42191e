from __future__ import annotations

import html
import re

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from pictures import NASTY, WHEN, at, diagnosis, signals, window
from workbench.times import TimeRange
from workbench.views import network, topology
from workbench.views.deviation import LEVELS, deviations, level, strongest
from workbench.views.drawing.marks import focus, service_marks


@pytest.fixture(scope="module")
def marks():
    return service_marks(window(), diagnosis(), signals())


def test_deviation_is_largest_where_the_fault_was_planted() -> None:
    table = strongest(deviations(signals(), TimeRange(at(0), at(9)), WHEN))
    assert set(table.index[:4]) == {"payments", "checkout", "nginx", "storefront"}
    assert table.loc["payments", "signal"] == "latency"
    assert level(table.loc["redis", "score"]) == 0


def test_a_flat_baseline_does_not_make_a_ripple_a_flood() -> None:
    flat = signals()
    flat.nodes[("redis", "latency")] = 0.1
    flat.nodes.iloc[-100:, flat.nodes.columns.get_loc(("redis", "latency"))] = 0.1004
    table = deviations(flat, TimeRange(at(0), at(9)), TimeRange(at(20), at(26)))
    score = table[(table["service"] == "redis") & (table["signal"] == "latency")]["score"]
    assert abs(score.iloc[0]) < 3


def test_no_baseline_means_no_deviation() -> None:
    assert deviations(signals(), None, WHEN).empty


@pytest.mark.parametrize(("score", "words"), [(0.5, 0), (-4, 1), (12, 2), (-99, 3)])
def test_levels_have_words(score: float, words: int) -> None:
    assert level(score) == words
    assert LEVELS[words][1]


def test_roles_are_told_in_words(marks) -> None:
    assert marks["payments"].word == "CAUSE"
    assert marks["checkout"].word == "IMPACT"
    assert marks["storefront"].word == "symptom"
    assert marks["recommendations"].word == "ruled out"
    assert marks["redis"].word == "UNDECIDED"
    assert marks["orders"].word == ""


def test_without_support_nothing_is_called_the_cause() -> None:
    open_ = diagnosis(suspects=tuple(s for s in diagnosis().suspects if s.claim != "supported"))
    marks = service_marks(window(), open_, signals())
    assert "CAUSE" not in {m.word for m in marks.values()}


def test_a_service_without_telemetry_is_shown_and_says_so() -> None:
    graph = nx.DiGraph([("nginx", "mystery")])
    picture = topology(window(topology=graph), signals=signals())
    assert "mystery" in picture.svg
    assert "no telemetry" in picture.svg


def test_without_a_baseline_nothing_is_called_normal_or_silent() -> None:
    svg = topology(window(baseline=TimeRange(at(0), at(9))).with_(baseline=None), signals=signals())
    assert "no baseline to compare" in svg.svg
    assert "no telemetry" not in svg.svg


def test_the_still_picture_names_every_service_and_role() -> None:
    picture = topology(window(), diagnosis(), signals=signals())
    for word in ("CAUSE", "IMPACT", "UNDECIDED", "symptom", "confounded", "ruled out"):
        assert f">{word}</text>" in picture.svg
    assert "latency 60 → 410" in picture.svg
    assert "cause: payments" in repr(picture)
    assert not re.findall(r"\d{8,}", re.sub(r'xmlns="[^"]*"', "", picture.svg))


def test_a_large_graph_is_cut_to_what_moved_and_says_so(marks) -> None:
    graph = nx.DiGraph([(f"s{i}", f"s{i + 1}") for i in range(200)])
    graph.add_edge("s3", "payments")
    more = service_marks(window(topology=graph), diagnosis(), signals())
    kept, dropped = focus(graph, more, most=40)
    assert len(kept) == 40
    assert dropped == len(more) - 40
    assert {"payments", "checkout", "s3"} <= set(kept)
    picture = topology(window(topology=graph), diagnosis(), signals=signals())
    assert "not drawn" in picture.svg


def test_a_cycle_and_an_empty_graph_are_drawn() -> None:
    cyclic = nx.DiGraph([("cart", "redis"), ("redis", "cart"), ("cart", "cart")])
    assert "redis" in topology(window(topology=cyclic), signals=signals()).svg
    assert topology(window(topology=nx.DiGraph()), signals=signals()).svg


def test_the_interactive_page_refers_to_nothing_outside() -> None:
    page = network(window(), diagnosis(), signals=signals()).page
    assert not re.findall(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=[^>]*", page)
    assert "default-src &#39;none&#39;" in html.escape(page) or "default-src 'none'" in page
    assert "bootstrap@" not in page


def test_the_frame_is_sandboxed_and_its_page_escaped() -> None:
    bundle = network(window(), diagnosis(), signals=signals())._repr_mimebundle_()
    frame = bundle["text/html"]
    assert frame.startswith('<iframe sandbox="allow-scripts" srcdoc="')
    assert frame.count("<") == 2
    assert {"image/svg+xml", "text/plain"} <= set(bundle)


def test_physics_is_off_and_places_are_fixed() -> None:
    page = network(window(), diagnosis(), signals=signals()).page
    assert re.search(r'"physics":\s*\{\s*"enabled":\s*false', page)
    assert '"x": 0.0' in page


def test_three_hundred_services_and_odd_ids_make_a_page() -> None:
    graph = nx.DiGraph()
    for i in range(300):
        graph.add_edge(np.int64(i // 3), np.int64(i + 1))
    page = network(window(topology=graph), signals=signals()).page
    assert page.count('"shape": "box"') >= 300


def test_markup_in_names_stays_text() -> None:
    named = {"payments": "</script>" + NASTY}
    shown = network(window(named), diagnosis(named), signals=signals(named))
    assert "</script><script>window.pwned" not in shown.page
    assert "<script" not in shown.still.svg
    assert "<img" not in shown.still.svg


def test_edges_carry_what_networkx_carries() -> None:
    graph = nx.DiGraph()
    graph.add_edge("nginx", "cart", calls=np.int64(3), since=pd.Timestamp("2026-01-31T12:00Z"))
    assert network(window(topology=graph), signals=signals()).page
