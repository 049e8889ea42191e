"""CDEvents and CloudEvents in every form they are found in."""

from __future__ import annotations

import asyncio
import base64
import json

import pytest

from workbench.connectors.sources.cdevents.payload import CHANGE_KINDS
from workbench.connectors.sources.cdevents.source import CDEvents, CDEventsSettings
from workbench.errors import BadInput
from workbench.times import TimeRange

WHEN = TimeRange("2026-01-31T12:00Z", "2026-01-31T13:00Z")
PURL = "pkg:oci/cart@sha256%3A0b31?tag=v2"


def cdevent(
    what, at="2026-01-31T12:10:00Z", id="1", subject="cart", version="specversion", **content
):
    return {
        "context": {
            version: "0.4.0",
            "id": id,
            "source": "/ci",
            "timestamp": at,
            "type": f"dev.cdevents.{what}.0.2.0",
            "chainId": "chain",
        },
        "subject": {"id": subject, "source": "/ci", "type": "x", "content": content},
    }


DEPLOYED = cdevent("service.deployed", environment={"id": "prod"}, artifactId=PURL)


def fetch(tmp_path, text, table="changes", services=(), **settings):
    (tmp_path / "events.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    source = CDEvents("ci", CDEventsSettings(files=str(tmp_path / "*.json"), **settings))
    return asyncio.run(source.fetch(table, WHEN, services=services))


def structured(event):
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "/ci",
        "type": event["context"]["type"],
        "time": event["context"]["timestamp"],
        "data": event,
    }


def binary(event):
    body = json.dumps(event)
    heads = {"CE-Id": "1", "ce-source": "/ci", "ce-type": event["context"]["type"]}
    raw = "POST /events HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in heads.items())
    return heads, body, f"{raw}Content-Length: {len(body)}\r\n\r\n{body}"


def forms(event):
    heads, body, raw = binary(event)
    coded = {**structured(event), "data_base64": base64.b64encode(body.encode()).decode()}
    coded.pop("data")
    kafka = {"ce_" + name[3:].lower(): value for name, value in heads.items()}
    typed = {"content-type": "application/cloudevents+json; charset=utf-8"}
    return {
        "bare": json.dumps(event),
        "structured": json.dumps(structured(event)),
        "batch": json.dumps([structured(event)]),
        "lines": json.dumps(structured(event)) + "\n\n",
        "base64": json.dumps(coded),
        "recorded headers": json.dumps({"headers": heads, "body": event}),
        "recorded text body": json.dumps({"headers": heads, "body": body}),
        "pairs of headers": json.dumps(
            {"headers": [[k, v] for k, v in heads.items()], "body": body}
        ),
        "kafka headers": json.dumps({"headers": kafka, "data": event}),
        "structured over http": json.dumps({"headers": typed, "body": structured(event)}),
        "raw http": raw + "\r\n\r\n",
    }


@pytest.mark.parametrize("form", sorted(forms(DEPLOYED)))
def test_every_form_gives_the_same_change(tmp_path, form):
    fetched = fetch(tmp_path, forms(DEPLOYED)[form])
    row = fetched.frame.iloc[0]
    assert (row["kind"], row["service"], row["environment"]) == ("deploy", "cart", "prod")
    assert (row["version"], row["ref"]) == ("sha256:0b31", "1")
    assert fetched.coverage[-1].rows == 1


def test_old_and_new_versions_read_alike(tmp_path):
    old = cdevent("service.deployed", version="version", artifactId=PURL)
    new = cdevent("service.deployed", artifactId=PURL)
    assert fetch(tmp_path, json.dumps(old)).frame.equals(fetch(tmp_path, json.dumps(new)).frame)


@pytest.mark.parametrize("what", sorted(CHANGE_KINDS))
def test_every_mapped_type_is_a_change_of_its_kind(tmp_path, what):
    row = fetch(tmp_path, json.dumps(cdevent(what))).frame.iloc[0]
    assert row["kind"] == CHANGE_KINDS[what]
    general = what.startswith("environment.") or what == "change.merged"  # it names no repository
    assert row["service"] == ("*" if general else "cart")


