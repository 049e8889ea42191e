"""How full services and hosts are: gauges that follow from load and time, and from faults."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .system import START, Fault, System, ar1

GAUGES = {
    "cpu": "container_cpu_utilization",
    "memory": "container_memory_bytes",
    "pool": "connection_pool_in_use",
    "queue": "queue_depth",
    "lock": "lock_wait_seconds",
}
"""Kind of fault to the gauge it moves."""


def gauges_of(
    system: System, faults: tuple[Fault, ...], made: dict[tuple[str, ...], np.ndarray],
    kinds: tuple[str, ...], *, step_s: float, phi: float, rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    """Gauges of every service, and CPU of every host (the sum of what runs on it)."""
    parts: list[pd.DataFrame] = []
    hosts: dict[str, np.ndarray] = {}
    for service in system.services:
        where = system.hosts.get(service, "")
        labels = {"node": where} if where else {}
        for kind in kinds:
            values = _level(system, made, service, kind, step_s)
            size = len(values)
            values = values * np.exp(0.03 * ar1(size, phi, rng)[:, 0])
            share = (np.arange(size) + 0.5) / size
            for f in faults:
                if (f.service, f.kind) == (service, kind):
                    values = values * (1 + f.amount * f.strength(share))
            parts.append(_rows(GAUGES[kind], service, values, step_s, labels))
            if kind == "cpu" and where:
                hosts[where] = hosts.get(where, np.zeros(size)) + values
    parts += [
        _rows("node_cpu_utilization", where, np.minimum(used, 4.0) / 4.0, step_s, {"node": where})
        for where, used in hosts.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _level(
    system: System, made: dict[tuple[str, ...], np.ndarray], service: str, kind: str, step_s: float
) -> np.ndarray:
    load, latency = made[service, "load"], np.nan_to_num(made[service, "latency"])
    inside = load * latency / step_s  # Little's law: requests inside, waiting or not
    return {
        "cpu": load * system.own(service) / step_s + 0.02,
        "memory": np.full(len(load), 3e8),
        "pool": inside + 0.5,
        "queue": inside**2 / (1 + inside) + 0.5,
        "lock": np.full(len(load), 0.01),
    }[kind]


def _rows(
    metric: str, service: str, values: np.ndarray, step_s: float, labels: dict[str, str]
) -> pd.DataFrame:
    ts = START + pd.to_timedelta(np.arange(len(values)) * step_s, unit="s")
    frame = pd.DataFrame({"ts": ts, "metric": metric, "value": values, "service": service})
    return frame.assign(labels=[labels] * len(values), kind="gauge")
