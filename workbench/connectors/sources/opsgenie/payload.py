"""What Opsgenie's API says, as rows of alerts, incidents and events.

References
----------
Opsgenie REST API: alerts v2 (list, logs), incidents v1, services v1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.connectors.contract import IncidentRef
from workbench.connectors.reading.rows import (
    json_text,
    list_at,
    mapping_at,
    parse_timestamp,
    text_of,
)
from workbench.connectors.reading.severities import severity_of
from workbench.connectors.transport.paging import Page, page_of
from workbench.errors import SourceGarbled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "alert_rows",
    "incident_ref",
    "incident_rows",
    "log_rows",
    "page_of_data",
    "service_of",
]

_LONGEST_MS = 1e12  # milliseconds, 32 years: what takes longer is an instant, or nonsense
_SYSTEM = {"system", "alertPolicy", "policy", "integration", "action", "heartbeat"}


def page_of_data(payload: object, size: int) -> Page:
    """Read a page: ``data``, and a link to the next page where there is one.

    Raises
    ------
    SourceGarbled
        No list, or a full page that does not say whether it is the last.
    """
    answer = mapping_at(payload)
    paging = answer.get("paging")
    if not isinstance(paging, dict) and len(list_at(answer, "data")) >= size:
        raise SourceGarbled(fact="A full page without its paging", value=sorted(map(str, answer)))
    return page_of(payload, "data", more=bool(mapping_at(paging).get("next")))


def alert_rows(alert: Mapping[str, Any], source: str) -> Iterator[dict[str, object]]:
    """Yield the row of one alert; ``count`` occurrences of it are one alert.

    Notes
    -----
    ``report.closeTime`` and ``report.ackTime`` are milliseconds after it was created.
    """
    created = _created(alert)
    closed = text_of(alert.get("status")) == "closed"
    end = _later(created, mapping_at(alert, "report").get("closeTime"))
    acked = bool(alert.get("acknowledged"))
    yield {
        "starts_at": created,
        "ends_at": (end or parse_timestamp(alert.get("updatedAt"))) if closed else None,
        "name": text_of(alert.get("message")),
        "service": service_of(alert),
        "severity": severity_of(text_of(alert.get("priority"))),
        "status": "resolved" if closed else "acknowledged" if acked else "firing",
        "fingerprint": text_of(alert.get("alias") or alert.get("id")),
        "source": source,
        "labels": json_text({"tags": [text_of(tag) for tag in list_at(alert, "tags")]}),
        "acked_at": _later(created, mapping_at(alert, "report").get("ackTime")),
        "occurrences": text_of(alert.get("count")),
    }


def incident_rows(
    incident: Mapping[str, Any], names: Mapping[str, str]
) -> Iterator[dict[str, object]]:
    """Yield the row of one incident; `names` holds services by id."""
    created = _created(incident)
    status = text_of(incident.get("status"))
    over = status in {"resolved", "closed"}
    services = [text_of(one) for one in list_at(incident, "impactedServices")]
    end = parse_timestamp(incident.get("impactEndDate"))
    yield {
        "id": text_of(incident.get("id")),
        "title": text_of(incident.get("message")),
        "severity": severity_of(text_of(incident.get("priority"))),
        "status": status,
        "created_at": created,
        "acked_at": None,
        "resolved_at": (end or parse_timestamp(incident.get("updatedAt"))) if over else None,
        "detected_at": parse_timestamp(incident.get("impactDetectDate")),
        "impact_start": parse_timestamp(incident.get("impactStartDate")),
        "impact_end": end,
        "services": json_text([names.get(one, one) for one in services]),
        "responders": json_text(
            [text_of(mapping_at(one).get("id")) for one in list_at(incident, "responders")]
        ),
    }


def incident_ref(incident: Mapping[str, Any], names: Mapping[str, str]) -> IncidentRef:
    """Read what a collection needs of one incident; `names` holds services by id."""
    over = text_of(incident.get("status")) in {"resolved", "closed"}
    end = parse_timestamp(incident.get("impactEndDate")) or parse_timestamp(
        incident.get("updatedAt")
    )
    services = [text_of(one) for one in list_at(incident, "impactedServices")]
    begun = parse_timestamp(incident.get("impactStartDate")) or _created(incident)
    return IncidentRef(
        text_of(incident.get("id")),
        text_of(incident.get("message")),
        begun,
        end if over else None,
        tuple(names.get(one, one) for one in services),
    )


def log_rows(log: Mapping[str, Any], alert: Mapping[str, Any]) -> Iterator[dict[str, object]]:
    """Yield the step of the response that one entry of an alert's log tells."""
    at = parse_timestamp(log.get("createdAt"))
    if at is None:
        raise SourceGarbled(fact="A log entry without createdAt", value=log.get("offset"))
    owner = text_of(log.get("owner"))
    yield {
        "ts": at,
        "reason": text_of(log.get("type")),
        "type": "human" if owner and owner not in _SYSTEM and "@" in owner else "automation",
        "kind": "alert",
        "namespace": service_of(alert),
        "name": text_of(alert.get("id")),
        "message": text_of(log.get("log")),
        "count": 1,
    }


def service_of(alert: Mapping[str, Any]) -> str:
    """Read the service from a tag ``service:NAME``, or the entity the alert is about."""
    tags = [text_of(tag) for tag in list_at(alert, "tags")]
    named = [tag.partition(":")[2] for tag in tags if tag.lower().startswith("service:")]
    return next(iter(named), "") or text_of(alert.get("entity"))


def _created(record: Mapping[str, Any]) -> pd.Timestamp:
    created = parse_timestamp(record.get("createdAt"))
    if created is None:
        raise SourceGarbled(fact="A record without createdAt", value=record.get("id"))
    return created


def _later(start: pd.Timestamp, milliseconds: object) -> pd.Timestamp | None:
    is_number = isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool)
    if not is_number or not 0 < float(str(milliseconds)) < _LONGEST_MS:
        return None
    return start + pd.Timedelta(milliseconds=float(str(milliseconds)))
