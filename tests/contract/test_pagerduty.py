"""PagerDuty against a model of its API: nothing beyond a cap or a default range is lost unsaid."""

from __future__ import annotations

import asyncio
import random

import httpx
import pandas as pd
import pytest

import faulted
from modelservers import pagerduty as model
from modelservers.serving import served
from workbench import TimeRange
from workbench.connectors.conformance import ConnectorContract
from workbench.connectors.contract import FindsIncidents
from workbench.connectors.sources.pagerduty.source import PagerDuty, PagerDutySettings
from workbench.connectors.transport.http import Http
from workbench.errors import SourceRefused

URL = "http://127.0.0.1:9"
T0 = pd.Timestamp("2025-11-01T00:00:00Z")
WHEN = TimeRange(T0, T0 + pd.Timedelta(days=60))  # longer than the default month


def iso(offset_s):
    return (T0 + pd.Timedelta(seconds=offset_s)).strftime("%Y-%m-%dT%H:%M:%SZ")


def incident(n, at, resolved=True):
    return {
        "id": f"P{n}",
        "incident_number": n,
        "title": f"slow {n}",
        "summary": f"[#{n}] slow {n}",
        "created_at": iso(at),
        "status": "resolved" if resolved else "triggered",
        "resolved_at": iso(at + 600) if resolved else None,
        "urgency": "high",
        "priority": {"summary": "P1"},
        "service": {"id": "S1", "summary": "cart"},
    }


def entry(n, kind, at, who="user"):
    agent = {"id": "U1", "type": f"{who}_reference", "summary": "Ann"}
    return {
        "id": f"L{n}",
        "type": f"{kind}_log_entry",
        "created_at": iso(at),
        "agent": agent,
        "channel": {"type": "website"},
        "incident": {"id": "P1"},
        "summary": kind,
    }


def store():
    made = model.Store()
    made.incidents = [incident(n, n * 86_400, resolved=n != 2) for n in range(1, 41)]
    made.entries = {
        f"P{n}": [
            entry(n * 10, "acknowledge", n * 86_400 + 60),
            entry(n * 10 + 1, "resolve", n * 86_400 + 600),
        ]
        for n in range(1, 41)
    }
    made.log_entries = [e for some in made.entries.values() for e in some]
    made.alerts = {
        f"P{n}": [
            {
                "id": f"A{n}",
                "created_at": iso(n * 86_400),
                "status": "triggered",
                "summary": "slow",
                "severity": "critical",
                "alert_key": f"k{n}",
                "service": {"summary": "cart"},
            }
        ]
        for n in range(1, 41)
    }
    made.change_events = [
        {
            "id": f"C{n}",
            "timestamp": iso(n * 3600),
            "summary": f"deploy {n}",
            "services": [{"summary": "cart"}],
        }
        for n in range(30)
    ]
    made.services = [{"id": "S1", "name": "cart"}, {"id": "S2", "name": "pay"}]
    made.dependencies = {
        "S1": [{"dependent_service": {"id": "S1"}, "supporting_service": {"id": "S2"}}]
    }
    return made


@pytest.fixture(scope="module")
def url():
    with served(model.app(store())) as address:
        yield address


def pagerduty(url, *, app=None, **changes):
    """One that asks a server, or an app in this process."""
    chosen = PagerDutySettings(url=url, **changes)
    transport = httpx.ASGITransport(app) if app is not None else None
    return PagerDuty("pd", chosen, Http(chosen, transport=transport))


def fetched(url, table, when=WHEN, **changes):
    async def work():
        made = pagerduty(url, **changes)
        try:
            return await made.fetch(table, when)
        finally:
            await made.aclose()

    return asyncio.run(work())


DRIVES = {
    "pagerduty": faulted.Drive(
        lambda: served(model.app(store())),
        lambda url, **limits: pagerduty(url, page_size=10, **limits),
        "changes",
        WHEN,
    )
}


@pytest.mark.slow
class TestPagerDuty(ConnectorContract):
    WHEN = WHEN

    @pytest.fixture(autouse=True)
    def _server(self, url):
        self.url = url

    def make(self):
        return pagerduty(self.url)


def test_incidents_have_their_response(url):
    frame = fetched(url, "incidents").frame.set_index("id")
    assert len(frame) == 40, "the default month would give 30"
    row = frame.loc["P1"]
    assert row["acked_at"] == T0 + pd.Timedelta(seconds=86_460)
    assert row["title"] == "slow 1"
    assert row["severity"] == "critical"
    assert pd.isna(frame.loc["P2", "resolved_at"])
    edges = fetched(url, "topology").frame
    assert list(zip(edges["src"], edges["dst"], strict=True)) == [("cart", "pay")]


def test_an_incident_is_found_by_its_id(url):
    async def work(name):
        made = pagerduty(url)
        assert isinstance(made, FindsIncidents)
        try:
            return await made.incident(name)
        finally:
            await made.aclose()

    found = asyncio.run(work("P3"))
    assert (found.id, found.title, found.services) == ("P3", "slow 3", ("cart",))
    assert found.ended == found.started + pd.Timedelta("10min")
    with pytest.raises(SourceRefused):
        asyncio.run(work("P999"))


@pytest.mark.slow
def test_what_came_is_what_there_is_or_marked():
    """RELIABILITY Q5: 200 random stores with small caps, many records at one second."""
    rng, exact, marked = random.Random(5), 0, 0
    app = model.app(None)
    for _ in range(200):
        held = model.Store(cap=rng.choice([100, 200, 10_000]))
        times = [
            rng.choice([5, 3600, rng.randint(0, 5_000_000)]) for _ in range(rng.randint(0, 260))
        ]
        held.change_events = [
            {"id": f"C{n}", "timestamp": iso(at), "summary": "x", "services": []}
            for n, at in enumerate(times)
        ]
        held.lost = rng.choice([0, 0, 0, 3])
        app.state.store = held
        found = fetched(
            URL, "changes", app=app, page_size=rng.choice([7, 50, 100]), offset_cap=held.cap
        )
        truth = sum(T0 + pd.Timedelta(seconds=at) < WHEN.end for at in times)
        if found.complete:
            exact += 1
            assert len(found.frame) == truth
        else:
            marked += 1
            assert found.coverage[-1].reason
    print(f"exact {exact}, marked {marked} of 200")
    assert exact > 100
