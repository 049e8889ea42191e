"""Grafana Tempo → spans: searched by TraceQL, each trace fetched whole."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, ClassVar

import pydantic

from workbench.connectors.reading.http_source import HttpSource
from workbench.connectors.reading.otlp_spans import span_rows
from workbench.connectors.reading.promql import text
from workbench.connectors.reading.rows import list_at, mapping_at, text_of
from workbench.connectors.reading.trace_source import searched, span_fetch
from workbench.connectors.transport.http import HttpSettings
from workbench.errors import SourceError, SourceGarbled

if TYPE_CHECKING:
    from workbench.connectors.contract import Fetched
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


class Tempo(HttpSource[TempoSettings]):
    """Spans of a Tempo."""

    kind: ClassVar[str] = "tempo"
    tables: ClassVar[tuple[str, ...]] = ("spans",)
    uncounted: ClassVar[str] = "Tempo does not count its traces"

    async def read(self, table: str, when: TimeRange, services: tuple[str, ...]) -> Fetched:
        """Search for traces and ask for each whole."""
        named = " || ".join(f"resource.service.name = {text(name)}" for name in services)
        query = f"{{ {named} }}" if named else self.settings.traceql

        async def ask(part: TimeRange) -> dict[str, Any]:
            return await self._search(query, part)

        found = await searched(ask, when, limit=self.settings.limit)
        traces, missing = await self._whole(list(found.traces))
        found.problems += missing
        frames = (span_rows(trace) for trace in traces)
        return span_fetch(
            self.source, when, frames=frames, found=found, path=query, services=services
        )

    async def _search(self, query: str, when: TimeRange) -> dict[str, Any]:
        """Search whole seconds: Tempo knows no others."""
        start, end = when.start.value // _S, -(-when.end.value // _S)
        params = {
            "q": query,
            "start": str(start),
            "end": str(end),
            "limit": str(self.settings.limit),
        }
        payload = (await self.http.json("GET", "/api/search", params=params)).payload
        listed = mapping_at(payload).get("traces")
        if not isinstance(listed, list):
            raise SourceGarbled(fact="Not a list of traces", value=str(payload)[:100])
        return {text_of(mapping_at(one).get("traceID")): one for one in listed}

    async def _whole(self, names: list[str]) -> tuple[list[Any], list[str]]:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(name: str) -> object:
            async with gate:
                try:
                    return (await self.http.json("GET", f"/api/v2/traces/{name}")).payload
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
