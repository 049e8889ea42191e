"""What really happened in each bin, before anybody measured it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.simulate.faults import Effects
    from workbench.simulate.services import Array, System
    from workbench.simulate.traffic import Clock

__all__ = ["LEVELS", "Course", "Operation", "Setup", "lognormal_quantiles"]

LEVELS = (0.5, 0.9, 0.99)
_NORMAL = np.array([0.0, 1.2815515655, 2.3263478740])  # standard normal quantiles of LEVELS


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """What a world's physics runs on.

    Parameters
    ----------
    system, clock
        Services and bins.
    traffic
        Requests expected at the entry, the surge not counted; shape (bins,).
    effects
        What is wrong.
    seed
        Seeds of the world's own noise: the same with and without a fault.
    """

    system: System
    clock: Clock
    traffic: Array
    effects: Effects
    seed: tuple[int, ...]

    def rng(self, stream: int) -> np.random.Generator:
        """Return the generator of one stream of noise."""
        return np.random.default_rng([*self.seed, stream])

    def entering(self) -> Array:
        """Expect requests from outside, shape (services, bins)."""
        entering = np.zeros((self.system.size, self.clock.size))
        rng = self.rng(90)
        for root in self.system.roots:
            own = self.traffic if root == 0 else np.full(self.clock.size, self.traffic.mean())
            wobble = np.exp(0.1 * rng.standard_normal(self.clock.size)) if root else 1.0
            entering[root] = own * wobble
        entering[0] *= self.effects.surge
        return entering


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """One operation of one service: its requests, failed ones and mean seconds a bin."""

    service: int
    name: str
    load: Array
    errors: Array
    latency: Array


@dataclass(slots=True)
class Course:
    """Everything of a system in each bin; NaN where there was nothing.

    Parameters
    ----------
    load, errors, latency
        Requests, failed ones and mean seconds a request; (services, bins).
    quantiles
        Seconds at `LEVELS`; (levels, services, bins).
    calls, call_errors, call_latency
        The same of calls, as the caller sees them; (edges, bins).
    self_time, fail
        Own seconds a request and own chance of failing, for traces; (services, bins).
    gauges
        Name to values of each service, (services, bins).
    host_gauges
        Name to values of each host, (hosts, bins).
    sli
        Number of the service that the SLI is of.
    asynchronous, parallel, passed
        Calls nobody waits for, services that call all callees at once, and the share of
        each call's failures that the caller passes on; (edges,), (services,), (edges, bins).
    complaints
        Lines a bin about failed calls, about oneself, and about an answer that makes no
        sense, by service; three arrays (services, bins).
    operations
        The same requests by operation, where the world has several.
    """

    load: Array
    errors: Array
    latency: Array
    quantiles: Array
    calls: Array
    call_errors: Array
    call_latency: Array
    self_time: Array
    fail: Array
    gauges: dict[str, Array]
    asynchronous: NDArray[np.bool_]
    parallel: NDArray[np.bool_]
    passed: Array
    complaints: tuple[Array, Array, Array]
    host_gauges: dict[str, Array] = field(default_factory=dict)
    operations: tuple[Operation, ...] = ()
    sli: int = 0


def lognormal_quantiles(mean: Array, sigma: Array | float) -> Array:
    """Quantiles at `LEVELS` of lognormal times with these means; (levels, *shape)."""
    spread = np.asarray(sigma) + np.zeros_like(mean)
    middle = mean * np.exp(-(spread**2) / 2)
    return np.stack([middle * np.exp(spread * z) for z in _NORMAL])
