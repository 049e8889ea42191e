from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from planted import SHOP, START, Fault, counter_rows, metrics_window, spans_window
from workbench import SLI, IncidentWindow, TimeRange
from workbench.errors import BadInput, UnknownName
from workbench.features import signals, sli_series, span_signals
from workbench.tables import empty

WHEN = TimeRange(START + pd.Timedelta("3min"), START + pd.Timedelta("5min"))
SERVER = "http_server_request_duration_seconds"
CLIENT = "http_client_request_duration_seconds"


def window(*frames, **more):
    metrics = pd.concat(frames, ignore_index=True) if frames else None
    return IncidentWindow.from_frames(when=WHEN, metrics=metrics, **more)


def histogram(base, service, counts, mean_s, labels=None, start_s=0.0):
    """Sum and count of a request histogram, scraped every 5 s."""
    totals = np.cumsum(np.asarray(counts, dtype=float))
    parts = {"_count": totals, "_sum": totals * mean_s}
    return pd.concat(
        counter_rows(base + part, service, values, kind="histogram", labels=labels, start_s=start_s)
        for part, values in parts.items()
    )


def gauge(name, service, values, every_s=5.0, labels=None):
    return counter_rows(name, service, values, every_s=every_s, kind="gauge", labels=labels)


# ---- request histograms


def test_histograms_give_load_latency_and_errors():
    ok = histogram(SERVER, "cart", [10] * 61, 0.2, {"http_response_status_code": "200"})
    bad = histogram(SERVER, "cart", [1] * 61, 0.5, {"http_response_status_code": "503"})
    found = signals(window(ok, bad))
    assert found.step_s == 10
    inner = found.nodes["cart"].dropna()
    assert len(inner) == 30
    assert inner["load"].to_numpy() == pytest.approx(22)
    assert inner["errors"].to_numpy() == pytest.approx(2)
    assert inner["latency"].to_numpy() == pytest.approx((10 * 0.2 + 0.5) / 11)
    assert found.sources["cart", "load"] == f"metric:{SERVER}"


def test_a_status_that_first_appears_in_the_incident_counts_from_zero():
    ok = histogram(SERVER, "cart", [10] * 61, 0.2, {"http_response_status_code": "200"})
    bad = histogram(SERVER, "cart", [4] * 11, 0.2, {"http_response_status_code": "500"}, 250.0)
    errors = signals(window(ok, bad)).node("cart", "errors")
    assert errors[:24].fillna(0).sum() == 0
    assert errors[1:24].notna().all()
    assert errors.sum() == pytest.approx(44)


@pytest.mark.parametrize(
    ("labels", "failed"),
    [
        ({"http_response_status_code": "500"}, True),
        ({"http_status_code": "503"}, True),
        ({"http_response_status_code": "404", "error_type": "404"}, False),
        ({"http_response_status_code": "none"}, True),
        ({"error_type": "timeout"}, True),
        ({"error_type": ""}, False),
        ({}, False),
    ],
)
def test_what_counts_as_a_failure(labels, failed):
    errors = signals(window(histogram(SERVER, "cart", [5] * 61, 0.1, labels))).node(
        "cart", "errors"
    )
    assert errors.dropna().to_numpy() == pytest.approx(10.0 if failed else 0.0)


def test_a_restart_does_not_make_a_spike_or_a_negative_rate():
    totals = np.concatenate([np.cumsum([10.0] * 30), np.cumsum([10.0] * 31)])
    rows = [
        counter_rows(SERVER + part, "cart", totals * factor, kind="histogram")
        for part, factor in (("_count", 1.0), ("_sum", 0.2))
    ]
    load = signals(window(*rows)).node("cart", "load").dropna()
    assert load.to_numpy() == pytest.approx(20.0)


def test_a_bin_without_requests_has_load_zero_and_no_latency():
    counts = [10] * 20 + [0] * 20 + [10] * 21
    found = signals(window(histogram(SERVER, "cart", counts, 0.2)))
    idle = found.node("cart", "load") == 0
    assert idle.sum() == 9
    assert found.node("cart", "latency")[idle].isna().all()
    assert found.node("cart", "errors")[idle].eq(0).all()


def test_a_hole_in_scraping_is_a_gap_in_every_signal():
    frame = histogram(SERVER, "cart", [10] * 61, 0.2)
    hole = (frame["ts"] > START + pd.Timedelta("100s")) & (
        frame["ts"] < START + pd.Timedelta("160s")
    )
    other = histogram(SERVER, "orders", [10] * 61, 0.2)
    found = signals(window(frame[~hole], other))
    for signal in ("load", "latency", "errors"):
        assert found.node("cart", signal)[10:16].isna().all()
        assert found.node("orders", signal)[10:16].notna().all()


