"""Grafana Tempo → spans: searched by TraceQL, each trace fetched whole."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import pydantic

from workbench.connectors.contract import Estimate, Fetched, failed_fetch
from workbench.connectors.reading.rows import check_asked, list_at, mapping_at, text_of
from workbench.connectors.reading.trace_source import searched, span_fetch
from workbench.connectors.sources.otlp.spans import span_rows
from workbench.connectors.sources.prometheus.promql import text
from workbench.connectors.transport.http import HttpClient, HttpSettings
from workbench.errors import SourceError, SourceGarbled

if TYPE_CHECKING:
    from workbench.times import TimeRange

__all__ = ["Tempo", "TempoSettings"]

_AT_ONCE = 8
_S = 1_000_000_000


class TempoSettings(HttpSettings):
    """Settings of a Tempo.

    Parameters
    ----------
    traceql
        Which traces, written by a person; all where empty.
    limit
        Traces of one search.
    """

    traceql: str = pydantic.Field(default="{}", description="which traces, in TraceQL")
    limit: int = pydantic.Field(default=200, ge=1, le=10_000, description="traces of one search")


class Tempo:
    """Spans of a Tempo."""

    kind: ClassVar[str] = "tempo"
    tables: ClassVar[tuple[str, ...]] = ("spans",)

    def __init__(self, source: str, settings: TempoSettings, http: HttpClient) -> None:
        self.source = source
        self._settings = settings
        self._http = http

    def __repr__(self) -> str:
        """Name and address."""
        return f"Tempo({self.source!r}, {self._settings.url!r})"

    async def fetch(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Fetched:
        """Fetch spans; see `workbench.connectors.contract.Connector.fetch`."""
        check_asked(table, self.tables, services)
        named = " || ".join(f"resource.service.name = {text(name)}" for name in services)
        query = f"{{ {named} }}" if named else self._settings.traceql

        async def ask(part: TimeRange) -> dict[str, Any]:
            return await self._search(query, part)

        try:
            async with self._http.fetching():
                found = await searched(ask, when, limit=self._settings.limit)
                traces, missing = await self._whole(list(found.traces))
        except SourceError as error:
            return failed_fetch(table, self.source, str(error))
        found.problems += missing
        frames = (span_rows(trace) for trace in traces)
        return span_fetch(
            self.source, when, frames=frames, found=found, path=query, services=services
        )

    async def estimate(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Estimate:
        """Say that Tempo does not count."""
        check_asked(table, self.tables, services)
        return Estimate(None, "Tempo does not count its traces")

    async def aclose(self) -> None:
        """Give back connections."""
        await self._http.aclose()

    async def _search(self, query: str, when: TimeRange) -> dict[str, Any]:
        """Search whole seconds: Tempo knows no others."""
        start, end = when.start.value // _S, -(-when.end.value // _S)
        params = {
            "q": query,
            "start": str(start),
            "end": str(end),
            "limit": str(self._settings.limit),
        }
        payload = (await self._http.json("GET", "/api/search", params=params)).payload
        listed = mapping_at(payload).get("traces")
        if not isinstance(listed, list):
            raise SourceGarbled("Not a list of traces", value=str(payload)[:100])
        return {text_of(mapping_at(one).get("traceID")): one for one in listed}

    async def _whole(self, names: list[str]) -> tuple[list[Any], list[str]]:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(name: str) -> object:
            async with gate:
                try:
                    return (await self._http.json("GET", f"/api/v2/traces/{name}")).payload
                except SourceError as error:
                    return error

        valid = [name for name in names if name.isalnum()]
        answers = await asyncio.gather(*(one(name) for name in valid))
        found, missing = [], [f"a trace whose id is no id: {n!r}" for n in names if n not in valid]
        for name, answer in zip(valid, answers, strict=True):
            trace = mapping_at(answer).get("trace")
            if isinstance(answer, SourceError) or not list_at(trace, "resourceSpans"):
                why = answer if isinstance(answer, SourceError) else "nothing came"
                missing.append(f"trace {name}: {why}")
                continue
            if text_of(mapping_at(answer).get("status")) == "PARTIAL":
                said = text_of(mapping_at(answer).get("message"))
                missing.append(f"trace {name} is partial: {said}")
            found.append(trace)
        return found, list(dict.fromkeys(missing))[:5]
