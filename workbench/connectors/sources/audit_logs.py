"""Audit logs → audits: CloudTrail's files and the Kubernetes API server's audit log.

References
----------
AWS CloudTrail, "Record contents"; Kubernetes, audit.k8s.io/v1 ``Event``.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from workbench.connectors.reading.file_source import FileSource
from workbench.connectors.reading.files import FilesSettings, RawFile
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
    from collections.abc import Iterator

    import pandas as pd

__all__ = ["AuditLogs", "AuditLogsSettings", "audit_rows"]


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
            value=sorted(map(str, mapping_at(record)))[:5],
        )


def _records(data: bytes) -> Iterator[tuple[str, Any]]:
    for place, record in json_records(data):
        inner = mapping_at(record)
        listed = inner.get("Records", inner.get("items"))
        if isinstance(listed, list):
            yield from ((f"{place}, record {n}", one) for n, one in enumerate(listed, start=1))
        else:
            yield place, record


def _cloudtrail(record: dict[str, Any]) -> dict[str, object]:
    who = mapping_at(record, "userIdentity")
    issuer = mapping_at(who, "sessionContext", "sessionIssuer")
    error = text_of(record.get("errorCode"))
    named = [text_of(mapping_at(one).get("ARN")) for one in list_at(record, "resources")]
    parameters = mapping_at(record, "requestParameters")
    return {
        "ts": _time(record.get("eventTime")),
        "actor": text_of(
            who.get("userName")
            or issuer.get("userName")
            or who.get("arn")
            or who.get("invokedBy")
            or who.get("type")
        ),
        "action": f"{text_of(record.get('eventSource'))}:{text_of(record.get('eventName'))}",
        "target": next((name for name in named if name), "")
        or ", ".join(f"{k}={text_of(v)}" for k, v in sorted(parameters.items())[:3]),
        "decision": _decision(error),
        "reason": " ".join(p for p in (error, text_of(record.get("errorMessage"))) if p),
    }


def _decision(error: str) -> str:
    denied = "denied" in error.lower() or "unauthorized" in error.lower()
    return "denied" if denied else "failed" if error else "allowed"


def _kubernetes(event: dict[str, Any]) -> dict[str, object]:
    at, status = mapping_at(event, "objectRef"), mapping_at(event, "responseStatus")
    code = text_of(status.get("code"))
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
    }


def _time(value: object) -> pd.Timestamp:
    at = parse_timestamp(value)
    if at is None:
        raise SourceGarbled(fact="A record without a time", value=value)
    return at
