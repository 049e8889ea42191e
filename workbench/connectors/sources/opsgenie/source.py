"""Opsgenie → alerts, incidents and the events of the response.

Traps it keeps out of the way: pages hold 20 records unless asked for more and 100 at most, and
offset + limit may not exceed 20,000.

References
----------
Opsgenie documentation, "Pagination" and "Alert API".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import pandas as pd
import pydantic

from workbench.connectors.reading.record_source import RecordSource, problems_of, segment
from workbench.connectors.reading.rows import Parsed, RowReader, mapping_at, text_of
from workbench.connectors.sources.opsgenie.payload import (
    alert_rows,
    incident_ref,
    incident_rows,
    log_rows,
    page_of_data,
)
from workbench.connectors.transport.http import HttpSettings
from workbench.connectors.transport.paging import (
    Page,
    Paginated,
    listed_by_offset,
    listed_by_time,
    page_of,
    provenance,
)

if TYPE_CHECKING:
    from workbench.connectors.contract import IncidentRef, Query
    from workbench.connectors.transport.paging import FetchPage
    from workbench.times import TimeRange

__all__ = ["Opsgenie", "OpsgenieSettings"]

_AT_ONCE = 4
_PATHS = {"alerts": "/v2/alerts", "incidents": "/v1/incidents", "services": "/v1/services"}
_LONGEST = pd.Timedelta(days=366)


class OpsgenieSettings(HttpSettings):
    """Where Opsgenie answers.

    ``auth`` is ``kind: header, name: Authorization``; the secret holds the header's whole
    value, ``GenieKey …``. European accounts answer at ``https://api.eu.opsgenie.com``.
    """

    url: str = pydantic.Field(default="https://api.opsgenie.com", description="where it answers")
    page_size: int = pydantic.Field(default=100, ge=1, le=100, description="records a page")
    offset_cap: int = pydantic.Field(
        default=20_000, ge=1, description="largest offset + page size it answers"
    )


class Opsgenie(RecordSource[OpsgenieSettings]):
    """Alerts with their response, and incidents."""

    kind: ClassVar[str] = "opsgenie"
    tables: ClassVar[tuple[str, ...]] = ("alerts", "incidents", "events")

    async def rows(self, table: str, when: TimeRange) -> tuple[Parsed, list[Query]]:
        """List the records of a table and read their rows."""
        name = "incidents" if table == "incidents" else "alerts"
        listed = await self._list(name, when)
        problems = list(problems_of(listed))
        gathering = RowReader(table)
        records = listed.records
        if table == "alerts":
            gathering.each(records.items(), lambda one: alert_rows(one, self.source))
        elif table == "incidents":
            names, missing = await self._service_names() if records else ({}, [])
            problems += missing
            gathering.each(records.items(), lambda one: incident_rows(one, names))
        else:
            problems += await self._logs(records, gathering)
            gathering.notes.append("of alerts created in the range")
        parsed = gathering.parsed()
        queries = [provenance(self.source, _PATHS[name], when, listed=listed)]
        told = (*dict.fromkeys(problems), *parsed.problems)
        return Parsed(parsed.frame, told, (*listed.notes, *parsed.notes)), queries

    async def incident(self, id: str) -> IncidentRef:
        """Find one incident; see `workbench.connectors.contract.FindsIncidents`."""
        answer = await self.http.json("GET", f"/v1/incidents/{segment(id)}")
        names, _ = await self._service_names()
        return incident_ref(mapping_at(answer.payload, "data"), names)

    async def _logs(self, alerts: dict[str, dict[str, Any]], gathering: RowReader) -> list[str]:
        """Read the log of each alert, a few at once."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(key: str) -> Paginated:
            async with gate:
                path = f"/v2/alerts/{segment(key)}/logs"
                ask = _Cursor(self, path, {"limit": str(self.settings.page_size), "order": "asc"})
                size = self.settings.page_size
                return await listed_by_offset(ask, size=size, cap=10**9, identity="offset")

        found = await asyncio.gather(*(one(key) for key in alerts))
        problems: list[str] = []
        for alert, listed in zip(alerts.values(), found, strict=True):
            key = text_of(alert.get("id"))
            problems += [f"log of {key}: {why}" for why in (listed.error, *listed.problems) if why]
            places = ((f"log of {key}", log) for log in listed.records.values())
            gathering.each(places, lambda log, alert=alert: log_rows(log, alert))  # type: ignore[misc]
        return problems

    async def _service_names(self) -> tuple[dict[str, str], list[str]]:
        size, cap = self.settings.page_size, self.settings.offset_cap
        listed = await listed_by_offset(self._ask("services", None), size=size, cap=cap)
        problems = [f"names of services: {why}" for why in (listed.error, *listed.problems) if why]
        named = {key: text_of(one.get("name")) or key for key, one in listed.records.items()}
        return named, problems

    async def _list(self, name: str, when: TimeRange) -> Paginated:
        size, cap = self.settings.page_size, self.settings.offset_cap
        return await listed_by_time(
            lambda part: self._ask(name, part), when, size=size, cap=cap, longest=_LONGEST
        )

    def _ask(self, name: str, when: TimeRange | None) -> FetchPage:
        """Make what asks for a page of a list, over a range where it has one."""
        size = self.settings.page_size
        params = {"limit": str(size), "order": "asc"}
        if when is not None:
            start, end = when.start.floor("ms").value, when.end.ceil("ms").value
            query = f"createdAt>={start // 10**6} AND createdAt<{end // 10**6}"
            params |= {"query": query, "sort": "createdAt"}

        async def ask(offset: int) -> Page:
            sent = {**params, "offset": str(offset)}
            answer = await self.http.json("GET", _PATHS[name], params=sent)
            return page_of_data(answer.payload, size)

        return ask


class _Cursor:
    """Asks for a list whose next page is told as a link; only the link's query is used."""

    def __init__(self, source: Opsgenie, path: str, params: dict[str, str]) -> None:
        self._source, self._path, self._params = source, path, params

    async def __call__(self, offset: int) -> Page:
        answer = await self._source.http.json("GET", self._path, params=self._params)
        following = text_of(mapping_at(answer.payload, "paging").get("next"))
        page = page_of(answer.payload, "data", more=bool(following))
        if following:  # never the link's host: credentials stay where they belong
            self._params = dict(parse_qsl(urlsplit(following).query))
        return page
