"""The load: an explicit seed decides it, its rate wanders, and it stays bounded."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.gameday.shop.load import JOURNEYS, Load, Surge, arrivals, journeys, rates

REQUESTS_PER_JOURNEY = 1 + JOURNEYS["checkout"]


def test_the_same_seed_gives_the_same_load_and_another_seed_another():
    first, again, other = (rates(Load(), 600, seed=s) for s in (7, 7, 8))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    np.testing.assert_array_equal(arrivals(first, seed=7), arrivals(again, seed=7))


def test_mean_swing_and_memory_are_as_declared():
    load = Load()
    many = np.stack([rates(load, 1680, seed=s) for s in range(40)]) * REQUESTS_PER_JOURNEY
    assert abs(many.mean() / load.requests_per_s - 1) < 0.05
    quiet = Load(swing=0.0)
    noise = np.log(np.concatenate([rates(quiet, 4000, seed=s) for s in range(10)]))
    noise -= noise.mean()
    assert abs(noise.std() / load.noise - 1) < 0.25
    lag = int(load.memory_s)
    correlation = np.mean(noise[lag:] * noise[:-lag]) / noise.var()
    assert 0.2 < correlation < 0.55, "the log rate forgets by 1/e in memory_s"


def test_arrivals_are_poisson_around_the_rate():
    flat = np.full(4000, 5.0)
    times = arrivals(flat, seed=3)
    counts = np.bincount(times.astype(int), minlength=flat.size)
    assert abs(counts.mean() - 5.0) < 0.15
    assert 0.9 < counts.var() / counts.mean() < 1.1, "variance of a Poisson count is its mean"


def test_a_surge_lifts_the_rate_for_its_stretch_only():
    surge = Surge(300, 120, 17.0)
    plain, lifted = (rates(Load(), 600, seed=5, surge=s) for s in (None, surge))
    np.testing.assert_array_equal(plain[:300], lifted[:300])
    np.testing.assert_array_equal(plain[420:], lifted[420:])
    assert abs(lifted[300:420].mean() * REQUESTS_PER_JOURNEY - 17.0) < 2.0


def test_journeys_follow_their_weights():
    kinds, counts = np.unique(journeys(20_000, seed=1), return_counts=True)
    shares = dict(zip(kinds.tolist(), (counts / counts.sum()).tolist(), strict=True))
    assert all(abs(shares[k] - weight) < 0.02 for k, weight in JOURNEYS.items())


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(0.1, 100.0),
    st.integers(1, 400),
)
def test_requests_never_exceed_twenty_a_second(seed, wanted, seconds):
    rate = rates(Load(requests_per_s=wanted), seconds, seed=seed, surge=Surge(0, 50, wanted))
    assert rate.shape == (seconds,)
    assert (rate > 0).all()
    assert (rate * REQUESTS_PER_JOURNEY <= 20.0 + 1e-9).all()
    times = arrivals(rate, seed=seed)
    assert (np.diff(times) >= 0).all()
    assert times.size == 0 or (times[0] >= 0 and times[-1] < seconds)
