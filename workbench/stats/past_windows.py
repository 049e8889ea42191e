"""Contrasts of an incident with its baseline, judged against past windows of equal length.

Telemetry is autocorrelated: on series with φ = 0.8 a plain test blames 95 % of quiet
windows. So every figure here is compared with the same figure computed on past windows of
the same length (moving blocks, Künsch 1989), never with an iid formula, and the number of
*independent* windows, not of samples, decides how sure one can be.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_array

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = [
    "Contrast",
    "Split",
    "contrast",
    "doublings",
    "empirical_p",
    "half_width",
    "medians",
    "p_value",
    "peak_contrast",
    "split_bins",
    "weights_of",
]

_MOST_WINDOWS = 400
_FEWEST_WINDOWS = 8
_LOCAL_BINS = 5
_CLEARLY = 0.5  # of the typical departure
_TYPICAL = 0.9  # quantile of past contrasts taken as "its normal range"; spares 10 % bad history
_WIDEST = 4.0  # of the median contrast; 2.4 for a normal distribution
_MOST_DOUBLINGS = 7.0
_TINY = 1e-15
_ENOUGH_TO_COUNT = 20
# Columns are independent: taken in blocks, what is made on the way stays small at any width.
_BLOCK = 256


@dataclass(frozen=True, slots=True)
class Split:
    """Which bins are the incident, which the baseline, which just before.

    Parameters
    ----------
    incident, baseline, before
        Bin numbers. `baseline` is cut into past windows; `before` are the last few
        bins ahead of the incident, a local reference against slow drift.
    starts
        First baseline position of each past window, shape (windows,).
    length
        Bins in a past window.
    n_independent
        Past windows that do not overlap: what the evidence is worth.
    """

    incident: NDArray[np.intp]
    baseline: NDArray[np.intp]
    before: NDArray[np.intp]
    starts: NDArray[np.intp]
    length: int
    n_independent: float

    @property
    def times_as_long(self) -> float:
        """How many times the incident's length the baseline has."""
        return self.baseline.size / max(self.incident.size, 1)


@dataclass(frozen=True, slots=True)
class Contrast:
    """Incident minus baseline for each column, with the past windows' contrasts.

    Parameters
    ----------
    level
        Baseline median, shape (columns,).
    change
        Weighted incident mean minus the level.
    local_change
        The same against the level just before the incident, where that had shifted beyond
        its own normal range; else equal to `change`.
    past
        The same contrast on each past window, shape (windows, columns).
    normal
        Half-width of the normal range: a high quantile of ``abs(past)``.
    """

    level: NDArray[np.float64]
    change: NDArray[np.float64]
    local_change: NDArray[np.float64]
    past: NDArray[np.float64]
    normal: NDArray[np.float64]

    @property
    def departure(self) -> NDArray[np.float64]:
        """The smaller of `change` and `local_change`, zero where they disagree in direction.

        A level that had shifted long before the incident, and a dip that the incident
        merely recovers from, are both no news.
        """
        size = np.minimum(np.abs(self.change), np.abs(self.local_change))
        same = np.sign(self.local_change) == np.sign(self.change)
        return np.where(same, np.sign(self.change) * size, 0.0)

    def against_baseline_only(self) -> Contrast:
        """Return the same, held against the baseline's level alone."""
        return replace(self, local_change=self.change)

    def scaled(self, unit: float) -> Contrast:
        """Return the same in another unit."""
        return Contrast(*(getattr(self, name) / unit for name in self.__dataclass_fields__))


