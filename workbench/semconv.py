"""The names telemetry uses, in one place: OpenTelemetry's conventions and our aggregates.

Both the new and the old attribute names are read (``service.peer.name`` and
``peer.service``, ``db.system.name`` and ``db.system``). In Prometheus form the dots are
underscores.
"""

from __future__ import annotations

import re
from functools import cache
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
    "GRPC_FAILURES",
    "GRPC_STATUS_ATTRIBUTES",
    "GRPC_STATUS_LABELS",
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
    "WRITER_LABELS",
    "failed_labels",
    "first_of",
    "histogram_part",
    "is_grpc_failure",
    "plain_name",
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

COUNTS: frozenset[str] = frozenset({"service.load", "service.errors", "edge.calls", "edge.errors"})
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
GRPC_STATUS_LABELS: tuple[str, ...] = (
    "rpc_grpc_status_code",
    "rpc_response_status_code",
    "grpc_response_status",
    "grpc_status",
    "grpc_code",
)
GRPC_STATUS_ATTRIBUTES: tuple[str, ...] = ("rpc.grpc.status_code", "rpc.response.status_code")
GRPC_FAILURES: frozenset[str] = frozenset(
    {
        *("2", "UNKNOWN"),
        *("4", "DEADLINE_EXCEEDED"),
        *("12", "UNIMPLEMENTED"),
        *("13", "INTERNAL"),
        *("14", "UNAVAILABLE"),
        *("15", "DATA_LOSS"),
    }
)
"""Status codes of gRPC that are the server's failure (semantic conventions for gRPC)."""
ERROR_TYPE_LABELS: tuple[str, ...] = ("error_type",)

WRITER_LABELS: tuple[str, ...] = (
    "instance",
    "pod",
    "pod_name",
    "k8s_pod_name",
    "k8s_pod_uid",
    "kubernetes_pod_name",
    "service_instance_id",
    "container_id",
    "process_pid",
    "host_name",
    "host_id",
    "aws_ecs_task_arn",
    "task",
    "replica",
    "writer",
)
"""Labels that say which process wrote a series: those of one are sampled together."""

INSTANCE_LABELS: frozenset[str] = frozenset(
    {
        *WRITER_LABELS,
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

_NOT_PLAIN = re.compile(r"[^a-zA-Z0-9_:]")


@cache
def plain_name(name: str) -> str:
    """Write a name in Prometheus form: what is neither letter, digit, ``_`` nor ``:`` is ``_``.

    OpenTelemetry, "Prometheus and OpenMetrics compatibility". Prometheus 3 and OTLP have dots.

    Examples
    --------
    >>> plain_name("http.response.status_code")
    'http_response_status_code'
    """
    return _NOT_PLAIN.sub("_", name)


def first_of(labels: Mapping[str, object], names: tuple[str, ...]) -> str:
    """Return the first of these labels that is set, or ``""``; dots and ``_`` are the same."""
    found = next((labels[name] for name in names if labels.get(name) not in (None, "")), "")
    if found != "" or not any("." in name for name in (*labels, *names)):
        return str(found)
    plain = {plain_name(name): value for name, value in labels.items() if value not in (None, "")}
    return next((str(plain[one]) for name in names if (one := plain_name(name)) in plain), "")


def failed_labels(labels: Mapping[str, object]) -> bool:
    """Whether a request series counts failures.

    gRPC tells its own status beside HTTP 200. Of HTTP a status code decides where there is
    one: 500 and above failed, and so did a code that is not a number (no answer came). Without
    a code, any error type is a failure.
    """
    if is_grpc_failure(first_of(labels, GRPC_STATUS_LABELS)):
        return True
    code = first_of(labels, STATUS_CODE_LABELS)
    if code:
        return not code.isdigit() or int(code) >= HTTPStatus.INTERNAL_SERVER_ERROR
    return first_of(labels, ERROR_TYPE_LABELS) != ""


def is_grpc_failure(status: str) -> bool:
    """Whether a gRPC status, a number or a name, is the server's failure."""
    return status.upper() in GRPC_FAILURES


@cache
def histogram_part(metric: str) -> tuple[str, str]:
    """Split the name of a part of a request histogram into its base and its ending.

    The base is in Prometheus form with its unit: without translation Prometheus 3 has
    ``http.server.request.duration_count``, in seconds by convention.

    Returns
    -------
    tuple
        Base and ``_bucket``, ``_sum`` or ``_count``; ``("", "")`` of any other metric.

    Examples
    --------
    >>> histogram_part("http.server.request.duration_count")
    ('http_server_request_duration_seconds', '_count')
    """
    plain = plain_name(metric)
    for ending in ("_bucket", "_sum", "_count"):
        for base in (plain.removesuffix(ending), f"{plain.removesuffix(ending)}_seconds"):
            if plain.endswith(ending) and (base in SERVER_HISTOGRAMS or base in CLIENT_HISTOGRAMS):
                return base, ending
    return "", ""
