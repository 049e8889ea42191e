"""How full services and hosts are: gauges that follow from load and time, and from faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .system import Fault, System, ar1

if TYPE_CHECKING:
    from .rows import Part

GAUGES = {
    "cpu": "container_cpu_utilization",
    "disk": "container_disk_io_seconds",
    "memory": "container_memory_bytes",
    "pool": "connection_pool_in_use",
    "queue": "queue_depth",
    "lock": "lock_wait_seconds",
}
"""Kind of fault to the gauge it moves."""

HOST_GAUGES = {"cpu": "node_cpu_utilization", "disk": "node_disk_io_seconds"}
"""Gauges of a host: the sum of what runs on it, and of what is wrong with it itself."""


def gauges_of(
    system: System,
    faults: tuple[Fault, ...],
    made: dict[tuple[str, ...], np.ndarray],
    kinds: tuple[str, ...],
    *,
    step_s: float,
    phi: float,
    rng: np.random.Generator,
) -> list[Part]:
    """Gauges of every instance of every service, and of every host."""
    parts: list[Part] = []
    hosts: dict[tuple[str, str], np.ndarray] = {}
    for service in system.services:
        where = system.hosts.get(service, "")
        labels: dict[str, object] = {"node": where} if where else {}
        for kind in kinds:
            values = _level(system, made, service, kind, step_s)
            size = len(values)
            values = values * np.exp(0.03 * ar1(size, phi, rng)[:, 0])
            total = np.zeros(size)
            copies = system.instances_of(service)
            for copy in copies:
                own = values * (1 + _added(faults, service, kind, size, copy))
                if len(copies) > 1:
                    own = own * (1 + 0.03 * rng.standard_normal(size))
                told = labels | ({"pod": copy} if len(copies) > 1 else {})
                parts.append((GAUGES[kind], service, told, own))
                total = total + own / len(copies)
            if kind in HOST_GAUGES and where:
                hosts[where, kind] = hosts.get((where, kind), np.zeros(size)) + total
    for (where, kind), used in hosts.items():
        filled = used * (1 + _added(faults, where, kind, len(used)))
        share = np.minimum(filled, 4.0) / 4.0
        parts.append((HOST_GAUGES[kind], where, {"node": where}, share))
    return parts


def _added(
    faults: tuple[Fault, ...], owner: str, kind: str, size: int, copy: str = ""
) -> np.ndarray:
    """What faults add to a gauge, in parts of it."""
    share = (np.arange(size) + 0.5) / size
    chosen = [
        f for f in faults if (f.service, f.kind) == (owner, kind) and f.instance in {"", copy}
    ]
    return sum((f.amount * f.strength(share) for f in chosen), np.zeros(size))


def _level(
    system: System, made: dict[tuple[str, ...], np.ndarray], service: str, kind: str, step_s: float
) -> np.ndarray:
    load, latency = made[service, "load"], np.nan_to_num(made[service, "latency"])
    inside = load * latency / step_s  # Little's law: requests inside, waiting or not
    return {
        "cpu": load * system.own(service) / step_s + 0.02,
        "disk": 0.2 * load * system.own(service) / step_s + 0.02,
        "memory": np.full(len(load), 3e8),
        "pool": inside + 0.5,
        "queue": inside**2 / (1 + inside) + 0.5,
        "lock": np.full(len(load), 0.01),
    }[kind]
