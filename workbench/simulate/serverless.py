"""Functions with cold starts, a limit on concurrency and idle time-outs.

By Little's law a function needs as many instances as requests are inside it; Poisson
arrivals need some more. What is missing starts cold and makes its first request wait; what
is idle dies off exponentially. All functions share an account's limit: where they need more,
requests of *every* function are refused. A deploy throws all warm instances away, an
innocent one too.

Work is not conserved: more load makes requests faster (instances stay warm), less makes them
slower; a slow callee takes instances from functions that never call it; the time a cold start
takes is nobody's work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.simulate.counting import Expected, count, own_failures, own_seconds

if TYPE_CHECKING:
    from workbench.simulate.course import Course, Setup
    from workbench.simulate.services import Array

__all__ = ["run"]


def run(setup: Setup) -> Course:
    """Run the world: one step a bin, all functions at once."""
    system, effects, rng = setup.system, setup.effects, setup.rng(10)
    own, own_fail = own_seconds(setup), own_failures(setup)
    ratio = system.ratio[:, None] * effects.calls
    network, lost = effects.lost(system)
    entering = setup.entering()
    load = system.flow(entering, ratio)[0]
    start_s = np.exp(rng.uniform(np.log(0.15), np.log(3.0), (system.size, 1)))
    start_s = start_s * effects.demand**0.5
    warm_s = rng.uniform(120.0, 900.0, system.size)
    served = system.summed(own + effects.delay, ratio, network)
    wanted = load / setup.clock.step_s * served / np.maximum(effects.capacity, 0.2)
    wanted = wanted + 2 * np.sqrt(wanted)
    usual = np.quantile(wanted[:, : setup.clock.onset].sum(axis=0), 0.99)
    limit = usual * rng.uniform(1.5, 3.0)
    refused = np.clip(1 - limit / np.maximum(wanted.sum(axis=0), 1e-9), 0.0, 0.95)
    cold, warm = _cold(setup, wanted, load, warm_s)
    own_all = own + effects.delay + cold * start_s
    fail = system.failing(np.clip(own_fail + refused, 0, 1), ratio, np.ones_like(ratio))
    gauges = {
        "concurrent_executions": wanted + 0.05,
        "instances_warm": warm + 0.05,
        "cold_starts": cold * load + 0.05,
        "throttles": refused * load + 0.01,
        "memory_bytes": 1.3e8 * effects.memory * np.ones_like(load),
    }
    expected = Expected(
        load, system.summed(own_all, ratio, network), np.clip(fail, 0, 1), ratio, network, lost,
        own_all, np.clip(own_fail + refused, 0, 1), entering, gauges, sigma=0.7,
    )  # fmt: skip
    return count(setup, expected)


def _cold(setup: Setup, wanted: Array, load: Array, warm_s: Array) -> tuple[Array, Array]:
    """Share of requests that start cold, and warm instances; (services, bins).

    Within a bin instances turn over: the idle die, and each that is missing starts once.
    """
    step, bins = setup.clock.step_s, setup.clock.size
    cold, warm = np.zeros_like(wanted), np.zeros_like(wanted)
    held = np.ceil(wanted[:, 0])
    dying = 1 - np.exp(-step / warm_s)
    swings = 1 + np.abs(setup.rng(11).standard_normal(wanted.shape)) * 0.3
    for t in range(bins):
        held = np.where(setup.effects.restarts[:, t] > 0, 0.0, held)
        peak = np.ceil(wanted[:, t] * swings[:, t])
        starts = np.maximum(peak - held, 0.0) + 0.05 * dying * held
        starts += np.exp(-load[:, t] * warm_s / step)  # alone for longer than an instance lives
        cold[:, t] = np.clip(starts / np.maximum(load[:, t], 1.0), 0.0, 1.0)
        held = np.maximum(peak, held - np.maximum(held - peak, 0.0) * dying)
        warm[:, t] = held
    return cold, warm
