"""Sparse traffic of rare operations: single requests, most bins empty.

Requests of five to twelve operations arrive as Poisson processes, some of them a few an
hour. Each operation goes its own way through the services (a subtree of the calls), each of
its requests draws its own times, and a fault strikes one operation of a service only (a
parameter, a table, a code path) in half of the incidents. Numbers a bin are sums over the
requests that there were.

Work is conserved in each request, and yet no bin shows it: means of one or two requests, the
mix of operations moving from bin to bin, and bins in which nobody could have been harmed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.simulate.counting import own_failures, own_seconds
from workbench.simulate.course import LEVELS, Course, Operation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.simulate.course import Setup
    from workbench.simulate.services import Array, System

__all__ = ["run"]

_SIGMA = 0.6
_OPERATIONS = ("open", "list", "save", "find", "send", "drop", "sync", "pick", "move", "join",
               "read", "fill")  # fmt: skip


@dataclass(slots=True)
class _Sums:
    """Sums over requests, by service or edge and bin, and all times of each service."""

    load: Array
    failed: Array
    spent: Array
    calls: Array
    call_failed: Array
    call_spent: Array
    times: list[list[tuple[NDArray[np.int64], Array]]]

    @classmethod
    def empty(cls, system: System, bins: int) -> _Sums:
        """No request yet."""
        nodes, edges = (system.size, bins), (system.edges, bins)
        load, failed, spent = np.zeros(nodes), np.zeros(nodes), np.zeros(nodes)
        calls, call_failed, call_spent = np.zeros(edges), np.zeros(edges), np.zeros(edges)
        times: list[list[tuple[NDArray[np.int64], Array]]] = [[] for _ in range(system.size)]
        return cls(load, failed, spent, calls, call_failed, call_spent, times)


def run(setup: Setup) -> Course:
    """Run the world: all requests of one operation at once."""
    system, clock, rng = setup.system, setup.clock, setup.rng(10)
    number = int(rng.integers(5, 13))
    shares = rng.dirichlet(np.full(number, 0.5))
    struck = _struck(setup, number, rng)
    total = _per_bin(setup, rng)
    sums = _Sums.empty(system, clock.size)
    own, fail = own_seconds(setup), own_failures(setup)
    usual = own / setup.effects.demand, np.clip(fail - setup.effects.fail, 0, 1)
    parts: list[Operation] = []
    for op in range(number):
        draws = setup.rng(100 + op)
        taken = _subtree(system, draws, whole=op == 0)
        bins = np.repeat(np.arange(clock.size), draws.poisson(total * shares[op]))
        quantities = (own, fail) if struck[op] else usual
        before = [a.copy() for a in (sums.load, sums.failed, sums.spent)]
        _requests(setup, sums, bins, taken, quantities, hit=bool(struck[op]), rng=draws)
        parts += _operations(op, before, sums)
    return _course(setup, sums, own, fail, tuple(parts))


def _per_bin(setup: Setup, rng: np.random.Generator) -> Array:
    """Expect requests a bin: between one in three bins and five."""
    shape = setup.traffic / setup.traffic.mean() * setup.effects.surge
    result: NDArray[np.float64] = shape * np.exp(rng.uniform(np.log(0.3), np.log(5.0)))
    return result


def _struck(setup: Setup, number: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Operations that a fault of code or data strikes: one to all of them."""
    few = rng.random(number) < 0.3
    few[int(rng.integers(number))] = True
    return few if rng.random() < 0.5 else np.ones(number, dtype=bool)


def _subtree(system: System, rng: np.random.Generator, *, whole: bool) -> NDArray[np.bool_]:
    """Draw the calls that an operation makes."""
    used, reached = np.zeros(system.edges, dtype=bool), {0}
    for e in range(system.edges):
        if int(system.callers[e]) in reached and (whole or rng.random() < 0.6):
            used[e] = True
            reached.add(int(system.callees[e]))
    return used


