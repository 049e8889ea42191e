"""A real Alertmanager, and its webhook messages as files."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
import urllib.request

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import faulted
import parts
from servers.ports import free_port
from servers.prometheus import running
from workbench import TimeRange
from workbench.connectors.conformance import ConnectorContract
from workbench.connectors.registry import KINDS, connector_class, make, settings_class
from workbench.connectors.sources.alertmanager.payload import (
    api_alerts,
    fingerprint_of,
    webhook_alerts,
)
from workbench.connectors.sources.alertmanager.source import (
    Alertmanager,
    AlertmanagerSettings,
    AlertmanagerWebhook,
    AlertmanagerWebhookSettings,
)
from workbench.connectors.transport.http import Http
from workbench.errors import BadInput, SourceError, UnknownName

pytestmark = pytest.mark.server

CONFIG = """
route: {receiver: none}
receivers: [{name: none}]
inhibit_rules:
- {source_matchers: [alertname="Down"], target_matchers: [alertname="Slow"], equal: [service]}
"""
NOW = pd.Timestamp.now("UTC").floor("s")
WHEN = TimeRange(NOW - pd.Timedelta("1h"), NOW + pd.Timedelta("1h"))


def posted(url, path, payload):
    request = urllib.request.Request(
        url + path, data=json.dumps(payload).encode(), headers={"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.read()


@contextlib.contextmanager
def alertmanager():
    server = parts.require_program("prometheus-alertmanager", "alertmanager")
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/am.yml", "w", encoding="utf-8") as file:
            file.write(CONFIG)
        url = f"http://127.0.0.1:{free_port()}"
        command = [
            server,
            "--config.file=am.yml",
            "--storage.path=data",
            f"--web.listen-address={url[7:]}",
            "--cluster.listen-address=",
        ]
        with running(command, f"{url}/-/ready", folder=folder):
            yield url


@contextlib.contextmanager
def firing():
    """One with three alerts."""
    with alertmanager() as address:
        start = (NOW - pd.Timedelta("10min")).isoformat()
        posted(
            address,
            "/api/v2/alerts",
            [
                {
                    "labels": {"alertname": name, "service": service, "severity": "critical"},
                    "startsAt": start,
                }
                for name, service in (("Slow", "cart"), ("Down", "cart"), ("Slow", "pay"))
            ],
        )
        yield address


@pytest.fixture(scope="module")
def url():
    with firing() as address:
        yield address


def connector(url, **limits):
    chosen = AlertmanagerSettings(url=url, **limits)
    return Alertmanager("am", chosen, Http(chosen))


DRIVES = {"alertmanager": faulted.Drive(firing, connector, "alerts", WHEN, counts=False)}


class TestAlertmanager(ConnectorContract):
    WHEN = WHEN
    SPLITS = False

    @pytest.fixture(autouse=True)
    def _server(self, url):
        self.url = url

    def make(self):
        chosen = AlertmanagerSettings(url=self.url)
        return Alertmanager("am", chosen, Http(chosen))


def test_alerts_say_what_keeps_them_quiet(url):
    chosen = AlertmanagerSettings(url=url)

    async def work():
        made = Alertmanager("am", chosen, Http(chosen))
        found = await made.fetch("alerts", WHEN)
        await made.aclose()
        return found

    found = asyncio.run(work())
    frame = found.frame
    assert len(frame) == 3
    assert frame["ends_at"].isna().all(), "an end in the future is no end"
    slow = frame[(frame["name"] == "Slow") & (frame["service"] == "cart")].iloc[0]
    assert slow["status"] in {"suppressed", "pending"}
    assert not found.complete
    assert "hold" in found.coverage[0].reason


def message(*alerts, cut=0):
    return {"version": "4", "status": "firing", "truncatedAlerts": cut, "alerts": list(alerts)}


def alert(start, end=None, fingerprint="f1", service="cart"):
    return {
        "status": "resolved" if end else "firing",
        "fingerprint": fingerprint,
        "labels": {"alertname": "Slow", "service": service, "severity": "page"},
        "startsAt": start,
        "endsAt": end or "0001-01-01T00:00:00Z",
    }


START, END = "2026-01-31T12:05:00Z", "2026-01-31T12:20:00Z"
PAST = TimeRange("2026-01-31T12:00:00Z", "2026-01-31T13:00:00Z")


@pytest.fixture
def folder(tmp_path):
    told = [
        message(alert(START)),
        message(alert(START)),
        message(alert(START, END)),
        message(alert("2026-01-31T12:30:00Z", fingerprint="f2", service="pay")),
    ]
    (tmp_path / "kept.jsonl").write_text("\n".join(map(json.dumps, told)), encoding="utf-8")
    return tmp_path


def webhook(folder):
    return AlertmanagerWebhook("hook", AlertmanagerWebhookSettings(files=str(folder)))


class TestAlertmanagerWebhook(ConnectorContract):
    WHEN = PAST

    @pytest.fixture(autouse=True)
    def _folder(self, folder):
        self.folder = folder

    def make(self):
        return webhook(self.folder)


def test_what_repeats_is_one_alert(folder):
    found = asyncio.run(webhook(folder).fetch("alerts", PAST))
    assert len(found.frame) == 2
    assert found.frame["starts_at"].iloc[0] == pd.Timestamp(START)
    assert found.frame["ends_at"].iloc[0] == pd.Timestamp(END)
    assert "told again" in found.coverage[-1].reason


def test_alerts_left_out_of_a_message_are_told(tmp_path):
    text = json.dumps(message(alert(START), cut=7))
    (tmp_path / "one.json").write_text(text, encoding="utf-8")
    found = asyncio.run(webhook(tmp_path).fetch("alerts", PAST))
    assert found.coverage[-1].status == "partial"
    assert "left out 7" in found.coverage[-1].reason


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["labels", "startsAt", "endsAt", "status", "alerts", "version"]), inner
        )
    ),
    max_leaves=10,
)


@pytest.mark.slow
@settings(max_examples=parts.examples(300), deadline=None)
@given(JSON | st.lists(JSON), JSON)
def test_anything_gives_alerts_or_a_named_error(payload, other):
    for read, what in (
        (api_alerts, payload),
        (webhook_alerts, {"version": "4", "alerts": [other]}),
    ):
        try:
            frame, _ = read(what, "s", ("service",))
        except SourceError:
            continue
        assert "starts_at" in frame


def test_every_kind_is_a_connector_with_settings():
    for kind in KINDS:
        cls = connector_class(kind)
        assert cls.kind == kind
        assert settings_class(kind).model_config["frozen"]


def test_a_kind_of_ones_own_is_found_by_its_place():
    place = "workbench.connectors.sources.alertmanager.source:AlertmanagerWebhook"
    made = make(place, "mine", settings_class(place)(files="x"))
    assert made.source == "mine"
    with pytest.raises(UnknownName, match="alertmanager"):
        connector_class("alertmanger")
    with pytest.raises(BadInput, match="lacks"):
        connector_class("workbench.errors:BadInput")
    with pytest.raises(BadInput, match="No connector of this name"):
        connector_class("no.such.module:Thing")


def test_a_fingerprint_is_computed_as_alertmanager_does(url):
    """Of a real server: what messages without one are told apart by."""

    async def work():
        made = connector(url)
        try:
            return (await made.fetch("alerts", WHEN)).frame
        finally:
            await made.aclose()

    found = asyncio.run(work())
    assert len(found)
    for row in found.itertuples():
        assert fingerprint_of(json.loads(row.labels)) == row.fingerprint


def told(tmp_path, *messages):
    (tmp_path / "kept.jsonl").write_text("\n".join(map(json.dumps, messages)))
    return asyncio.run(webhook(tmp_path).fetch("alerts", PAST)).frame


@pytest.mark.parametrize("missing", ["", None])
def test_alerts_without_a_fingerprint_are_told_apart_by_their_labels(tmp_path, missing):
    alerts = [alert(START, fingerprint=missing, service=name) for name in ("a", "b", "a")]
    frame = told(tmp_path, message(*alerts))
    assert sorted(frame["service"]) == ["a", "b"]
    known = {**alerts[0], "fingerprint": fingerprint_of(alerts[0]["labels"])}
    assert len(told(tmp_path, message(alerts[0]), message(known))) == 1


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        ([None, END, None], "firing"),
        ([None, END], "resolved"),
        ([END, "2026-01-31T12:10:00Z"], "resolved"),
        ([END, None, END], "resolved"),
    ],
)
def test_the_last_told_is_the_state(tmp_path, ends, status):
    frame = told(tmp_path, *(message(alert(START, end)) for end in ends))
    assert list(frame["status"]) == [status]
    last = pd.Timestamp(ends[-1]) if ends[-1] else pd.NaT
    assert frame["ends_at"].iloc[0] is last or frame["ends_at"].iloc[0] == last
