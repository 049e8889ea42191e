"""Kubernetes against a model of its API, event dumps, and audit logs."""

from __future__ import annotations

import asyncio
import gzip
import json
import random

import httpx
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import faulted
import parts
from modelservers import kubernetes as model
from modelservers.serving import served
from workbench import TimeRange
from workbench.connectors.conformance import ConnectorContract
from workbench.connectors.sources.audit_logs import AuditLogs, AuditLogsSettings, audit_rows
from workbench.connectors.sources.kubernetes.payload import event_rows, host_edges
from workbench.connectors.sources.kubernetes.source import (
    Kubernetes,
    KubernetesFiles,
    KubernetesFilesSettings,
    KubernetesSettings,
)
from workbench.connectors.transport.http import Http
from workbench.errors import WorkbenchError

URL = "http://127.0.0.1:9"
T0 = pd.Timestamp("2026-01-31T12:00:00Z")
WHEN = TimeRange(T0, T0 + pd.Timedelta("1h"))


def iso(seconds):
    return (T0 + pd.Timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def event(n, at, **more):
    return {
        "metadata": {"uid": f"u{n}", "name": f"e{n}", "creationTimestamp": iso(at)},
        "involvedObject": {"kind": "Pod", "namespace": "shop", "name": f"cart-{n}"},
        "reason": "BackOff",
        "message": f"restarting {n}",
        "type": "Warning",
        "lastTimestamp": iso(at),
        "count": 3,
        **more,
    }


def new_event(n, at):
    return {
        "metadata": {"uid": f"u{n}"},
        "regarding": {"kind": "Pod", "namespace": "shop", "name": "x"},
        "reason": "Evicted",
        "note": "disk",
        "type": "Warning",
        "eventTime": iso(at),
        "deprecatedLastTimestamp": None,
        "series": {"count": 5, "lastObservedTime": iso(at + 9)},
    }


def pod(name, node, **labels):
    return {
        "metadata": {
            "uid": name,
            "name": name,
            "namespace": "shop",
            "labels": labels,
            "ownerReferences": [{"kind": "ReplicaSet", "name": "pay-7d9"}],
        },
        "spec": {"nodeName": node},
    }


def store():
    made = model.Store([event(n, n * 30 - 60) for n in range(100)])
    made.pods = [pod("cart-1", "node-a", app="cart"), pod("pay-1", "node-b"), pod("new", "")]
    made.replicasets = [
        {
            "metadata": {
                "uid": "r",
                "name": "pay-7d9",
                "namespace": "shop",
                "ownerReferences": [{"kind": "Deployment", "name": "pay"}],
            }
        }
    ]
    return made


@pytest.fixture(scope="module")
def url():
    with served(model.app(store())) as address:
        yield address


def kubernetes(url, *, app=None, **changes):
    """One that asks a server, or an app in this process."""
    chosen = KubernetesSettings(url=url, **changes)
    transport = httpx.ASGITransport(app) if app is not None else None
    return Kubernetes("k8s", chosen, Http(chosen, transport=transport))


def fetched(app, table="events", **changes):
    async def work():
        made = kubernetes(URL, app=app, **changes)
        try:
            return await made.fetch(table, WHEN)
        finally:
            await made.aclose()

    return asyncio.run(work())


DRIVES = {
    "kubernetes": faulted.Drive(
        lambda: served(model.app(store())),
        lambda url, **limits: kubernetes(url, chunk=40, **limits),
        "events",
        WHEN,
        counts=False,
    )
}


class TestKubernetes(ConnectorContract):
    WHEN = WHEN

    @pytest.fixture(autouse=True)
    def _server(self, url):
        self.url = url

    def make(self):
        return kubernetes(self.url, chunk=30)


def test_both_kinds_of_events_are_rows():
    frame = fetched(model.app(model.Store([event(1, -5), event(2, 60), new_event(3, 90)]))).frame
    assert list(frame["reason"].astype("str")) == ["BackOff", "Evicted"]
    assert list(frame["count"]) == [3, 5]
    assert frame["ts"].iloc[1] == T0 + pd.Timedelta(seconds=99)
    assert frame["message"].iloc[1] == "disk"


def test_nodes_host_services():
    frame = fetched(model.app(store()), "topology").frame
    assert set(zip(frame["src"], frame["dst"], strict=True)) == {
        ("node-a", "cart"),
        ("node-b", "pay"),
    }
    assert set(frame["kind"]) == {"hosts"}


def test_events_that_expired_are_told():
    found = fetched(model.app(model.Store([event(1, 600)])))
    assert found.coverage[-1].status == "partial"
    assert "may have expired" in found.coverage[-1].reason
    assert "may have expired" in fetched(model.app(model.Store())).coverage[-1].reason


@pytest.mark.slow
def test_what_came_is_what_there_is_or_marked():
    """RELIABILITY Q5: 200 random stores; lists that expire while they are read."""
    rng, exact, app = random.Random(10), 0, model.app(None)
    for _ in range(200):
        times = [-9, *(rng.randint(-60, 4000) for _ in range(rng.randint(0, 40)))]
        held = app.state.store = model.Store([event(n, at) for n, at in enumerate(times)])
        held.gone = rng.choice([0, 0, 1, 5])
        found = fetched(app, chunk=rng.choice([3, 10, 500]))
        if found.complete:
            exact += 1
            assert len(found.frame) == sum(0 <= at < 3600 for at in times)
        else:
            assert "expired each time" in found.coverage[-1].reason
    print(f"exact {exact} of 200")
    assert exact > 120


class TestKubernetesFiles(ConnectorContract):
    WHEN = WHEN

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path
        listed = {"kind": "List", "items": [event(n, n * 60 - 60) for n in range(20)]}
        (tmp_path / "a.json").write_text(json.dumps(listed))
        lines = [json.dumps({"type": "ADDED", "object": event(n, n * 60)}) for n in range(30, 33)]
        (tmp_path / "b.jsonl").write_text("\n".join(lines))

    def make(self):
        return KubernetesFiles("dump", KubernetesFilesSettings(files=str(self.folder)))


TRAIL = {
    "eventTime": iso(60),
    "eventSource": "iam.amazonaws.com",
    "eventName": "DeleteRole",
    "userIdentity": {"type": "IAMUser", "userName": "ann"},
    "errorCode": "AccessDenied",
    "errorMessage": "no",
    "requestParameters": {"roleName": "r1"},
}
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Event",
    "stage": "ResponseComplete",
    "verb": "delete",
    "user": {"username": "system:serviceaccount:shop:ci"},
    "objectRef": {"namespace": "shop", "resource": "pods", "name": "cart-1"},
    "responseStatus": {"code": 200},
    "requestReceivedTimestamp": iso(90),
}


