"""Opsgenie against a model of its API."""

from __future__ import annotations

import asyncio
import random

import httpx
import pandas as pd
import pytest

import faulted
from modelservers import opsgenie as model
from modelservers.serving import served
from workbench import TimeRange
from workbench.connectors.conformance import ConnectorContract
from workbench.connectors.sources.opsgenie.source import Opsgenie, OpsgenieSettings
from workbench.connectors.transport.http import Http

URL = "http://127.0.0.1:9"
T0 = pd.Timestamp("2026-01-31T12:00:00Z")
WHEN = TimeRange(T0, T0 + pd.Timedelta("2h"))


def iso(offset_s):
    return (T0 + pd.Timedelta(seconds=offset_s)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")[:-4] + "Z"


def alert(n, at):
    return {
        "id": f"a{n}",
        "tinyId": str(n),
        "alias": f"k{n}",
        "message": f"slow {n}",
        "status": "closed",
        "acknowledged": True,
        "createdAt": iso(at),
        "updatedAt": iso(at + 60),
        "priority": "P1",
        "entity": "cart",
        "tags": [],
        "owner": "ann@example.com",
        "report": {"ackTime": 30_000, "closeTime": 600_000},
    }


def store():
    made = model.Store()
    made.alerts = [alert(n, n * 60) for n in range(60)]
    made.logs = {
        f"a{n}": [
            {
                "log": "acked",
                "type": "system",
                "owner": "ann",
                "createdAt": iso(n * 60),
                "offset": f"o{n}",
            }
        ]
        for n in range(60)
    }
    made.services = [{"id": "s1", "name": "cart"}]
    made.incidents = [
        {
            "id": f"i{n}",
            "tinyId": str(n),
            "message": f"cart is slow {n}",
            "status": "resolved",
            "createdAt": iso(n * 600),
            "updatedAt": iso(n * 600 + 300),
            "priority": "P2",
            "impactedServices": ["s1"],
        }
        for n in range(5)
    ]
    return made


@pytest.fixture(scope="module")
def url():
    with served(model.app(store())) as address:
        yield address


def opsgenie(url, *, app=None, **changes):
    """One that asks a server, or an app in this process."""
    chosen = OpsgenieSettings(url=url, **changes)
    transport = httpx.ASGITransport(app) if app is not None else None
    return Opsgenie("og", chosen, Http(chosen, transport=transport))


DRIVES = {
    "opsgenie": faulted.Drive(
        lambda: served(model.app(store())),
        lambda url, **limits: opsgenie(url, page_size=20, **limits),
        "alerts",
        WHEN,
        counts=False,
    )
}


@pytest.mark.slow
class TestOpsgenie(ConnectorContract):
    WHEN = WHEN

    @pytest.fixture(autouse=True)
    def _server(self, url):
        self.url = url

    def make(self):
        return opsgenie(self.url)


def fetched(url, table, **changes):
    async def work():
        made = opsgenie(url, **changes)
        try:
            return await made.fetch(table, WHEN)
        finally:
            await made.aclose()

    return asyncio.run(work())


def test_an_incident_is_found_by_its_id(url):
    async def work():
        made = opsgenie(url)
        try:
            return await made.incident("i1")
        finally:
            await made.aclose()

    found = asyncio.run(work())
    assert found.title == "cart is slow 1"
    assert found.services == ("cart",)
    assert found.started == T0 + pd.Timedelta("10min")


@pytest.mark.slow
def test_what_came_is_what_there_is_or_marked():
    """RELIABILITY Q5: 200 random stores with small caps."""
    rng, exact = random.Random(6), 0
    app = model.app(None)
    for _ in range(200):
        held = model.Store(cap=rng.choice([100, 150, 20_000]))
        times = [rng.choice([1, 60, rng.randint(0, 9000)]) for _ in range(rng.randint(0, 240))]
        held.alerts = [alert(n, at) for n, at in enumerate(times)]
        app.state.store = held
        found = fetched(
            URL, "alerts", app=app, page_size=rng.choice([9, 40, 100]), offset_cap=held.cap
        )
        truth = sum(at < 7200 for at in times)
        if found.complete:
            exact += 1
            assert len(found.frame) == truth
        else:
            assert found.coverage[-1].reason
    print(f"exact {exact} of 200")
    assert exact > 100
