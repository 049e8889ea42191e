"""Series of a metrics table: who wrote them, what their names mean, and what is no counter."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench import IncidentWindow, TimeRange
from workbench.features import signals

START = pd.Timestamp("2026-03-01T12:00:00Z")
WHEN = TimeRange(START, START + pd.Timedelta("1h"))
RNG = np.random.default_rng(0)


def series(metric, values, *, every=60.0, phase=0.0, labels=None, **more):
    ts = START + pd.to_timedelta(np.arange(len(values)) * every + phase, unit="s")
    columns = {"ts": ts, "metric": metric, "value": values, "service": "cart"}
    return pd.DataFrame({**columns, "labels": [labels or {}] * len(values), **more})


def made(*parts, step=60):
    metrics = pd.concat(parts, ignore_index=True)
    return signals(IncidentWindow.from_frames(id="w", when=WHEN, metrics=metrics), step=step)


def counted(a_minute, every=60.0, begun=5000.0):
    return begun + a_minute * np.arange(3600 / every) * every / 60


COUNT = "http_server_request_duration_seconds_count"


@pytest.mark.parametrize(
    "label",
    ["instance", "pod", "service.instance.id", "k8s.pod.name", "container_id", "ordinal", "zone"],
)
@pytest.mark.parametrize("every", [15.0, 60.0])
def test_copies_sampled_at_their_own_second_are_summed_by_whatever_label(label, every):
    parts = [
        series(COUNT, counted(100, every), every=every, phase=5.0 * n, labels={label: f"c{n}"})
        for n in range(3)
    ]
    load = made(*parts).node("cart", "load").dropna()
    assert len(load) > 50
    # No copy is taken for a label set that just appeared and counted from nothing.
    assert load.max() == pytest.approx(300)
    assert np.median(load) == pytest.approx(300)


def test_a_label_set_that_appears_late_stood_at_zero():
    late = series(COUNT, np.full(30, 7.0), labels={"http_response_status_code": "500"})
    late["ts"] += pd.Timedelta("30min")
    ok = series(COUNT, counted(100), labels={"http_response_status_code": "200"})
    errors = made(ok, late).node("cart", "errors")
    assert errors.sum() == pytest.approx(7)


@pytest.mark.parametrize(
    "labels",
    [
        {"http.response.status_code": "503"},
        {"http_response_status_code": "503"},
        {"http.status_code": 503},
        {"error.type": "timeout"},
        {"http_response_status_code": "200", "rpc.grpc.status_code": "14"},
        {"http_response_status_code": "200", "grpc_response_status": "UNAVAILABLE"},
    ],
)
@pytest.mark.parametrize(
    "metric",
    [COUNT, "http.server.request.duration_count", "http.server.request.duration_seconds_count"],
)
def test_failures_are_told_by_labels_of_either_spelling(metric, labels):
    found = made(series(metric, counted(100)), series(metric, counted(20), labels=labels))
    assert np.median(found.node("cart", "errors").dropna()) == pytest.approx(20)
    assert np.median(found.node("cart", "load").dropna()) == pytest.approx(120)


@pytest.mark.parametrize("labels", [{"rpc.grpc.status_code": "5"}, {"grpc_response_status": "0"}])
def test_what_a_client_did_wrong_is_no_failure_of_the_server(labels):
    found = made(series(COUNT, counted(100), labels=labels))
    assert found.node("cart", "errors").max() == 0


@pytest.mark.parametrize("label", ["server.address", "server_address", "service.peer.name"])
def test_the_other_end_of_a_call_is_told_by_either_spelling(label):
    metric = "http.client.request.duration_count"
    found = made(series(metric, counted(60), labels={label: "db"}))
    assert np.median(found.edge("cart", "db", "calls").dropna()) == pytest.approx(60)


@pytest.mark.parametrize(
    "metric", ["db_connection_count", "team:jobs:count", "queue_sum", "a_total"]
)
def test_a_level_that_is_named_like_a_counter_is_read_as_a_level(metric):
    values = 50.0 + RNG.poisson(3, 60)
    values[30:] += 80
    found = made(series(metric, values))
    column = found.node("cart", f"saturation:{metric}")
    assert column.iloc[:30].mean() == pytest.approx(53, abs=2)
    assert column.iloc[30:].mean() == pytest.approx(133, abs=2)
    assert any("read as a level" in note for note in found.notes) == (metric != "team:jobs:count")


def test_a_counter_that_restarts_stays_one():
    values = np.concatenate([counted(60)[:20], counted(60, begun=0)[:40]])
    rate = made(series("jobs_total", values)).node("cart", "saturation:jobs_total")
    assert np.median(rate.dropna()) == pytest.approx(1)


def test_counters_that_nothing_tells_apart_are_left_out_with_a_word():
    both = np.column_stack([counted(100, 120), counted(100, 120, begun=90_000)]).ravel()
    found = made(series(COUNT, both, kind="counter"))
    assert found.node("cart", "load").isna().all()
    assert any("several writers" in note for note in found.notes)


def test_parts_told_as_a_gauge_and_as_a_counter_are_one_gauge():
    values = np.full(60, 50.0)
    kinds = np.where(np.arange(60) < 30, "gauge", "counter")
    column = made(series("db_connection_count", values, kind=kinds))
    assert column.node("cart", "saturation:db_connection_count").dropna().eq(50).all()


def test_rows_without_a_service_are_counted_and_belong_to_nobody():
    lost = series(COUNT, counted(10)).assign(service="")
    found = made(series(COUNT, counted(100)), lost, series(COUNT, counted(5)).assign(service=None))
    assert found.services == ("cart",)
    assert "120 metric samples name no service and were left out" in found.notes


def test_changes_of_a_level_are_added_up():
    level = 50.0 + RNG.poisson(3, 60)
    told = series("queue", np.diff(level, prepend=0.0), kind="gauge", temporality="delta")
    assert made(told).node("cart", "saturation:queue").to_numpy() == pytest.approx(level)