def _requests(
    setup: Setup,
    sums: _Sums,
    bins: NDArray[np.int64],
    taken: NDArray[np.bool_],
    quantities: tuple[Array, Array],
    *,
    hit: bool,
    rng: np.random.Generator,
) -> None:
    """Let each request go its way, and add it to the sums."""
    system, (own, fail) = setup.system, quantities
    network, lost = setup.effects.lost(system)
    count = len(bins)
    visits = np.zeros((system.size, count))
    visits[0] = 1.0
    ratio = system.ratio[:, None] * (setup.effects.calls[:, bins] if hit else 1.0)
    made = np.zeros((system.edges, count))
    for e in np.flatnonzero(taken):
        made[e] = np.where(visits[system.callers[e]] > 0, np.floor(ratio[e] + rng.random(count)), 0)
        visits[system.callees[e]] += made[e]
    noise = np.exp(_SIGMA * rng.standard_normal((system.size, count)) - _SIGMA**2 / 2)
    times = own[:, bins] * noise + (setup.effects.delay[:, bins] if hit else 0.0)
    broken = rng.random((system.size, count)) < fail[:, bins]
    for e in np.flatnonzero(taken)[::-1]:
        caller, callee = system.callers[e], system.callees[e]
        seen = times[callee] + network[e, bins]
        gone = (made[e] > 0) & (broken[callee] | (rng.random(count) < lost[e, bins]))
        times[caller] += made[e] * seen
        broken[caller] |= gone
        for where, what in (
            (sums.calls, made[e]),
            (sums.call_failed, gone * np.minimum(made[e], 1)),
            (sums.call_spent, made[e] * seen),
        ):
            np.add.at(where[e], bins, what)
    for service in np.flatnonzero(visits.any(axis=1)):
        there = visits[service] > 0
        np.add.at(sums.load[service], bins, visits[service])
        np.add.at(sums.failed[service], bins, broken[service] & there)
        np.add.at(sums.spent[service], bins, visits[service] * times[service])
        sums.times[service].append((bins[there], times[service][there]))


def _operations(op: int, before: list[Array], sums: _Sums) -> list[Operation]:
    load, failed, spent = (
        now - then for now, then in zip((sums.load, sums.failed, sums.spent), before, strict=True)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(load > 0, spent / load, np.nan)
    return [
        Operation(int(s), _OPERATIONS[op], load[s], failed[s], mean[s])
        for s in np.flatnonzero(load.any(axis=1))
    ]


def _course(
    setup: Setup, sums: _Sums, own: Array, fail: Array, parts: tuple[Operation, ...]
) -> Course:
    system, bins = setup.system, setup.clock.size
    with np.errstate(invalid="ignore", divide="ignore"):
        latency = np.where(sums.load > 0, sums.spent / sums.load, np.nan)
        seen = np.where(sums.calls > 0, sums.call_spent / sums.calls, np.nan)
    quantiles = np.full((len(LEVELS), system.size, bins), np.nan)
    for service, times in enumerate(sums.times):
        if times:
            quantiles[:, service] = _quantiles(times, bins)
    wrong = setup.effects.wrong
    nonsense = 0.3 * sums.load * wrong
    np.add.at(nonsense, system.callers, sums.calls * wrong[system.callees])
    about_calls = np.zeros_like(sums.load)
    np.add.at(about_calls, system.callers, sums.call_failed)
    gauges = {
        "cpu_usage_seconds": sums.load * own / setup.clock.step_s + 0.002,
        "memory_bytes": 3e8 * setup.effects.memory * np.ones_like(own),
    }
    return Course(
        load=sums.load, errors=sums.failed, latency=latency, quantiles=quantiles,
        calls=sums.calls, call_errors=sums.call_failed, call_latency=seen,
        self_time=own + setup.effects.delay, fail=fail, gauges=gauges,
        asynchronous=np.zeros(system.edges, dtype=bool),
        parallel=np.zeros(system.size, dtype=bool),
        passed=np.ones((system.edges, bins)),
        complaints=(about_calls, sums.load * fail, nonsense), operations=parts,
    )  # fmt: skip


def _quantiles(times: list[tuple[NDArray[np.int64], Array]], bins: int) -> Array:
    """Quantiles of each bin's requests: of one request they are all the same."""
    at = np.concatenate([b for b, _ in times])
    values = np.concatenate([v for _, v in times])
    order = np.lexsort((values, at))
    at, values = at[order], values[order]
    counts = np.bincount(at, minlength=bins)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    found = np.full((len(LEVELS), bins), np.nan)
    there = counts > 0
    for i, level in enumerate(LEVELS):
        rank = np.ceil(level * counts[there]).astype(int) - 1
        found[i, there] = values[first[there] + np.maximum(rank, 0)]
    return found
