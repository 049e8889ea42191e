"""What PagerDuty's REST API says, as rows of incidents, alerts, events and changes.

References
----------
PagerDuty REST API v2: incidents, log entries, alerts, change events, service dependencies.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from workbench.connectors.contract import IncidentRef
from workbench.connectors.reading.rows import (
    EVERY_SERVICE,
    json_text,
    list_at,
    mapping_at,
    parse_timestamp,
    text_of,
)
from workbench.connectors.reading.severities import severity_of
from workbench.errors import SourceGarbled

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import pandas as pd

__all__ = [
    "alert_rows",
    "change_rows",
    "dependency_edges",
    "incident_ref",
    "incident_rows",
    "is_human",
    "log_entry_rows",
]

_NUMBER = re.compile(r"^\[#\d+\]\s*")
_MACHINES = {"auto", "timeout", "events_api_v2", "integration", "workflow"}  # kinds of channel
_ENTRY = "_log_entry"


def incident_rows(
    incident: Mapping[str, Any], entries: Sequence[Mapping[str, Any]], bots: Collection[str]
) -> Iterator[dict[str, object]]:
    """Yield the row of one incident.

    Parameters
    ----------
    incident
        As listed.
    entries
        Its log entries; without them the first acknowledgement still standing counts.
    bots
        Users that are automation: ids, names or addresses.

    Notes
    -----
    ``acked_at`` is the first acknowledgement by a human, which MTTA means; that of automation
    is ``auto_acked_at``. An incident merged into another has status ``merged`` and says into
    which in ``merged_into``: it was neither solved then nor by itself.
    """
    created = parse_timestamp(incident.get("created_at"))
    if created is None:
        raise SourceGarbled(fact="An incident without created_at", value=incident.get("id"))
    acks = [_ack(e) for e in entries if _kind(e) == "acknowledge"] or [
        {"at": one.get("at"), "agent": one.get("acknowledger")}
        for one in map(mapping_at, list_at(incident, "acknowledgements"))
    ]
    human = [parse_timestamp(a["at"]) for a in acks if is_human(a, bots)]
    machine = [parse_timestamp(a["at"]) for a in acks if not is_human(a, bots)]
    merged = text_of(mapping_at(incident, "resolve_reason", "incident").get("id"))
    service = _named(mapping_at(incident, "service"))
    yield {
        "id": text_of(incident.get("id")),
        "title": _title(incident),
        "severity": severity_of(
            _named(mapping_at(incident, "priority")), text_of(incident.get("urgency"))
        ),
        "status": "merged" if merged else text_of(incident.get("status")),
        "created_at": created,
        "acked_at": _earliest(human),
        "resolved_at": _resolved(incident, entries),
        "services": json_text([service] if service else []),
        "responders": json_text(_responders(incident, entries)),
        "auto_acked_at": _earliest(machine),
        "merged_into": merged,
        "url": text_of(incident.get("html_url")),
    }


def incident_ref(incident: Mapping[str, Any]) -> IncidentRef:
    """Read what a collection needs of one incident.

    Raises
    ------
    SourceGarbled
        No id or no time.
    """
    name, created = text_of(incident.get("id")), parse_timestamp(incident.get("created_at"))
    if not name or created is None:
        raise SourceGarbled(fact="An incident without id or created_at", value=name)
    service = _named(mapping_at(incident, "service"))
    services = (service,) if service else ()
    return IncidentRef(name, _title(incident), created, _resolved(incident, []), services)


def alert_rows(alert: Mapping[str, Any], source: str) -> Iterator[dict[str, object]]:
    """Yield the row of one alert; several of one incident share its service."""
    created = parse_timestamp(alert.get("created_at"))
    if created is None:
        raise SourceGarbled(fact="An alert without created_at", value=alert.get("id"))
    resolved = text_of(alert.get("status")) == "resolved"
    details = mapping_at(alert, "body", "details") or mapping_at(alert, "body", "cef_details")
    yield {
        "starts_at": created,
        "ends_at": parse_timestamp(alert.get("resolved_at") or alert.get("last_status_change_at"))
        if resolved
        else None,
        "name": _title(alert),
        "service": _named(mapping_at(alert, "service")),
        "severity": severity_of(text_of(alert.get("severity"))),
        "status": "resolved" if resolved else "firing",
        "fingerprint": text_of(alert.get("alert_key") or alert.get("id")),
        "source": source,
        "labels": json_text({text_of(k): text_of(v) for k, v in details.items()}),
        "suppressed": bool(alert.get("suppressed")),
        "incident": text_of(mapping_at(alert, "incident").get("id")),
    }


def log_entry_rows(entry: Mapping[str, Any], bots: Collection[str]) -> Iterator[dict[str, object]]:
    """Yield the step of the response that a log entry tells, by human or automation."""
    at = parse_timestamp(entry.get("created_at"))
    if at is None:
        raise SourceGarbled(fact="A log entry without created_at", value=entry.get("id"))
    yield {
        "ts": at,
        "reason": _kind(entry),
        "type": "human" if is_human(_ack(entry), bots) else "automation",
        "kind": "incident",
        "namespace": _named(mapping_at(entry, "service")),
        "name": text_of(mapping_at(entry, "incident").get("id")),
        "message": _NUMBER.sub("", text_of(entry.get("summary"))),
        "count": 1,
    }


def change_rows(event: Mapping[str, Any], kind: str) -> Iterator[dict[str, object]]:
    """Yield a row a service of one change event; one of no service is everyone's."""
    ts = parse_timestamp(event.get("timestamp") or event.get("created_at"))
    if ts is None:
        raise SourceGarbled(fact="A change event without a time", value=event.get("id"))
    details = mapping_at(event, "custom_details")
    links = [text_of(mapping_at(one).get("href")) for one in list_at(event, "links")]
    named = [_named(mapping_at(one)) for one in list_at(event, "services")]
    for service in [name for name in named if name] or [EVERY_SERVICE]:
        yield {
            "ts": ts,
            "kind": text_of(details.get("kind")) or kind,
            "service": service,
            "ref": text_of(event.get("id")),
            "version": text_of(details.get("version") or details.get("revision")),
            "actor": text_of(details.get("user") or details.get("actor")),
            "url": next(iter(links), ""),
            "environment": text_of(details.get("environment")),
            "summary": text_of(event.get("summary")),
        }


