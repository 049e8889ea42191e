"""OpenTelemetry spans and logs of one process, sent as OTLP/HTTP to the receiver."""

from __future__ import annotations

import logging
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.trace import Span, SpanKind

    from workbench.gameday.shop.config import ShopConfig

__all__ = ["Telemetry", "telemetry"]

_SEVERITY = {
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
}


@dataclass(frozen=True)
class Telemetry:
    """Tracer and logger of one process."""

    service: str
    spans: TracerProvider
    logs: LoggerProvider

    @contextmanager
    def span(
        self,
        name: str,
        kind: SpanKind,
        *,
        attributes: Mapping[str, str | int | bool],
        parent: Context | None = None,
    ) -> Iterator[Span]:
        """Open a span as the current one; an exception marks it as an error."""
        tracer = self.spans.get_tracer("workbench.gameday.shop")
        span = tracer.start_span(name, parent, kind, attributes=dict(attributes))
        with trace.use_span(span, end_on_exit=True, record_exception=False):
            yield span

    def log(
        self,
        level: int,
        body: str,
        *,
        attributes: Mapping[str, str | int] | None = None,
        error: BaseException | None = None,
    ) -> int:
        """Emit one log record under the current trace; return its time in nanoseconds."""
        now = time.time_ns()
        self.logs.get_logger("shop").emit(
            timestamp=now,
            observed_timestamp=now,
            severity_number=_SEVERITY[level],
            severity_text=logging.getLevelName(level),
            body=body,
            attributes=dict(attributes or {}),
            exception=error,
        )
        return now

    def close(self) -> bool:
        """Send what is still buffered; true if all of it left in time."""
        sent = self.spans.force_flush(2000)
        self.spans.shutdown()
        self.logs.shutdown()
        return sent


def telemetry(
    service: str, config: ShopConfig, *, version: str, ids: IdGenerator | None = None
) -> Telemetry:
    """Set up OpenTelemetry for one process."""
    # The exporters read the environment; nothing may leave loopback through a proxy.
    os.environ["NO_PROXY"] = "*"
    resource = Resource({"service.name": service, "service.version": version})
    spans = TracerProvider(resource=resource, id_generator=ids)
    logs = LoggerProvider(resource=resource)
    url = config.url("receiver")
    spans.add_span_processor(
        BatchSpanProcessor(OTLPSpanExporter(f"{url}/v1/traces"), schedule_delay_millis=1000)
    )
    logs.add_log_record_processor(
        BatchLogRecordProcessor(OTLPLogExporter(f"{url}/v1/logs"), schedule_delay_millis=1000)
    )
    return Telemetry(service, spans, logs)
