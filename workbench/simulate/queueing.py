"""Queues that saturate, time-outs and retries.

Each service is a queue with c servers. Waiting follows Sakasegawa's approximation of
GI/G/c, ``W = s (ca² + cs²)/2 · ρ^(√(2(c+1)) − 1) / (c (1 − ρ))`` (Ann. Inst. Stat. Math. 29,
1977), and beyond saturation a fluid backlog is carried from bin to bin. A caller gives up
after its time-out and tries again, up to twice; the callee does the abandoned work
nevertheless.

Work is not conserved: more load makes everything slower, not only more; a time-out hides
the callee's time from its caller, and retries of bin t are load of bin t + 1, so that a
short trigger can outlast itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.simulate.counting import Expected, count, own_failures, own_seconds

if TYPE_CHECKING:
    from workbench.simulate.course import Course, Setup
    from workbench.simulate.services import Array, System

__all__ = ["run"]

_RETRIES = 2
_LONGEST_QUEUE_S = 20.0
_FULL = 0.97  # utilisation at which the fluid backlog takes over from the formula


@dataclass(slots=True)
class _Queues:
    """Parameters of the queues and their state, one entry a service or an edge."""

    servers: Array
    variability: Array
    timeout: Array
    backlog: Array


def run(setup: Setup) -> Course:
    """Run the world: one step a bin, all services at once."""
    system, size = setup.system, setup.clock.size
    own, own_fail = own_seconds(setup), own_failures(setup)
    entering = setup.entering()
    network, lost = setup.effects.lost(system)
    queues = _queues(setup, own)
    made = {name: np.zeros((system.size, size)) for name in ("load", "latency", "fail", "busy")}
    made["backlog"], made["spent"] = np.zeros((2, system.size, size))
    seen, late = np.zeros((system.edges, size)), np.zeros((system.edges, size))
    ratio = system.ratio[:, None] * setup.effects.calls
    gave_up = np.zeros(system.edges)
    for t in range(size):
        tries = 1 + gave_up + gave_up**_RETRIES
        ratio[:, t] *= tries
        load = _spread(system, entering[:, t], ratio[:, t])
        wait, busy = _wait(setup, queues, load, own[:, t], t)
        spent = own[:, t] + wait + setup.effects.delay[:, t]
        shed = np.where(queues.backlog >= _LONGEST_QUEUE_S * queues.servers, 0.5, 0.0)
        broken = np.clip(own_fail[:, t] + shed, 0, 1)
        latency, seen[:, t], fail, late[:, t] = _answers(
            system, queues, (spent, broken), ratio[:, t] / tries, (network[:, t], lost[:, t])
        )
        gave_up = np.clip(late[:, t] + fail[system.callees] * 0.5, 0, 1)
        made["load"][:, t], made["latency"][:, t], made["fail"][:, t] = load, latency, fail
        made["busy"][:, t], made["backlog"][:, t], made["spent"][:, t] = busy, wait * load, spent
    gauges = {
        "cpu_utilization": made["busy"],
        "queue_depth": made["backlog"] / setup.clock.step_s + 0.2,
        "memory_bytes": 3e8 * setup.effects.memory * np.ones_like(own),
    }
    expected = Expected(
        made["load"], made["latency"], made["fail"], ratio, network, late + lost, made["spent"],
        own_fail, entering, gauges, call_latency=seen,
    )  # fmt: skip
    return count(setup, expected)


def _queues(setup: Setup, own: Array) -> _Queues:
    """Size each service for a fifth to six tenths of its usual peak."""
    system, rng = setup.system, setup.rng(10)
    usual = (own / setup.effects.demand)[:, : setup.clock.onset]
    entering = np.zeros((system.size, 1))
    entering[list(system.roots)] = np.quantile(setup.traffic, 0.95)
    peak = system.flow(entering, system.ratio[:, None])[0][:, 0] / setup.clock.step_s
    wanted = peak * usual.mean(axis=1) / rng.uniform(0.2, 0.6, system.size)
    nominal = system.summed(usual.mean(axis=1), system.ratio, np.zeros(system.edges))
    return _Queues(
        servers=np.maximum(np.ceil(wanted), 1.0),
        variability=rng.uniform(0.5, 2.0, system.size),
        timeout=np.maximum(nominal[system.callees] * rng.uniform(6, 20, system.edges), 0.05),
        backlog=np.zeros(system.size),
    )


def _spread(system: System, entering: Array, ratio: Array) -> Array:
    """Load of each service: calls of calls are added until none is left."""
    load, moved = entering.copy(), entering
    while moved.any():
        weights = moved[system.callers] * ratio
        moved = np.bincount(system.callees, weights, minlength=system.size).astype(float)
        load = load + moved
    return load


def _wait(setup: Setup, queues: _Queues, load: Array, own: Array, t: int) -> tuple[Array, Array]:
    """Seconds a request waits, and the utilisation, in bin t; the backlog moves on."""
    working = np.maximum(queues.servers * setup.effects.capacity[:, t], 0.05)
    room = working * setup.clock.step_s
    work = load * own + queues.backlog
    busy = np.minimum(work / room, 1.0)
    rho = np.minimum(busy, _FULL)
    shape = queues.variability * rho ** (np.sqrt(2 * (working + 1)) - 1)
    queues.backlog = np.clip(work - room, 0.0, _LONGEST_QUEUE_S * queues.servers)
    return own * shape / (working * (1 - rho)) + queues.backlog / working, busy


def _answers(
    system: System,
    queues: _Queues,
    own: tuple[Array, Array],
    ratio: Array,
    way: tuple[Array, Array],
) -> tuple[Array, Array, Array, Array]:
    """Latency and failures up the calls: nobody waits longer than its time-out."""
    (spent, broken), (network, lost) = own, way
    latency, survives = spent.copy(), 1 - broken
    seen, late = np.zeros(system.edges), np.zeros(system.edges)
    for e in range(system.edges - 1, -1, -1):
        caller, callee = system.callers[e], system.callees[e]
        whole = latency[callee] + network[e]
        late[e] = np.exp(-queues.timeout[e] / max(whole, 1e-9))
        seen[e] = whole * (1 - late[e])
        wrong = min(1 - survives[callee] * (1 - late[e]) * (1 - lost[e]), 1.0)
        tries = 1 + wrong + wrong**_RETRIES
        latency[caller] += ratio[e] * tries * seen[e]
        survives[caller] *= (1 - wrong ** (1 + _RETRIES)) ** ratio[e]
    return latency, seen, 1 - survives, late
