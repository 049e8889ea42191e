"""Spellings of OTLP that are read, and what lies beside it: named, never empty."""

from __future__ import annotations

import asyncio
import json
import struct

import pandas as pd
import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from workbench import TimeRange
from workbench.connectors.reading.otlp_shape import export_request
from workbench.connectors.sources.otlp.source import Otlp, OtlpSettings
from workbench.errors import SourceGarbled

T0 = pd.Timestamp("2026-01-31T12:00:00Z").value
HOUR = TimeRange("2026-01-31T12:00:00Z", "2026-01-31T13:00:00Z")


def span(n, name="GET /"):
    return {
        "traceId": f"{n + 1:032x}",
        "spanId": f"{n + 1:016x}",
        "name": name,
        "kind": 2,
        "startTimeUnixNano": str(T0 + n * 10**9),
        "endTimeUnixNano": str(T0 + n * 10**9 + 5),
    }


def group(*spans):
    service = {"key": "service.name", "value": {"stringValue": "cart"}}
    return {"resource": {"attributes": [service]}, "scopeSpans": [{"spans": list(spans)}]}


def snaked(value):
    """Spell keys as in the .proto files."""
    if isinstance(value, dict):
        known = {"traceId": "trace_id", "spanId": "span_id"}
        return {
            known.get(k, "".join(f"_{c.lower()}" if c.isupper() else c for c in k)): snaked(v)
            for k, v in value.items()
        }
    return [snaked(one) for one in value] if isinstance(value, list) else value


def fetched(folder, table="spans", **settings):
    made = Otlp("otlp", OtlpSettings(files=str(folder / "*"), **settings))
    return asyncio.run(made.fetch(table, HOUR))


ONE = {"resourceSpans": [group(span(0), span(1))]}


@pytest.mark.parametrize(
    "document",
    [
        ONE,
        snaked(ONE),
        {"batches": ONE["resourceSpans"]},
        {"trace": ONE},
        {"result": ONE},
        {"trace": {"batches": ONE["resourceSpans"]}},
        [ONE],
        {
            "resourceSpans": [
                {
                    "resource": group()["resource"],
                    "instrumentationLibrarySpans": [{"spans": [span(0), span(1)]}],
                }
            ]
        },
        {"batches": [snaked(group(span(0), span(1)))]},
    ],
)
def test_spellings_of_one_request_are_read_alike(tmp_path, document):
    (tmp_path / "traces.json").write_text(json.dumps(document))
    found = fetched(tmp_path)
    assert list(found.frame["service"]) == ["cart", "cart"]
    assert found.coverage[-1].status != "failed"


STRANGERS = {
    "Jaeger": {"data": [{"traceID": "a1", "spans": [], "processes": {}}]},
    "Zipkin": [{"traceId": "a", "id": "b", "localEndpoint": {}, "timestamp": 1}],
    "Prometheus": {"status": "success", "data": {"resultType": "matrix"}},
    "Kubernetes": {"apiVersion": "v1", "kind": "List", "items": []},
    "hello": {"hello": "world"},
    "scopeSpans": {"resourceSpans": [{"resource": {}, "spans": [span(0)]}]},
    "no list": {"resourceSpans": {"resource": {}}},
}


@pytest.mark.parametrize("what", STRANGERS)
@pytest.mark.parametrize("table", ["spans", "metrics", "logs"])
def test_what_is_no_otlp_is_named_with_what_it_looks_like(tmp_path, what, table):
    (tmp_path / "stranger.json").write_text(json.dumps(STRANGERS[what]))
    found = fetched(tmp_path, table)
    assert found.coverage[-1].status == "failed"
    assert what in found.coverage[0].reason
    assert "no rows in this range" not in str(found.coverage)


def test_a_stranger_hides_no_other_file(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(STRANGERS["Jaeger"]))
    (tmp_path / "b.json").write_text(json.dumps(ONE))
    found = fetched(tmp_path)
    assert len(found.frame) == 2
    assert found.coverage[-1].status == "partial"
    assert "Jaeger" in found.coverage[0].reason


def test_a_request_that_holds_nothing_is_understood():
    assert export_request({}) == {}
    assert export_request({"resourceSpans": []}) == {"resourceSpans": []}
    with pytest.raises(SourceGarbled, match="Not OTLP"):
        export_request("text")


def message(n, length=0):
    request = {"resourceSpans": [group(span(n, "x" * length or "GET"))]}
    known = request["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    binary = ExportTraceServiceRequest()
    ParseDict({**request}, binary)
    made = binary.resource_spans[0].scope_spans[0].spans[0]
    made.trace_id, made.span_id = bytes.fromhex(known["traceId"]), bytes.fromhex(known["spanId"])
    return binary.SerializeToString()


def varint(size):
    found = b""
    while size >= 0x80:
        found += bytes([size & 0x7F | 0x80])
        size >>= 7
    return found + bytes([size])


@pytest.mark.parametrize("length", [1, 20, 30, 60, 200, 5000])
@pytest.mark.parametrize(
    "frame", [lambda m: struct.pack(">I", len(m)) + m, lambda m: varint(len(m)) + m]
)
def test_messages_behind_their_lengths_are_read(tmp_path, length, frame):
    messages = [message(n, length) for n in range(10)]
    (tmp_path / "traces.proto").write_bytes(b"".join(map(frame, messages)))
    found = fetched(tmp_path)
    assert len(found.frame) == 10
    (tmp_path / "traces.proto").write_bytes(b"".join(map(frame, messages))[:-3])
    found = fetched(tmp_path)
    assert len(found.frame) == 9
    assert found.coverage[-1].status == "partial"
    assert "cut short" in found.coverage[-1].reason


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"ts,service\n1,cart\n", "neither JSON nor protobuf"),
        (b"10:00 ERROR boom\n", "neither JSON nor protobuf"),
        (b"\x28\xb5\x2f\xfd\x00\x01", "zstd"),
    ],
)
@pytest.mark.parametrize("name", ["traces.bin", "any"])
def test_a_file_of_another_kind_is_named(tmp_path, data, why, name):
    (tmp_path / name).write_bytes(data)
    found = fetched(tmp_path)
    assert found.coverage[-1].status == "failed"
    assert why in found.coverage[0].reason
