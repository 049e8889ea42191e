"""The names telemetry uses, in one place: OpenTelemetry's conventions and our aggregates.

Both the new and the old attribute names are read (``service.peer.name`` and
``peer.service``, ``db.system.name`` and ``db.system``). In Prometheus form the dots are
underscores.
"""

from __future__ import annotations

from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "CLIENT_HISTOGRAMS",
    "COPY_ATTRIBUTES",
    "COPY_LABELS",
    "COUNTER_ENDINGS",
    "COUNTS",
    "EDGE_METRICS",
    "ERROR_TYPE_LABELS",
    "HOST_ATTRIBUTES",
    "HOST_LABELS",
    "HOST_METRICS",
    "HOST_RESOURCES",
    "INSTANCE_LABELS",
    "NODE_METRICS",
    "PEER_ATTRIBUTES",
    "PEER_LABELS",
    "SERVER_HISTOGRAMS",
    "STATUS_CODE_ATTRIBUTES",
    "STATUS_CODE_LABELS",
    "failed_labels",
    "first_of",
]

SERVER_HISTOGRAMS: tuple[str, ...] = (
    "http_server_request_duration_seconds",
    "rpc_server_duration_seconds",
    "rpc_server_call_duration_seconds",
)
"""Request durations as the service itself measured them, before ``_bucket/_sum/_count``."""

CLIENT_HISTOGRAMS: Mapping[str, str] = MappingProxyType(
    {
        "http_client_request_duration_seconds": "http",
        "rpc_client_duration_seconds": "rpc",
        "rpc_client_call_duration_seconds": "rpc",
        "db_client_operation_duration_seconds": "db",
        "messaging_client_operation_duration_seconds": "messaging",
    }
)
"""Request durations as the caller measured them, and the kind of edge they make."""

NODE_METRICS: Mapping[str, str] = MappingProxyType(
    {
        "service.load": "load",
        "service.latency": "latency",
        "service.latency_p50": "latency_p50",
        "service.latency_p90": "latency_p90",
        "service.latency_p95": "latency_p95",
        "service.latency_p99": "latency_p99",
        "service.errors": "errors",
        "service.error_ratio": "error_ratio",
    }
)
"""Aggregates a bin of data published already aggregated, and the signal each is."""

EDGE_METRICS: Mapping[str, str] = MappingProxyType(
    {
        "edge.calls": "calls",
        "edge.latency": "latency",
        "edge.latency_callee": "latency_callee",
        "edge.errors": "errors",
    }
)
"""The same for calls: `service` is the caller, label ``peer`` the callee."""

COUNTS: frozenset[str] = frozenset(
    {"service.load", "service.errors", "edge.calls", "edge.errors"}
)
"""Aggregates that are counts of their bin: several in one bin are added up."""

PEER_LABELS: tuple[str, ...] = (
    "peer",
    "service_peer_name",
    "peer_service",
    "db_system_name",
    "db_system",
    "messaging_destination_name",
    "server_address",
)
"""Labels that name the other end of a call, the most telling first."""

PEER_ATTRIBUTES: tuple[str, ...] = (
    "service.peer.name",
    "peer.service",
    "db.system.name",
    "db.system",
    "messaging.destination.name",
    "server.address",
    "net.peer.name",
)
"""Span attributes that name the other end of a call, the most telling first."""

STATUS_CODE_LABELS: tuple[str, ...] = ("http_response_status_code", "http_status_code")
STATUS_CODE_ATTRIBUTES: tuple[str, ...] = ("http.response.status_code", "http.status_code")
ERROR_TYPE_LABELS: tuple[str, ...] = ("error_type",)

INSTANCE_LABELS: frozenset[str] = frozenset(
    {
        "instance",
        "job",
        "pod",
        "host",
        "host_name",
        "service_instance_id",
        "k8s_pod_name",
        "service",
        "service_name",
        "container",
        "node",
    }
)
"""Labels that tell copies of one thing apart, rather than different things."""

HOST_LABELS: tuple[str, ...] = ("node", "k8s_node_name", "host_name", "host", "hostname")
HOST_ATTRIBUTES: tuple[str, ...] = ("k8s.node.name", "host.name")
"""Labels and resource attributes that say where something ran, the most telling first."""

HOST_METRICS: tuple[str, ...] = ("node_", "system_", "system.", "host_", "host.", "machine_")
"""Beginnings of metrics about a host itself, whichever exporter reports them."""

HOST_RESOURCES: Mapping[str, str] = MappingProxyType(
    {
        "cpu": "cpu",
        **dict.fromkeys(("memory", "mem", "rss", "swap"), "memory"),
        **dict.fromkeys(("disk", "filesystem", "fs", "io", "iops", "blkio"), "disk"),
        **dict.fromkeys(("network", "net", "bandwidth"), "network"),
    }
)
"""Words in the names of gauges of what a host shares out among what runs on it."""

COPY_LABELS: tuple[str, ...] = ("k8s_pod_name", "pod", "service_instance_id", "instance")
COPY_ATTRIBUTES: tuple[str, ...] = ("k8s.pod.name", "service.instance.id")
"""Labels and resource attributes that tell instances of one service apart."""

COUNTER_ENDINGS: tuple[str, ...] = ("_total", "_count", "_sum", "_bucket")
"""Endings of cumulative counters, for samples that do not say their kind."""


def first_of(labels: Mapping[str, object], names: tuple[str, ...]) -> str:
    """Return the first of these labels that is set, or ``""``."""
    return next((str(labels[name]) for name in names if labels.get(name) not in (None, "")), "")


def failed_labels(labels: Mapping[str, object]) -> bool:
    """Whether a request series counts failures.

    A status code decides where there is one: 500 and above failed, and so did a code that
    is not a number (no answer came). Without a code, any error type is a failure.
    """
    code = first_of(labels, STATUS_CODE_LABELS)
    if code:
        return not code.isdigit() or int(code) >= HTTPStatus.INTERNAL_SERVER_ERROR
    return first_of(labels, ERROR_TYPE_LABELS) != ""
