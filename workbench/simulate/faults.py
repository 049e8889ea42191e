"""What goes wrong, as changes of physical quantities that every world understands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from workbench.simulate.services import Array, System
    from workbench.simulate.traffic import Clock

__all__ = ["KINDS", "MECHANISMS", "Effects", "Fault", "draw_fault", "effects_of"]

KINDS = (
    "cpu",
    "memory",
    "delay",
    "loss",
    "exception",
    "wrong_return",
    "crash",
    "dropped_callee",
    "config",
    "deploy",
    "surge",
    "host",
    "outside",
)
"""Every kind of fault."""

MECHANISMS = ("cpu", "delay", "exception", "wrong_return", "dropped_callee", "more_calls")
"""What a bad deploy or a bad configuration does."""

_LOST_AGAIN_S = 0.2  # least retransmission time-out of TCP on Linux
_SHAPES = ("step", "step", "step", "ramp", "flapping")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Parameters
    ----------
    kind
        One of `KINDS`.
    mechanism
        What it does: the kind itself, or of a deploy or configuration one of `MECHANISMS`.
    service
        Number of the service; of a host fault, of the host.
    edge
        Number of the call that is dropped or multiplied, else -1.
    size
        Added time as a share of the entry's usual latency, added failures as a share of
        requests, or requests added as a share, by mechanism.
    shape
        ``step``, ``ramp`` or ``flapping``.
    """

    kind: str
    mechanism: str
    service: int
    edge: int
    size: float
    shape: str

    def strength(self, clock: Clock) -> Array:
        """How much of it there is in each bin, 0 … 1."""
        at = np.arange(clock.size) - clock.onset
        if self.shape == "ramp":
            return np.clip((at + 1) / max((clock.size - clock.onset) * 0.6, 1.0), 0.0, 1.0)
        if self.shape == "flapping":
            return clock.active * (at % 4 < 3)
        return clock.active


@dataclass(slots=True)
class Effects:
    """Physical quantities in each bin, neutral where nothing is wrong.

    Parameters
    ----------
    demand
        Factor on the work of a request; (services, bins).
    delay
        Seconds that a request idles in the service; (services, bins).
    fail, wrong
        Chance that a request fails by itself, or is answered wrongly; (services, bins).
    capacity
        Share of the service's instances that work; (services, bins).
    loss
        Share of packets lost on the way to and from the service; (services, bins).
    memory
        Factor on memory in use; (services, bins).
    calls
        Factor on calls a request; (edges, bins).
    surge
        Factor on what enters; (bins,).
    cores
        Share of the host's processors that is left; (hosts, bins).
    restarts
        Deploys, crashes: bins in which a service starts anew; (services, bins).
    """

    demand: Array
    delay: Array
    fail: Array
    wrong: Array
    capacity: Array
    loss: Array
    memory: Array
    calls: Array
    surge: Array
    cores: Array
    restarts: Array

    @classmethod
    def neutral(cls, system: System, bins: int) -> Effects:
        """Nothing is wrong."""
        services = (system.size, bins)
        one, zero = np.ones, np.zeros
        return cls(
            demand=one(services),
            delay=zero(services),
            fail=zero(services),
            wrong=zero(services),
            capacity=one(services),
            loss=zero(services),
            memory=one(services),
            calls=one((system.edges, bins)),
            surge=one(bins),
            cores=one((len(system.hosts), bins)),
            restarts=zero(services),
        )

    def lost(self, system: System) -> tuple[Array, Array]:
        """Seconds added to each call and share of calls failed by lost packets.

        A lost packet is sent again after a time-out; a call fails when three in a row are
        lost. What gets lost at either end of the call counts.
        """
        share = 1 - (1 - self.loss[system.callers]) * (1 - self.loss[system.callees])
        return share / np.maximum(1 - share, 0.1) * _LOST_AGAIN_S, share**3


def draw_fault(
    kind: str,
    system: System,
    rng: np.random.Generator,
    *,
    places: Array | None = None,
    neighbours: bool = False,
) -> Fault:
    """Draw where and how strongly a fault of this kind strikes.

    Parameters
    ----------
    kind
        One of `KINDS`.
    system
        The system it strikes.
    places
        How often a request that the SLI is about passes each service; only services with
        at least a twentieth of a visit are struck, for nobody would look otherwise.
    neighbours
        Whether half of the host faults are a neighbour's that takes the processors.
    """
    visits = system.visits() if places is None else places
    mechanism = str(rng.choice(MECHANISMS)) if kind in {"config", "deploy"} else kind
    reached = [s for s in range(system.size) if visits[s] >= 0.05 and s not in system.outside]
    service, edge = int(rng.choice(reached)), -1
    if mechanism in {"dropped_callee", "more_calls"}:
        able = [e for e in range(system.edges) if int(system.callers[e]) in reached]
        edge = int(rng.choice(able))
        service = int(system.callers[edge])
    if kind == "outside" and system.outside:
        service = next(iter(system.outside))
        mechanism = str(rng.choice(["delay", "exception"]))
    if kind == "host":
        near = [s for s in np.flatnonzero(system.host == system.host[service]) if visits[s] < 0.05]
        noisy = neighbours and bool(near) and rng.random() < 0.6
        service = int(rng.choice(near)) if noisy else int(system.host[service])
        mechanism = "neighbour" if noisy else "host"
    size = float(np.exp(rng.uniform(np.log(0.15), np.log(3.0))))
    shape = str(rng.choice(_SHAPES)) if kind not in {"crash", "dropped_callee"} else "step"
    fault = Fault(kind, mechanism, service, edge, size, shape)
    return replace(fault, shape="ramp") if kind == "memory" else fault


