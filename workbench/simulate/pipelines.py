"""Asynchronous pipelines: queues, backlog, consumers, and freshness at the end.

A message goes from stage to stage through queues. Each stage takes what it can: its backlog
follows Lindley's recursion in fluid form, ``B[t] = max(0, B[t−1] + A[t] − C[t])``, and what
leaves is what came less what stayed. The SLI is how old a message is when the last stage
has done with it: waiting and work of the slowest way there.

Work is not conserved: nobody waits for anybody, so a slow consumer makes no producer slower.
Trouble shows only downstream, against the calls' own sense of cause, it arrives later than
its cause, and stays until the backlog is worked off. Failed messages are taken again and are
load; a stage that stops makes everything behind it *less* loaded.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.simulate.counting import Expected, count, own_failures, own_seconds

if TYPE_CHECKING:
    from workbench.simulate.course import Course, Setup
    from workbench.simulate.services import Array, System

__all__ = ["places", "run", "sink"]

_TAKEN_AGAIN = 3  # times a failed message is tried
_OLDEST = 4 * 3600.0  # seconds after which a message is thrown away


def run(setup: Setup) -> Course:
    """Run the world: all bins of a stage at once, producers first."""
    system, effects, step = setup.system, setup.effects, setup.clock.step_s
    own, own_fail = own_seconds(setup) + effects.delay, own_failures(setup)
    slow, lost = effects.lost(system)
    ratio = system.ratio[:, None] * effects.calls
    room = _room(setup)
    arriving, age = setup.entering(), np.zeros((system.size, setup.clock.size))
    done, backlog = np.zeros_like(arriving), np.zeros_like(arriving)
    came = arriving.copy()
    for stage in range(system.size):
        again = sum(own_fail[stage] ** n for n in range(1, _TAKEN_AGAIN))
        busy = came[stage] * (1 + again)
        speed = _speed(setup, stage, own[stage], room[stage])
        backlog[stage] = _lindley(busy - speed)
        left = np.clip(busy - np.diff(backlog[stage], prepend=0.0), 0.0, None) / (1 + again)
        done[stage] = left * (1 - own_fail[stage] ** _TAKEN_AGAIN)
        waited = np.minimum(backlog[stage] / np.maximum(speed, 1e-6) * step, _OLDEST)
        age[stage] += waited + own[stage]
        for e in np.flatnonzero(system.callers == stage):
            into = system.callees[e]
            came[into] += done[stage] * ratio[e] * (1 - lost[e])
            age[into] = np.maximum(age[into], age[stage] + slow[e])
    last = sink(system)
    latency = own.copy()
    latency[last] = age[last]
    gauges = {
        "queue_depth": backlog + 1.0,
        "consumer_utilization": np.minimum(came * own / np.maximum(room * step, 1e-9), 1.0),
        "memory_bytes": 3e8 * effects.memory * np.ones_like(own),
    }
    sent = ratio * (done / np.maximum(came, 1e-9))[system.callers]
    expected = Expected(
        came, latency, np.clip(own_fail, 0, 1), sent, slow, lost, own, own_fail, arriving,
        gauges, passed=np.zeros_like(ratio), flowing=False,
    )  # fmt: skip
    course = replace(count(setup, expected), sli=last)
    course.call_latency[:] = np.nan
    course.asynchronous[:] = True
    return course


def sink(system: System) -> int:
    """Last stage of the longest way: the leaf with the most stages before it."""
    depth = np.zeros(system.size, dtype=int)
    reached = {0}
    for caller, callee in zip(system.callers.tolist(), system.callees.tolist(), strict=True):
        if caller in reached:
            reached.add(callee)
            depth[callee] = max(depth[callee], depth[caller] + 1)
    leaves = reached - set(system.callers.tolist())
    ours = leaves - system.outside or reached - system.outside
    return max(ours, key=lambda n: (depth[n], n))


def places(system: System) -> Array:
    """Stages that a message at the last one has come through, as visits."""
    upstream = {sink(system)}
    for e in range(system.edges - 1, -1, -1):
        if int(system.callees[e]) in upstream:
            upstream.add(int(system.callers[e]))
    return np.array([float(n in upstream) for n in range(system.size)])


def _room(setup: Setup) -> Array:
    """Consumers of each stage: room for its usual peak and a half to two times more."""
    system, rng = setup.system, setup.rng(10)
    entering = np.zeros((system.size, 1))
    entering[list(system.roots)] = np.quantile(setup.traffic, 0.98)
    peak = system.flow(entering, system.ratio[:, None])[0] / setup.clock.step_s
    return peak * system.own_s[:, None] * rng.uniform(1.5, 3.0, (system.size, 1)) + 1e-6


def _speed(setup: Setup, stage: int, own: Array, room: Array) -> Array:
    """Messages a bin that the stage's consumers can take."""
    working = np.maximum(room * setup.effects.capacity[stage], 1e-9)
    slow = 1 + 5 * setup.effects.loss[stage]
    result: np.ndarray = working * setup.clock.step_s / (own * slow)
    return result


def _lindley(net: Array) -> Array:
    total = np.cumsum(net)
    return total - np.minimum(np.minimum.accumulate(total), 0.0)