def test_names_come_from_what_each_type_says(tmp_path):
    events = [
        cdevent("change.merged", id="1", subject="9", repository={"id": "org/shop"}),
        cdevent("pipelinerun.finished", id="2", pipelineName="release", outcome="failure"),
        cdevent("artifact.published", id="3", subject="pkg:golang/x.com/pay@v1"),
        cdevent("service.upgraded", id="4", subject="daemonset/agent"),
    ]
    frame = fetch(tmp_path, json.dumps(events)).frame.set_index("ref")
    assert dict(frame["service"]) == {"1": "shop", "2": "release", "3": "pay", "4": "agent"}
    assert frame.loc["2", "outcome"] == "failure"


def test_an_event_delivered_twice_is_one_change_and_said(tmp_path):
    fetched = fetch(tmp_path, json.dumps([DEPLOYED, DEPLOYED, cdevent("service.deployed", id="2")]))
    assert sorted(fetched.frame["ref"]) == ["1", "2"]
    assert "1 event(s) delivered twice" in fetched.coverage[-1].reason


def test_others_cloudevents_are_changes_where_settings_say_so(tmp_path):
    event = {
        "specversion": "1.0",
        "id": "7",
        "source": "/s",
        "type": "com.example.deploy",
        "subject": "apps/cart",
        "time": "2026-01-31T12:10:00Z",
        "data": {"version": "v7"},
    }
    silent = fetch(tmp_path, json.dumps(event))
    assert silent.frame.empty
    assert "com.example.deploy (1)" in silent.coverage[-1].reason
    row = fetch(tmp_path, json.dumps(event), kinds={"com.example.deploy": "deploy"}).frame.iloc[0]
    assert (row["service"], row["version"], row["ref"]) == ("cart", "v7", "7")


def test_incident_events_become_one_incident(tmp_path):
    told = [
        cdevent("incident.resolved", "2026-01-31T12:50:00Z", id="3", subject="i"),
        cdevent(
            "incident.detected",
            "2026-01-31T12:10:00Z",
            id="1",
            subject="i",
            description="slow",
            service={"id": "cart"},
        ),
        cdevent("incident.reported", "2026-01-31T12:12:00Z", id="2", subject="i"),
        cdevent("incident.reported", "2026-01-31T12:30:00Z", id="4", subject="j"),
    ]
    frame = fetch(tmp_path, json.dumps(told), "incidents").frame.set_index("id")
    assert frame.loc["i", "title"] == "slow"
    assert frame.loc["i", "created_at"] == frame.loc["i", "detected_at"]
    assert frame.loc["i", "resolved_at"].isoformat() == "2026-01-31T12:50:00+00:00"
    assert list(frame["status"]) == ["resolved", "open"]
    assert len(fetch(tmp_path, json.dumps(told), "incidents", ("cart",)).frame) == 1


def test_an_incident_reported_again_after_its_end_is_open(tmp_path):
    told = [
        cdevent("incident.resolved", "2026-01-31T12:20:00Z", id="1", subject="i"),
        cdevent("incident.reported", "2026-01-31T12:40:00Z", id="2", subject="i"),
    ]
    row = fetch(tmp_path, json.dumps(told), "incidents").frame.iloc[0]
    assert row["status"] == "open"
    assert row[["resolved_at"]].isna().all()


