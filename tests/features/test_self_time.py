from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planted import span_row, spans_frame
from workbench.features import self_time
from workbench.tables import conform


def spans(*rows):
    return conform("spans", spans_frame(list(rows)))


def root(duration=1.0, **more):
    return span_row(span="root", service="a", duration=duration, **more)


def child(name, start, duration, kind="client", parent="root", service="a", **more):
    return span_row(
        span=name, parent=parent, service=service, kind=kind, start=start, duration=duration, **more
    )


def own(frame, found, name):
    return float(found.frame.loc[frame["span_id"] == name, "self_s"].iloc[0])


def test_sequential_children_are_taken_out():
    frame = spans(root(), child("x", 0.1, 0.2), child("y", 0.5, 0.3))
    assert own(frame, self_time(frame), "root") == pytest.approx(0.5)


def test_children_at_the_same_time_count_once():
    frame = spans(root(), child("x", 0.1, 0.4), child("y", 0.2, 0.1), child("z", 0.4, 0.4))
    assert own(frame, self_time(frame), "root") == pytest.approx(0.3)


def test_grandchildren_count_in_their_own_parent_only():
    frame = spans(root(), child("x", 0.1, 0.6), child("y", 0.2, 0.5, "server", "x", "b"))
    found = self_time(frame)
    assert own(frame, found, "root") == pytest.approx(0.4)
    assert own(frame, found, "x") == pytest.approx(0.1)
    assert own(frame, found, "y") == pytest.approx(0.5)


@pytest.mark.parametrize("kind", ["producer", "consumer"])
def test_nobody_waits_for_messages(kind):
    frame = spans(root(), child("x", 0.1, 0.6, kind))
    assert own(frame, self_time(frame), "root") == pytest.approx(1.0)


def test_a_child_reaching_beyond_its_parent_is_cut_and_counted():
    frame = spans(root(), child("x", 0.8, 0.5), child("y", -0.2, 0.3), child("z", 3.0, 1.0))
    found = self_time(frame)
    assert found.clamped == 3
    assert own(frame, found, "root") == pytest.approx(0.7)
    assert "3 reached beyond" in repr(found)


def test_a_missing_parent_is_counted():
    found = self_time(spans(child("x", 0, 0.5, "server", "nobody")))
    assert found.missing_parents == 1
    assert found.frame["self_s"].tolist() == [0.5]


def test_a_span_that_is_its_own_parent_is_harmless():
    frame = spans(span_row(span="x", parent="x", service="a", duration=0.5))
    assert self_time(frame).frame["self_s"].tolist() == [0.5]


def test_the_same_id_in_two_traces_is_two_spans():
    frame = spans(
        span_row(trace="1", span="p", service="a"),
        span_row(trace="2", span="p", service="a", duration=2.0),
        span_row(trace="1", span="c", parent="p", service="a", kind="client", duration=0.4),
    )
    found = self_time(frame).frame.sort_values("duration_s")["self_s"].tolist()
    assert found == pytest.approx([0.4, 0.6, 2.0])


def test_an_error_starts_where_no_child_failed():
    frame = spans(
        root(status="error"),
        child("x", 0.1, 0.5, status="error"),
        child("y", 0.2, 0.3, "server", "x", "b", status="error"),
        child("z", 0.7, 0.1),
    )
    found = self_time(frame).frame
    assert frame.loc[found["origin"], "span_id"].tolist() == ["y"]


def test_no_spans_no_self_time():
    assert self_time(conform("spans", spans_frame([root()])).iloc[:0]).frame.empty


INTERVALS = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.5)), max_size=12)


@pytest.mark.slow
@given(INTERVALS)
def test_self_time_is_what_a_grid_of_moments_says(intervals):
    rows = [child(f"c{i}", s, d) for i, (s, d) in enumerate(intervals)]
    frame = spans(root(), *rows)
    found = own(frame, self_time(frame), "root")
    moments = np.linspace(0, 1, 20001)
    busy = np.zeros(len(moments), dtype=bool)
    for start, duration in intervals:
        busy |= (moments >= start) & (moments < start + duration)
    assert found == pytest.approx(1 - busy.mean(), abs=0.003)


def test_all_self_time_of_a_sequential_trace_adds_up(traced):
    found = self_time(traced.spans)
    entry = found.frame[(found.frame["service"] == "front") & found.frame["entry"]]
    assert found.frame["self_s"].sum() == pytest.approx(entry["duration_s"].sum(), rel=1e-6)
    assert found.to_frame()["share"].sum() == pytest.approx(1.0)
    assert isinstance(found.to_frame(), pd.DataFrame)
