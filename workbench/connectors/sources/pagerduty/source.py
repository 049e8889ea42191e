"""PagerDuty → incidents, alerts, response events, changes and topology.

Traps it keeps out of the way: without ``since`` and ``until`` the service shows a month only, a
range may not be longer than half a year, and offset + limit may not exceed 10,000.

References
----------
PagerDuty REST API v2, "Pagination" and "List incidents".
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
import pydantic

from workbench.connectors.contract import Estimate, IncidentRef
from workbench.connectors.reading.record_source import (
    RecordSource,
    edge_frame,
    problems_of,
    segment,
)
from workbench.connectors.reading.rows import Parsed, RowReader, check_asked, mapping_at, text_of
from workbench.connectors.sources.pagerduty.payload import (
    alert_rows,
    change_rows,
    dependency_edges,
    incident_ref,
    incident_rows,
    log_entry_rows,
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
from workbench.errors import SourceError
from workbench.times import TimeRange

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workbench.connectors.contract import Query
    from workbench.connectors.transport.paging import FetchPage

__all__ = ["PagerDuty", "PagerDutySettings"]

_NAMED = 3  # problems told by name; the others are counted
_ACCEPT = {"accept": "application/vnd.pagerduty+json;version=2"}
_LONGEST = pd.Timedelta(days=90)
_AT_ONCE = 4
_ALSO = {"incidents": {"sort_by": "created_at:asc"}, "log_entries": {"is_overview": "false"}}
_LISTS = {"incidents": "incidents", "events": "log_entries", "changes": "change_events"}


class PagerDutySettings(HttpSettings):
    """Where PagerDuty answers, and who there is no human.

    ``auth`` is ``kind: header, name: Authorization``; the secret holds the header's whole
    value, ``Token token=…``.

    Parameters
    ----------
    automation
        Users that are automation (ids, names or addresses): what they acknowledge is no
        human's acknowledgement.
    change_kind
        Kind of change events that do not say one in ``custom_details.kind``.
    lookback_days
        Alerts are listed by incident: of those opened up to this long before the range.
    page_size
        Records asked for at once.
    """

    url: str = pydantic.Field(default="https://api.pagerduty.com", description="where it answers")
    automation: tuple[str, ...] = pydantic.Field(default=(), description="users that are machines")
    change_kind: str = pydantic.Field(default="deploy", description="kind of changes without one")
    lookback_days: float = pydantic.Field(
        default=7.0, ge=0, le=90, description="how far back incidents of alerts may have opened"
    )
    page_size: int = pydantic.Field(default=100, ge=1, le=100, description="records a page")
    offset_cap: int = pydantic.Field(
        default=10_000, ge=1, description="largest offset + page size it answers"
    )


class PagerDuty(RecordSource[PagerDutySettings]):
    """Incidents and what belongs to them."""

    kind: ClassVar[str] = "pagerduty"
    tables: ClassVar[tuple[str, ...]] = ("incidents", "alerts", "events", "changes", "topology")

    async def rows(self, table: str, when: TimeRange) -> tuple[Parsed, list[Query]]:
        """List the records of a table and read their rows."""
        if table == "alerts":
            return await self._alerts(when)
        listed = await self._list(_LISTS[table], when)
        problems = problems_of(listed)
        records = listed.records
        queries = [provenance(self.source, f"/{_LISTS[table]}", when, listed=listed)]
        gathering = RowReader(table)
        if table == "incidents":
            entries, missing = await self._each(records, "log_entries")
            problems += missing
            gathering.each(
                records.items(),
                lambda one: incident_rows(
                    one, entries.get(text_of(one.get("id")), []), self.settings.automation
                ),
            )
            gathering.notes += _merged(gathering)
        elif table == "events":
            bots = self.settings.automation
            gathering.each(records.items(), lambda one: log_entry_rows(one, bots))
        else:
            kind = self.settings.change_kind
            gathering.each(records.items(), lambda one: change_rows(one, kind))
        return _with(gathering, problems, listed.notes), queries

    async def edges(self, when: TimeRange) -> tuple[Parsed, list[Query]]:
        """List the dependencies of every technical service."""
        listed = await self._listing("services")
        problems = problems_of(listed)
        names = {key: text_of(one.get("name")) or key for key, one in listed.records.items()}
        found: list[tuple[str, str]] = []
        path = "/service_dependencies/technical_services"
        answers, missing = await self._ask_each(
            {key: f"{path}/{segment(key)}" for key in listed.records}
        )
        for key, payload in answers.items():
            if not isinstance(mapping_at(payload).get("relationships"), list):
                missing.append(f"{path}/{key}: an answer without its relationships")
            found += dependency_edges(payload, names)
        queries = [provenance(self.source, path, when, listed=listed)]
        return Parsed(edge_frame(found, self.source), tuple(problems + missing)), queries

    async def estimate(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Estimate:
        """Ask for the count of a list, where the service keeps one."""
        check_asked(table, self.tables, services)
        if table not in _LISTS:
            return Estimate(None, "alerts and dependencies are listed one by one")
        try:
            page = await self._ask(_LISTS[table], when)(0)
        except SourceError as error:
            return Estimate(None, f"the source did not say: {error}")
        return Estimate(page.total, "total of the list, all services")

    async def incident(self, id: str) -> IncidentRef:
        """Find one incident; see `workbench.connectors.contract.FindsIncidents`."""
        answer = await self.http.json("GET", f"/incidents/{segment(id)}", headers=_ACCEPT)
        return incident_ref(mapping_at(answer.payload, "incident"))

    async def _alerts(self, when: TimeRange) -> tuple[Parsed, list[Query]]:
        back = pd.Timedelta(days=self.settings.lookback_days)
        listed = await self._list("incidents", TimeRange(when.start - back, when.end))
        problems = problems_of(listed)
        found, missing = await self._each(listed.records, "alerts")
        gathering = RowReader("alerts")
        for key, alerts in found.items():
            places = ((f"alert of {key}", alert) for alert in alerts)
            gathering.each(places, lambda one: alert_rows(one, self.source))
        gathering.notes.append(f"of incidents opened up to {back.days} days before the range")
        queries = [provenance(self.source, "/incidents/*/alerts", when, listed=listed)]
        return _with(gathering, problems + missing, listed.notes), queries

    async def _list(self, name: str, when: TimeRange) -> Paginated:
        size, cap = self.settings.page_size, self.settings.offset_cap
        return await listed_by_time(
            lambda part: self._ask(name, part), when, size=size, cap=cap, longest=_LONGEST
        )

    async def _each(
        self, records: Iterable[str], name: str
    ) -> tuple[dict[str, list[dict[str, Any]]], list[str]]:
        """List what belongs to each incident, a few at once; what fails is told by name."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(key: str) -> Paginated:
            async with gate:
                return await self._listing(name, f"/incidents/{segment(key)}/{name}")

        keys = list(records)
        found = dict(zip(keys, await asyncio.gather(*(one(k) for k in keys)), strict=True))
        bad = []
        for key, listed in found.items():
            ended = "more than offsets reach" if listed.capped else listed.error
            bad += [f"{name} of {key}: {why}" for why in (ended, *listed.problems) if why]
        return {key: list(listed.records.values()) for key, listed in found.items()}, bad

    async def _ask_each(self, paths: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(path: str) -> object:
            async with gate:
                try:
                    return (await self.http.json("GET", path, headers=_ACCEPT)).payload
                except SourceError as error:
                    return error

        answers = await asyncio.gather(*(one(path) for path in paths.values()))
        found = dict(zip(paths, answers, strict=True))
        bad = [f"{paths[k]}: {said}" for k, said in found.items() if isinstance(said, SourceError)]
        return {k: said for k, said in found.items() if not isinstance(said, SourceError)}, bad

    async def _listing(self, name: str, path: str = "") -> Paginated:
        settings = self.settings
        ask = self._ask(name, None, path)
        return await listed_by_offset(ask, size=settings.page_size, cap=settings.offset_cap)

    def _ask(self, name: str, when: TimeRange | None, path: str = "") -> FetchPage:
        """Make what asks for a page of a list, over a range where it has one."""
        params = {"limit": str(self.settings.page_size), "total": "true", **_ALSO.get(name, {})}
        if when is not None:
            params |= {"since": _said(when.start), "until": _said(when.end, up=True)}

        async def ask(offset: int) -> Page:
            sent = {**params, "offset": str(offset)}
            answer = await self.http.json("GET", path or f"/{name}", params=sent, headers=_ACCEPT)
            return page_of(answer.payload, name)

        return ask


def _said(instant: pd.Timestamp, *, up: bool = False) -> str:
    """Write an instant in whole seconds, as the service counts: outwards, then we filter."""
    return f"{instant.ceil('s') if up else instant.floor('s'):%Y-%m-%dT%H:%M:%SZ}"


def _with(gathering: RowReader, problems: list[str], notes: list[str]) -> Parsed:
    parsed = gathering.parsed()
    return Parsed(parsed.frame, (*_distinct(problems), *parsed.problems), (*notes, *parsed.notes))


def _distinct(problems: list[str]) -> list[str]:
    """Keep the first few problems, and count the rest."""
    known = list(dict.fromkeys(problems))
    return (
        known
        if len(known) <= _NAMED
        else [*known[:_NAMED], f"and {len(known) - _NAMED:,} more like these"]
    )


def _merged(gathering: RowReader) -> list[str]:
    count = sum(row["status"] == "merged" for row in gathering.rows)
    return [f"{count:,} incident(s) merged into others"] if count else []
