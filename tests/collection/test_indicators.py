"""What an indicator measures is read from its query, or refused: never taken for another."""

import pytest

from workbench.collection.indicators import measured_by
from workbench.errors import BadInput

TOTAL = {"metricSource": {"type": "Prometheus", "spec": {"query": "sum(rate(x_count[5m]))"}}}


def source(query):
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


def ratio(query, name="good", **more):
    return {"ratioMetric": {"counter": True, name: source(query), "total": TOTAL, **more}}


def threshold(query):
    return {"thresholdMetric": source(query)}


@pytest.mark.parametrize(
    ("query", "value", "seconds"),
    [
        ("histogram_quantile(0.9, sum(rate(http_request_duration_seconds_bucket[1m])))", 0.3, 0.3),
        ("avg(http_request_duration_milliseconds)", 300, 0.3),
        ("avg(latency_ms) / 1000", 0.3, 0.3),
        ("avg:trace.http.request.duration.ms{service:cart}", "250", 0.25),
        ("x", 0.2, 0.2),
        ("", 0.2, 0.2),
    ],
)
def test_a_threshold_below_which_is_better_is_a_latency(query, value, seconds):
    found = measured_by(threshold(query), {"op": "lte", "value": value})
    assert found == ("latency", pytest.approx(seconds))


@pytest.mark.parametrize(
    ("query", "objective", "why"),
    [
        ("x", {"op": "gte", "value": 0.99}, "more is better"),
        ("x", {"op": "gt", "value": 0.99}, "more is better"),
        ("latency", {"value": 0.3}, "op and value"),
        ("latency", {"op": "lte"}, "op and value"),
        ("latency", {}, "op and value"),
        ("latency", {"op": "le", "value": 1}, "does not have"),
        ("latency", {"op": "lte", "value": "fast"}, "not a number"),
        ("latency", {"op": "lte", "value": -1}, "no positive number"),
        ("avg(queue_depth)", {"op": "lt", "value": 10}, "no latency"),
        ("avg(cpu_utilization)", {"op": "lte", "value": 0.8}, "no latency"),
        ("sum(errors) / sum(requests)", {"op": "lte", "value": 0.01}, "no latency"),
        ("avg(duration)", {"op": "lte", "value": 300}, "unit is not known"),
    ],
)
def test_another_threshold_is_refused(query, objective, why):
    with pytest.raises(BadInput, match=why):
        measured_by(threshold(query), objective)


@pytest.mark.parametrize(
    ("query", "name", "seconds"),
    [
        ('sum(rate(http_request_duration_seconds_bucket{le="0.3"}[5m]))', "good", 0.3),
        ('sum(rate(http_request_duration_seconds_bucket{code!~"5..",le="0.3"}[5m]))', "good", 0.3),
        ('sum(rate(latency_ms_bucket{le="300"}[5m]))', "good", 0.3),
        ('sum(rate(h_count[5m])) - sum(rate(h_seconds_bucket{le="1.0"}[5m]))', "bad", 1.0),
        ("count(latency < 250ms)", "good", 0.25),
        ("SELECT count(*) WHERE duration_ms <= 300", "good", 0.3),
    ],
)
def test_a_ratio_of_fast_requests_is_a_latency(query, name, seconds):
    assert measured_by(ratio(query, name), {}) == ("latency", pytest.approx(seconds))


@pytest.mark.parametrize(
    "query",
    [
        'sum(rate(http_requests_total{code!~"5.."}[5m]))',
        'sum(rate(http_server_request_duration_seconds_count{http_response_status_code!~"5.."}[5m]))',
        "sum:requests.success{service:cart}.as_count()",
        "",
    ],
)
def test_a_ratio_of_good_requests_is_one_of_failures(query):
    assert measured_by(ratio(query), {}) == ("errors", None)
    assert measured_by(ratio(query, "bad"), {}) == ("errors", None)


@pytest.mark.parametrize(
    ("indicator", "why"),
    [
        ({}, "needs a thresholdMetric or a ratioMetric"),
        ({**ratio("error"), **threshold("x")}, "needs a thresholdMetric or a ratioMetric"),
        ({"ratioMetric": None}, "no mapping"),
        ({"ratioMetric": {"good": source("ok")}}, "needs total"),
        ({"ratioMetric": {"total": TOTAL}}, "needs total"),
        (ratio("ok", bad=source("error")), "one of good and bad"),
        ({"ratioMetric": {"raw": source("error_ratio")}}, "rawType"),
        (ratio("sum(rate(fresh_rows[5m]))"), "not known to be one of failures"),
        (ratio("sum(rate(slow_requests[5m]))", "bad"), "below no bound"),
        (ratio('a_bucket{le="0.1"} + a_bucket{le="0.5"}'), "several latencies"),
    ],
)
def test_what_cannot_be_read_is_refused(indicator, why):
    with pytest.raises(BadInput, match=why):
        measured_by(indicator, {"op": "lte", "value": 0.3})


def test_a_raw_ratio_of_success_is_one_of_failures():
    found = {"ratioMetric": {"raw": source("success_ratio"), "rawType": "success"}}
    assert measured_by(found, {}) == ("errors", None)