class TestAuditLogs(ConnectorContract):
    WHEN = WHEN

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path):
        self.folder = tmp_path
        text = json.dumps({"Records": [TRAIL, {**TRAIL, "errorCode": None, "eventTime": iso(70)}]})
        (tmp_path / "trail.json.gz").write_bytes(gzip.compress(text.encode()))
        early = {**AUDIT, "stage": "RequestReceived"}
        (tmp_path / "audit.log").write_text("\n".join(json.dumps(one) for one in (early, AUDIT)))

    def make(self):
        return AuditLogs("audit", AuditLogsSettings(files=str(self.folder)))


def test_audit_records_are_acts_with_their_outcome():
    rows = [row for record in (TRAIL, AUDIT) for row in audit_rows(record)]
    assert [row["decision"] for row in rows] == ["denied", "allowed"]
    assert rows[0]["target"] == "roleName=r1"
    assert rows[1]["target"] == "shop/pods/cart-1"


KEYS = [
    "involvedObject",
    "regarding",
    "reason",
    "lastTimestamp",
    "metadata",
    "spec",
    "nodeName",
    "eventName",
    "eventTime",
    "apiVersion",
    "stage",
    "series",
    "count",
    "ownerReferences",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.just(iso(1)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=14,
)


@pytest.mark.slow
@settings(max_examples=parts.examples(400), deadline=None)
@given(JSON)
def test_any_record_gives_rows_or_a_named_error(inner):
    shaped = (
        inner,
        {**event(1, 1), "series": inner, "lastTimestamp": inner},
        {**TRAIL, "userIdentity": inner, "eventTime": inner},
        {**AUDIT, "objectRef": inner},
    )
    for record in shaped:
        for read in (event_rows, audit_rows):
            try:
                assert all(isinstance(row, dict) for row in read(record))
            except WorkbenchError:
                continue
        assert isinstance(list(host_edges([record], {})), list)


@pytest.mark.parametrize(
    ("first", "last", "at"),
    [(300, 9000, 300), (-600, 9000, 0), (-600, 1200, 1200), (300, 600, 600)],
)
def test_an_event_that_goes_on_stands_in_the_range(first, last, at):
    going_on = event(2, last, firstTimestamp=iso(first), count=97)
    found = fetched(model.app(model.Store([event(1, -5), going_on])))
    assert list(found.frame["ts"]) == [T0 + pd.Timedelta(seconds=at)]
    assert list(found.frame["count"]) == [1 if last > 3600 else 97]
    row = found.coverage[-1]
    assert ("go on after the range" in row.reason) == (last > 3600)
    assert row.status == ("partial" if last > 3600 else "complete")
    assert "began" not in found.frame


@pytest.mark.parametrize("first", [-7200, 4000])
def test_an_event_beside_the_range_stays_out(first):
    beside = event(2, first + 60, firstTimestamp=iso(first))
    assert fetched(model.app(model.Store([event(1, -7300), beside]))).frame.empty


def test_what_a_watch_wrote_is_read(tmp_path):
    events = [event(1, -60), event(2, 60), {**new_event(3, 90)}]
    for name, indent in (("pretty", 4), ("lines", None)):
        text = "\n".join(json.dumps(one, indent=indent) for one in events)
        (tmp_path / f"{name}.json").write_text(text)
        made = KubernetesFiles(
            "dump", KubernetesFilesSettings(files=str(tmp_path / f"{name}.json"))
        )
        found = asyncio.run(made.fetch("events", WHEN))
        assert list(found.frame["reason"]) == ["BackOff", "Evicted"]
