"""Turns the edge's access log into metrics and spans: nginx itself sends neither."""

from __future__ import annotations

import sys
import time
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import SpanKind
from opentelemetry.trace.status import StatusCode
from prometheus_client import start_http_server

from workbench.gameday.shop.config import HOST, ShopConfig
from workbench.gameday.shop.edge import EdgeRequest, parse_access_line
from workbench.gameday.shop.instruments import Instruments
from workbench.gameday.shop.telemetry import Telemetry, telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

__all__ = ["EdgeIds", "follow", "main", "report"]


class EdgeIds(IdGenerator):
    """Gives the ids that nginx already passed on."""

    def __init__(self) -> None:
        self.request_id = "1" * 32

    def generate_trace_id(self) -> int:
        """Trace id of the request at hand."""
        return int(self.request_id, 16)

    def generate_span_id(self) -> int:
        """Span id of the request at hand."""
        return int(self.request_id[:16], 16)


def report(
    request: EdgeRequest, *, to: Telemetry, ids: EdgeIds, instruments: Instruments
) -> EdgeRequest:
    """Count one request and send its span."""
    status = str(request.status)
    instruments.server.labels(request.method, request.route, status).observe(request.duration_s)
    if request.upstream_s is not None:
        labels = (request.method, "storefront", status)
        instruments.client.labels(*labels).observe(request.upstream_s)
    ids.request_id = request.trace_id
    end_ns = int(request.end_s * 1e9)
    span = to.spans.get_tracer("workbench.gameday.shop").start_span(
        f"{request.method} {request.route}",
        Context(),
        SpanKind.SERVER,
        start_time=end_ns - int(request.duration_s * 1e9),
        attributes={
            "http.request.method": request.method,
            "http.route": request.route,
            "http.response.status_code": request.status,
        },
    )
    if request.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        span.set_status(StatusCode.ERROR)
    span.end(end_ns)
    return request


def follow(log: TextIO) -> Iterator[str]:
    """Yield each complete line as it is written, for ever."""
    pending = ""
    while True:
        pending += log.readline()
        if pending.endswith("\n"):
            yield pending
            pending = ""
        else:
            time.sleep(0.1)


def main(arguments: list[str] | None = None) -> int:
    """Follow the access log until stopped.

    Parameters
    ----------
    arguments
        Path of ``shop.json``.
    """
    (path,) = arguments or sys.argv[1:]
    config = ShopConfig.load(Path(path))
    ids = EdgeIds()
    sink = telemetry("edge", config, version="1.22", ids=ids)
    instruments = Instruments()
    start_http_server(config.ports["edge-exporter"], HOST, instruments.registry)
    access = config.path("edge-access.log")
    access.touch()
    with access.open(encoding="utf-8", errors="replace") as log:
        for line in follow(log):
            if request := parse_access_line(line):
                report(request, to=sink, ids=ids, instruments=instruments)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
