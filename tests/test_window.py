from __future__ import annotations

import dataclasses

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planted import START, metrics_window, spans_window
from workbench import SLO, IncidentWindow, TimeRange
from workbench.coverage import Coverage, CoverageRow
from workbench.errors import BadInput, BadTable, NaiveTimestamp, UnknownName
from workbench.tables import SCHEMAS

MINUTE = pd.Timedelta("1min")
WHEN = TimeRange(START + 15 * MINUTE, START + 20 * MINUTE)
NAMES = st.text(min_size=1, max_size=6)


def full_window(**more):
    """A window with rows in several tables, nested times included."""
    metrics = metrics_window(bins=20).metrics
    alerts = pd.DataFrame(
        {
            "starts_at": [START + 16 * MINUTE],
            "ends_at": [START + 18 * MINUTE],
            "name": "HighLatency",
            "service": "front",
            "severity": "critical",
            "status": "resolved",
            "fingerprint": "f",
            "source": "am",
            "labels": [{"team": "a"}],
        }
    )
    changes = pd.DataFrame(
        {
            "ts": [START + 10 * MINUTE, START + 17 * MINUTE],
            "kind": "deploy",
            "service": ["cart", "orders"],
            "ref": ["d1", "d2"],
            "end_ts": [START + 11 * MINUTE, START + 19 * MINUTE],
        }
    )
    logs = pd.DataFrame(
        {
            "ts": [START + 16 * MINUTE],
            "service": ["<script>alert(1)</script>"],
            "severity_number": [17],
            "body": [b"caf\xe9 \xff"],
            "attributes": [{"b": 1, "a": "<b>"}],
        }
    )
    spans = spans_window(minutes=1).spans
    fields = {
        "metrics": metrics,
        "alerts": alerts,
        "changes": changes,
        "logs": logs,
        "spans": spans,
    }
    graph = nx.DiGraph([("front", "cart"), ("cart", "front")])
    slos = (SLO("quick", "front", "latency", 0.99, 0.5),)
    return IncidentWindow.from_frames(
        **{"when": WHEN, "topology": graph, "slos": slos, **fields, **more}
    )


def test_a_full_window_round_trips_exactly(tmp_path):
    window = full_window()
    again = IncidentWindow.load(window.save(tmp_path / "b"))
    for name in SCHEMAS:
        pd.testing.assert_frame_equal(getattr(again, name), getattr(window, name))
    for name in ("id", "title", "when", "baseline", "baseline_reason", "slos", "history"):
        assert getattr(again, name) == getattr(window, name)
    assert nx.utils.graphs_equal(again.topology, window.topology)
    assert again.digest == window.digest
    assert repr(again.coverage) == repr(window.coverage)


@pytest.mark.slow
@settings(max_examples=15)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3600 * 10**9),
            st.floats(allow_nan=True, allow_infinity=True),
            NAMES,
            st.dictionaries(NAMES, NAMES, max_size=2),
        ),
        min_size=1,
        max_size=15,
    )
)
def test_any_metrics_round_trip_exactly(tmp_path_factory, samples):
    frame = pd.DataFrame(
        {
            "ts": [START + pd.Timedelta(ns, "ns") for ns, *_ in samples],
            "metric": [s[2] for s in samples],
            "value": [s[1] for s in samples],
            "service": [s[2] for s in samples],
            "labels": [s[3] for s in samples],
            "le": [s[1] for s in samples],
        }
    )
    window = IncidentWindow.from_frames(when=WHEN, metrics=frame)
    again = IncidentWindow.load(window.save(tmp_path_factory.mktemp("b") / "b"))
    pd.testing.assert_frame_equal(again.metrics, window.metrics)
    assert again.digest == window.digest


def test_the_digest_is_of_the_content():
    assert full_window().digest == full_window().digest
    metrics = metrics_window(bins=20).metrics
    other = metrics.assign(value=metrics["value"].where(metrics.index != 3, 1.25))
    assert full_window(metrics=other).digest != full_window().digest


def test_nothing_on_a_window_can_be_set():
    window = full_window()
    with pytest.raises(dataclasses.FrozenInstanceError):
        window.id = "other"
    with pytest.raises(nx.NetworkXError):
        window.topology.add_edge("a", "b")
    with pytest.raises(TypeError):
        window.tables["metrics"] = pd.DataFrame()


def test_changing_a_frame_does_not_reach_the_window():
    window = full_window()
    digest = window.digest
    frame = window.metrics
    frame["value"] = 0.0
    frame.loc[0, "value"] = -1.0
    del frame["service"]
    assert window.digest == digest


def test_a_table_nobody_gave_is_empty_with_its_columns():
    window = full_window()
    assert window.costs.empty
    assert list(window.costs.columns) == list(SCHEMAS["costs"].required)
    assert "costs/*: empty" in repr(window.coverage)


def test_an_empty_window_says_so():
    window = IncidentWindow.from_frames(when=WHEN)
    assert window.baseline is None
    assert window.services == ()
    assert "no data before the incident" in repr(window)
    assert "nothing" in window._repr_html_()


def test_as_of_hides_the_future():
    now = START + 17 * MINUTE
    seen = full_window().as_of(now)
    for name, schema in SCHEMAS.items():
        assert (getattr(seen, name)[schema.time] < now).all()
    assert seen.when.end == now
    assert seen.alerts["ends_at"].isna().all()
    assert seen.changes["ref"].tolist() == ["d1"]


def test_as_of_hides_spans_that_had_not_ended():
    window = spans_window(minutes=2)
    longest = window.spans.loc[window.spans["duration_s"].idxmax()]
    now = longest["ts"] + pd.Timedelta(longest["duration_s"] / 2, "s")
    seen = window.as_of(now).spans
    ends = seen["ts"] + pd.to_timedelta(seen["duration_s"], unit="s")
    assert (ends <= now).all()
    assert len(seen) < (window.spans["ts"] < now).sum()


