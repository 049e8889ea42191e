"""A regular grid of UTC bins, and numbers put into its bins.

Every function keeps the difference between *nothing happened* (0) and *nothing was seen*
(NaN).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.errors import BadInput
from workbench.semconv import COUNTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.window import IncidentWindow

__all__ = ["Grid", "choose_step", "grid_of"]

_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 86400)
_MOST_BINS = 20_000
_SPAN_BINS = 120
# Seconds between samples from which on they keep their own cadence: two of them a bin would
# leave too few bins in an incident.
_SLOW_CADENCE_S = 30


@dataclass(frozen=True, slots=True)
class Grid:
    """Regular half-open bins ``[start + i·step, start + (i + 1)·step)``.

    Parameters
    ----------
    start
        Start of the first bin, nanoseconds since the epoch.
    step
        Width of a bin in nanoseconds.
    size
        Number of bins.
    """

    start: int
    step: int
    size: int

    @classmethod
    def covering(cls, first: pd.Timestamp, last: pd.Timestamp, step: pd.Timedelta) -> Grid:
        """Bins aligned to multiples of the step that hold both instants."""
        width = step.value
        start = first.value // width * width
        return cls(start, width, int((last.value - start) // width + 1))

    @property
    def index(self) -> pd.DatetimeIndex:
        """Bin starts, UTC, with a fixed frequency; shape ``(size,)``."""
        start = pd.Timestamp(self.start, unit="ns", tz="UTC")
        step = pd.Timedelta(self.step, "ns")
        return pd.date_range(start, periods=self.size, freq=step, unit="ns", name="ts")

    @property
    def step_s(self) -> float:
        """Width of a bin in seconds."""
        return self.step / 1e9

    @property
    def edges(self) -> np.ndarray:
        """Bin edges in nanoseconds since the epoch; shape ``(size + 1,)``."""
        return self.start + self.step * np.arange(self.size + 1, dtype=np.int64)

    def bins(self, ts: np.ndarray) -> np.ndarray:
        """Bin of each instant (nanoseconds); outside the grid it is negative or ≥ size."""
        return (ts - self.start) // self.step

    def sums(
        self, ts: np.ndarray, values: np.ndarray, *, code: np.ndarray, codes: int
    ) -> np.ndarray:
        """Sum values by bin and code; shape ``(size, codes)``, 0 where nothing fell in."""
        at = self.bins(ts)
        inside = (at >= 0) & (at < self.size) & (code >= 0)
        flat = at[inside] * codes + code[inside]
        summed = np.bincount(flat, weights=values[inside], minlength=self.size * codes)
        # Of nothing NumPy makes integers, which hold no gaps.
        return summed.astype(np.float64, copy=False).reshape(self.size, codes)

    def placed(self, codes: int, parts: Iterable[tuple[np.ndarray, ...]]) -> np.ndarray | None:
        """Put samples into their bins where no bin has two of one code: nothing to add up.

        Parameters
        ----------
        codes
            Number of codes.
        parts
            Times, values and codes of some rows at a time; rows with a code below zero are
            left out.

        Returns
        -------
        numpy.ndarray or None
            Shape ``(codes, size)``, NaN where nothing fell in; None where a bin has two.
        """
        placed = np.full(codes * self.size, np.nan)
        taken = np.zeros(codes * self.size, dtype=bool)
        count = 0
        for ts, values, code in parts:
            at = self.bins(ts)
            inside = (at >= 0) & (at < self.size) & (code >= 0)
            flat = code[inside] * self.size + at[inside]
            placed[flat] = values[inside]
            taken[flat] = True
            count += len(flat)
        return placed.reshape(codes, self.size) if np.count_nonzero(taken) == count else None

    def means(
        self, ts: np.ndarray, values: np.ndarray, *, code: np.ndarray, codes: int
    ) -> np.ndarray:
        """Mean of values by code and bin; shape ``(codes, size)``, NaN where nothing fell in."""
        placed = self.placed(codes, [(ts, values, code)])
        if placed is not None:
            return placed
        count = self.sums(ts, np.ones(len(ts)), code=code, codes=codes)
        total = self.sums(ts, values, code=code, codes=codes)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(count > 0, total / count, np.nan).T


def grid_of(window: IncidentWindow, step: float | pd.Timedelta | None = None) -> Grid:
    """Lay the grid over all metrics and spans of a window.

    Parameters
    ----------
    window
        The incident window.
    step
        Bin width (seconds or a Timedelta); chosen by `choose_step` if missing.

    Raises
    ------
    BadInput
        The window has neither metrics nor spans, or the step is not positive.
    """
    stamps = [frame["ts"] for frame in (window.metrics, window.spans) if len(frame)]
    width = _width(step) if step is not None else choose_step(window)
    if not stamps:
        raise _nothing_measured(window)
    first, last = min(s.iloc[0] for s in stamps), max(s.iloc[-1] for s in stamps)
    return Grid.covering(first, last, width)


def choose_step(window: IncidentWindow) -> pd.Timedelta:
    """Choose a bin width from cadence and length.

    Metrics scraped more often than every 30 s get two scrapes a bin and at least 10 s;
    slower ones keep their own cadence, and so do counts that are published a bin: finer bins
    would miss every other one. Spans alone get about 120 bins of 10 s or more.
    """
    metrics, spans = window.metrics, window.spans
    if metrics.empty and spans.empty:
        raise _nothing_measured(window)
    if len(metrics):
        length = _length(metrics)
        cadence = max(_cadence(metrics), _cadence_of_counts(metrics))
        wanted = cadence if cadence >= _SLOW_CADENCE_S else max(2 * cadence, 10.0)
    else:
        length = _length(spans)
        wanted = max(length / _SPAN_BINS, 10.0)
    wanted = max(wanted, length / _MOST_BINS)
    fitting = (s for s in _STEPS_S if s >= wanted * 0.95)
    return pd.Timedelta(next(fitting, _STEPS_S[-1]), "s")


def _nothing_measured(window: IncidentWindow) -> BadInput:
    hint = "Signals are made from metrics or spans; logs alone give none"
    return BadInput("The window has neither metrics nor spans", value=window.id, hint=hint)


def _width(step: float | pd.Timedelta) -> pd.Timedelta:
    width = step if isinstance(step, pd.Timedelta) else pd.Timedelta(step, "s")
    if width <= pd.Timedelta(0):
        fact = "A step must be positive"
        raise BadInput(fact, value=step, hint="For example step=60")
    return width.as_unit("ns")


def _length(frame: pd.DataFrame) -> float:
    return float((frame["ts"].iloc[-1] - frame["ts"].iloc[0]).total_seconds())


def _cadence_of_counts(metrics: pd.DataFrame) -> float:
    """Cadence of counts published a bin; 0 where there are none."""
    names = metrics["metric"].cat
    is_count = names.categories.isin(list(COUNTS))
    if not is_count.any():
        return 0.0
    counts = metrics[is_count[names.codes]]
    return _cadence(counts) if len(counts) and _length(counts) > 0 else 0.0


def _cadence(metrics: pd.DataFrame) -> float:
    """Median over services of the usual interval between distinct times, in seconds."""
    service = metrics["service"].array.codes
    order = np.argsort(service, kind="stable")  # rows are in time order already
    service, ts = service[order], metrics["ts"].array.asi8[order]
    gaps = np.diff(ts)
    same = (service[1:] == service[:-1]) & (gaps > 0)
    if not same.any():
        return 60.0
    medians = pd.Series(gaps[same]).groupby(service[1:][same]).median()
    return float(medians.median() / 1e9)
