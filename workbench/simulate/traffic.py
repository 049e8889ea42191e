"""Requests that enter: a daily season, slow and quick noise, and bursts that harm nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import lfilter
from scipy.special import ndtr
from scipy.stats import poisson

if TYPE_CHECKING:
    from workbench.simulate.services import Array

__all__ = ["Clock", "ar1", "counted", "draw_clock", "draw_traffic"]

_DAY_S = 86_400.0
_STEPS_S = (10.0, 15.0, 30.0, 60.0, 120.0, 300.0)
_FEWEST, _MOST_BINS = 16, 1000
_FEW = 12.0  # below, counts are not near enough to normal


@dataclass(frozen=True, slots=True)
class Clock:
    """Bins of an incident.

    Parameters
    ----------
    step_s
        Width of a bin, seconds.
    size
        Number of bins, the incident last.
    onset
        First bin in which something is wrong (or, where nothing is, is asked about).
    """

    step_s: float
    size: int
    onset: int

    @property
    def active(self) -> Array:
        """One from the onset on, zero before; shape (bins,)."""
        return (np.arange(self.size) >= self.onset).astype(float)


def draw_clock(rng: np.random.Generator, *, most: int = _MOST_BINS) -> Clock:
    """Draw a step, a history of ten minutes to two days, and an incident of 5 to 45 minutes."""
    step = float(rng.choice(_STEPS_S))
    history_s = np.exp(rng.uniform(np.log(600.0), np.log(2 * _DAY_S)))
    before = int(np.clip(history_s / step, _FEWEST, most))
    during = int(np.clip(rng.uniform(300.0, 2700.0) / step, 5, 60))
    return Clock(step, before + during, before)


def draw_traffic(clock: Clock, rng: np.random.Generator) -> Array:
    """Draw the requests expected in each bin at the entry; shape (bins,)."""
    rate = np.exp(rng.uniform(np.log(3.0), np.log(60.0)))
    at = np.arange(clock.size) * clock.step_s / _DAY_S
    season = 1 + rng.uniform(0.0, 0.5) * np.sin(2 * np.pi * (at + rng.random()))
    noise = np.exp(rng.uniform(0.02, 0.12) * ar1(clock.size, rng.uniform(0.5, 0.95), rng))
    result: np.ndarray = rate * clock.step_s * season * noise * _bursts(clock, rng)
    return result


def _bursts(clock: Clock, rng: np.random.Generator) -> Array:
    bursts = np.ones(clock.size)
    for _ in range(int(rng.poisson(clock.size / 300.0))):
        start = int(rng.integers(clock.size))
        bursts[start : start + int(rng.integers(1, 8))] *= rng.uniform(1.1, 1.5)
    return bursts


def ar1(size: int, phi: float, rng: np.random.Generator, *, rows: int | None = None) -> Array:
    """Stationary AR(1) noise of unit variance; shape (size,), or (rows, size)."""
    noise = rng.standard_normal((rows or 1, size)) * np.sqrt(1 - phi**2)
    noise[:, 0] /= np.sqrt(1 - phi**2)
    series = lfilter([1.0], [1.0, -phi], noise, axis=1)
    bursts: np.ndarray = series if rows else series[0]
    return bursts


def counted(expected: Array, noise: Array) -> Array:
    """Draw counts around what is expected, as spread as Poisson ones.

    The noise comes from outside, standard normal, so that the same seed with and without a
    fault differs by the fault alone.
    """
    expected = np.maximum(expected, 0.0)
    counts = np.maximum(np.round(expected + np.sqrt(expected) * noise), 0.0)
    few = expected < _FEW
    if few.any():
        counts[few] = poisson.ppf(ndtr(noise[few]), expected[few])
    return counts
