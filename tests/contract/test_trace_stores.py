"""Jaeger, Tempo and Zipkin against models of their APIs: what a full answer leaves out is found."""

from __future__ import annotations

import asyncio
import json
import random

import httpx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import faulted
import parts
from modelservers import traces as model
from modelservers.serving import served
from workbench import TimeRange
from workbench.connectors.conformance import ConnectorContract
from workbench.connectors.reading.dependencies import dependency_frame
from workbench.connectors.reading.spans import odd_spans
from workbench.connectors.sources.jaeger import Jaeger, JaegerSettings, ui_rows
from workbench.connectors.sources.tempo import Tempo, TempoSettings
from workbench.connectors.sources.zipkin import (
    Zipkin,
    ZipkinSettings,
    zipkin_rows,
)
from workbench.connectors.transport.http import Http
from workbench.errors import SourceError

URL = "http://127.0.0.1:9"
T0 = pd.Timestamp("2026-01-31T12:00:00Z").value
WHEN = TimeRange(pd.Timestamp(T0, tz="UTC"), pd.Timestamp(T0 + 600 * 10**9, tz="UTC"))
MAKERS = {
    "zipkin": (Zipkin, ZipkinSettings, {}),
    "jaeger v3": (Jaeger, JaegerSettings, {"api": "v3"}),
    "jaeger ui": (Jaeger, JaegerSettings, {"api": "ui"}),
    "tempo": (Tempo, TempoSettings, {}),
}


def trace(n, at_ns):
    ids = [f"{n * 2 + k + 1:016x}" for k in range(2)]
    return [
        (ids[0], "", "edge", "client", T0 + at_ns, 300_000_000, False),
        (ids[1], ids[0], "cart", "server", T0 + at_ns + 1_000_000, 250_000_000, n % 3 == 0),
    ]


def store(times):
    return model.Store({f"{n + 1:032x}": trace(n, at) for n, at in enumerate(times)})


@pytest.fixture(scope="module")
def url():
    with served(model.app(store([n * 20 * 10**9 for n in range(29)]))) as address:
        yield address


def made(name, url=URL, *, app=None, **changes):
    cls, settings_, more = MAKERS[name]
    chosen = settings_(url=url, **more, **changes)
    transport = httpx.ASGITransport(app) if app is not None else None
    return cls("traces", chosen, Http(chosen, transport=transport))


def fetched(name, app, **changes):
    async def work():
        connector = made(name, app=app, **changes)
        try:
            return await connector.fetch("spans", WHEN)
        finally:
            await connector.aclose()

    return asyncio.run(work())


def _drive(name):
    return faulted.Drive(
        lambda: served(model.app(store([n * 50 * 10**9 for n in range(12)]))),
        lambda url, **limits: made(name, url, limit=100, **limits),
        "spans",
        WHEN,
        counts=False,
    )


DRIVES = {name: _drive(name) for name in MAKERS}


class TestZipkin(ConnectorContract):
    WHEN = WHEN
    NAME = "zipkin"

    @pytest.fixture(autouse=True)
    def _server(self, url):
        self.url = url

    def make(self):
        return made(self.NAME, self.url, limit=10)


class TestJaeger(TestZipkin):
    NAME = "jaeger v3"


@pytest.mark.slow
class TestJaegerPages(TestZipkin):
    NAME = "jaeger ui"


class TestTempo(TestZipkin):
    NAME = "tempo"


@pytest.mark.parametrize("name", MAKERS)
def test_spans_are_the_same_rows_whoever_gives_them(name):
    frame = fetched(name, model.app(store([0, 10**9]))).frame
    assert len(frame) == 4
    row = frame.iloc[1]
    assert (row["service"], row["kind"], row["status"]) == ("cart", "server", "error")
    assert row["duration_s"] == 0.25
    assert row["parent_span_id"] == frame.iloc[0]["span_id"]
    assert row["trace_id"] == f"{1:032x}"


@pytest.mark.slow
@pytest.mark.parametrize("name", MAKERS)
def test_what_came_is_what_there_is_or_marked(name):
    """RELIABILITY Q5: 200 random stores, 50 of each kind, with more traces than an answer holds."""
    rng, exact, app = random.Random(9), 0, model.app(None)
    for _ in range(50):
        times = [
            rng.choice([5, 599 * 10**9, rng.randint(0, 620 * 10**9)])
            for _ in range(rng.randint(0, 12))
        ]
        held = app.state.store = store(times)
        if name == "tempo" and times and rng.random() < 0.2:
            held.partial = {f"{1:032x}"}
        found = fetched(name, app, limit=rng.choice([3, 7, 30]), deadline_s=parts.AMPLE_S)
        truth = sum(
            WHEN.start.value <= s[4] < WHEN.end.value
            for spans in held.traces.values()
            for s in spans
        )
        if found.complete:
            exact += 1
            assert len(found.frame) == truth
        else:
            assert found.coverage[-1].reason
    print(f"{name}: exact {exact} of 50")
    assert exact > 20


