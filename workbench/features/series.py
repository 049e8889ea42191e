"""Samples of one series onto a regular grid: counters, gauges, histograms.

A gap stays a gap. A counter's increase between two samples is spread evenly over the time
between them, which is exact at bin edges that carry a sample; nothing is extrapolated
beyond the first and the last sample, nor across a stretch without samples.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.errors import BadInput

if TYPE_CHECKING:
    from workbench.features.grid import Grid

__all__ = [
    "FEWEST_BUCKETS",
    "FEWEST_SAMPLES",
    "GAP_FACTOR",
    "NO_COUNT",
    "bucket_quantile",
    "cumulative",
    "edge_values",
    "histogram_mean",
    "increase",
    "resample",
    "sampled_values",
]

GAP_FACTOR = 2.5
"""A stretch without samples counts as a gap from this many usual intervals on."""
FEWEST_SAMPLES = 2
"""Samples of a counter that an increase needs."""
NO_COUNT = 1e-9
"""Counts up to this are zero: what interpolation between samples leaves of none."""
FEWEST_BUCKETS = 2
"""Buckets that a quantile needs: a finite one and ``+Inf``."""


def cumulative(values: np.ndarray) -> np.ndarray:
    """Undo counter resets: a value below its predecessor means a restart from zero.

    Parameters
    ----------
    values
        Samples of one counter in time order, without NaN; shape ``(n,)``.

    Returns
    -------
    numpy.ndarray
        Total counted since the first sample; starts at 0 and never falls.
    """
    steps = np.diff(values, prepend=values[:1])
    return np.cumsum(np.where(steps < 0, values, steps))


def edge_values(
    times: np.ndarray, totals: np.ndarray, *, edges: np.ndarray, max_gap: float
) -> np.ndarray:
    """Interpolate a running total at bin edges; NaN outside the samples and inside gaps.

    Parameters
    ----------
    times, totals
        Strictly rising sample times and the total at each; shape ``(n,)``.
    edges
        Where to read it, in the unit of `times`; shape ``(m + 1,)``.
    max_gap
        Longest interval that may be interpolated across.
    """
    at: np.ndarray = np.interp(edges, times, totals, left=np.nan, right=np.nan)
    if len(times) > 1 and (wide := np.diff(times) > max_gap).any():
        after = np.clip(np.searchsorted(times, edges, side="left"), 1, len(times) - 1)
        at[wide[after - 1] & (times[after] != edges) & (edges > times[0])] = np.nan
    return at


def increase(samples: pd.Series, grid: Grid) -> pd.Series:
    """Increase of a cumulative counter in each bin, resets undone.

    Parameters
    ----------
    samples
        Values indexed by UTC times; order does not matter, the last of several at one
        time counts, NaN (a staleness marker) is a gap.
    grid
        The bins.

    Returns
    -------
    pandas.Series
        Increase a bin; NaN in bins that the samples do not cover from edge to edge.
    """
    times, values = _clean(samples)
    if len(times) < FEWEST_SAMPLES:
        return pd.Series(np.nan, index=grid.index)
    broken = _breaks(samples, times)
    at = edge_values(times, cumulative(values), edges=grid.edges, max_gap=_max_gap(times))
    result = np.diff(at)
    inside = grid.bins(broken)
    result[inside[(inside >= 0) & (inside < grid.size)]] = np.nan
    return pd.Series(result, index=grid.index)


def resample(samples: pd.Series, grid: Grid) -> pd.Series:
    """Mean of a gauge's samples in each bin; NaN in bins without one.

    Several samples at the same time are one: the last is kept, with a warning.
    """
    times, values = _clean(samples, tell="gauge")
    at = grid.bins(times)
    inside = (at >= 0) & (at < grid.size)
    count = np.bincount(at[inside], minlength=grid.size)
    total = np.bincount(at[inside], weights=values[inside], minlength=grid.size)
    with np.errstate(invalid="ignore", divide="ignore"):
        return pd.Series(np.where(count > 0, total / count, np.nan), index=grid.index)


def sampled_values(samples: pd.Series) -> pd.Series:
    """Order samples by time, one a time (the last), missing ones left out."""
    times, values = _clean(samples)
    return pd.Series(values, index=pd.to_datetime(times, utc=True))


def histogram_mean(total: pd.Series, count: pd.Series) -> pd.Series:
    """Mean of the observations of each bin: increase of the sum over that of the count.

    NaN where nothing was observed: a bin without requests has no latency.
    """
    return total.div(count.where(count > 0))


def bucket_quantile(counts: np.ndarray, bounds: np.ndarray, q: float) -> np.ndarray:
    """Quantile from cumulative histogram buckets, as Prometheus' ``histogram_quantile``.

    Linear inside the bucket the quantile falls into, the first bucket from 0 if its bound
    is positive. In the ``+Inf`` bucket the highest finite bound is returned: nothing more
    is known.

    Parameters
    ----------
    counts
        Cumulative counts; shape ``(bins, buckets)``.
    bounds
        Upper bounds, rising, the last one ``inf``; shape ``(buckets,)``.
    q
        Between 0 and 1.

    Returns
    -------
    numpy.ndarray
        Shape ``(bins,)``; NaN where nothing was counted or a count is NaN.

    Raises
    ------
    BadInput
        Bounds that do not rise, no ``+Inf`` bucket, or `q` outside [0, 1].

    Warns
    -----
    UserWarning
        Buckets that fall towards higher bounds (scraped while being written); each is
        raised to the highest count below it, as Prometheus does.
    """
    _check_buckets(bounds, q)
    repaired = np.maximum.accumulate(counts, axis=1)
    if fell := int((repaired > counts * (1 + 1e-9) + 1e-9).any(axis=1).sum()):
        warnings.warn(f"{fell} bin(s) had buckets that fall; raised", UserWarning, stacklevel=2)
    total = repaired[:, -1]
    usable = np.isfinite(repaired).all(axis=1) & (total > 0)
    rank = q * total
    at = np.argmax(repaired >= rank[:, None] * (1 - 1e-12), axis=1)
    value = _inside(repaired, np.asarray(bounds, dtype=float), at, rank)
    return np.where(usable, value, np.nan)


def _inside(counts: np.ndarray, bounds: np.ndarray, at: np.ndarray, rank: np.ndarray) -> np.ndarray:
    rows = np.arange(len(counts))
    finite = np.minimum(at, len(bounds) - 2)
    lower = np.where(at > 0, bounds[at - 1], np.minimum(bounds[0], 0.0))
    below = np.where(at > 0, counts[rows, at - 1], 0.0)
    inside = counts[rows, at] - below
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(inside > 0, (rank - below) / inside, 1.0)
        value = lower + (bounds[finite] - lower) * share
    inner: np.ndarray = np.where(at == len(bounds) - 1, bounds[-2], value)
    return inner


def _check_buckets(bounds: np.ndarray, q: float) -> None:
    if not 0 <= q <= 1:
        fact = "A quantile lies between 0 and 1"
        raise BadInput(fact, value=q)
    if len(bounds) < FEWEST_BUCKETS or not np.isposinf(bounds[-1]):
        hint = "The last bucket must be +Inf and one finite bucket must be there"
        fact = "Histogram buckets without an end"
        raise BadInput(fact, value=list(bounds), hint=hint)
    if not (np.diff(bounds) > 0).all():
        fact = "Bucket bounds must rise"
        raise BadInput(fact, value=list(bounds))


def _clean(samples: pd.Series, *, tell: str = "") -> tuple[np.ndarray, np.ndarray]:
    """Return times (ns) and finite values in time order, the last of several at one time."""
    present = samples[np.isfinite(samples.to_numpy(dtype=float))]
    times = pd.DatetimeIndex(present.index).as_unit("ns").asi8
    order = np.argsort(times, kind="stable")
    times, values = times[order], present.to_numpy(dtype=float)[order]
    last = np.append(np.diff(times) > 0, True) if len(times) else np.zeros(0, dtype=bool)
    if tell and (dropped := int((~last).sum())):
        message = f"{dropped} {tell} sample(s) share a time with a later one, which was kept"
        warnings.warn(message, UserWarning, stacklevel=3)
    return times[last], values[last]


def _breaks(samples: pd.Series, times: np.ndarray) -> np.ndarray:
    """Find the times of staleness markers (NaN) that lie between two samples."""
    marked = samples[samples.isna().to_numpy()]
    at = pd.DatetimeIndex(marked.index).as_unit("ns").asi8
    breaks: np.ndarray = at[(at > times[0]) & (at < times[-1])]
    return breaks


def _max_gap(times: np.ndarray) -> float:
    return GAP_FACTOR * float(np.median(np.diff(times)))
