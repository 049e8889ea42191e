"""From what is expected to what is counted: the common last step of every world's physics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from workbench.simulate.course import Course, lognormal_quantiles
from workbench.simulate.traffic import ar1, counted

if TYPE_CHECKING:
    from workbench.simulate.course import Setup
    from workbench.simulate.services import Array

__all__ = ["Expected", "count", "own_failures", "own_seconds"]

_SIGMA = 0.5  # spread of request times about their mean in a bin, natural logarithm


@dataclass(slots=True)
class Expected:
    """What physics says of each bin, before requests are counted.

    Parameters
    ----------
    load, latency, fail
        Requests, mean seconds, chance of failing, by service; (services, bins).
    ratio, network, call_fail
        Calls a request, seconds a call takes beyond its callee's, chance that a call fails
        where the callee did not; (edges, bins).
    own, own_fail
        Own seconds a request and chance of failing by itself; (services, bins).
    entering
        Requests from outside; (services, bins).
    call_latency
        Seconds a call as its caller sees it, where that is not callee and network.
    quantiles
        Where times are not lognormal; (levels, services, bins).
    passed
        Share of a call's failures that is passed on; (edges, bins), else all.
    flowing
        Whether loads are the sum of calls; they are not where messages wait.
    """

    load: Array
    latency: Array
    fail: Array
    ratio: Array
    network: Array
    call_fail: Array
    own: Array
    own_fail: Array
    entering: Array
    gauges: dict[str, Array]
    call_latency: Array | None = None
    quantiles: Array | None = None
    passed: Array | None = None
    flowing: bool = True
    sigma: float = _SIGMA
    host_gauges: dict[str, Array] = field(default_factory=dict)


def own_seconds(setup: Setup, *, shared: bool = False, noise: float = 0.08) -> Array:
    """Own seconds a request, demand and slow noise included, idling not; (services, bins).

    A host's lost processors slow all that runs on it, unless the world's hosts are `shared`
    and do so themselves.
    """
    system, rng = setup.system, setup.rng(0)
    wobble = np.exp(noise * ar1(setup.clock.size, 0.8, rng, rows=system.size))
    own = system.own_s[:, None] * wobble * setup.effects.demand
    return own if shared else own / setup.effects.cores[system.host]


def own_failures(setup: Setup) -> Array:
    """Chance that a request fails by itself; (services, bins)."""
    usual = 10 ** setup.rng(1).uniform(-5.5, -3.3, setup.system.size)
    return np.clip(usual[:, None] + setup.effects.fail, 0.0, 0.98)


def count(setup: Setup, expected: Expected) -> Course:
    """Draw counts and means as spread as the number of requests behind them makes them."""
    system, rng = setup.system, setup.rng(2)
    bins = setup.clock.size
    draws = rng.standard_normal((system.size, bins))
    load = counted(expected.entering if expected.flowing else expected.load, draws)
    calls = np.empty((system.edges, bins))
    for e, noise in enumerate(rng.standard_normal((system.edges, bins))):
        caller, callee = int(system.callers[e]), int(system.callees[e])
        calls[e] = counted(load[caller] * expected.ratio[e], noise)
        if expected.flowing:
            load[callee] += calls[e]
    spread = np.sqrt(np.expm1(expected.sigma**2)) / np.sqrt(np.maximum(load, 1.0))
    latency = expected.latency * np.exp(spread * rng.standard_normal(load.shape))
    latency = np.where(load > 0, latency, np.nan)
    errors = np.minimum(counted(load * expected.fail, rng.standard_normal(load.shape)), load)
    quantiles = expected.quantiles
    if quantiles is None:
        quantiles = lognormal_quantiles(latency, expected.sigma)
        wider = np.array([1.2, 1.7, 3.7])[:, None, None]  # of quantiles against means
        quantiles = quantiles * np.exp(wider * spread * rng.standard_normal(quantiles.shape))
    failing = errors / np.maximum(load, 1.0)
    call_errors, seen = _calls(setup, expected, calls, latency, failing)
    return Course(
        load=load,
        errors=errors,
        latency=latency,
        quantiles=np.where(load > 0, quantiles, np.nan),
        calls=calls,
        call_errors=call_errors,
        call_latency=seen,
        passed=np.ones(calls.shape) if expected.passed is None else expected.passed,
        self_time=expected.own,
        fail=expected.own_fail,
        gauges=_noisy(expected.gauges, setup, 3),
        host_gauges=_noisy(expected.host_gauges, setup, 4),
        asynchronous=np.zeros(system.edges, dtype=bool),
        parallel=np.zeros(system.size, dtype=bool),
        complaints=_complaints(setup, expected, load, calls),
    )


def _calls(
    setup: Setup, expected: Expected, calls: Array, latency: Array, failing: Array
) -> tuple[Array, Array]:
    """Failed calls and mean seconds a call, as callers see them; (edges, bins) each."""
    system, rng = setup.system, setup.rng(5)
    callee = system.callees
    seen = latency[callee] + expected.network
    if expected.call_latency is not None:
        noise = 0.5 / np.sqrt(np.maximum(calls, 1.0)) * rng.standard_normal(calls.shape)
        seen = expected.call_latency * np.exp(noise)
    lost = np.clip(failing[callee] + expected.call_fail, 0.0, 1.0)
    errors = np.minimum(counted(calls * lost, rng.standard_normal(calls.shape)), calls)
    return errors, np.where(calls > 0, seen, np.nan)


def _complaints(
    setup: Setup, expected: Expected, load: Array, calls: Array
) -> tuple[Array, Array, Array]:
    """Lines expected: callers on failed calls, services on themselves, callers on nonsense."""
    system, wrong = setup.system, setup.effects.wrong
    about_calls, nonsense = np.zeros(load.shape), np.zeros(load.shape)
    for e in range(system.edges):
        caller, callee = int(system.callers[e]), int(system.callees[e])
        about_calls[caller] += calls[e] * (expected.fail[callee] + expected.call_fail[e])
        nonsense[caller] += calls[e] * wrong[callee]
    return about_calls, load * expected.own_fail, nonsense + 0.3 * load * wrong


def _noisy(gauges: dict[str, Array], setup: Setup, stream: int) -> dict[str, Array]:
    rng = setup.rng(stream)
    return {
        name: values * np.exp(0.04 * ar1(values.shape[1], 0.6, rng, rows=len(values)))
        for name, values in gauges.items()
    }
