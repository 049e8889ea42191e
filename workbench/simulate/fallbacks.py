"""Code that swallows errors: caches, default answers, circuit breakers, other services.

Each call is one of five: plain (a failure is passed on), *default* (a failed call is
answered by a constant), *cached* (most calls never leave, and stale answers stand in for
failed ones), *other* (a failed call goes to another service, which is slower or fuller), or
*breaker* (after a bin with too many failures calls stop but for a few probes, and a default
answers). A slow callee is given up on after a time-out, and then the same happens.

Work is not conserved: a failing callee may make its caller faster (nobody waits for it) or a
third service slower; errors stop where code swallows them, and what is left is fewer calls,
more fallback and lines in a log. A cache that is lost multiplies the load behind it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.simulate.counting import Expected, count, own_failures, own_seconds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.simulate.course import Course, Setup
    from workbench.simulate.services import Array

__all__ = ["run"]

_PLAIN, _DEFAULT, _CACHED, _OTHER, _BREAKER = range(5)
_TRIPS = 0.25  # share of failed calls that opens a breaker
_OPEN_BINS = 3
_PROBES = 0.05
_LOOKUP_S = 0.001


@dataclass(slots=True)
class _Calls:
    """How each call treats failures; one entry an edge."""

    kind: NDArray[np.int64]
    hits: Array
    other: NDArray[np.int64]
    timeout: Array
    open_for: NDArray[np.int64]


def run(setup: Setup) -> Course:
    """Run the world: one step a bin, calls from the leaves up, then load from the entry down."""
    system, effects, bins = setup.system, setup.effects, setup.clock.size
    own, own_fail = own_seconds(setup), own_failures(setup)
    network, lost = effects.lost(system)
    entering = setup.entering()
    calls = _calls(setup)
    cached = calls.kind == _CACHED
    usual = system.ratio[:, None] * effects.calls * np.where(cached, 1 - calls.hits, 1.0)[:, None]
    cold = effects.restarts[system.callers] > 0
    usual = np.where(cached[:, None] & cold, system.ratio[:, None], usual)
    spent = own + effects.delay + _crowding(effects.capacity) * own
    ratio, seen = np.empty((system.edges, bins)), np.empty((system.edges, bins))
    late, extra = np.zeros((system.edges, bins)), np.zeros((system.edges, bins))
    latency, fail = spent.copy(), np.clip(own_fail, 0, 1)
    for t in range(bins):
        _step(setup, calls, t, (usual, network, lost), (ratio, seen, late, extra, latency, fail))
    rerouted = _reroute(setup, calls, entering, ratio, extra)
    passed = np.isin(calls.kind, (_PLAIN,)).astype(float)[:, None] * np.ones(bins)
    load = system.flow(rerouted, ratio)[0]
    gauges = {
        "cpu_usage_seconds": load * own / setup.clock.step_s + 0.001,
        "fallback_answers": _by_caller(setup, extra, load) + 0.05,
        "memory_bytes": 3e8 * effects.memory * np.ones_like(load),
    }
    expected = Expected(
        load, latency, fail, ratio, network, np.clip(late + lost, 0, 1), spent, own_fail,
        rerouted, gauges, call_latency=seen, passed=passed,
    )  # fmt: skip
    return replace(count(setup, expected), passed=passed)


def _calls(setup: Setup) -> _Calls:
    system, rng = setup.system, setup.rng(10)
    kind = rng.choice(5, system.edges, p=[0.35, 0.15, 0.15, 0.2, 0.15])
    # What stands in comes later than both, so that no circle arises; else a constant does.
    later = [list(range(int(c) + 1, system.size)) for c in system.callees]
    other = np.array([int(rng.choice(n)) if n else -1 for n in later])
    kind = np.where((kind == _OTHER) & (other < 0), _DEFAULT, kind)
    nominal = system.summed(system.own_s, system.ratio, np.zeros(system.edges))
    return _Calls(
        kind=kind,
        hits=rng.uniform(0.6, 0.95, system.edges),
        other=other,
        timeout=np.maximum(nominal[system.callees] * rng.uniform(3, 10, system.edges), 0.03),
        open_for=np.zeros(system.edges, dtype=np.int64),
    )


def _step(
    setup: Setup,
    calls: _Calls,
    t: int,
    way: tuple[Array, Array, Array],
    made: tuple[Array, Array, Array, Array, Array, Array],
) -> None:
    """One bin: time and failures up the calls, with what each caller does about them."""
    system = setup.system
    usual, network, lost = way
    ratio, seen, late, extra, latency, fail = made
    for e in range(system.edges - 1, -1, -1):
        caller, callee, kind = system.callers[e], system.callees[e], calls.kind[e]
        whole = latency[callee, t] + network[e, t]
        late[e, t] = np.exp(-calls.timeout[e] / max(whole, 1e-9))
        seen[e, t] = whole * (1 - late[e, t])
        wrong = 1 - (1 - fail[callee, t]) * (1 - late[e, t]) * (1 - lost[e, t])
        ratio[e, t] = usual[e, t]
        if kind == _BREAKER:
            ratio[e, t] *= _PROBES if calls.open_for[e] else 1.0
            calls.open_for[e] = _OPEN_BINS if wrong > _TRIPS else max(calls.open_for[e] - 1, 0)
        extra[e, t] = usual[e, t] - ratio[e, t] + ratio[e, t] * wrong if kind != _PLAIN else 0.0
        instead = _LOOKUP_S
        if kind == _OTHER:
            instead = latency[calls.other[e], t] * 1.5
        latency[caller, t] += ratio[e, t] * seen[e, t] + extra[e, t] * instead
        if kind == _PLAIN:
            fail[caller, t] = 1 - (1 - fail[caller, t]) * (1 - wrong) ** ratio[e, t]


def _reroute(setup: Setup, calls: _Calls, entering: Array, ratio: Array, extra: Array) -> Array:
    """Add to what enters a service the failed calls that it stands in for."""
    load = setup.system.flow(entering, ratio)[0]
    more = entering.copy()
    for e in np.flatnonzero(calls.kind == _OTHER):
        more[calls.other[e]] += load[setup.system.callers[e]] * extra[e]
    return more


def _by_caller(setup: Setup, extra: Array, load: Array) -> Array:
    total = np.zeros_like(load)
    np.add.at(total, setup.system.callers, extra)
    return total * load


def _crowding(capacity: Array) -> Array:
    return 0.5 * (1 / np.maximum(capacity, 0.2) - 1)
