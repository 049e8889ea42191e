"""Prometheus and Alertmanager: their configuration, and what they saw read back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx

from workbench.gameday.programs import program
from workbench.gameday.shop.config import HOST, SERVICES, ShopConfig

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.gameday.supervise import Supervisor

__all__ = ["FAMILIES", "SCRAPE_S", "alerts_now", "raw_samples", "rule_groups", "start", "targets"]

SCRAPE_S = 5

FAMILIES = (
    "up",
    "http_server_request_duration_seconds_bucket",
    "http_server_request_duration_seconds_sum",
    "http_server_request_duration_seconds_count",
    "http_client_request_duration_seconds_sum",
    "http_client_request_duration_seconds_count",
    "db_client_operation_duration_seconds_sum",
    "db_client_operation_duration_seconds_count",
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "worker_pool_busy",
    "worker_pool_queue",
    "worker_pool_size",
    "db_client_connection_count",
    "db_client_connection_pending_requests",
    "db_client_connection_max",
    "messaging_queue_depth",
    "pg_up",
    "pg_locks_waiting",
    "pg_lock_wait_longest_seconds",
    "pg_stat_activity_count",
    "pg_stat_database_deadlocks_total",
    "pg_stat_database_xact_commit_total",
    "pg_stat_database_xact_rollback_total",
    "redis_up",
    "redis_connected_clients",
    "redis_memory_used_bytes",
    "redis_commands_processed_total",
    "node_cpu_seconds_total",
    "node_load1",
    "node_memory_MemAvailable_bytes",
)

_COUNT = "http_server_request_duration_seconds_count"
_RULES = (
    (
        "HighErrorRatio",
        f'sum by (service) (rate({_COUNT}{{http_response_status_code=~"5.."}}[1m]))'
        f" / sum by (service) (rate({_COUNT}[1m])) > 0.05",
        "15s",
        "critical",
    ),
    (
        "HighLatency",
        "histogram_quantile(0.95, sum by (service, le) "
        "(rate(http_server_request_duration_seconds_bucket[1m]))) > 1",
        "15s",
        "critical",
    ),
    (
        "WorkerPoolSaturated",
        "avg_over_time(worker_pool_busy[30s]) / worker_pool_size > 0.9",
        "15s",
        "warning",
    ),
    (
        "ConnectionPoolExhausted",
        "avg_over_time(db_client_connection_pending_requests[30s]) > 0.5",
        "10s",
        "warning",
    ),
    ("LockWaits", "avg_over_time(pg_locks_waiting[30s]) > 0.5", "10s", "warning"),
    ("Deadlocks", "increase(pg_stat_database_deadlocks_total[1m]) > 0", "0s", "warning"),
    ("QueueBacklog", "messaging_queue_depth > 20", "15s", "warning"),
    ("TargetDown", "up == 0", "10s", "critical"),
)


def targets(config: ShopConfig) -> dict[str, int]:
    """Port to scrape for each service name."""
    found = {name: config.ports[name] for name in SERVICES}
    exporters = {
        "edge": "edge-exporter",
        "postgresql": "postgres-exporter",
        "redis": "redis-exporter",
        "machine": "machine-exporter",
    }
    return found | {name: config.ports[port] for name, port in exporters.items()}


def start(config: ShopConfig, supervisor: Supervisor) -> tuple[int, int]:
    """Start Prometheus and Alertmanager; return their pids."""
    prometheus = supervisor.start(
        "prometheus",
        [
            program("prometheus"),
            f"--config.file={_write_prometheus(config)}",
            f"--storage.tsdb.path={config.path('prometheus')}",
            f"--web.listen-address={HOST}:{config.ports['prometheus']}",
            "--storage.tsdb.retention.time=1d",
            "--log.level=warn",
        ],
    )
    alertmanager = supervisor.start(
        "alertmanager",
        [
            program("prometheus-alertmanager"),
            f"--config.file={_write_alertmanager(config)}",
            f"--storage.path={config.path('alertmanager')}",
            f"--web.listen-address={HOST}:{config.ports['alertmanager']}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ],
    )
    return prometheus, alertmanager


def raw_samples(config: ShopConfig, family: str, *, at: float, seconds: int) -> list[Any]:
    """Every sample of one family as scraped: a range selector, so nothing is resampled."""
    query = {"query": f"{family}[{seconds}s]", "time": f"{at:.3f}"}
    result: list[Any] = _get(config.url("prometheus"), "/api/v1/query", query)["data"]["result"]
    return result


def rule_groups(config: ShopConfig) -> list[Any]:
    """Alert rules and their state, as Prometheus tells them."""
    groups: list[Any] = _get(config.url("prometheus"), "/api/v1/rules", {})["data"]["groups"]
    return groups


def alerts_now(config: ShopConfig) -> list[Any]:
    """Alerts that Alertmanager holds as active."""
    alerts: list[Any] = _get(config.url("alertmanager"), "/api/v2/alerts", {})
    return alerts


def _get(base: str, path: str, query: dict[str, str]) -> Any:  # noqa: ANN401 - JSON
    answer = httpx.get(base + path, params=query, timeout=30.0, trust_env=False)
    return answer.raise_for_status().json()


def _write_prometheus(config: ShopConfig) -> Path:
    rules = [
        {
            "alert": name,
            "expr": expression,
            "for": wait,
            "labels": {"severity": severity},
        }
        for name, expression, wait, severity in _RULES
    ]
    groups = {"groups": [{"name": "shop", "rules": rules}]}
    config.path("rules.yml").write_text(json.dumps(groups, indent=1))
    scrape = [
        {"targets": [f"{HOST}:{port}"], "labels": {"service": name, "instance": f"{name}-0"}}
        for name, port in targets(config).items()
    ]
    every = f"{SCRAPE_S}s"
    manager = {"static_configs": [{"targets": [f"{HOST}:{config.ports['alertmanager']}"]}]}
    # JSON is YAML: no second writer is needed.
    text = {
        "global": {"scrape_interval": every, "scrape_timeout": "4s", "evaluation_interval": every},
        "rule_files": [str(config.path("rules.yml"))],
        "alerting": {"alertmanagers": [manager]},
        "scrape_configs": [{"job_name": "shop", "static_configs": scrape}],
    }
    path = config.path("prometheus.yml")
    path.write_text(json.dumps(text, indent=1))
    return path


def _write_alertmanager(config: ShopConfig) -> Path:
    webhook = {"url": config.url("receiver") + "/alerts", "send_resolved": True}
    text = {
        "route": {
            "receiver": "on-call",
            "group_by": ["alertname", "service"],
            "group_wait": "1s",
            "group_interval": "5s",
            "repeat_interval": "1h",
        },
        "receivers": [{"name": "on-call", "webhook_configs": [webhook]}],
    }
    path = config.path("alertmanager.yml")
    path.write_text(json.dumps(text, indent=1))
    return path