def effects_of(
    faults: tuple[Fault, ...], system: System, clock: Clock, *, repeated: int = 0
) -> Effects:
    """Turn faults into effects.

    Parameters
    ----------
    faults, system, clock
        What goes wrong, where and when.
    repeated
        Bins before the onset at which the same already happened once, for as long; 0 where
        it did not.
    """
    effects = Effects.neutral(system, clock.size)
    for fault in faults:
        strength = fault.strength(clock)
        if repeated:
            early = np.roll(strength, -repeated)
            early[-repeated:] = 0.0
            strength = np.maximum(strength, early)
        _apply(fault, system, effects, strength)
    return effects


def _apply(fault: Fault, system: System, effects: Effects, strength: Array) -> None:
    if fault.mechanism in {"cpu", "memory", "delay", "loss"}:
        _slow(fault, system, effects, strength)
    elif fault.mechanism in {"exception", "wrong_return", "crash"}:
        _break(fault, system, effects, strength)
    elif fault.mechanism == "surge":
        effects.surge *= 1 + (1.0 + fault.size) * strength
    elif fault.mechanism == "neighbour":
        effects.demand[fault.service] *= 1 + np.clip(6 + 20 * fault.size, 6, 60) * strength
    elif fault.mechanism == "host":
        effects.cores[fault.service] *= 1 - np.clip(0.45 + 0.15 * fault.size, 0, 0.9) * strength
    elif fault.mechanism == "dropped_callee":
        effects.calls[fault.edge] *= 1 - strength
        effects.fail[fault.service] += np.clip(0.1 * fault.size, 0, 0.5) * strength
    else:  # more_calls
        effects.calls[fault.edge] *= 1 + np.clip(2 + 4 * fault.size, 2, 12) * strength
    if fault.kind in {"deploy", "crash"}:
        effects.restarts[fault.service] += np.diff(strength > 0, prepend=0) > 0


def _slow(fault: Fault, system: System, effects: Effects, strength: Array) -> None:
    """Make requests slower by a share of the entry's usual latency."""
    place, visits = fault.service, system.visits()
    usual = float((visits * system.own_s).sum())
    added = fault.size * usual / max(visits[place], 0.05)
    if fault.mechanism == "delay":
        effects.delay[place] += added * strength
    elif fault.mechanism == "loss":
        effects.loss[place] = np.clip(0.15 * fault.size, 0.01, 0.5) * strength
    else:
        factor = np.clip(added / system.own_s[place], 0.3, 8.0)
        effects.demand[place] *= 1 + factor * strength
        if fault.mechanism == "memory":
            effects.memory[place] *= 1 + 2.0 * strength
            effects.fail[place] += 0.05 * fault.size * (strength > 0.8)


def _break(fault: Fault, system: System, effects: Effects, strength: Array) -> None:
    place = fault.service
    share = np.clip(0.25 * fault.size / max(min(system.visits()[place], 1.0), 0.1), 0.02, 0.9)
    if fault.mechanism == "exception":
        effects.fail[place] += share * strength
    elif fault.mechanism == "wrong_return":
        wrong = np.clip(2 * share, 0.1, 0.9) * strength
        effects.wrong[place] += wrong
        _misled(place, system, effects, wrong)
    else:
        left = (system.copies[place] - 1) / system.copies[place]
        effects.capacity[place] *= 1 - (1 - max(left, 0.05)) * strength
        # Calls go on to the instance that is gone until it is taken out of the balancer, and
        # what comes up again crashes again.
        effects.fail[place] += (1 - left) * np.clip(0.4 * fault.size, 0.1, 0.9) * strength


def _misled(place: int, system: System, effects: Effects, wrong: Array) -> None:
    """Let a wrong answer mislead others: calls left out, and failures in its callers."""
    effects.calls[system.callers == place] *= 1 - 0.7 * wrong
    for e in np.flatnonzero(system.callees == place):
        caller = system.callers[e]
        later = (system.callers == caller) & (np.arange(system.edges) > e)
        effects.calls[later] *= 1 - 0.4 * wrong
        effects.fail[caller] += 0.3 * wrong
