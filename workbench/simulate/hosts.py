"""Shared hosts: noisy neighbours, stolen processor time, sick machines.

Everything on a host shares its processors evenly (M/G/1 processor sharing: a request takes
``s / (1 − ρ)``), and ρ is the host's, batch work beside included. A host's own trouble is a
smaller machine. Where processors are short the hypervisor reports stolen time.

Work is not conserved: the same request takes longer because of a service that it never
meets; no call leads from the one to the other, and several unrelated services slow down at
once, each by its own share of work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.simulate.counting import Expected, count, own_failures, own_seconds
from workbench.simulate.traffic import ar1

if TYPE_CHECKING:
    from workbench.simulate.course import Course, Setup
    from workbench.simulate.services import Array

__all__ = ["run"]

_FULLEST = 0.95


def run(setup: Setup) -> Course:
    """Run the world: all bins at once."""
    system, effects = setup.system, setup.effects
    own, own_fail = own_seconds(setup, shared=True), own_failures(setup)
    ratio = system.ratio[:, None] * effects.calls
    network, lost = effects.lost(system)
    entering = setup.entering()
    load = system.flow(entering, ratio)[0]
    work = load * own / setup.clock.step_s
    work = work * (1 + _crowding(effects.capacity))
    busy, stolen = _busy(setup, work)
    slower = (1 / (1 - busy))[system.host]
    spent = own * slower * (1 + _crowding(effects.capacity)) + effects.delay
    overrun = np.clip(busy - 0.93, 0, 1)[system.host]  # time-outs of a machine that is full
    broken = np.clip(own_fail + overrun, 0, 0.98)
    fail = system.failing(broken, ratio, np.ones_like(ratio))
    gauges = {
        "container_cpu_usage": work + 0.002,
        "container_memory_bytes": 3e8 * effects.memory * np.ones_like(work),
        "container_run_queue": work * slower + 0.01,
    }
    expected = Expected(
        load, system.summed(spent, ratio, network), np.clip(fail, 0, 1), ratio, network, lost,
        spent, broken, entering, gauges,
        host_gauges={"node_cpu_utilization": busy, "node_cpu_steal": stolen + 0.001},
    )  # fmt: skip
    return count(setup, expected)


def _crowding(capacity: Array) -> Array:
    """More work on each instance that is left, by its share, in part."""
    return 0.5 * (1 / np.maximum(capacity, 0.2) - 1)


def _busy(setup: Setup, work: Array) -> tuple[Array, Array]:
    """Utilisation of each host and the share of time stolen on it; (hosts, bins)."""
    system, rng = setup.system, setup.rng(10)
    hosts = len(system.hosts)
    total = np.zeros((hosts, setup.clock.size))
    np.add.at(total, system.host, work)
    usual = np.quantile(total[:, : setup.clock.onset], 0.9, axis=1)
    cores = np.maximum(usual, 1e-3) / rng.uniform(0.2, 0.5, hosts)
    batch = np.exp(0.5 * ar1(setup.clock.size, 0.9, rng, rows=hosts))
    total += 0.08 * cores[:, None] * batch
    left = cores[:, None] * setup.effects.cores
    busy = np.clip(total / left, 0.0, _FULLEST)
    return busy, np.clip(total / left - 0.8, 0.0, 1.0) + 0.5 * (1 - setup.effects.cores)
