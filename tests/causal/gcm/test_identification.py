"""Back-door, front-door and instrument where the graph allows them, and only there."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest

import workbench as wb
from parts import AMPLE_S
from planted import START, Fault, metrics_window
from workbench.causal.change_effects.adjustment import change_graph
from workbench.causal.gcm.identification import identify_on
from workbench.errors import BadInput

pytestmark = pytest.mark.slow

FRONT_DOOR = nx.DiGraph(
    [("change", "own"), ("own", "sli"), ("moment", "change"), ("moment", "sli")]
)
ROUTED = nx.DiGraph(
    [("routing", "change"), ("change", "sli"), ("moment", "change"), ("moment", "sli")]
)
HIDDEN = nx.DiGraph([("change", "sli"), ("moment", "change"), ("moment", "sli")])


@pytest.fixture(scope="module")
def data():
    """A change that raises the SLI by two, and a hidden moment that raises both."""
    rng = np.random.default_rng(2)
    moment, routing = rng.normal(size=(2, 600))
    change = (moment + 1.5 * routing + 0.5 * rng.normal(size=600) > 0).astype(float)
    own = 2 * change + 0.5 * rng.normal(size=600)
    sli = own + moment + 0.3 * rng.normal(size=600)
    return pd.DataFrame({"change": change, "own": own, "sli": sli, "routing": routing})


def only(graph, data, **more):
    (way,) = identify_on(graph, data, outcome="sli", seconds=AMPLE_S, **more).ways
    return way


def test_a_hidden_common_cause_misleads_plain_regression(data):
    """Why the other ways exist."""
    plain = nx.DiGraph([("change", "sli")])
    assert only(plain, data).low > 2.2


@pytest.mark.parametrize(
    ("graph", "name", "variables"),
    [(FRONT_DOOR, "front-door", ("own",)), (ROUTED, "instrument", ("routing",))],
)
def test_mediator_and_instrument_find_the_effect(graph, name, variables, data):
    way = only(graph, data)
    assert (way.name, way.variables) == (name, variables)
    assert way.low <= 2 <= way.high
    assert way.high - way.low < 1.5


def test_the_estimates_are_those_of_dowhy(data):
    for graph in (
        ROUTED,
        nx.DiGraph([("change", "sli"), ("routing", "change"), ("routing", "sli")]),
    ):
        way = only(graph, data)
        assert way.estimate == pytest.approx(way.dowhy, rel=1e-6)


def test_what_cannot_be_identified_is_said(data):
    found = identify_on(HIDDEN, data, outcome="sli", seconds=AMPLE_S)
    assert found.ways == ()
    assert "cannot be identified" in found.statement
    assert found.to_frame().empty


def test_an_unobserved_node_is_never_an_instrument(data):
    """Guard: DoWhy lists unobserved nodes among the instruments."""
    graph = nx.DiGraph(HIDDEN)
    graph.add_edge("luck", "change")
    assert identify_on(graph, data, outcome="sli", seconds=AMPLE_S).ways == ()


def test_the_same_seed_gives_the_same_intervals(data):
    first = identify_on(ROUTED, data, outcome="sli", seed=3, seconds=AMPLE_S)
    assert first == identify_on(ROUTED, data, outcome="sli", seed=3, seconds=AMPLE_S)


def test_without_time_the_interval_is_from_one_batch_and_it_says_so(data):
    found = identify_on(ROUTED, data, outcome="sli", seconds=0)
    assert "stopped at 0 s: partial, 50 of 200 rounds" in found.statement


@pytest.mark.parametrize("column", [True, "text"])
def test_flags_and_text_columns_serve_as_treatment(data, column):
    """Guard: DoWhy fails on booleans and on text."""
    told = data["change"].astype(bool)
    kinds = told if column is True else told.map({False: "old", True: "new version"})
    found = only(ROUTED, data.assign(change=kinds))
    assert abs(found.estimate) == pytest.approx(only(ROUTED, data).estimate)


def test_a_treatment_that_never_varies_is_a_named_error(data):
    with pytest.raises(BadInput, match="Nothing to identify"):
        identify_on(ROUTED, data.assign(change=1.0), outcome="sli", seconds=AMPLE_S)
    with pytest.raises(BadInput, match="Nothing to identify"):
        identify_on(ROUTED, data.drop(columns="change"), outcome="sli", seconds=AMPLE_S)


def test_the_effect_of_a_window_s_change_by_the_back_door():
    told = pd.DataFrame(
        [
            {
                "ts": START + pd.Timedelta(90, "min"),
                "kind": "deploy",
                "service": "payments",
                "ref": "p-2",
            }
        ]
    )
    window = metrics_window(faults=(Fault("payments", "latency", 0.2),), seed=1, changes=told)
    (way,) = wb.causal.identify(window, "p-2", seconds=AMPLE_S).ways
    assert (way.name, way.variables) == ("back-door", ("traffic",))
    assert way.low <= 0.06 <= way.high
    on_sli = wb.causal.identify(window, "p-2", outcome="sli", seconds=AMPLE_S)
    assert on_sli.ways[0].variables == ("elsewhere", "traffic")
    routed = change_graph()
    routed.add_edge("flag", "change")
    minutes = pd.date_range(START, periods=120, freq="1min")
    flag = pd.DataFrame({"flag": np.arange(120) >= 90}, minutes)
    ways = wb.causal.identify(window, "p-2", graph=routed, extra=flag, seconds=AMPLE_S).ways
    assert [w.name for w in ways] == ["back-door", "instrument"]
    assert "back-door by traffic" in on_sli._repr_html_() or "elsewhere" in on_sli._repr_html_()