def split_bins(
    incident: NDArray[np.bool_], baseline: NDArray[np.bool_], before: NDArray[np.bool_]
) -> Split:
    """Cut the bins into incident, baseline and past windows.

    Parameters
    ----------
    incident, baseline, before
        Masks over the bins, in time order; the last few of `before` are the local
        reference.
    """
    rows = np.flatnonzero(incident)
    quiet = np.flatnonzero(baseline & ~incident)
    length = int(max(1, min(rows.size, quiet.size // _FEWEST_WINDOWS)))
    count = quiet.size - length + 1
    starts = np.unique(np.linspace(0, count - 1, min(count, _MOST_WINDOWS)).astype(np.intp))
    local = np.flatnonzero(before & ~incident)[-_LOCAL_BINS:]
    return Split(
        rows,
        quiet,
        local,
        starts if count > 0 else starts[:0],
        length,
        quiet.size / length if length else 0.0,
    )


def weights_of(
    values: NDArray[np.float64], split: Split
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weigh bins by how far the SLI stood from its level, in the incident and in past windows.

    The onset handed in is rarely exact and recovery may lie in the window: bins in which
    the SLI was normal say nothing about why it was not. The same weighting is done in
    every past window, so that the choice costs no honesty.

    Parameters
    ----------
    values
        The SLI, shape (bins,); NaN counts as no departure.

    Returns
    -------
    incident, past
        Weights that sum to one: shapes (incident bins,) and (windows, length).
    """
    departure = np.nan_to_num(values - medians(values[split.baseline]))
    now = departure[split.incident]
    past = departure[split.baseline][split.starts[:, None] + np.arange(split.length)]
    sign = _worse(now, past)
    return _normalised(now * sign), _normalised(past * sign)


def contrast(
    values: NDArray[np.float64],
    split: Split,
    weights: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
) -> Contrast:
    """Contrast the incident with the baseline, and every past window likewise.

    Parameters
    ----------
    values
        Shape (bins, columns); NaN is a gap and weighs nothing.
    split
        From `split_bins`.
    weights
        From `weights_of`; equal weights if not given.
    """
    now, past = weights or _equal(split)
    blend = _blend(past, split)
    return _joined([_contrast(block, split, now, blend) for block in _blocks(values)])


def peak_contrast(values: NDArray[np.float64], split: Split) -> Contrast:
    """Contrast by the most extreme half of each window instead of a weighted mean.

    The mean over half a window, at the position where it lies farthest from the level:
    indifferent to an onset that is a little off and to recovery inside the window. Past
    windows are searched in the same way.
    """
    return _joined([_extreme(block, split) for block in _blocks(values)])


def doublings(size: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """Surprise of a departure measured in normal ranges: 0 inside, then log2, at most 7.

    A departure of 2, 4, 8 normal half-widths is worth about 1, 2, 3.
    """
    beyond = np.clip(np.nan_to_num(np.abs(size)) - 1.0, 0.0, None)
    return np.minimum(np.log2(1.0 + beyond), _MOST_DOUBLINGS)


def p_value(
    departure: NDArray[np.float64], past: NDArray[np.float64], n_independent: float
) -> NDArray[np.float64]:
    """Chance of a past window departing as far: counted, or Student's t where few are.

    The scale is that of the past contrasts; the freedom, that of the windows that do not
    overlap, reduced where even those resemble their neighbours. From 20 of them on, past
    windows that departed as far are counted, which no heavy tail can fool.

    Parameters
    ----------
    departure, past
        Shapes (columns,) and (windows, columns).
    n_independent
        Past windows that do not overlap.
    """
    from scipy.stats import t

    number = _effective(past, n_independent)
    scale = np.sqrt(_mean_square(past) * (1.0 + 1.0 / number))
    size = np.abs(departure) / np.maximum(scale, 1e-15)
    smooth = 2.0 * t.sf(size, np.maximum(number - 1.0, 1.0))
    share = (np.abs(past) >= np.abs(departure)).mean(axis=0) if past.size else 1.0
    counted = (1.0 + number * share) / (1.0 + number)
    result = np.where(number >= _ENOUGH_TO_COUNT, counted, smooth)
    return np.where(np.isnan(departure) | (departure == 0), 1.0, np.nan_to_num(result, nan=1.0))


def half_width(past: NDArray[np.float64], n_independent: float) -> NDArray[np.float64]:
    """Half-width of a 95 % prediction interval from past contrasts (Student's t).

    Parameters
    ----------
    past
        Shape (windows, columns).
    n_independent
        Past windows that do not overlap.
    """
    from scipy.stats import t

    number = _effective(past, n_independent)
    scale = np.sqrt(_mean_square(past) * (1.0 + 1.0 / number))
    width: NDArray[np.float64] = scale * t.ppf(0.975, np.maximum(number - 1.0, 1.0))
    return width


def _mean_square(past: NDArray[np.float64]) -> NDArray[np.float64]:
    known = ~np.isnan(past)
    total = np.where(known, past, 0.0) ** 2
    count = known.sum(axis=0)
    return np.where(count > 0, total.sum(axis=0) / np.maximum(count, 1), np.nan)


def _effective(past: NDArray[np.float64], n_independent: float) -> NDArray[np.float64]:
    """Independent windows, fewer where neighbouring ones resemble each other."""
    stride = max(1, round(past.shape[0] / max(n_independent, 1.0))) if past.size else 1
    apart = np.nan_to_num(past[::stride])
    if apart.shape[0] < _FEWEST_WINDOWS:
        return np.full(past.shape[1], max(apart.shape[0], 1.0))
    centred = apart - apart.mean(axis=0)
    return np.maximum(n_independent / (1.0 + 2.0 * _memory(centred)), 2.0)


def _memory(centred: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of autocorrelations over the initial positive sequence (Geyer 1992, section 3.3).

    A season's slow swing ends the sum when it turns round; taken for persistence that never
    ends, as by the first lag alone, two days of history would be worth nothing.
    """
    count = centred.shape[0]
    power = (centred**2).sum(axis=0)
    power = np.where(power > 0, power, 1.0)
    total, going = np.zeros(centred.shape[1]), np.ones(centred.shape[1], dtype=bool)
    for lag in range(1, count - 1, 2):
        pair = sum(
            (centred[k:, going] * centred[: count - k, going]).sum(axis=0) for k in (lag, lag + 1)
        )
        pair = pair / power[going] + 2.0 / count  # the estimate is biased low
        total[going] += np.clip(pair, 0.0, None)
        going[going] = pair > 0
        if not going.any():
            break
    return total


def empirical_p(departure: NDArray[np.float64], past: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of past windows that departed as far, the incident counted as one of them.

    Parameters
    ----------
    departure, past
        Shapes (columns,) and (windows, columns).
    """
    known = ~np.isnan(past)
    as_far = (np.abs(np.where(known, past, 0.0)) >= np.abs(departure)).sum(axis=0)
    p_value: NDArray[np.float64] = (1.0 + as_far) / (1.0 + known.sum(axis=0))
    return p_value


def medians(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median over the first axis, NaN where a column has no value."""
    if values.shape[0] == 0:
        return np.full(values.shape[1:], np.nan)
    ordered = np.sort(values, axis=0)  # NaN sorts last
    seen = (~np.isnan(values)).sum(axis=0)
    low = np.take_along_axis(ordered, np.maximum(seen - 1, 0)[None] // 2, axis=0)[0]
    high = np.take_along_axis(ordered, np.minimum(seen // 2, values.shape[0] - 1)[None], axis=0)[0]
    return np.where(seen > 0, (low + high) / 2.0, np.nan)


def _contrast(
    values: NDArray[np.float64], split: Split, now: NDArray[np.float64], blend: csr_array
) -> Contrast:
    quiet = values[split.baseline]
    level = medians(quiet)
    change = _weighted(values[split.incident], now) - level
    windows = _past(quiet, blend) - level
    local_change = change - _shifted(values, split, level)
    return Contrast(level, change, local_change, windows, _normal(windows, level))


def _extreme(values: NDArray[np.float64], split: Split) -> Contrast:
    half = max(1, (split.length + 1) // 2)
    quiet = values[split.baseline]
    level = medians(quiet)
    change = _farthest(_rolling(values[split.incident], half) - level)
    smooth = _rolling(quiet, half) - level
    windows = _farthest_each(smooth, split.starts, split.length - half + 1)
    local_change = change - _shifted(values, split, level)
    return Contrast(level, change, local_change, windows, _normal(windows, level))


def _blocks(values: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    """Blocks of columns; one even where there is no column."""
    for first in range(0, max(values.shape[1], 1), _BLOCK):
        yield values[:, first : first + _BLOCK]


def _joined(parts: list[Contrast]) -> Contrast:
    fields = Contrast.__dataclass_fields__
    return Contrast(
        *(np.concatenate([getattr(part, f) for part in parts], axis=-1) for f in fields)
    )


def _shifted(
    values: NDArray[np.float64], split: Split, level: NDArray[np.float64]
) -> NDArray[np.float64]:
    """How far the level had shifted before the incident, shrunk by what is noise in it."""
    size = split.before.size
    if size == 0 or split.starts.size == 0:
        return np.zeros(level.shape)
    shift = medians(values[split.before]) - level
    smooth = _rolling(values[split.baseline], size) - level
    normal = _normal(smooth[np.minimum(split.starts, smooth.shape[0] - 1)], level)
    noise = np.minimum(normal / np.maximum(np.abs(shift), _TINY), 1.0)
    return np.nan_to_num(shift * np.clip(1.0 - noise**2, 0.0, None))


def _equal(split: Split) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    now = np.full(split.incident.size, 1.0 / max(split.incident.size, 1))
    return now, np.full((split.starts.size, split.length), 1.0 / split.length)


def _worse(now: NDArray[np.float64], past: NDArray[np.float64]) -> float:
    """Up is worse; down counts only where nothing rose beyond its normal range."""
    usual = float(np.quantile(np.abs(past), _TYPICAL)) if past.size else 0.0
    rose, fell = (float(np.max(side, initial=0.0)) for side in (now, -now))
    return 1.0 if rose > usual or rose >= fell else -1.0


def _normalised(departure: NDArray[np.float64]) -> NDArray[np.float64]:
    up = np.clip(departure, 0.0, None)
    total = up.sum(axis=-1, keepdims=True)
    # Bins that clearly departed weigh alike: weighed by size, noise would pick itself.
    typical = (up**2).sum(axis=-1, keepdims=True) / np.where(total > 0, total, 1.0)
    up = np.minimum(up, _CLEARLY * typical)
    total = up.sum(axis=-1, keepdims=True)
    equal = 1.0 / max(departure.shape[-1], 1)
    shares: NDArray[np.float64] = np.where(total > 0, up / np.where(total > 0, total, 1.0), equal)
    return shares


def _weighted(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    seen = ~np.isnan(values)
    total = weights @ seen
    mean = weights @ np.where(seen, values, 0.0) / np.where(total > 0, total, 1.0)
    plain = seen.sum(axis=0)
    # Weight on gaps only: fall back on the plain mean of what was seen.
    fallback = np.where(seen, values, 0.0).sum(axis=0) / np.where(plain > 0, plain, 1)
    return np.where(total > 0, mean, np.where(plain > 0, fallback, np.nan))


def _blend(weights: NDArray[np.float64], split: Split) -> csr_array:
    """Weights of baseline bins in each past window, shape (windows, baseline bins)."""
    rows, length = weights.shape
    bins = split.starts[:, None] + np.arange(length)
    ends = np.arange(0, rows * length + 1, length)
    return csr_array((weights.ravel(), bins.ravel(), ends), shape=(rows, split.baseline.size))


def _past(quiet: NDArray[np.float64], blend: csr_array) -> NDArray[np.float64]:
    there = ~np.isnan(quiet)
    whole = there.all(axis=0)
    seen = np.repeat(blend.sum(axis=1)[:, None], quiet.shape[1], axis=1)
    seen[:, ~whole] = blend @ there[:, ~whole].astype(float)
    total = blend @ np.where(there, quiet, 0.0)
    return np.where(seen > 0, total / np.where(seen > 0, seen, 1.0), np.nan)


def _rolling(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    length = min(length, max(values.shape[0], 1))
    there = ~np.isnan(values)
    if there.all():
        return _running(values, length) / length
    count = _running(there, length)
    total = _running(np.where(there, values, 0.0), length)
    return np.where(count > 0, total / np.where(count > 0, count, 1), np.nan)


def _running(values: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Sum over each stretch of `length` rows, by differences of cumulative sums."""
    sums = np.zeros((values.shape[0] + 1, values.shape[1]))
    np.cumsum(values, axis=0, out=sums[1:])
    return sums[length:] - sums[:-length]


def _farthest(departures: NDArray[np.float64]) -> NDArray[np.float64]:
    if departures.shape[0] == 0:
        return np.full(departures.shape[1:], np.nan)
    size = np.where(np.isnan(departures), -1.0, np.abs(departures))
    farthest: NDArray[np.float64] = np.take_along_axis(
        departures, size.argmax(axis=0)[None], axis=0
    )[0]
    return farthest


def _farthest_each(
    smooth: NDArray[np.float64], starts: NDArray[np.intp], length: int
) -> NDArray[np.float64]:
    """Find the value farthest from zero among the `length` rows from each start on."""
    gaps = np.isnan(smooth)
    high = _peaks(np.where(gaps, -np.inf, smooth), starts, length)
    low = -_peaks(np.where(gaps, -np.inf, -smooth), starts, length)
    farthest = np.where(high >= -low, high, low)
    return np.where(high == -np.inf, np.nan, farthest)


def _peaks(
    values: NDArray[np.float64], starts: NDArray[np.intp], length: int
) -> NDArray[np.float64]:
    """Largest of the rows from each start on: maxima over 1, 2, 4, … rows, two of which overlap."""
    width = 1
    while 2 * width <= length:
        values = np.maximum(values[:-width], values[width:])
        width *= 2
    return np.maximum(values[starts], values[starts + max(length, 1) - width])


def _normal(past: NDArray[np.float64], level: NDArray[np.float64]) -> NDArray[np.float64]:
    if past.shape[0] == 0:
        return np.full(level.shape, np.nan)
    ordered = np.sort(np.abs(past), axis=0)
    seen = (~np.isnan(past)).sum(axis=0)
    place = np.clip(np.ceil(_TYPICAL * seen).astype(np.intp) - 1, 0, past.shape[0] - 1)
    picked = np.take_along_axis(ordered, place[None], axis=0)[0]
    middle = np.take_along_axis(ordered, np.maximum(seen - 1, 0)[None] // 2, axis=0)[0]
    # Half of the past says how wide the rest may be: earlier incidents must not.
    limit = np.where(middle > 0, _WIDEST * middle, picked)
    return np.where(seen > 0, np.minimum(picked, limit), np.nan)