def test_quantiles_come_from_buckets():
    rows = [histogram(SERVER, "cart", [10] * 61, 0.2)]
    for bound, share in ((0.1, 0.0), (0.5, 1.0), (float("inf"), 1.0)):
        totals = np.cumsum([10.0] * 61) * share
        rows.append(counter_rows(f"{SERVER}_bucket", "cart", totals, kind="histogram", le=bound))
    found = signals(window(*rows))
    assert found.node("cart", "latency_p50").dropna().to_numpy() == pytest.approx(0.3)
    assert found.node("cart", "latency_p90").dropna().to_numpy() == pytest.approx(0.46)


def test_client_histograms_are_edges_and_give_a_silent_peer_its_signals():
    peer = {"service_peer_name": "postgresql"}
    rows = [
        histogram(SERVER, "orders", [10] * 61, 0.2),
        histogram("db_client_operation_duration_seconds", "orders", [30] * 61, 0.004, peer),
        histogram("db_client_operation_duration_seconds", "cart", [10] * 61, 0.012, peer),
    ]
    found = signals(window(*rows))
    assert found.edge("orders", "postgresql", "calls").dropna().to_numpy() == pytest.approx(60)
    assert found.edge("orders", "postgresql", "latency").dropna().to_numpy() == pytest.approx(0.004)
    assert found.node("postgresql", "load").dropna().to_numpy() == pytest.approx(80)
    assert found.node("postgresql", "latency").dropna().to_numpy() == pytest.approx(0.006)
    assert found.sources["postgresql", "load"].startswith("callers:")


# ---- everything else


def test_gauges_and_counters_become_saturation():
    rows = [
        gauge("worker_pool_busy", "cart", np.arange(61.0)),
        counter_rows("process_cpu_seconds_total", "cart", np.arange(61.0) * 2.5),
        counter_rows("jobs_created", "cart", np.arange(61.0)),
    ]
    found = signals(window(*rows))
    assert found.node("cart", "saturation:worker_pool_busy").iloc[:2].tolist() == [0.5, 2.5]
    cpu = found.node("cart", "saturation:process_cpu_seconds_total").dropna()
    assert cpu.to_numpy() == pytest.approx(0.5)
    assert not any("jobs_created" in s for _, s in found.nodes.columns)


def test_label_sets_of_one_metric_are_told_apart():
    rows = [
        gauge("pg_stat_activity_count", "db", [float(i)] * 61, labels={"state": s, "instance": "x"})
        for i, s in enumerate(["active", "idle"])
    ]
    found = signals(window(*rows))
    assert {s for _, s in found.nodes.columns} == {
        "saturation:pg_stat_activity_count{state=active}",
        "saturation:pg_stat_activity_count{state=idle}",
    }


def test_copies_of_one_thing_are_pooled():
    rows = [gauge("cpu", "cart", [v] * 61, labels={"instance": str(v)}) for v in (1.0, 3.0)]
    found = signals(window(*rows))
    assert found.node("cart", "saturation:cpu").dropna().eq(2.0).all()


def test_another_histogram_is_its_mean():
    found = signals(window(histogram("pool_wait_seconds", "cart", [5] * 61, 0.03)))
    assert found.node("cart", "saturation:pool_wait_seconds").dropna().to_numpy() == pytest.approx(
        0.03
    )


def test_delta_counters_are_not_taken_for_resets():
    frame = counter_rows("jobs_total", "cart", np.full(61, 4.0)).assign(temporality="delta")
    rate = signals(window(frame)).node("cart", "saturation:jobs_total").dropna()
    assert rate.to_numpy() == pytest.approx(0.8)


def test_not_a_number_and_infinity_are_gaps():
    values = np.ones(61)
    values[10:14] = [np.nan, np.inf, -np.inf, np.nan]
    found = signals(window(gauge("cpu", "cart", values))).node("cart", "saturation:cpu")
    assert found.isna().tolist() == [i in {5, 6} for i in range(31)]


def test_duplicates_are_told_and_the_last_counts():
    rows = gauge("cpu", "cart", np.ones(61))
    found = signals(window(rows, rows.iloc[:3].assign(value=7.0)))
    assert found.node("cart", "saturation:cpu").iloc[0] == 7.0
    assert "3 metric samples share a time" in " ".join(found.notes)


# ---- aggregates


def test_aggregates_come_through_unchanged():
    planted = metrics_window(bins=40)
    found = signals(planted)
    rows = planted.metrics
    for signal in ("load", "latency", "errors"):
        chosen = rows[(rows["metric"] == f"service.{signal}") & (rows["service"] == "cart")]
        assert np.array_equal(found.node("cart", signal), chosen["value"], equal_nan=True)
    chosen = rows[(rows["metric"] == "edge.calls") & (rows["service"] == "cart")]
    assert np.array_equal(found.edge("cart", "cache", "calls"), chosen["value"])
    assert found.services == tuple(sorted(SHOP.services))


