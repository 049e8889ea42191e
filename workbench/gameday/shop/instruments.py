"""Prometheus metrics of one process, named after the semantic conventions."""

from __future__ import annotations

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector

__all__ = ["BUCKETS_S", "Instruments"]

BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Instruments:
    """Request histograms and the process's own CPU and memory, in one registry."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    server: Histogram = field(init=False)
    client: Histogram = field(init=False)
    database: Histogram = field(init=False)

    def __post_init__(self) -> None:
        """Register the families every process has."""
        ProcessCollector(registry=self.registry)
        families = {
            "server": (
                "http_server_request_duration_seconds",
                "Duration of HTTP server requests.",
                ("http_request_method", "http_route", "http_response_status_code"),
            ),
            "client": (
                "http_client_request_duration_seconds",
                "Duration of HTTP client requests, as the caller sees them.",
                ("http_request_method", "service_peer_name", "http_response_status_code"),
            ),
            "database": (
                "db_client_operation_duration_seconds",
                "Duration of database client operations, waiting for a connection included.",
                ("service_peer_name", "db_operation_name", "error_type"),
            ),
        }
        for name, (metric, text, labels) in families.items():
            histogram = Histogram(metric, text, labels, buckets=BUCKETS_S, registry=self.registry)
            object.__setattr__(self, name, histogram)

    def gauge(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        """Register a further gauge."""
        return Gauge(name, text, labels, registry=self.registry)
