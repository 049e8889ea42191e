"""A small OTLP/HTTP receiver: spans, logs and alert notifications become JSON lines."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from workbench.gameday.shop.config import HOST, ShopConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

    from opentelemetry.proto.common.v1.common_pb2 import KeyValue
    from starlette.requests import Request

__all__ = ["app", "log_rows", "main", "span_rows"]

_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUSES = ("unset", "ok", "error")


def span_rows(request: ExportTraceServiceRequest) -> Iterator[dict[str, Any]]:
    """Flatten an OTLP request into one row a span; ids as hex, times in nanoseconds."""
    for resource in request.resource_spans:
        about = _attributes(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield {
                    "start_ns": span.start_time_unix_nano,
                    "end_ns": span.end_time_unix_nano,
                    "trace_id": span.trace_id.hex(),
                    "span_id": span.span_id.hex(),
                    "parent_span_id": span.parent_span_id.hex(),
                    "service": about["service.name"],
                    "version": about["service.version"],
                    "name": span.name,
                    "kind": _KINDS[span.kind],
                    "status": _STATUSES[span.status.code],
                    "attributes": _attributes(span.attributes),
                    "links": [
                        {"trace_id": link.trace_id.hex(), "span_id": link.span_id.hex()}
                        for link in span.links
                    ],
                }


def log_rows(request: ExportLogsServiceRequest) -> Iterator[dict[str, Any]]:
    """Flatten an OTLP request into one row a log record."""
    for resource in request.resource_logs:
        about = _attributes(resource.resource.attributes)
        for scope in resource.scope_logs:
            for record in scope.log_records:
                yield {
                    "time_ns": record.time_unix_nano,
                    "observed_ns": record.observed_time_unix_nano,
                    "service": about["service.name"],
                    "version": about["service.version"],
                    "severity_number": record.severity_number,
                    "severity_text": record.severity_text,
                    "body": record.body.string_value,
                    "trace_id": record.trace_id.hex(),
                    "span_id": record.span_id.hex(),
                    "attributes": _attributes(record.attributes),
                }


def app(folder: Path) -> Starlette:
    """Build the receiver, writing ``spans.ndjson``, ``logs.ndjson``, ``notifications.ndjson``."""
    files = {n: (folder / f"{n}.ndjson").open("a") for n in ("spans", "logs", "notifications")}

    async def traces(request: Request) -> Response:
        message = ExportTraceServiceRequest.FromString(await request.body())
        _write(files["spans"], span_rows(message))
        return _answer(ExportTraceServiceResponse().SerializeToString())

    async def logs(request: Request) -> Response:
        message = ExportLogsServiceRequest.FromString(await request.body())
        _write(files["logs"], log_rows(message))
        return _answer(ExportLogsServiceResponse().SerializeToString())

    async def alerts(request: Request) -> Response:
        _write(files["notifications"], [await request.json()])
        return Response()

    async def health(_: Request) -> Response:
        return Response("ok")

    return Starlette(
        routes=[
            Route("/v1/traces", traces, methods=["POST"]),
            Route("/v1/logs", logs, methods=["POST"]),
            Route("/alerts", alerts, methods=["POST"]),
            Route("/health", health),
        ]
    )


def main(arguments: list[str] | None = None) -> int:
    """Receive until stopped.

    Parameters
    ----------
    arguments
        Path of ``shop.json``.
    """
    (path,) = arguments or sys.argv[1:]
    config = ShopConfig.load(Path(path))
    uvicorn.run(
        app(Path(config.folder)),
        host=HOST,
        port=config.ports["receiver"],
        log_level="warning",
        access_log=False,
    )
    return 0


def _write(file: TextIO, rows: Iterable[dict[str, Any]]) -> int:
    written = sum(file.write(json.dumps(row, separators=(",", ":")) + "\n") for row in rows)
    file.flush()
    return written


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    return {p.key: getattr(p.value, p.value.WhichOneof("value") or "string_value") for p in pairs}


def _answer(content: bytes) -> Response:
    return Response(content, media_type="application/x-protobuf")


if __name__ == "__main__":
    raise SystemExit(main())
