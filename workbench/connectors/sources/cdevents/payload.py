"""CDEvents, old and new, and other CloudEvents → changes, incidents and tests.

References
----------
CDEvents 0.1 … 0.6-draft: ``context.version`` became ``context.specversion``, and
``subject.type`` went; the event's type, ``dev.cdevents.SUBJECT.PREDICATE.VERSION``, stayed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from workbench.connectors.reading.rows import (
    EVERY_SERVICE,
    json_text,
    mapping_at,
    parse_timestamp,
    text_of,
)
from workbench.errors import SourceGarbled
from workbench.moved import renamed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from workbench.connectors.reading.cloudevents import CloudEvent

__all__ = ["CHANGE_KINDS", "CDEvent", "changes_of", "incidents_of", "read_event", "tests_of"]

if not TYPE_CHECKING:
    __getattr__ = renamed(__name__, {"Told": "CDEvent"})

_TYPE = re.compile(r"dev\.cdevents\.([A-Za-z]+)\.([A-Za-z]+)\.\d")

# What a change is called, by subject and predicate. A merge and a published artifact change
# nothing that runs, and are told apart from a deploy.
CHANGE_KINDS: Mapping[str, str] = {
    "service.deployed": "deploy",
    "service.upgraded": "deploy",
    "service.rolledback": "rollback",
    "service.removed": "infra",
    "service.published": "infra",
    "deployment.finished": "deploy",
    "targetrollout.finished": "deploy",
    "migration.finished": "schema",
    "environment.created": "infra",
    "environment.modified": "infra",
    "environment.deleted": "infra",
    "change.merged": "merge",
    "pipelinerun.finished": "pipeline",
    "artifact.published": "publish",
}
_OUTCOMES = {
    "success": "passed",
    "pass": "passed",
    "failure": "failed",
    "fail": "failed",
    "error": "error",
    "cancel": "error",
    "skipped": "skipped",
}


@dataclass(frozen=True, slots=True)
class CDEvent:
    """One event as far as all tables need it.

    Parameters
    ----------
    what
        ``service.deployed`` for a CDEvent, else the CloudEvent's type.
    ts
        When it happened.
    id, source
        Together they name the event: the same event may be delivered twice.
    subject, content, context
        The parts of a CDEvent; of another event, its data as content.
    """

    what: str
    ts: pd.Timestamp
    id: str
    source: str
    subject: str
    content: dict[str, Any]
    context: dict[str, Any]


def read_event(event: CloudEvent) -> CDEvent:
    """Read one event.

    Raises
    ------
    SourceGarbled, NaiveTimestamp
        No time, a time without a zone, or no type.
    """
    envelope = event.attributes
    context = mapping_at(event.data, "context")
    kind = text_of(context.get("type") or envelope.get("type"))
    ts = parse_timestamp(context.get("timestamp") or envelope.get("time"))
    if not kind or ts is None:
        raise SourceGarbled(fact="An event without type or time", value=envelope.get("id") or kind)
    match = _TYPE.match(kind)
    subject = mapping_at(event.data, "subject")
    return CDEvent(
        what=f"{match[1]}.{match[2]}".lower() if match else kind,
        ts=ts,
        id=text_of(context.get("id") or envelope.get("id")),
        source=text_of(context.get("source") or envelope.get("source")),
        subject=text_of(subject.get("id") or envelope.get("subject")),
        content=mapping_at(subject, "content") if match else mapping_at(event.data),
        context=context,
    )


def changes_of(told: CDEvent, kinds: Mapping[str, str]) -> Iterator[dict[str, object]]:
    """Yield the row of ``changes`` an event stands for, if its type is one of `kinds`."""
    kind = kinds.get(told.what)
    if kind is None:
        return
    content = told.content
    artifact = text_of(content.get("artifactId"))
    of_environment = told.what.startswith("environment.")
    yield {
        "ts": told.ts,
        "kind": kind,
        "service": EVERY_SERVICE if of_environment else _service(told, artifact),
        "ref": told.id or f"{told.subject}@{told.ts.isoformat()}",
        "version": _version(artifact) or text_of(content.get("version")),
        "actor": text_of(content.get("actor") or content.get("user")),
        "url": text_of(content.get("url") or content.get("uri")),
        "environment": told.subject if of_environment else _id_at(content, "environment"),
        "outcome": text_of(content.get("outcome")),
    }


def incidents_of(told: CDEvent) -> Iterator[dict[str, object]]:
    """Yield what an incident event knows; the events of one incident are joined later."""
    if not told.what.startswith("incident."):
        return
    predicate = told.what.removeprefix("incident.")
    service = _id_at(told.content, "service")
    yield {
        "id": told.subject or told.id,
        "title": text_of(told.content.get("description")),
        "severity": "",
        "status": "resolved" if predicate == "resolved" else "open",
        "created_at": told.ts,
        "detected_at": told.ts if predicate == "detected" else None,
        "resolved_at": told.ts if predicate == "resolved" else None,
        "services": json_text([service] if service else []),
    }


def tests_of(told: CDEvent) -> Iterator[dict[str, object]]:
    """Yield the row of ``tests`` of a finished or skipped test case run."""
    if told.what not in {"testcaserun.finished", "testcaserun.skipped"}:
        return
    content = told.content
    case = mapping_at(content, "testCase")
    outcome = "skipped" if told.what.endswith("skipped") else text_of(content.get("outcome"))
    yield {
        "ts": told.ts,
        "run_id": _id_at(content, "testSuiteRun") or text_of(told.context.get("chainId")),
        "suite": text_of(case.get("type")),
        "classname": text_of(case.get("id")),
        "name": text_of(case.get("name") or case.get("id") or told.subject),
        "outcome": _OUTCOMES.get(outcome.lower(), "error"),
        "message": text_of(content.get("reason") or content.get("message")),
        "commit": "",
        "attempt": 1,
    }


def _service(told: CDEvent, artifact: str) -> str:
    """Name the service: said outright, or the subject's, pipeline's or repository's own name."""
    content = told.content
    if told.what == "change.merged":
        return _last(_id_at(content, "repository")) or EVERY_SERVICE
    if told.what == "artifact.published":
        return _last(_unversioned(told.subject)) or EVERY_SERVICE
    said = _id_at(content, "service") or text_of(content.get("service.name"))
    pipeline = text_of(content.get("pipelineName"))
    named = _last(told.subject) if told.what.startswith("service.") else ""
    shipped = _last(_unversioned(artifact))
    return said or pipeline or named or shipped or _last(told.subject) or EVERY_SERVICE


def _id_at(content: Mapping[str, Any], name: str) -> str:
    """Read a reference: ``{"id": …}`` or the plain id."""
    found = content.get(name)
    return text_of(found.get("id")) if isinstance(found, dict) else text_of(found)


def _last(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2]


def _unversioned(purl: str) -> str:
    """Drop version, qualifiers and subpath of a package URL."""
    return re.split(r"[?#]", purl)[0].rpartition("@")[0] or re.split(r"[?#]", purl)[0]


def _version(purl: str) -> str:
    return unquote(re.split(r"[?#]", purl)[0].rpartition("@")[2]) if "@" in purl else ""
