"""Synchronous trees whose service times have heavy tails.

Forty requests stand for all of a bin. Each service's own time is Pareto (Lomax, index 1.4 to
3), each call takes the time of one of its callee's requests, and some services call all
callees at once and wait for the slowest (Dean and Barroso, CACM 56(2), 2013). Some of those
send a second request when the first is slow and take the faster.

Work is not conserved: of calls at once only the slowest counts, so a callee may slow down
without anybody noticing, or nobody may have slowed and the maximum has grown with the number
of calls; the mean of a bin hangs on a few requests, and with an index below two its variance
does not exist.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.simulate.counting import Expected, count, own_failures, own_seconds
from workbench.simulate.course import LEVELS

if TYPE_CHECKING:
    from workbench.simulate.course import Course, Setup
    from workbench.simulate.services import Array

__all__ = ["run"]

_SAMPLES = 40


def run(setup: Setup) -> Course:
    """Run the world: all bins of a service at once, callees first."""
    system, rng = setup.system, setup.rng(10)
    own, own_fail = own_seconds(setup), own_failures(setup)
    own = own * (0.5 + 0.5 / np.maximum(setup.effects.capacity, 0.2))  # fewer do the same
    ratio = system.ratio[:, None] * setup.effects.calls
    network, lost = setup.effects.lost(system)
    entering = setup.entering()
    parallel = rng.random(system.size) < 0.5
    hedged = parallel & (rng.random(system.size) < 0.4)
    tails = rng.uniform(1.4, 3.0, system.size)
    times = np.empty((system.size, setup.clock.size, _SAMPLES))
    for service, calls in system.upwards():
        draws = rng.random((setup.clock.size, _SAMPLES))
        waits = [
            _wait(times[system.callees[e]], ratio[e], network[e], hedged=hedged[service], rng=rng)
            for e in calls
        ]
        heavy = ((1 - draws) ** (-1 / tails[service]) - 1) * (tails[service] - 1)
        times[service] = own[service][:, None] * (0.3 + 0.7 * heavy)
        times[service] += setup.effects.delay[service][:, None]
        if waits:
            times[service] += np.max(waits, axis=0) if parallel[service] else np.sum(waits, axis=0)
    fail = system.failing(own_fail, ratio, np.ones_like(ratio))
    load = system.flow(entering, ratio)[0]
    expected = Expected(
        load, times.mean(axis=2), np.clip(fail, 0, 1), ratio, network, lost,
        own + setup.effects.delay, own_fail, entering, _gauges(setup, load, own),
        quantiles=np.quantile(times, LEVELS, axis=2), sigma=0.1,
    )  # fmt: skip
    return replace(count(setup, expected), parallel=parallel)


def _wait(
    times: Array, ratio: Array, network: Array, *, hedged: bool, rng: np.random.Generator
) -> Array:
    """Seconds each sample waits for its calls to one callee; shape (bins, samples)."""
    other = np.roll(times, int(rng.integers(1, _SAMPLES)), axis=1)
    if hedged:
        slow = np.quantile(times, 0.9, axis=1, keepdims=True)
        second = np.roll(times, int(rng.integers(1, _SAMPLES)), axis=1)
        other = np.where(other > slow, np.minimum(other, slow + second), other)
    whole = np.floor(ratio)[:, None]
    more = rng.random(times.shape) < (ratio[:, None] - whole)
    result: np.ndarray = (other + network[:, None]) * (whole + more)
    return result


def _gauges(setup: Setup, load: Array, own: Array) -> dict[str, Array]:
    usual = (load * own)[:, : setup.clock.onset].mean(axis=1, keepdims=True)
    return {
        "cpu_usage_seconds": load * own / setup.clock.step_s,
        "memory_bytes": 3e8 * setup.effects.memory * np.ones_like(load),
        "threads_busy": 2 + 20 * load * (own + setup.effects.delay) / np.maximum(usual, 1e-9),
    }
