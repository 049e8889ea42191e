"""Zipkin (API v2) → spans and topology.

Times are microseconds in spans and milliseconds in questions; client and server of one call may
share a span's id; ten traces are given unless more are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pydantic

from workbench.connectors.reading.dependencies import dependency_fetch
from workbench.connectors.reading.http_source import HttpSource
from workbench.connectors.reading.otlp_values import integer
from workbench.connectors.reading.rows import json_text, list_at, mapping_at, text_of
from workbench.connectors.reading.spans import microseconds, span_frame
from workbench.connectors.reading.trace_source import searched, span_fetch
from workbench.connectors.transport.http import HttpSettings
from workbench.errors import SourceGarbled
from workbench.moved import renamed

if TYPE_CHECKING:
    import pandas as pd

    from workbench.connectors.contract import Fetched
    from workbench.times import TimeRange

__all__ = ["Zipkin", "ZipkinSettings", "zipkin_rows"]

if not TYPE_CHECKING:
    __getattr__ = renamed(
        __name__, {"dependency_frame": "workbench.connectors.reading.dependencies:dependency_frame"}
    )

_KINDS = {"SERVER": "server", "CLIENT": "client", "PRODUCER": "producer", "CONSUMER": "consumer"}
_MS, _US = 1_000_000, 1_000


class ZipkinSettings(HttpSettings):
    """Settings of a Zipkin.

    Parameters
    ----------
    limit
        Traces of one answer.
    """

    limit: int = pydantic.Field(default=500, ge=1, le=10_000, description="traces of one answer")


class Zipkin(HttpSource[ZipkinSettings]):
    """Spans and dependencies of a Zipkin."""

    kind: ClassVar[str] = "zipkin"
    tables: ClassVar[tuple[str, ...]] = ("spans", "topology")
    uncounted: ClassVar[str] = "Zipkin does not count its traces"

    async def read(self, table: str, when: TimeRange, services: tuple[str, ...]) -> Fetched:
        """Search the range for traces, or ask for the dependencies."""
        if table == "topology":
            return await self._topology(when, services)
        found = await searched(self._ask, when, limit=self.settings.limit)
        frames = (zipkin_rows(trace) for trace in found.traces.values())
        return span_fetch(
            self.source, when, frames=frames, found=found, path="/api/v2/traces", services=services
        )

    async def _ask(self, when: TimeRange) -> dict[str, Any]:
        params = {**_ends(when), "limit": str(self.settings.limit)}
        payload = (await self.http.json("GET", "/api/v2/traces", params=params)).payload
        if not isinstance(payload, list) or any(isinstance(one, dict) for one in payload):
            raise SourceGarbled(fact="Not a list of traces", value=str(payload)[:100])
        return {_trace_id(trace): trace for trace in payload if trace}

    async def _topology(self, when: TimeRange, services: tuple[str, ...]) -> Fetched:
        path = "/api/v2/dependencies"
        payload = (await self.http.json("GET", path, params=_ends(when))).payload
        return dependency_fetch(self.source, when, payload=payload, path=path, services=services)


def zipkin_rows(trace: object) -> tuple[pd.DataFrame, list[str]]:
    """Read one trace.

    Returns
    -------
    tuple
        Rows of the spans table, and what was refused.
    """
    rows, refused = [], []
    for n, span in enumerate(list_at(trace)):
        try:
            rows.append(_row(mapping_at(span)))
        except SourceGarbled as error:
            refused.append(f"span {n}: {error}")
    return span_frame(rows), refused


def _row(span: dict[str, Any]) -> tuple[object, ...]:
    ids = [text_of(span.get(name)).lower() for name in ("traceId", "id", "parentId")]
    start = integer(span.get("timestamp") or 0)
    if not ids[0] or not ids[1] or not 0 < start < 2**63 // _US:
        raise SourceGarbled(fact="A span without an id or a time", value=text_of(span.get("name")))
    tags = {text_of(k): text_of(v) for k, v in mapping_at(span, "tags").items()}
    peer = text_of(mapping_at(span, "remoteEndpoint").get("serviceName"))
    # A shared id: the server's span is the client's, and its caller is that span itself.
    parent = ids[1] if span.get("shared") is True else ids[2]
    trace_id = ids[0].rjust(32, "0")
    return (
        start * _US,
        microseconds(span.get("duration")),
        trace_id,
        ids[1],
        parent if parent != ids[1] or span.get("shared") is True else "",
        text_of(mapping_at(span, "localEndpoint").get("serviceName")),
        text_of(span.get("name")),
        _KINDS.get(text_of(span.get("kind")), "internal"),
        "error" if "error" in tags else "unset",
        json_text({**tags, **({"peer.service": peer} if peer else {})}),
        "",
    )


def _trace_id(trace: object) -> str:
    spans = list_at(trace)
    return text_of(mapping_at(spans[0]).get("traceId")) if spans else ""


def _ends(when: TimeRange) -> dict[str, str]:
    end, start = -(-when.end.value // _MS), when.start.value // _MS
    return {"endTs": str(end), "lookback": str(max(end - start, 1))}