def test_wider_bins_add_counts_and_weigh_latencies():
    load, latency = np.array([10.0, 30, 5, 5]), np.array([0.1, 0.2, 0.4, 0.6])
    rows = [
        gauge("service.load", "cart", load, every_s=60),
        gauge("service.latency", "cart", latency, every_s=60),
        gauge("service.error_ratio", "cart", np.full(4, 0.1), every_s=60),
    ]
    found = signals(window(*rows), step=120)
    assert found.node("cart", "load").tolist() == [40, 10]
    assert found.node("cart", "latency").to_numpy() == pytest.approx([0.175, 0.5])
    assert found.node("cart", "errors").to_numpy() == pytest.approx([4.0, 1.0])


def test_a_bin_short_of_a_sample_has_no_count():
    load = gauge("service.load", "cart", np.full(12, 10.0), every_s=60).drop(index=5)
    assert signals(window(load), step=120).node("cart", "load").isna().sum() == 1


def test_a_gap_in_aggregates_stays_a_gap():
    found = signals(metrics_window(faults=(Fault("db", "gap", at=0.5, until=0.6),), bins=100))
    assert found.node("db", "load").isna().sum() == 10
    assert found.node("cache", "load").notna().all()


# ---- spans and both


def test_spans_give_red_self_time_and_edges():
    planted = spans_window(minutes=4, rate=3)
    found = signals(planted)
    inner = found.nodes.iloc[1:-1]
    assert inner["front", "load"].sum() > 500
    assert inner["payments", "self_time"].mean() == pytest.approx(0.05, rel=0.1)
    lag = (
        found.edge("checkout", "payments", "latency") - found.node("payments", "latency")
    ).dropna()
    assert lag.to_numpy() == pytest.approx(0.001, abs=1e-6)
    assert set(found.sources.values()) == {"spans"}


def test_complete_metrics_win_over_spans_for_counts():
    planted = spans_window(minutes=4, rate=1)
    rows = histogram(SERVER, "front", [500] * 49, 0.3)
    found = signals(IncidentWindow.from_frames(when=WHEN, metrics=rows, spans=planted.spans))
    assert found.node("front", "load").dropna().to_numpy() == pytest.approx(1000)
    assert found.sources["front", "load"].startswith("metric:")
    assert found.sources["front", "self_time"] == "spans"
    assert found.sources["cart", "load"] == "spans"


@pytest.mark.slow
def test_a_bin_nobody_traced_is_a_gap_and_not_zero():
    spans = spans_window(minutes=4, rate=3).spans
    hole = (spans["ts"] > START + pd.Timedelta("60s")) & (spans["ts"] < START + pd.Timedelta("90s"))
    found = signals(IncidentWindow.from_frames(when=WHEN, spans=spans[~hole]))
    assert found.nodes.iloc[7].drop(columns=[]).isna().all()
    assert found.edges.iloc[7].isna().all()


@pytest.mark.slow
def test_a_service_that_stops_sending_spans_is_unknown_not_idle():
    spans = spans_window(minutes=4, rate=5).spans
    silent = (spans["service"] == "cart") & (spans["ts"] > START + pd.Timedelta("2min"))
    below = (spans["service"] == "cache") & (spans["ts"] > START + pd.Timedelta("2min"))
    kept = spans[~(silent | below)]
    peers = kept["name"].isin(["cart"]) & (kept["kind"] == "client")
    attributes = np.where(peers, '{"service.peer.name":"cart"}', "{}")
    found = signals(IncidentWindow.from_frames(when=WHEN, spans=kept.assign(attributes=attributes)))
    assert found.node("cart", "load").iloc[13:].isna().all()
    assert found.edge("front", "cart", "calls").iloc[13:-1].gt(0).all()


@pytest.mark.parametrize("duration", [np.nan, np.inf])
def test_a_span_without_a_duration_counts_and_has_no_latency(duration):
    spans = spans_window(minutes=2, rate=3).spans
    broken = spans.assign(duration_s=spans["duration_s"].where(spans.index % 7 > 0, duration))
    whole, found = (
        signals(IncidentWindow.from_frames(when=WHEN, spans=s)) for s in (spans, broken)
    )
    assert found.node("front", "load").equals(whole.node("front", "load"))
    assert found.nodes.max().max() < 1e4


def test_rows_without_a_service_belong_to_nobody():
    planted = metrics_window(bins=20)
    nobody = planted.metrics.iloc[:5].assign(service=None)
    spans = spans_window(minutes=2, rate=3).spans
    lost = spans.assign(service=spans["service"].where(spans["service"] != "cache"))
    found = signals(
        IncidentWindow.from_frames(when=WHEN, metrics=pd.concat([planted.metrics, nobody]))
    )
    assert found.services == signals(planted).services
    assert found.notes == ("5 metric samples name no service and were left out",)
    traced = signals(IncidentWindow.from_frames(when=WHEN, spans=lost))
    assert "cart" in traced.services
    assert traced.node("cart", "load").sum() > 0


