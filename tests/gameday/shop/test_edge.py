"""The edge's access log: read exactly, and nothing in it can break the reader."""

from __future__ import annotations

import io
import json

from hypothesis import given
from hypothesis import strategies as st

from workbench.gameday.shop.config import ShopConfig
from workbench.gameday.shop.edge import ROUTES, parse_access_line, route_of, write_nginx_conf
from workbench.gameday.shop.edge_exporter import EdgeIds, follow, report
from workbench.gameday.shop.instruments import Instruments

LINE = {
    "msec": "1795458396.122",
    "request_time": "0.213",
    "upstream_time": "0.201",
    "status": "200",
    "method": "GET",
    "uri": "/product/lamp",
    "trace": "ecb74c7cc27017a51673ad4ccaa65569",
    "bytes": "312",
}


def line(**changed: str) -> str:
    return json.dumps({**LINE, **changed}) + "\n"


def test_a_line_is_read_exactly():
    request = parse_access_line(line())
    assert (request.end_s, request.duration_s, request.upstream_s) == (1795458396.122, 0.213, 0.201)
    assert (request.status, request.method, request.route) == (200, "GET", "/product/{sku}")
    assert request.trace_id == LINE["trace"]
    assert request.span_id == LINE["trace"][:16]


def test_upstream_times_of_several_tries_are_added_and_none_is_none():
    assert parse_access_line(line(upstream_time="0.004, 0.120")).upstream_s == 0.124
    assert parse_access_line(line(upstream_time="0.004 : 0.120")).upstream_s == 0.124
    assert parse_access_line(line(upstream_time="-")).upstream_s is None
    assert parse_access_line(line(upstream_time="")).upstream_s is None


def test_incomplete_or_foreign_lines_are_none():
    for bad in ("", "\n", "[]", "null", "12", '{"msec": "1"}', line()[:-9], line(trace="0" * 32)):
        assert parse_access_line(bad) is None


@given(
    msec=st.floats(1e9, 2e9),
    took=st.floats(0, 100),
    status=st.integers(100, 599),
    uri=st.text(),
    trace=st.uuids(),
)
def test_every_complete_line_reads_back(msec, took, status, uri, trace):
    request = parse_access_line(
        line(
            msec=f"{msec:.3f}",
            request_time=f"{took:.3f}",
            status=str(status),
            uri=uri,
            trace=trace.hex,
        )
    )
    assert request.end_s == float(f"{msec:.3f}")
    assert request.duration_s == float(f"{took:.3f}")
    assert request.status == status
    assert request.route in {*ROUTES, "_OTHER"}
    assert int(request.span_id, 16) >= 0


@given(st.text())
def test_no_text_breaks_the_reader(text):
    parse_access_line(text)
    assert route_of(text) in {*ROUTES, "_OTHER"}


def test_follow_waits_for_the_whole_line():
    class Slow(io.StringIO):
        parts = ["half a", " line\n", "next\n"]

        def readline(self):
            return self.parts.pop(0)

    lines = follow(Slow())
    assert [next(lines), next(lines)] == ["half a line\n", "next\n"]


def test_report_makes_the_span_nginx_announced():
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from workbench.gameday.shop.telemetry import Telemetry

    ids, seen, instruments = EdgeIds(), InMemorySpanExporter(), Instruments()
    spans = TracerProvider(id_generator=ids)
    spans.add_span_processor(SimpleSpanProcessor(seen))
    request = parse_access_line(line(status="502"))
    report(request, to=Telemetry("edge", spans, LoggerProvider()), ids=ids, instruments=instruments)
    (span,) = seen.get_finished_spans()
    assert f"{span.context.trace_id:032x}" == request.trace_id
    assert f"{span.context.span_id:016x}" == request.span_id
    assert span.parent is None
    assert abs((span.end_time - span.start_time) / 1e9 - 0.213) < 1e-6
    assert span.status.status_code.name == "ERROR"
    labels = {
        "http_request_method": "GET",
        "http_route": "/product/{sku}",
        "http_response_status_code": "502",
    }
    name = "http_server_request_duration_seconds"
    assert instruments.registry.get_sample_value(f"{name}_count", labels) == 1
    assert instruments.registry.get_sample_value(f"{name}_sum", labels) == 0.213


def test_the_configuration_listens_on_loopback_only(tmp_path):
    config = ShopConfig.fresh(tmp_path)
    text = write_nginx_conf(config).read_text()
    assert f"listen 127.0.0.1:{config.ports['edge']};" in text
    assert text.count("listen ") == 1
    assert 'traceparent "00-$request_id-$edge_span-01"' in text