def test_test_case_runs_become_tests_with_attempts(tmp_path):
    case = {"id": "9", "name": "login", "type": "integration"}
    told = [
        cdevent(
            "testcaserun.finished", "2026-01-31T12:10:00Z", id="1", outcome="failure", testCase=case
        ),
        cdevent(
            "testcaserun.finished", "2026-01-31T12:20:00Z", id="2", outcome="success", testCase=case
        ),
        cdevent(
            "testcaserun.skipped",
            "2026-01-31T12:30:00Z",
            id="3",
            reason="not here",
            testCase={"id": "8"},
        ),
        cdevent(
            "testcaserun.finished",
            "2026-01-31T12:40:00Z",
            id="4",
            outcome="cancel",
            testCase={"id": "7"},
        ),
    ]
    frame = fetch(tmp_path, json.dumps(told), "tests").frame
    assert list(frame["outcome"]) == ["failed", "passed", "skipped", "error"]
    assert list(frame["attempt"]) == [1, 2, 1, 1]
    assert frame.loc[2, "message"] == "not here"


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (
            {**DEPLOYED, "context": {**DEPLOYED["context"], "timestamp": "2026-01-31T12:00:00"}},
            "zone",
        ),
        ({**DEPLOYED, "context": {**DEPLOYED["context"], "timestamp": None}}, "type or time"),
        ({"hello": 1}, "Neither"),
        ([1], "Not an event"),
        ({**structured(DEPLOYED), "data": None, "data_base64": "%%%"}, "base64"),
    ],
)
def test_an_event_that_cannot_be_used_is_refused_by_its_place(tmp_path, broken, why):
    fetched = fetch(tmp_path, json.dumps(DEPLOYED) + "\n" + json.dumps(broken))
    verdict = fetched.coverage[-1]
    assert (verdict.status, verdict.rows) == ("partial", 1)
    assert "line 2" in verdict.reason
    assert why in verdict.reason


def test_raw_http_cut_short_is_told(tmp_path):
    raw = binary(DEPLOYED)[2]
    fetched = fetch(tmp_path, (raw + "\r\n" + raw)[:-30])
    assert fetched.coverage[-1].rows == 1
    assert "message 2" in fetched.coverage[-1].reason


def test_a_bad_file_is_its_own_row_and_hides_no_other(tmp_path):
    (tmp_path / "broken.json").write_bytes(b"\xff\xfe")
    fetched = fetch(tmp_path, json.dumps(DEPLOYED))
    assert [row.status for row in fetched.coverage] == ["failed", "partial"]
    assert "broken.json" in fetched.coverage[0].reason
    assert len(fetched.frame) == 1
    assert not fetched.complete


def test_range_is_half_open_and_what_lies_outside_is_counted(tmp_path):
    times = ["2026-01-31T11:59:59.999Z", "2026-01-31T12:00:00Z", "2026-01-31T13:00:00Z"]
    events = [cdevent("service.deployed", at, id=at) for at in times]
    fetched = fetch(tmp_path, json.dumps(events))
    assert list(fetched.frame["ref"]) == [times[1]]
    assert "2 row(s) outside" in fetched.coverage[-1].reason


def test_services_asked_for_and_changes_of_all_services_are_kept(tmp_path):
    events = [
        DEPLOYED,
        cdevent("service.deployed", id="2", subject="pay"),
        cdevent("environment.modified", id="3", subject="prod"),
    ]
    frame = fetch(tmp_path, json.dumps(events), services=("pay",)).frame
    assert sorted(frame["service"]) == ["*", "pay"]


def test_files_written_before_the_range_ends_cannot_be_complete(tmp_path):
    import os

    (tmp_path / "events.json").write_text(json.dumps(DEPLOYED))
    os.utime(tmp_path / "events.json", (1769861000, 1769861000))  # 12:03:20
    source = CDEvents("ci", CDEventsSettings(files=str(tmp_path)))
    row = asyncio.run(source.fetch("changes", WHEN)).coverage[-1]
    assert row.status == "partial"
    assert "last written 2026-01-31T12:03:20Z" in row.reason
    assert asyncio.run(source.estimate("changes", WHEN)).rows is None


def test_what_is_asked_wrongly_is_refused(tmp_path):
    with pytest.raises(BadInput, match="Unknown table"):
        fetch(tmp_path, "[]", "metrics")
    with pytest.raises(BadInput, match="names"):
        fetch(tmp_path, "[]", services=(1,))
