"""Jaeger → spans and topology, by its API v3 (OTLP) or the one of its own pages.

Every service is asked for by itself: neither API searches all at once. Times are asked for raw:
Jaeger moves spans of clocks that differ unless told not to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import pydantic

from workbench.connectors.contract import Estimate, Fetched, Query, complete_fetch, failed_fetch
from workbench.connectors.reading.rows import check_asked, json_text, list_at, mapping_at, text_of
from workbench.connectors.reading.spans import span_frame
from workbench.connectors.reading.trace_source import Searched, searched, span_fetch
from workbench.connectors.sources.otlp.spans import span_rows
from workbench.connectors.sources.otlp.values import integer
from workbench.connectors.sources.zipkin import dependency_frame
from workbench.connectors.transport.http import HttpClient, HttpSettings
from workbench.errors import SourceError, SourceGarbled

if TYPE_CHECKING:
    import pandas as pd

    from workbench.times import TimeRange

__all__ = ["Jaeger", "JaegerSettings", "ui_rows"]

_MS, _US = 1_000_000, 1_000


class JaegerSettings(HttpSettings):
    """Settings of a Jaeger query service.

    Parameters
    ----------
    api
        ``v3``, or ``ui``: that of its own pages, for versions without the other.
    limit
        Traces of one answer.
    """

    api: Literal["v3", "ui"] = pydantic.Field(default="v3", description="which of its APIs")
    limit: int = pydantic.Field(default=500, ge=1, le=10_000, description="traces of one answer")


class Jaeger:
    """Spans and dependencies of a Jaeger."""

    kind: ClassVar[str] = "jaeger"
    tables: ClassVar[tuple[str, ...]] = ("spans", "topology")

    def __init__(self, source: str, settings: JaegerSettings, http: HttpClient) -> None:
        self.source = source
        self._settings = settings
        self._http = http

    def __repr__(self) -> str:
        """Name and address."""
        return f"Jaeger({self.source!r}, {self._settings.url!r})"

    async def fetch(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Fetched:
        """Fetch rows; see `workbench.connectors.contract.Connector.fetch`."""
        check_asked(table, self.tables, services)
        try:
            async with self._http.fetching():
                if table == "topology":
                    return await self._topology(when, services)
                found = await self._traces(when, services)
        except SourceError as error:
            return failed_fetch(table, self.source, str(error))
        read = span_rows if self._settings.api == "v3" else ui_rows
        frames = (read(trace) for trace in found.traces.values())
        return span_fetch(
            self.source, when, frames=frames, found=found, path="traces", services=services
        )

    async def estimate(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Estimate:
        """Say that Jaeger does not count."""
        check_asked(table, self.tables, services)
        return Estimate(None, "Jaeger does not count its traces")

    async def aclose(self) -> None:
        """Give back connections."""
        await self._http.aclose()

    async def _traces(self, when: TimeRange, services: tuple[str, ...]) -> Searched:
        found = Searched()
        for service in services or await self._services():

            async def ask(part: TimeRange, service: str = service) -> dict[str, Any]:
                v3 = self._settings.api == "v3"
                return await (self._ask_v3 if v3 else self._ask_ui)(part, service)

            one = await searched(ask, when, limit=self._settings.limit)
            found.traces.update(one.traces)
            found.problems += [f"{service}: {trouble}" for trouble in one.problems]
            found.requests += one.requests
        return found

    async def _services(self) -> list[str]:
        v3 = self._settings.api == "v3"
        path = "/api/v3/services" if v3 else "/api/services"
        payload = (await self._http.json("GET", path)).payload
        listed = mapping_at(payload).get("services" if v3 else "data")
        if not isinstance(listed, list):
            raise SourceGarbled("Not a list of services", value=str(payload)[:100])
        return sorted(text_of(name) for name in listed)

    async def _ask_v3(self, when: TimeRange, service: str) -> dict[str, Any]:
        params = {
            "query.serviceName": service,
            "query.startTimeMin": when.start.isoformat(),
            "query.startTimeMax": when.end.isoformat(),
            "query.rawTraces": "true",
            "query.searchDepth": str(self._settings.limit),
        }
        answer = await self._http.json("GET", "/api/v3/traces", params=params)
        result = mapping_at(answer.payload).get("result")
        if not isinstance(result, dict) or not isinstance(result.get("resourceSpans", []), list):
            raise SourceGarbled("Not traces", value=str(answer.payload)[:100])
        return _by_trace(list_at(result, "resourceSpans"))

    async def _ask_ui(self, when: TimeRange, service: str) -> dict[str, Any]:
        params = {
            "service": service,
            "start": str(when.start.value // _US),
            "end": str(-(-when.end.value // _US)),
            "limit": str(self._settings.limit),
            "raw": "true",
        }
        answer = await self._http.json("GET", "/api/traces", params=params)
        data = mapping_at(answer.payload).get("data")
        if not isinstance(data, list) or list_at(answer.payload, "errors"):
            raise SourceGarbled("Not traces", value=str(answer.payload)[:100])
        return {text_of(mapping_at(one).get("traceID")): one for one in data}

    async def _topology(self, when: TimeRange, services: tuple[str, ...]) -> Fetched:
        end, start = -(-when.end.value // _MS), when.start.value // _MS
        if self._settings.api == "v3":
            path = "/api/v3/dependencies"
            params = {"startTime": when.start.isoformat(), "endTime": when.end.isoformat()}
        else:
            path = "/api/dependencies"
            params = {"endTs": str(end), "lookback": str(end - start)}
        payload = (await self._http.json("GET", path, params=params)).payload
        listed = mapping_at(payload).get("data", mapping_at(payload).get("dependencies"))
        frame = dependency_frame(
            payload if isinstance(payload, list) else listed, self.source, when
        )
        if services:
            kept = frame["src"].isin(services) | frame["dst"].isin(services)
            frame = frame[kept].reset_index(drop=True)
        query = Query(self.source, path, (), when, len(frame), json_text(listed)[:64])
        return complete_fetch("topology", frame, self.source, queries=[query])


def ui_rows(trace: object) -> tuple[pd.DataFrame, list[str]]:
    """Read one trace of the pages' own API.

    Returns
    -------
    tuple
        Rows of the spans table, and what was refused.
    """
    processes = mapping_at(trace, "processes")
    rows, refused = [], []
    for n, span in enumerate(list_at(trace, "spans")):
        try:
            rows.append(_row(mapping_at(span), processes))
        except SourceGarbled as error:
            refused.append(f"span {n}: {error}")
    return span_frame(rows), refused


def _row(span: dict[str, Any], processes: dict[str, Any]) -> tuple[object, ...]:
    ids = [text_of(span.get(name)) for name in ("traceID", "spanID")]
    start = integer(span.get("startTime") or 0)
    if not all(ids) or not 0 < start < 2**63 // _US:
        raise SourceGarbled("A span without an id or a time", value=ids[1])
    references = [mapping_at(one) for one in list_at(span, "references")]
    parents = [text_of(one.get("spanID")) for one in references if one.get("refType") == "CHILD_OF"]
    links = [
        {"trace_id": text_of(one.get("traceID")), "span_id": text_of(one.get("spanID"))}
        for one in references
        if one.get("refType") == "FOLLOWS_FROM"
    ]
    process = mapping_at(processes, text_of(span.get("processID")))
    tags = {
        text_of(mapping_at(one).get("key")): mapping_at(one).get("value")
        for one in [*list_at(process, "tags"), *list_at(span, "tags")]
    }
    failed = text_of(tags.get("error")).lower() == "true" or tags.get("otel.status_code") == "ERROR"
    return (
        start * _US,
        max(integer(span.get("duration") or 0), 0) / 1e6,
        ids[0].rjust(32, "0"),
        ids[1],
        parents[0] if parents else "",
        text_of(process.get("serviceName")),
        text_of(span.get("operationName")),
        text_of(tags.pop("span.kind", "")) or "internal",
        "error" if failed else "unset",
        json_text(tags),
        json_text(links) if links else "",
    )


def _by_trace(groups: list[Any]) -> dict[str, Any]:
    """Export requests by trace: v3 sends the spans of several traces together."""
    found: dict[str, dict[str, Any]] = {}
    for group in groups:
        for scope in list_at(group, "scopeSpans"):
            for span in list_at(scope, "spans"):
                name = text_of(mapping_at(span).get("traceId"))
                one = {
                    "resource": mapping_at(group).get("resource"),
                    "scopeSpans": [{"spans": [span]}],
                }
                found.setdefault(name, {"resourceSpans": []})["resourceSpans"].append(one)
    return found
