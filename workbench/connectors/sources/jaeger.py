"""Jaeger → spans and topology, by its API v3 (OTLP) or the one of its own pages.

Every service is asked for by itself: neither API searches all at once. Times are asked for raw:
Jaeger moves spans of clocks that differ unless told not to.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import pydantic

from workbench.connectors.reading.dependencies import dependency_fetch
from workbench.connectors.reading.http_source import HttpSource
from workbench.connectors.reading.otlp_spans import span_rows
from workbench.connectors.reading.otlp_values import integer
from workbench.connectors.reading.rows import json_text, list_at, mapping_at, text_of
from workbench.connectors.reading.spans import microseconds, span_frame
from workbench.connectors.reading.trace_source import Searched, searched, span_fetch
from workbench.connectors.transport.http import HttpSettings
from workbench.errors import SourceError, SourceGarbled, SourceRefused

if TYPE_CHECKING:
    import pandas as pd

    from workbench.connectors.contract import Fetched
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


class Jaeger(HttpSource[JaegerSettings]):
    """Spans and dependencies of a Jaeger."""

    kind: ClassVar[str] = "jaeger"
    tables: ClassVar[tuple[str, ...]] = ("spans", "topology")
    uncounted: ClassVar[str] = "Jaeger does not count its traces"

    async def read(self, table: str, when: TimeRange, services: tuple[str, ...]) -> Fetched:
        """Ask for traces service by service, or for the dependencies."""
        if table == "topology":
            return await self._topology(when, services)
        found = await self._traces(when, services)
        read = span_rows if self.settings.api == "v3" else ui_rows
        frames = (read(trace) for trace in found.traces.values())
        return span_fetch(
            self.source, when, frames=frames, found=found, path="traces", services=services
        )

    async def _traces(self, when: TimeRange, services: tuple[str, ...]) -> Searched:
        found, failures = Searched(), list[SourceError]()
        asked = services or await self._services()
        for service in asked:

            async def ask(part: TimeRange, service: str = service) -> dict[str, Any]:
                v3 = self.settings.api == "v3"
                return await (self._ask_v3 if v3 else self._ask_ui)(part, service)

            try:
                one = await searched(ask, when, limit=self.settings.limit)
            except SourceError as error:  # of one service: it hides no other
                failures.append(error)
                found.problems.append(f"{service}: {error}")
                continue
            found.traces.update(one.traces)
            found.problems += [f"{service}: {trouble}" for trouble in one.problems]
            found.requests += one.requests
        if failures and len(failures) == len(asked):
            raise failures[0]
        return found

    async def _services(self) -> list[str]:
        v3 = self.settings.api == "v3"
        path = "/api/v3/services" if v3 else "/api/services"
        payload = (await self.http.json("GET", path)).payload
        listed = mapping_at(payload).get("services" if v3 else "data")
        if not isinstance(listed, list):
            raise SourceGarbled(fact="Not a list of services", value=str(payload)[:100])
        return sorted(text_of(name) for name in listed)

    async def _ask_v3(self, when: TimeRange, service: str) -> dict[str, Any]:
        params = {
            "query.serviceName": service,
            "query.startTimeMin": when.start.isoformat(),
            "query.startTimeMax": when.end.isoformat(),
            "query.rawTraces": "true",
            "query.searchDepth": str(self.settings.limit),
        }
        try:
            answer = await self.http.json("GET", "/api/v3/traces", params=params)
        except SourceRefused as error:
            if _is_nothing_found(error):
                return {}
            raise
        result = mapping_at(answer.payload).get("result")
        if not isinstance(result, dict) or not isinstance(result.get("resourceSpans", []), list):
            raise SourceGarbled(fact="Not traces", value=str(answer.payload)[:100])
        return _by_trace(list_at(result, "resourceSpans"))

    async def _ask_ui(self, when: TimeRange, service: str) -> dict[str, Any]:
        params = {
            "service": service,
            "start": str(when.start.value // _US),
            "end": str(-(-when.end.value // _US)),
            "limit": str(self.settings.limit),
            "raw": "true",
        }
        try:
            answer = await self.http.json("GET", "/api/traces", params=params)
        except SourceRefused as error:
            if _is_nothing_found(error):
                return {}
            raise
        data = mapping_at(answer.payload).get("data")
        if not isinstance(data, list) or list_at(answer.payload, "errors"):
            raise SourceGarbled(fact="Not traces", value=str(answer.payload)[:100])
        return {text_of(mapping_at(one).get("traceID")): one for one in data}

    async def _topology(self, when: TimeRange, services: tuple[str, ...]) -> Fetched:
        end, start = -(-when.end.value // _MS), when.start.value // _MS
        if self.settings.api == "v3":
            path = "/api/v3/dependencies"
            params = {"startTime": when.start.isoformat(), "endTime": when.end.isoformat()}
        else:
            path = "/api/dependencies"
            params = {"endTs": str(end), "lookback": str(end - start)}
        payload = (await self.http.json("GET", path, params=params)).payload
        listed = mapping_at(payload).get("data", mapping_at(payload).get("dependencies"))
        edges = payload if isinstance(payload, list) else listed
        return dependency_fetch(self.source, when, payload=edges, path=path, services=services)


def _is_nothing_found(error: SourceRefused) -> bool:
    """Whether a 404 is the gateway's word for a search without results, not for a wrong path."""
    if error.status != HTTPStatus.NOT_FOUND:
        return False
    payload = mapping_at(error.payload)
    told = [payload, mapping_at(payload, "error"), *map(mapping_at, list_at(payload, "errors"))]
    words = [text_of(one.get("message", one.get("msg"))).lower() for one in told]
    return any("trace" in word and ("no " in word or "not found" in word) for word in words)


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
        raise SourceGarbled(fact="A span without an id or a time", value=ids[1])
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
        microseconds(span.get("duration")),
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