def test_shared_ids_and_odd_units_of_zipkin():
    spans = [
        {
            "traceId": "1f",
            "id": "a",
            "kind": "CLIENT",
            "timestamp": 10**15,
            "duration": 5,
            "localEndpoint": {"serviceName": "edge"},
        },
        {
            "traceId": "1f",
            "id": "a",
            "kind": "SERVER",
            "timestamp": 10**15 + 1,
            "shared": True,
            "localEndpoint": {"serviceName": "cart"},
        },
    ]
    frame, refused = zipkin_rows(spans)
    assert not refused
    assert list(frame["parent_span_id"]) == ["", "a"]
    assert frame["trace_id"].iloc[0] == "1f".rjust(32, "0")


KEYS = [
    "traceId",
    "id",
    "timestamp",
    "duration",
    "localEndpoint",
    "serviceName",
    "spans",
    "tags",
    "processes",
    "references",
    "traceID",
    "spanID",
    "startTime",
    "parent",
    "child",
    "callCount",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=14,
)


@pytest.mark.slow
@settings(max_examples=parts.examples(400), deadline=None)
@given(JSON)
def test_any_answer_gives_rows_or_a_named_error(payload):
    for one in (payload, [payload], {"spans": [payload], "processes": payload}):
        assert len(zipkin_rows(one)[0].columns) == len(ui_rows(one)[0].columns) == 11
        try:
            frame = dependency_frame(one, "s", WHEN)
        except SourceError:
            continue
        assert "calls" in frame


def answering(answers):
    """Model a Jaeger by its answers: (path, service) to status and body."""

    async def app(scope, receive, send):
        asked = httpx.QueryParams(scope["query_string"].decode())
        service = asked.get("query.serviceName", asked.get("service", ""))
        status, body = answers.get((scope["path"], service), (404, {"detail": "no such path"}))
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(body).encode()})

    return app


FOUND = {"result": {"resourceSpans": model.otlp("ab" * 16, trace(0, 10**9))}}
NOTHING = {"error": {"httpCode": 404, "message": "No traces found"}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, NOTHING, "complete"),
        (200, {"result": {"resourceSpans": []}}, "complete"),
        (404, {"detail": "not a path of this server"}, "partial"),
        (400, {"error": {"message": "bad service"}}, "partial"),
    ],
)
def test_a_service_without_traces_loses_no_other(status, body, expected):
    answers = {
        ("/api/v3/services", ""): (200, {"services": ["cart", "web"]}),
        ("/api/v3/traces", "cart"): (200, FOUND),
        ("/api/v3/traces", "web"): (status, body),
    }
    found = fetched("jaeger v3", answering(answers))
    assert len(found.frame)
    assert found.coverage[-1].status == expected
    assert ("web" in found.coverage[-1].reason) == (expected == "partial")


def test_no_service_with_traces_is_nothing_and_a_wrong_path_is_a_failure():
    services = {("/api/v3/services", ""): (200, {"services": ["web"]})}
    empty = fetched("jaeger v3", answering({**services, ("/api/v3/traces", "web"): (404, NOTHING)}))
    assert empty.coverage[-1].status == "empty"
    assert fetched("jaeger v3", answering(services)).coverage[-1].status == "failed"


def test_a_duration_that_is_not_told_is_not_zero():
    plain = {"traceId": "ab", "id": "1", "timestamp": 1, "localEndpoint": {"serviceName": "a"}}
    frame, _ = zipkin_rows([plain, {**plain, "id": "2", "duration": 150_000}])
    assert frame["duration_s"].isna().tolist() == [True, False]
    spans = [{"traceID": "ab", "spanID": str(n), "startTime": 1, "processID": "p"} for n in (1, 2)]
    spans[1]["duration"] = 0
    frame, _ = ui_rows({"spans": spans, "processes": {"p": {"serviceName": "a"}}})
    assert frame["duration_s"].isna().tolist() == [True, False]
    assert odd_spans(frame) == ["1 span(s) without a duration: it is not known"]
