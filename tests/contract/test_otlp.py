"""OTLP: files of every kind, our receiver, and a real collector that sends to it."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from google.protobuf.json_format import ParseDict
from hypothesis import given, settings
from hypothesis import strategies as st

import parts
from servers.ports import free_port
from workbench import TimeRange
from workbench.connectors.conformance import ConnectorContract
from workbench.connectors.reading.otlp_spans import log_rows, span_rows
from workbench.connectors.sources.otlp.metrics import MetricPoints
from workbench.connectors.sources.otlp.payload import _message, documents
from workbench.connectors.sources.otlp.receiver import receiving
from workbench.connectors.sources.otlp.source import Otlp, OtlpSettings
from workbench.errors import SourceError
from workbench.tables import labels_of

T0 = pd.Timestamp("2026-01-31T12:00:00Z").value
WHEN = TimeRange("2026-01-31T12:00:00Z", "2026-01-31T12:10:00Z")
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def keyed(**values):
    def any_value(value):
        if isinstance(value, bool):
            return {"boolValue": value}
        if isinstance(value, int):
            return {"intValue": str(value)}
        return {"stringValue": value}

    return [{"key": key.replace("_", "."), "value": any_value(v)} for key, v in values.items()]


def resource(service):
    return {"attributes": keyed(service_name=service, service_version="1.2", telemetry_sdk="x")}


def at(seconds):
    return str(T0 + round(seconds * 1e9))


def span(n, service="cart", parent="", start=None, **more):
    start = n if start is None else start
    return {
        "traceId": TRACE,
        "spanId": f"{n + 1:016x}",
        "parentSpanId": parent,
        "name": "GET /x",
        "kind": 2,
        "startTimeUnixNano": at(start),
        "endTimeUnixNano": at(start + 0.25),
        "attributes": keyed(http_status=200),
        "status": {"code": 2},
        **more,
    }


def traces(*spans, service="cart"):
    return {
        "resourceSpans": [{"resource": resource(service), "scopeSpans": [{"spans": list(spans)}]}]
    }


def logs(*records):
    return {
        "resourceLogs": [
            {"resource": resource("cart"), "scopeLogs": [{"logRecords": list(records)}]}
        ]
    }


def metrics(*described, service="cart"):
    return {
        "resourceMetrics": [
            {"resource": resource(service), "scopeMetrics": [{"metrics": list(described)}]}
        ]
    }


RECORD = {
    "timeUnixNano": at(1),
    "severityNumber": 17,
    "body": {"stringValue": "failed"},
    "attributes": keyed(a=1),
    "traceId": TRACE,
    "spanId": SPAN,
}


def summed(values, *, delta=False, monotonic=True):
    points = [
        {"timeUnixNano": at(n * 10), "startTimeUnixNano": at(0), "asInt": str(v)}
        for n, v in enumerate(values)
    ]
    return {
        "name": "jobs",
        "unit": "1",
        "sum": {
            "aggregationTemporality": 1 if delta else 2,
            "isMonotonic": monotonic,
            "dataPoints": points,
        },
    }


@pytest.fixture
def folder(tmp_path):
    lines = [traces(span(n)) for n in range(6)] + [logs(RECORD), metrics(summed([1, 2, 4]))]
    (tmp_path / "mixed.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    return tmp_path


def otlp(files, **changes):
    return Otlp("files", OtlpSettings(files=str(files), **changes))


def fetched(files, table, when=WHEN, **changes):
    return asyncio.run(otlp(files, **changes).fetch(table, when))


class TestOtlp(ConnectorContract):
    WHEN = WHEN

    @pytest.fixture(autouse=True)
    def _folder(self, folder):
        self.folder = folder

    def make(self):
        return otlp(self.folder)


def protobuf(document, signal):
    """Write a request as protobuf: ids are bytes there."""
    import base64

    text = json.dumps(document)
    for plain in {TRACE, SPAN, *(f"{n + 1:016x}" for n in range(20))}:
        text = text.replace(f'"{plain}"', f'"{base64.b64encode(bytes.fromhex(plain)).decode()}"')
    return ParseDict(json.loads(text), _message(signal)).SerializeToString()


def test_protobuf_gzip_and_delimited_files_hold_the_same(tmp_path):
    documents_ = [traces(span(n, parent=SPAN)) for n in range(3)]
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "t.jsonl").write_text("\n".join(map(json.dumps, documents_)))
    one = fetched(tmp_path / "a" / "*", "spans").frame
    raw = [protobuf(document, "traces") for document in documents_]
    framed = b"".join(bytes([len(r) & 0x7F | 0x80, len(r) >> 7]) + r for r in raw)
    for name, data in (
        ("b/traces.pb", framed),
        ("c/traces.pb.gz", gzip.compress(framed)),
        ("d/traces-0.pb", raw[0]),
    ):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(data)
        two = fetched(tmp_path / name, "spans").frame
        pd.testing.assert_frame_equal(
            two,
            one.iloc[: len(two)].reset_index(drop=True),
            check_categorical=False,
            check_dtype=False,
        )
        assert len(two) == (1 if name.startswith("d") else 3)
    (tmp_path / "unnamed.bin").write_bytes(framed)
    found = fetched(tmp_path / "unnamed.bin", "spans", signal="traces")
    assert len(found.frame) == 3


def test_spans_are_rows(folder):
    found = fetched(folder, "spans")
    row = found.frame.iloc[2]
    assert (row["service"], row["kind"], row["status"]) == ("cart", "server", "error")
    assert row["duration_s"] == 0.25
    assert labels_of(row["attributes"]) == {"http.status": 200, "service.version": "1.2"}


def test_odd_spans_are_told_and_left_as_they_are(tmp_path):
    parent = span(0)
    child = span(1, start=-240, parent=parent["spanId"])  # its clock is four minutes behind
    orphan = span(2, parent="ffffffffffffffff")
    late = [traces(parent, orphan), traces(parent), traces(child, service="pay")]
    bad = traces({**span(3), "endTimeUnixNano": at(0)}, {**span(4), "traceId": "0" * 32}, {})
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, [*late, bad])) + "\n{broken")
    when = TimeRange("2026-01-31T11:50:00Z", WHEN.end)
    found = fetched(tmp_path, "spans", when)
    why = found.coverage[-1].reason
    assert len(found.frame) == 3
    assert found.coverage[-1].status == "partial"
    for words in (
        "1 duplicated span(s)",
        "1 span(s) whose parent is not there",
        "pay begin up to",
        "4 record(s) refused",
        "line 5",
    ):
        assert words in why, why
    assert found.frame["ts"].min() == pd.Timestamp(T0, tz="UTC") - pd.Timedelta("4min")


def test_logs_without_a_time_take_the_observed_one(tmp_path):
    odd = {
        "timeUnixNano": "0",
        "observedTimeUnixNano": at(3),
        "severityNumber": "SEVERITY_NUMBER_WARN2",
        "body": {"kvlistValue": {"values": keyed(a="b")}},
    }
    (tmp_path / "l.jsonl").write_text(json.dumps(logs(RECORD, odd, {"body": {}})))
    found = fetched(tmp_path, "logs")
    assert list(found.frame["severity_number"]) == [17, 14]
    assert list(found.frame["severity_text"].astype("str")) == ["ERROR", "WARN"]
    assert list(found.frame["body"].astype("str")) == ["failed", '{"a":"b"}']
    assert found.frame["trace_id"].iloc[0] == TRACE
    assert "without a time" in found.coverage[-1].reason


def values(document, name):
    points = MetricPoints()
    points.add(document)
    frame = points.frame()
    assert not points.refused, points.refused
    return frame[frame["metric"] == name]


def test_counters_are_cumulative_whatever_was_sent():
    for delta, sent in ((False, [1, 3, 7]), (True, [1, 2, 4])):
        found = values(metrics(summed(sent, delta=delta)), "jobs_total")
        assert list(found["value"]) == [1, 3, 7]
        assert set(found["temporality"]) == {"cumulative"}
    gauge = values(metrics(summed([5, 2], monotonic=False)), "jobs")
    assert list(gauge["value"]) == [5, 2]
    assert set(gauge["kind"]) == {"gauge"}


def test_a_point_without_a_value_is_a_gap():
    document = metrics(
        {
            "name": "queue",
            "gauge": {
                "dataPoints": [
                    {"timeUnixNano": at(0), "asDouble": 1.5},
                    {"timeUnixNano": at(10), "flags": 1},
                    {"timeUnixNano": at(20), "asDouble": "NaN"},
                ]
            },
        }
    )
    points = MetricPoints()
    points.add(document)
    frame = points.frame()
    assert len(frame) == 2
    assert math.isnan(frame["value"].iloc[1])
    assert "gaps" in points.notes()[0]


def test_histograms_are_in_prometheus_form():
    document = metrics(
        {
            "name": "http.server.request.duration",
            "unit": "s",
            "histogram": {
                "aggregationTemporality": 2,
                "dataPoints": [
                    {
                        "timeUnixNano": at(0),
                        "sum": 3.5,
                        "count": "6",
                        "explicitBounds": [0.1, 1],
                        "bucketCounts": ["1", "2", "3"],
                    }
                ],
            },
        }
    )
    buckets = values(document, "http_server_request_duration_seconds_bucket")
    assert dict(zip(buckets["le"], buckets["value"], strict=True)) == {0.1: 1, 1: 3, np.inf: 6}
    assert list(values(document, "http_server_request_duration_seconds_count")["value"]) == [6]
    assert list(values(document, "http_server_request_duration_seconds_sum")["value"]) == [3.5]


def exponential(scale, offset, counts, zeros=0):
    return {
        "timeUnixNano": at(0),
        "scale": scale,
        "zeroCount": str(zeros),
        "sum": 1.0,
        "positive": {"offset": offset, "bucketCounts": [str(c) for c in counts]},
    }


@pytest.mark.slow
@settings(max_examples=parts.examples(100), deadline=None)
@given(
    st.integers(-2, 4),
    st.integers(-20, 20),
    st.lists(st.integers(0, 9), max_size=12),
    st.integers(0, 3),
    st.integers(0, 3),
)
def test_exponential_buckets_count_what_lies_below(scale, offset, counts, zeros, coarser):
    """Against the definition: bucket i holds (base**i, base**(i+1)]."""
    second = {**exponential(scale - coarser, 0, [1]), "timeUnixNano": at(10)}
    document = metrics(
        {
            "name": "h",
            "exponentialHistogram": {
                "aggregationTemporality": 2,
                "dataPoints": [exponential(scale, offset, counts, zeros), second],
            },
        }
    )
    found = values(document, "h_bucket")
    first = found[found["ts"] == found["ts"].min()]
    base = 2.0 ** (2.0**-scale)
    for bound, value in zip(first["le"], first["value"], strict=True):
        below = sum(
            c for n, c in enumerate(counts) if base ** (offset + n + 1) <= bound * (1 + 1e-9)
        )
        assert value == below + (zeros if bound >= 0 else 0)


def post(url, path, data, kind="application/json", **headers):
    request = urllib.request.Request(
        url + path, data=data, method="POST", headers={"content-type": kind, **headers}
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def test_the_receiver_keeps_what_it_takes_and_refuses_the_rest(tmp_path):
    with receiving(tmp_path, cap_bytes=100_000) as receiver:
        url = receiver.url
        document = json.dumps(traces(span(1))).encode()
        zipped = gzip.compress(json.dumps(traces(span(2))).encode())
        raw = protobuf(traces(span(3)), "traces")
        assert post(url, "/v1/traces", document) == 200
        assert post(url, "/v1/traces", zipped, **{"content-encoding": "gzip"}) == 200
        assert post(url, "/v1/traces", raw, "application/x-protobuf") == 200
        assert post(url, "/v1/logs", json.dumps(logs(RECORD)).encode()) == 200
        assert post(url, "/v1/nothing", document) == 404
        assert post(url, "/v1/traces", b"{") == 400
        assert post(url, "/v1/traces", b"\xff\xff", "application/x-protobuf") == 400
        assert post(url, "/v1/traces", b" " * 100_001) == 413
        bomb = gzip.compress(b" " * 1_000_000)
        assert post(url, "/v1/traces", bomb, **{"content-encoding": "gzip"}) == 413
        assert receiver.received == {"traces": 3, "metrics": 0, "logs": 1}
        assert receiver.refused == 5
    assert len(fetched(tmp_path, "spans").frame) == 3
    assert len(fetched(tmp_path, "logs").frame) == 1


def test_a_line_that_a_killed_receiver_left_spoils_no_other(tmp_path):
    document = json.dumps(traces(span(1))).encode()
    (tmp_path / "traces.jsonl").write_bytes(document[:40])
    with receiving(tmp_path) as receiver:
        assert post(receiver.url, "/v1/traces", document) == 200
    found = fetched(tmp_path, "spans")
    assert len(found.frame) == 1
    assert "line 1" in str(found.coverage), "and it is told"


def test_a_receiver_that_cannot_keep_says_so(tmp_path):
    with receiving(tmp_path) as receiver:
        (tmp_path / "traces.jsonl").mkdir()
        assert post(receiver.url, "/v1/traces", json.dumps(traces(span(1))).encode()) == 503
        assert receiver.received["traces"] == 0


@pytest.mark.server
def test_a_real_collector_sends_to_the_receiver(tmp_path):
    agent = next(Path(pytest.importorskip("rotel").__file__).parent.rglob("rotel-agent*"), None)
    if agent is None:
        parts.missing_part("the rotel package has no collector for this machine")
    http, grpc = free_port(), free_port()
    with receiving(tmp_path / "kept") as receiver:
        command = [
            str(agent),
            "start",
            "--otlp-http-endpoint",
            f"127.0.0.1:{http}",
            "--otlp-grpc-endpoint",
            f"127.0.0.1:{grpc}",
            "--exporter",
            "otlp",
            "--otlp-exporter-endpoint",
            receiver.url,
            "--otlp-exporter-protocol",
            "http",
            "--batch-timeout",
            "100ms",
        ]
        process = subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            ends = time.monotonic() + parts.AMPLE_S
            sent = protobuf(traces(span(1), span(2)), "traces")
            while time.monotonic() < ends and not _sent(http, sent):
                time.sleep(0.1)
            while time.monotonic() < ends and not receiver.received["traces"]:
                time.sleep(0.1)
        finally:
            process.terminate()
            process.wait(10)
        assert receiver.received["traces"] >= 1
    assert len(fetched(tmp_path / "kept", "spans").frame) == 2


def _sent(port, data):
    try:
        return post(f"http://127.0.0.1:{port}", "/v1/traces", data, "application/x-protobuf") == 200
    except OSError:
        return False


KEYS = [
    "resourceSpans",
    "scopeSpans",
    "spans",
    "resourceMetrics",
    "scopeMetrics",
    "metrics",
    "sum",
    "dataPoints",
    "histogram",
    "exponentialHistogram",
    "resourceLogs",
    "scopeLogs",
    "logRecords",
    "timeUnixNano",
    "asInt",
    "attributes",
    "key",
    "value",
    "startTimeUnixNano",
    "endTimeUnixNano",
    "traceId",
    "spanId",
    "bucketCounts",
    "positive",
    "body",
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from([TRACE, SPAN, at(1)]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=16,
)


@pytest.mark.slow
@settings(max_examples=parts.examples(600), deadline=None)
@given(JSON, JSON)
def test_any_json_gives_rows_or_a_named_error(inner, outer):
    shaped = [
        outer,
        traces(inner),
        logs(inner),
        metrics(inner),
        traces(inner, span(1)),
        metrics({"name": "a", "sum": {"dataPoints": [inner]}}),
        metrics(
            {
                "name": "a",
                "exponentialHistogram": {
                    "dataPoints": [
                        {"timeUnixNano": at(1), "positive": {"bucketCounts": inner}, "scale": outer}
                    ]
                },
            }
        ),
        metrics(
            {
                "name": "a",
                "histogram": {
                    "dataPoints": [
                        {"timeUnixNano": at(1), "bucketCounts": inner, "explicitBounds": outer}
                    ]
                },
            }
        ),
        traces({**span(1), "attributes": inner, "links": outer, "events": inner}),
        logs({**RECORD, "body": inner, "severityNumber": outer}),
    ]
    for document in shaped:
        assert isinstance(span_rows(document)[0], pd.DataFrame)
        assert isinstance(log_rows(document)[0], pd.DataFrame)
        points = MetricPoints()
        points.add(document)
        assert len(points.frame().columns) == 9


@settings(max_examples=parts.examples(400), deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["traces", "metrics", "logs", None]))
def test_any_bytes_give_documents_or_a_named_error(data, signal):
    try:
        found = list(documents(data, signal=signal))
    except SourceError:
        return
    assert all(len(one) == 2 for one in found)