@pytest.mark.slow
@settings(max_examples=10)
@given(st.integers(1, 25))
def test_as_of_only_ever_takes_rows_away(minutes):
    window = full_window()
    seen = window.as_of(START + minutes * MINUTE)
    assert all(len(seen.tables[n]) <= len(window.tables[n]) for n in window.tables)


def test_only_keeps_the_named_services():
    kept = full_window().only("front", "cart")
    assert set(kept.metrics["service"].unique()) == {"front", "cart"}
    assert set(kept.topology.nodes) == {"front", "cart"}
    assert kept.changes["service"].tolist() == ["cart"]


def test_a_misspelt_service_gets_a_suggestion():
    with pytest.raises(UnknownName, match="Did you mean 'checkout'"):
        full_window().only("chekout")
    with pytest.raises(UnknownName, match="Did you mean"):
        full_window().sli("frnt/latency")


def test_the_first_slo_is_the_default_sli():
    assert str(full_window().sli()) == "front/latency"
    with pytest.raises(BadInput, match="has no SLO"):
        full_window(slos=()).sli()


def test_between_chooses_the_baseline_anew_unless_it_was_given():
    window = full_window()
    moved = window.between(START + 12 * MINUTE, START + 14 * MINUTE)
    assert moved.baseline.end <= moved.when.start
    given_range = TimeRange(START, START + 5 * MINUTE)
    kept = window.with_(baseline=given_range).between(START + 12 * MINUTE, START + 14 * MINUTE)
    assert (kept.baseline, kept.baseline_reason) == (given_range, "given")


def test_cards_of_hostile_names_hold_no_markup_of_theirs():
    window = full_window(title="<img src=x onerror=alert(1)>")
    html = window._repr_html_()
    assert "<img" not in html
    assert "<script" not in html
    assert "&lt;img" in html


def test_gaps_are_on_the_repr():
    frame = metrics_window(bins=20).metrics
    hole = (frame["service"] == "cart") & (frame["ts"] > START + 10 * MINUTE)
    window = full_window(metrics=frame[~hole])
    assert "metrics/cart – stale" in repr(window)
    assert "stale" in window._repr_html_()


def test_odd_input_is_kept_and_told():
    frame = metrics_window(bins=20).metrics
    odd = pd.concat([frame.iloc[::-1], frame.iloc[:5]])
    odd.iloc[0, odd.columns.get_loc("value")] = np.inf
    window = full_window(metrics=odd)
    assert len(window.metrics) == len(frame) + 5
    reasons = " ".join(r.reason for r in window.coverage if r.table == "metrics")
    assert "rows out of time order" in reasons
    assert "5 duplicated rows" in reasons
    assert "1 infinite values" in reasons
    log_reason = next(r.reason for r in window.coverage if r.table == "logs")
    assert "not UTF-8" in log_reason


@pytest.mark.slow
def test_a_failed_source_is_declared_not_raised():
    failed = Coverage((CoverageRow("loki", "logs", "*", "failed", 0, reason="refused"),))
    window = full_window(coverage=failed)
    assert "logs/* – failed – refused" in repr(window)


def test_bad_tables_have_names():
    with pytest.raises(BadTable, match="'logs' misses"):
        full_window(logs=pd.DataFrame({"ts": []}))
    naive = metrics_window(bins=20).metrics
    with pytest.raises(NaiveTimestamp):
        full_window(metrics=naive.assign(ts=naive["ts"].dt.tz_localize(None)))


def test_an_sli_is_read_from_text_and_taken_as_it_is():
    window = full_window()
    assert window.sli(window.sli("cart/latency")) == window.sli("cart/latency")


@pytest.mark.parametrize(
    ("nearly", "hint"),
    [
        ({"when": ("2026-01-31T12:00:00Z", "2026-01-31T13:00:00Z")}, r"when=TimeRange\("),
        ({"topology": pd.DataFrame({"src": ["a"], "dst": ["b"]})}, "from_table"),
        ({"slos": SLO("front", "front", "latency", 0.99)}, r"slos=\(slo,\)"),
    ],
)
def test_what_is_nearly_right_is_refused_with_what_would_be(nearly, hint):
    when = TimeRange("2026-01-31T12:00:00Z", "2026-01-31T13:00:00Z")
    with pytest.raises(BadInput, match=hint):
        IncidentWindow.from_frames(**{"when": when, **nearly})


def _other_topology(window):
    graph = nx.DiGraph(window.topology)
    graph.add_edges_from(graph.edges, asynchronous=True)
    return window.with_(topology=nx.freeze(graph))


@pytest.mark.parametrize(
    "other",
    [
        _other_topology,
        lambda w: w.with_(slos=()),
        lambda w: w.with_(history=metrics_window(id="past", seed=9, history=False)),
        lambda w: w.with_(coverage=Coverage()),
        lambda w: w.with_(baseline=TimeRange(w.baseline.start, w.baseline.end - MINUTE)),
        lambda w: w.with_(when=TimeRange(w.when.start, w.when.end - MINUTE)),
        lambda w: w.with_(tables={"metrics": w.metrics.iloc[1:]}),
    ],
    ids=["edge attributes", "slos", "history", "coverage", "baseline", "when", "rows"],
)
def test_the_digest_covers_all_that_a_result_can_depend_on(quiet, other):
    assert other(quiet).digest != quiet.digest
    assert other(quiet).digest == other(quiet).digest
    assert quiet.with_(title="x", id="y").digest == quiet.digest
