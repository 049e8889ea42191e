"""Exports what PostgreSQL, Redis and the machine say about themselves."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import redis
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from workbench.gameday.shop.config import HOST, ShopConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric

__all__ = ["MachineCollector", "PostgresCollector", "RedisCollector", "main"]

_STATES = """
SELECT coalesce(state, 'background'), count(*) FROM pg_stat_activity
WHERE datname = 'shop' AND pid <> pg_backend_pid() GROUP BY 1"""
_WAITING = """
SELECT count(*), coalesce(max(extract(epoch FROM clock_timestamp() - query_start)), 0)
FROM pg_stat_activity WHERE datname = 'shop' AND wait_event_type = 'Lock'"""
_TOTALS = """
SELECT xact_commit, xact_rollback, deadlocks, tup_updated
FROM pg_stat_database WHERE datname = 'shop'"""
_TICKS_PER_SECOND = 100


class PostgresCollector(Collector):
    """Activity, lock waits and deadlocks from ``pg_stat_*``."""

    def __init__(self, dsn: str) -> None:
        self.dsn = f"{dsn} application_name=exporter"

    def collect(self) -> Iterator[Metric]:
        """Ask the server; without an answer only ``pg_up 0`` is given."""
        try:
            with psycopg.connect(self.dsn, connect_timeout=2) as connection:
                states = connection.execute(_STATES).fetchall()
                waiting = connection.execute(_WAITING).fetchone() or (0, 0)
                totals = connection.execute(_TOTALS).fetchone() or (0, 0, 0, 0)
        except psycopg.Error:
            yield GaugeMetricFamily("pg_up", "PostgreSQL answers.", value=0)
            return
        yield GaugeMetricFamily("pg_up", "PostgreSQL answers.", value=1)
        activity = GaugeMetricFamily(
            "pg_stat_activity_count", "Connections by state.", labels=["state"]
        )
        for state, count in [("active", 0), ("idle in transaction", 0), *states]:
            activity.add_metric([state], count)
        yield _last_wins(activity)
        yield GaugeMetricFamily(
            "pg_locks_waiting", "Sessions waiting for a lock.", value=float(waiting[0])
        )
        yield GaugeMetricFamily(
            "pg_lock_wait_longest_seconds", "Longest lock wait now.", value=float(waiting[1])
        )
        names = ("xact_commit", "xact_rollback", "deadlocks", "tup_updated")
        for name, value in zip(names, totals, strict=True):
            yield CounterMetricFamily(f"pg_stat_database_{name}", name, value=float(value))


class RedisCollector(Collector):
    """Clients, memory and commands from ``INFO``."""

    def __init__(self, port: int) -> None:
        self.client = redis.Redis(host=HOST, port=port, socket_timeout=2)

    def collect(self) -> Iterator[Metric]:
        """Ask the server; without an answer only ``redis_up 0`` is given."""
        try:
            info = self.client.info()
        except redis.RedisError:
            yield GaugeMetricFamily("redis_up", "Redis answers.", value=0)
            return
        yield GaugeMetricFamily("redis_up", "Redis answers.", value=1)
        yield GaugeMetricFamily(
            "redis_connected_clients", "Clients.", value=info["connected_clients"]
        )
        yield GaugeMetricFamily(
            "redis_memory_used_bytes", "Memory in use.", value=info["used_memory"]
        )
        yield CounterMetricFamily(
            "redis_commands_processed", "Commands.", value=info["total_commands_processed"]
        )


class MachineCollector(Collector):
    """CPU time and memory of the machine, so that its own noise is on the record."""

    def collect(self) -> Iterator[Metric]:
        """Read ``/proc``."""
        fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:9]
        modes = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
        cpu = CounterMetricFamily("node_cpu_seconds", "CPU time by mode.", labels=["mode"])
        for mode, ticks in zip(modes, fields, strict=True):
            cpu.add_metric([mode], int(ticks) / _TICKS_PER_SECOND)
        yield cpu
        load = float(Path("/proc/loadavg").read_text().split()[0])
        yield GaugeMetricFamily("node_load1", "Load average over one minute.", value=load)
        memory = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(memory["MemAvailable"].split()[0]) * 1024
        yield GaugeMetricFamily("node_memory_MemAvailable_bytes", "Free memory.", value=free)


def main(arguments: list[str] | None = None) -> int:
    """Serve three ``/metrics``, one a subject, until stopped.

    Parameters
    ----------
    arguments
        Path of ``shop.json``.
    """
    (path,) = arguments or sys.argv[1:]
    config = ShopConfig.load(Path(path))
    subjects: dict[str, Collector] = {
        "postgres-exporter": PostgresCollector(config.database),
        "redis-exporter": RedisCollector(config.ports["redis"]),
        "machine-exporter": MachineCollector(),
    }
    for name, collector in subjects.items():
        registry = CollectorRegistry()
        registry.register(collector)
        start_http_server(config.ports[name], HOST, registry)
    while True:
        time.sleep(3600)


def _last_wins(family: GaugeMetricFamily) -> GaugeMetricFamily:
    # The zeros stand in for states nobody is in; a state with sessions replaces its zero.
    family.samples = list({s.labels["state"]: s for s in family.samples}.values())
    return family


if __name__ == "__main__":
    raise SystemExit(main())
