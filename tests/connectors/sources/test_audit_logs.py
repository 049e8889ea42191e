"""Audit logs: who is behind a role, what a sign-in answered, and one record in two files."""

from __future__ import annotations

import asyncio
import json

import pytest

from workbench import TimeRange
from workbench.connectors.sources.audit_logs import AuditLogs, AuditLogsSettings, audit_rows

HOUR = TimeRange("2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z")
STS = "arn:aws:sts::111122223333"


def record(n=1, **more):
    return {
        "eventTime": "2026-03-01T12:10:00Z",
        "eventSource": "ec2.amazonaws.com",
        "eventName": "StopInstances",
        "userIdentity": {"type": "IAMUser", "userName": "alice"},
        "eventID": f"e-{n}",
        **more,
    }


def row(**more):
    (found,) = audit_rows(record(**more))
    return found


def role(session, **more):
    return {
        "type": "AssumedRole",
        "sessionContext": {"sessionIssuer": {"type": "Role", "userName": "Admins"}},
        **session,
        **more,
    }


@pytest.mark.parametrize(
    ("who", "actor"),
    [
        ({"type": "IAMUser", "userName": "alice"}, "alice"),
        (role({"arn": f"{STS}:assumed-role/Admins/john"}), "Admins/john"),
        (role({"principalId": "AROAX:jane@example.com"}), "Admins/jane@example.com"),
        (role({"arn": f"{STS}:assumed-role/path/Admins/j"}), "Admins/j"),
        ({"type": "FederatedUser", "arn": f"{STS}:federated-user/eve"}, "eve"),
        ({"type": "AssumedRole", "arn": f"{STS}:assumed-role/R/s"}, "s"),
        ({"type": "SAMLUser", "userName": "sam"}, "sam"),
        ({"type": "IdentityCenterUser", "onBehalfOf": {"userId": "u-7"}}, "u-7"),
        ({"type": "Root", "arn": "arn:aws:iam::1:root"}, "arn:aws:iam::1:root"),
        ({"type": "AWSService", "invokedBy": "x.amazonaws.com"}, "x.amazonaws.com"),
    ],
)
def test_the_actor_names_the_person(who, actor):
    assert row(userIdentity=who)["actor"] == actor


@pytest.mark.parametrize(
    ("more", "decision"),
    [
        ({"responseElements": {"ConsoleLogin": "Success"}}, "allowed"),
        ({"responseElements": {"ConsoleLogin": "Failure"}}, "denied"),
        ({"responseElements": {"SwitchRole": "Failure"}, "eventName": "SwitchRole"}, "denied"),
        ({"responseElements": {"CheckMfa": "Failure"}, "eventName": "CheckMfa"}, "denied"),
        ({"errorMessage": "Failed authentication"}, "failed"),
        ({"errorCode": "AccessDenied"}, "denied"),
        ({"errorCode": "Throttling"}, "failed"),
        ({}, "allowed"),
    ],
)
def test_the_outcome_is_what_the_record_says(more, decision):
    assert row(**more)["decision"] == decision


def test_a_record_in_two_files_is_one_act(tmp_path):
    for name, numbers in (("a", (1, 2)), ("b", (2, 3))):
        text = json.dumps({"Records": [record(n) for n in numbers]})
        (tmp_path / f"{name}.json").write_text(text)
    made = AuditLogs("audit", AuditLogsSettings(files=str(tmp_path / "*")))
    found = asyncio.run(made.fetch("audits", HOUR))
    assert len(found.frame) == 3
    assert "id" not in found.frame
    assert "1 record(s) that came twice" in found.coverage[-1].reason


def test_records_without_ids_are_told_apart(tmp_path):
    plain = {k: v for k, v in record().items() if k != "eventID"}
    (tmp_path / "a.json").write_text(json.dumps({"Records": [plain, plain]}))
    made = AuditLogs("audit", AuditLogsSettings(files=str(tmp_path / "*")))
    assert len(asyncio.run(made.fetch("audits", HOUR)).frame) == 2
