"""Audit logs → audits: CloudTrail's files and the Kubernetes API server's audit log.

References
----------
AWS CloudTrail, "Record contents"; Kubernetes, audit.k8s.io/v1 ``Event``.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from workbench.connectors.reading.file_source import FileSource
from workbench.connectors.reading.files import FilesSettings, RawFile
from workbench.connectors.reading.look_alikes import shape_of
from workbench.connectors.reading.rows import (
    Parsed,
    RowReader,
    json_records,
    list_at,
    mapping_at,
    parse_timestamp,
    text_of,
)
from workbench.errors import SourceGarbled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workbench.times import TimeRange

__all__ = ["AuditLogs", "AuditLogsSettings", "audit_rows"]

_IN_SESSION = re.compile(r":(?:assumed-role|federated-user)/")
# What sign-in events answer (CloudTrail, "AWS Management Console sign-in events").
_SIGN_IN = frozenset({"ConsoleLogin", "SwitchRole", "ExitRole", "CheckMfa", "RenewRole"})


class AuditLogsSettings(FilesSettings):
    """Where the files are: JSON documents or one record a line, gzip or plain."""


class AuditLogs(FileSource):
    """What people and programs did, and whether they were allowed to."""

    kind: ClassVar[str] = "audit_logs"
    tables: ClassVar[tuple[str, ...]] = ("audits",)
    # Stages and records have ids of their own: equal rows are different acts.
    told_apart: ClassVar[bool] = True

    settings: AuditLogsSettings

    def __init__(self, source: str, settings: AuditLogsSettings) -> None:
        super().__init__(source, settings)

    def parse(self, table: str, file: RawFile) -> Parsed:
        """Read the records of one file."""
        return RowReader(table).each(_records(file.data), audit_rows).parsed()

    def join(self, table: str, parts: Sequence[Parsed], when: TimeRange) -> Sequence[Parsed]:
        """Keep the first of records with one id: two trails or exports write a record twice."""
        frames = [part.frame for part in parts if len(part.frame)]
        if not frames:
            return parts
        frame = pd.concat(frames, ignore_index=True)
        again = frame["id"].ne("") & frame["id"].duplicated()
        kept = frame[~again].drop(columns="id").reset_index(drop=True)
        note = f"{int(again.sum()):,} record(s) that came twice dropped (same id)"
        problems = tuple(one for part in parts for one in part.problems)
        notes = (*(one for part in parts for one in part.notes), *[note] * bool(again.any()))
        return [Parsed(kept, problems, notes)]


def audit_rows(record: Any) -> Iterator[dict[str, object]]:  # noqa: ANN401 - any JSON
    """Yield the row of one record, of either kind; early stages of a request give none.

    Raises
    ------
    SourceGarbled
        Neither kind, or no time.
    """
    if "eventName" in mapping_at(record):
        yield _cloudtrail(mapping_at(record))
    elif text_of(mapping_at(record).get("apiVersion")).startswith("audit.k8s.io/"):
        if text_of(mapping_at(record).get("stage")) in {"ResponseComplete", "Panic"}:
            yield _kubernetes(mapping_at(record))
    else:
        raise SourceGarbled(
            fact="Neither CloudTrail nor a Kubernetes audit event",
            value=shape_of(record),
        )


def _records(data: bytes) -> Iterator[tuple[str, Any]]:
    for place, record in json_records(data):
        inner = mapping_at(record)
        listed = inner.get("Records", inner.get("items"))
        version = text_of(inner.get("apiVersion"))
        if isinstance(listed, list) and (not version or version.startswith("audit.k8s.io/")):
            yield from ((f"{place}, record {n}", one) for n, one in enumerate(listed, start=1))
        else:
            yield place, record


def _cloudtrail(record: dict[str, Any]) -> dict[str, object]:
    error = text_of(record.get("errorCode"))
    named = [text_of(mapping_at(one).get("ARN")) for one in list_at(record, "resources")]
    parameters = mapping_at(record, "requestParameters")
    return {
        "ts": _time(record.get("eventTime")),
        "actor": _actor(mapping_at(record, "userIdentity")),
        "action": f"{text_of(record.get('eventSource'))}:{text_of(record.get('eventName'))}",
        "target": next((name for name in named if name), "")
        or ", ".join(f"{k}={text_of(v)}" for k, v in sorted(parameters.items())[:3]),
        "decision": _decision(record, error),
        "reason": " ".join(p for p in (error, text_of(record.get("errorMessage"))) if p),
        "id": text_of(record.get("eventID")),
    }


def _actor(who: dict[str, Any]) -> str:
    """Name who acted: of an assumed role the session too, which is who is behind it.

    The session stands at the end of the identity's ARN and of its principal's id (CloudTrail,
    "userIdentity element").
    """
    issuer = mapping_at(who, "sessionContext", "sessionIssuer")
    name = text_of(who.get("userName") or issuer.get("userName"))
    arn = text_of(who.get("arn"))
    session = arn.rpartition("/")[2] if _IN_SESSION.search(arn) else ""
    if not session and text_of(who.get("type")) in {"AssumedRole", "FederatedUser"}:
        session = text_of(who.get("principalId")).partition(":")[2]
    if session and session != name:
        return f"{name}/{session}" if name else session
    behind = text_of(mapping_at(who, "onBehalfOf").get("userId"))
    return name or behind or arn or text_of(who.get("invokedBy") or who.get("type"))


def _decision(record: dict[str, Any], error: str) -> str:
    """Tell the outcome; sign-in events tell it in what they answer, without an error code."""
    denied = "denied" in error.lower() or "unauthorized" in error.lower()
    answered = mapping_at(record, "responseElements")
    refused = "Failure" in (answered.get(name) for name in _SIGN_IN & set(answered))
    if denied or refused:
        return "denied"
    return "failed" if error or record.get("errorMessage") else "allowed"


def _kubernetes(event: dict[str, Any]) -> dict[str, object]:
    at, status = mapping_at(event, "objectRef"), mapping_at(event, "responseStatus")
    code = text_of(status.get("code"))
    audit_id = text_of(event.get("auditID"))
    failed = code.isdigit() and int(code) >= HTTPStatus.BAD_REQUEST
    annotations = mapping_at(event, "annotations")
    parts = (at.get("namespace"), at.get("resource"), at.get("name"), at.get("subresource"))
    where = "/".join(text_of(part) for part in parts if part)
    return {
        "ts": _time(event.get("requestReceivedTimestamp") or event.get("stageTimestamp")),
        "actor": text_of(mapping_at(event, "user").get("username")),
        "action": text_of(event.get("verb")),
        "target": where or text_of(event.get("requestURI")),
        "decision": "denied" if code in {"401", "403"} else "failed" if failed else "allowed",
        "reason": text_of(
            status.get("message")
            or status.get("reason")
            or annotations.get("authorization.k8s.io/reason")
        ),
        "id": f"{audit_id}/{text_of(event.get('stage'))}" if audit_id else "",
    }


def _time(value: object) -> pd.Timestamp:
    at = parse_timestamp(value)
    if at is None:
        raise SourceGarbled(fact="A record without a time", value=value)
    return at
