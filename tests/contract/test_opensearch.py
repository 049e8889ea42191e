"""OpenSearch against a model of its API and a server of its protocol."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import httpx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import faulted
import parts
from modelservers import opensearch as model
from modelservers.serving import served
from servers.ports import free_port
from workbench import TimeRange
from workbench.connectors.conformance import ConnectorContract
from workbench.connectors.sources.opensearch.payload import (
    FieldNames,
    SearchHits,
    hit_rows,
    page_of,
)
from workbench.connectors.sources.opensearch.source import OpenSearch, OpenSearchSettings
from workbench.connectors.transport.http import Http
from workbench.errors import SourceError

URL = "http://127.0.0.1:9"
T0 = pd.Timestamp("2026-01-31T12:00:00Z")
WHEN = TimeRange(T0, T0 + pd.Timedelta("1h"))


def document(n, at_s, service="cart"):
    return {
        "@timestamp": (T0 + pd.Timedelta(seconds=at_s)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "message": f"line {n}",
        "service.name": service,
        "log": {"level": "error"},
        "trace": {"id": "4bf92f3577b34da6a3ce929d0e0e4736"},
        "host": "h1",
    }


def store(n=120):
    return model.Store({f"d{k:04d}": document(k, k * 25, ("cart", "pay")[k % 2]) for k in range(n)})


@pytest.fixture(scope="module")
def url():
    with served(model.app(store())) as address:
        yield address


def opensearch(url, *, app=None, **changes):
    """One that asks a server, or an app in this process."""
    chosen = OpenSearchSettings(url=url, index="logs", **changes)
    transport = httpx.ASGITransport(app) if app is not None else None
    return OpenSearch("os", chosen, Http(chosen, transport=transport))


def fetched(app, url=URL, **changes):
    async def work():
        made = opensearch(url, app=app, **changes)
        try:
            return await made.fetch("logs", WHEN)
        finally:
            await made.aclose()

    return asyncio.run(work())


DRIVES = {
    "opensearch": faulted.Drive(
        lambda: served(model.app(store())),
        lambda url, **limits: opensearch(url, page=40, **limits),
        "logs",
        WHEN,
        speaks="opensearch",
    )
}


class TestOpenSearch(ConnectorContract):
    WHEN = WHEN

    @pytest.fixture(autouse=True)
    def _server(self, url):
        self.url = url

    def make(self):
        return opensearch(self.url, page=30)


class TestElasticsearch(TestOpenSearch):
    def make(self):
        return opensearch(self.url, page=30, dialect="elasticsearch")


def test_hits_are_rows_and_points_in_time_are_given_back():
    held = store(3)
    frame = fetched(model.app(held)).frame
    row = frame.iloc[0]
    assert (row["service"], row["severity_number"], row["body"]) == ("cart", 17, "line 0")
    assert row["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert held.opened == 1
    assert held.open == {}


def test_a_count_that_fell_is_told(monkeypatch):
    held, count = store(10), OpenSearch._count
    assert fetched(model.app(held)).complete

    async def more(made, query):
        return await count(made, query) + 3  # three records went between counting and reading

    monkeypatch.setattr(OpenSearch, "_count", more)
    found = fetched(model.app(held))
    assert found.coverage[0].status == "partial"
    assert "it counted 13 before and 10 after" in found.coverage[0].reason


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"shards_failed": 1}, "shard"),
        ({"timed_out": True}, "timed out"),
        ({"lost": 2}, "counts"),
    ],
)
def test_what_is_partial_is_said(change, word):
    held = store(10)
    for name, value in change.items():
        setattr(held, name, value)
    found = fetched(model.app(held))
    assert found.coverage[0].status == "partial"
    assert word in found.coverage[0].reason


@pytest.mark.slow
def test_what_came_is_what_there_is_or_marked():
    """RELIABILITY Q5: 200 random stores, many records of one time, small pages."""
    rng, exact, app = random.Random(8), 0, model.app(None)
    for _ in range(200):
        times = [
            rng.choice([0, 5, 5, 3600, rng.randint(0, 4000)]) for _ in range(rng.randint(0, 80))
        ]
        held = model.Store({f"d{n}": document(n, at) for n, at in enumerate(times)})
        held.lost = rng.choice([0, 0, 0, 1]) if times else 0
        held.shards_failed = rng.choice([0, 0, 0, 1])
        app.state.store = held
        found = fetched(app, page=rng.choice([1, 7, 40]))
        truth = sorted(f"line {n}" for n, at in enumerate(times) if at < 3600)
        if found.complete:
            exact += 1
            assert sorted(found.frame["body"].astype("str")) == truth
        else:
            assert found.coverage[-1].reason
        assert held.open == {}
    print(f"exact {exact} of 200")
    assert exact > 80


@pytest.mark.server
def test_a_server_of_the_protocol_gives_the_same(tmp_path):
    osmem = pytest.importorskip("osmem_server")
    program = next(
        (
            p
            for p in (Path(osmem.__file__).parent / "bin").iterdir()
            if p.is_file() and "server" in p.name
        ),
        None,
    )
    if program is None:
        parts.missing_part("osmem-server has no program for this machine")
    port = free_port()
    command = [str(program), "-addr", f"127.0.0.1:{port}", "-no-ja", "-no-stdin-watch"]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _ready(address)
            documents = store(60).documents
            _bulk(address, documents)
            found = fetched(None, address, page=7)
            assert found.coverage[0].status == "complete", found.coverage
            assert sorted(found.frame["body"].astype("str")) == sorted(
                one["message"] for one in documents.values()
            )
        finally:
            process.terminate()
            process.wait(10)


def _ready(address):
    ends = time.monotonic() + parts.AMPLE_S
    while time.monotonic() < ends:
        try:
            with urllib.request.urlopen(address, timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("osmem-server does not answer")


def _bulk(address, documents):
    mapping = {"mappings": {"properties": {"@timestamp": {"type": "date"}}}}
    _send(address, "/logs", json.dumps(mapping), "PUT")
    lines = []
    for name, one in documents.items():
        lines += [json.dumps({"index": {"_index": "logs", "_id": name}}), json.dumps(one)]
    _send(address, "/_bulk?refresh=true", "\n".join([*lines, ""]), "POST")


def _send(address, path, text, method):
    request = urllib.request.Request(
        address + path,
        data=text.encode(),
        method=method,
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        assert answer.status < 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "hits",
                    "_id",
                    "_source",
                    "@timestamp",
                    "total",
                    "sort",
                    "service",
                    "name",
                    "log",
                    "message",
                ]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@pytest.mark.slow
@settings(max_examples=parts.examples(400), deadline=None)
@given(JSON, JSON)
def test_any_answer_gives_rows_or_a_named_error(inner, source):
    for payload in (
        inner,
        {"hits": inner},
        {"hits": {"hits": inner}},
        {"hits": {"hits": [{"_id": "a", "_source": source}], "total": inner}},
        {"hits": {"hits": [{"_id": "a", "_source": {"@timestamp": source}}]}},
    ):
        found = SearchHits()
        try:
            page_of(payload, found)
        except SourceError:
            continue
        assert len(hit_rows(found.hits.values(), FieldNames())[0].columns) == 8