def dependency_edges(payload: object, names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield calls of the services a dependency answer names: dependent → supporting."""
    for relation in list_at(payload, "relationships"):
        ends = [
            text_of(mapping_at(relation, end).get("id"))
            for end in ("dependent_service", "supporting_service")
        ]
        if all(ends):
            yield names.get(ends[0], ends[0]), names.get(ends[1], ends[1])


def is_human(ack: Mapping[str, Any], bots: Collection[str]) -> bool:
    """Whether a human did it: a user by hand, and none of those known to be automation."""
    agent = mapping_at(ack, "agent")
    is_user = text_of(agent.get("type")).removesuffix("_reference") == "user"
    names = {text_of(agent.get(name)) for name in ("id", "summary", "name", "email")}
    return is_user and not names & set(bots) and text_of(ack.get("channel")) not in _MACHINES


def _ack(entry: Mapping[str, Any]) -> dict[str, Any]:
    channel = text_of(mapping_at(entry, "channel").get("type"))
    return {"at": entry.get("created_at"), "agent": entry.get("agent"), "channel": channel}


def _kind(entry: Mapping[str, Any]) -> str:
    return text_of(entry.get("type")).removesuffix("_reference").removesuffix(_ENTRY)


def _named(record: Mapping[str, Any]) -> str:
    return text_of(record.get("summary") or record.get("name") or record.get("id"))


def _title(record: Mapping[str, Any]) -> str:
    """Read a title; ``summary`` repeats it after the number, ``[#1234]``."""
    return text_of(record.get("title")) or _NUMBER.sub("", text_of(record.get("summary")))


def _resolved(
    incident: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]
) -> pd.Timestamp | None:
    if text_of(incident.get("status")) != "resolved":
        return None
    logged = [parse_timestamp(e.get("created_at")) for e in entries if _kind(e) == "resolve"]
    known = [at for at in logged if at is not None]
    said = incident.get("resolved_at") or incident.get("last_status_change_at")
    return max(known) if known else parse_timestamp(said)


def _responders(incident: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> list[str]:
    named = [mapping_at(a, "assignee") for a in list_at(incident, "assignments")]
    named += [mapping_at(a, "acknowledger") for a in list_at(incident, "acknowledgements")]
    named += [mapping_at(entry, "agent") for entry in entries]
    people = [one for one in named if text_of(one.get("type")).startswith("user")]
    return list(dict.fromkeys(name for one in people if (name := _named(one))))


def _earliest(times: Sequence[pd.Timestamp | None]) -> pd.Timestamp | None:
    return min((at for at in times if at is not None), default=None)