# ---- the object


def test_the_grid_is_regular_and_utc(slow_payments):
    found = signals(slow_payments)
    assert str(found.index.tz) == "UTC"
    assert found.index.freq == pd.Timedelta("60s")
    assert found.nodes.index.equals(found.edges.index)
    assert set(found.sources) == {*found.nodes.columns, *found.edges.columns}


def test_it_shows_itself(slow_payments):
    found = signals(slow_payments)
    assert "60 s" in repr(found)
    assert "<script" not in found._repr_html_()
    assert len(found.to_frame()) == found.nodes.shape[1] + found.edges.shape[1]


def test_only_nodes_is_fine():
    found = signals(metrics_window(bins=20, edges=False))
    assert found.edges.shape == (20, 0)
    assert found.edges.columns.names == ["caller", "callee", "signal"]
    assert found.calls == ()


def test_empty_tables_are_refused_with_a_hint():
    with pytest.raises(BadInput, match="logs alone give none"):
        signals(IncidentWindow.from_frames(when=WHEN, metrics=empty("metrics")))


def test_the_window_is_not_changed(slow_payments):
    before = slow_payments.digest
    signals(slow_payments)
    assert slow_payments.digest == before


@pytest.mark.parametrize("signal", ["latency", "errors", "load"])
def test_an_sli_has_its_unit(signal):
    planted = metrics_window(faults=(Fault("db", "errors", 0.2, at=0.0),), bins=40)
    found = signals(planted)
    series = sli_series(found, SLI("front", signal))
    pd.testing.assert_series_equal(series, sli_series(planted, SLI("front", signal)))
    expected = {
        "latency": found.node("front", "latency"),
        "errors": found.node("front", "errors") / found.node("front", "load"),
        "load": found.node("front", "load") / 60,
    }[signal]
    assert series.to_numpy() == pytest.approx(expected.to_numpy())
    assert series.name == f"front/{signal}"


def test_an_error_ratio_without_load_is_an_sli_too():
    rows = gauge("service.error_ratio", "cart", np.full(12, 0.25), every_s=60)
    assert sli_series(window(rows), SLI("cart", "errors")).eq(0.25).all()


def test_an_sli_nobody_measured_is_named(slow_payments):
    with pytest.raises(UnknownName, match="Did you mean 'payments'"):
        sli_series(slow_payments, SLI("paymets", "latency"))
    rows = gauge("cpu", "cart", np.ones(61))
    with pytest.raises(UnknownName, match="signal of 'cart'"):
        sli_series(window(rows), SLI("cart", "latency"))


def test_what_spans_alone_tell_is_the_same_beside_metrics():
    spans = spans_window(SHOP, minutes=3).spans
    alone = window(spans=spans)
    both = window(gauge("queue_depth", "cart", [1.0] * 61), spans=spans)
    told, beside = signals(alone, step=10), span_signals(both, step=10)
    pd.testing.assert_frame_equal(beside.nodes.reindex(told.index), told.nodes, check_freq=False)
    pd.testing.assert_frame_equal(beside.edges.reindex(told.index), told.edges, check_freq=False)
    assert "saturation:queue_depth" not in beside.nodes.columns.get_level_values(1)


def test_a_quantile_of_the_whole_service_is_read_beside_loads_by_pod():
    loads = [
        gauge("service.load", "cart", [20.0] * 61, labels={"pod": f"cart-{i}"}) for i in (0, 1)
    ]
    p90 = gauge("service.latency_p90", "cart", [0.3] * 61)
    found = signals(window(*loads, p90))
    assert found.node("cart", "latency_p90").dropna().to_numpy() == pytest.approx(0.3)


def test_an_sli_with_samples_and_no_value_says_why():
    """Never "did you mean" the name that was asked for."""
    count = "http_server_request_duration_seconds_count"
    ts = pd.date_range("2026-03-01T12:00:00Z", periods=40, freq="1min")
    mixed = {"ts": ts, "metric": count, "value": [1.0, 9e4] * 20, "service": "web"}
    load = {"ts": ts, "metric": "service.latency", "value": 0.1, "service": "web"}
    metrics = pd.concat([pd.DataFrame(mixed).assign(kind="counter"), pd.DataFrame(load)])
    made = signals(IncidentWindow.from_frames(when=TimeRange(ts[0], ts[-1]), metrics=metrics))
    with pytest.raises(BadInput) as caught:
        sli_series(made, SLI("web", "load"))
    assert "Did you mean 'load'" not in str(caught.value)
