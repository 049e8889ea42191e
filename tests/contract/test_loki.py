"""Loki against a model of its API: lines that share a nanosecond are neither lost nor doubled."""

from __future__ import annotations

import asyncio
import contextlib
import random

import httpx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import faulted
import parts
from modelservers import loki as model
from modelservers.serving import served
from workbench import TimeRange
from workbench.connectors.conformance import ConnectorContract
from workbench.connectors.sources.loki.payload import count_of, lines_of, log_frame
from workbench.connectors.sources.loki.source import Loki, LokiSettings
from workbench.connectors.transport.http import Http, Response
from workbench.errors import SourceError

URL = "http://127.0.0.1:9"
T0 = pd.Timestamp("2026-01-31T12:00:00Z").value
WHEN = TimeRange(pd.Timestamp(T0, tz="UTC"), pd.Timestamp(T0 + 3600 * 10**9, tz="UTC"))


def line(n, at, service="cart", body=None):
    labels = {"service_name": service, "detected_level": "error", "pod": "p1"}
    return (T0 + at, labels, body or f"line {n}")


def store():
    return model.Store([line(n, n * 20 * 10**9, ("cart", "pay")[n % 2]) for n in range(150)])


@pytest.fixture(scope="module")
def url():
    with served(model.app(store())) as address:
        yield address


def loki(url, *, app=None, **changes):
    """One that asks a server, or an app in this process."""
    chosen = LokiSettings(url=url, **changes)
    transport = httpx.ASGITransport(app) if app is not None else None
    return Loki("loki", chosen, Http(chosen, transport=transport))


def fetched(app, **changes):
    async def work():
        made = loki(URL, app=app, **changes)
        try:
            return await made.fetch("logs", WHEN)
        finally:
            await made.aclose()

    return asyncio.run(work())


DRIVES = {
    "loki": faulted.Drive(
        lambda: served(model.app(store())),
        lambda url, **limits: loki(url, page=40, **limits),
        "logs",
        WHEN,
        speaks="prometheus",
    )
}


class TestLoki(ConnectorContract):
    WHEN = WHEN

    @pytest.fixture(autouse=True)
    def _server(self, url):
        self.url = url

    def make(self):
        return loki(self.url, page=40)


def test_lines_are_rows():
    frame = fetched(model.app(model.Store([line(1, 5)]))).frame
    row = frame.iloc[0]
    assert (row["service"], row["severity_number"], row["body"]) == ("cart", 17, "line 1")


def test_terms_are_texts():
    held = model.Store([line(1, 1, body='a".*b'), line(2, 2, body="axxb")])
    found = fetched(model.app(held), contains=('a".*b',))
    assert '\\"' in found.queries[0].text


@pytest.mark.slow
def test_what_came_is_what_there_is_or_marked():
    """RELIABILITY Q5: 200 random stores, many lines at one nanosecond, small pages."""
    rng, exact, app = random.Random(7), 0, model.app(None)
    for _ in range(200):
        times = [
            rng.choice([0, 7, 7, 3600 * 10**9 - 1, 3600 * 10**9, rng.randint(0, 50)])
            for _ in range(rng.randint(0, 60))
        ]
        bodies = [rng.choice(["same", f"line {n}"]) for n in range(len(times))]
        held = model.Store(
            [line(n, at, body=b) for n, (at, b) in enumerate(zip(times, bodies, strict=True))]
        )
        held.lost = rng.choice([0, 0, 0, 1])
        app.state.store = held
        found = fetched(app, page=rng.choice([5, 17, 100]))
        truth = sorted(b for at, b in zip(times, bodies, strict=True) if at < 3600 * 10**9)
        if found.complete:
            exact += 1
            assert sorted(found.frame["body"].astype("str")) == truth
        else:
            assert found.coverage[-1].reason
    print(f"exact {exact} of 200")
    assert exact > 80


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["stream", "values", "result", "structuredMetadata"]), inner
        )
    ),
    max_leaves=10,
)


@pytest.mark.slow
@settings(max_examples=parts.examples(400), deadline=None)
@given(JSON, JSON)
def test_any_answer_gives_lines_or_a_named_error(inner, value):
    for result in (
        inner,
        [inner],
        [{"stream": {}, "values": inner}],
        [{"stream": {"a": value}, "values": [inner]}],
        [{"stream": {}, "values": [["1", "x", inner]]}],
    ):
        payload = {"status": "success", "data": {"resultType": "streams", "result": result}}
        for read in (lambda p: log_frame(list(lines_of(p)), "service_name"), count_of):
            try:
                read(payload)
            except SourceError:
                continue


class Answers:
    """Stands for a Loki of eight lines: its counts in turn, and what it warns of."""

    def __init__(self, *, counts=(8,), warnings=None):
        self.counts, self.warnings = list(counts), warnings

    async def json(self, method, path, *, params, **_):
        if path.endswith("/query"):
            number = self.counts.pop(0) if len(self.counts) > 1 else self.counts[0]
            data = {"resultType": "vector", "result": [{"value": [0, str(number)]}]}
        else:
            first = WHEN.start.value
            values = [[str(first + n), f"line {n}"] for n in range(8)]
            data = {"resultType": "streams", "result": [{"stream": {"a": "b"}, "values": values}]}
        payload = {"status": "success", "data": data}
        if self.warnings is not None:
            payload["warnings"] = self.warnings
        return Response(payload, {}, 1, 0.0, 200)

    @contextlib.asynccontextmanager
    async def fetching(self):
        yield


def answered(**said):
    made = Loki("loki", LokiSettings(url=URL), Answers(**said))
    return asyncio.run(made.fetch("logs", WHEN))


def test_what_loki_warns_of_and_a_count_that_fell_are_told():
    assert answered().complete
    assert answered(counts=(5, 8)).complete, "it may have grown"
    for said in (["an ingester is away"], "an ingester is away"):
        found = answered(warnings=said)
        assert found.coverage[0].status == "partial"
        assert "an ingester is away" in found.coverage[0].reason
    found = answered(counts=(12, 8))
    assert found.coverage[0].status == "partial"
    assert "counted 12 lines before and 8 after" in found.coverage[0].reason
