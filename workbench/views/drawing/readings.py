"""Series as a person reads them: the SLI and a service's signals, with unit and scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from workbench.features import Signals

__all__ = ["REQUEST_SIGNALS", "Reading", "milliseconds", "reading", "scale_of", "unit_of"]

REQUEST_SIGNALS = ("latency", "errors", "load", "self_time", "self_errors", "error_ratio")
"""Signals of requests; all others are gauges, or quantiles of these."""

_UNITS = {
    "latency": "s",
    "self_time": "s",
    "errors": "ratio",
    "self_errors": "ratio",
    "error_ratio": "ratio",
    "load": "req/s",
}
_ENDINGS = {"_bytes": "B", "_seconds": "s", "_ratio": "ratio"}
_MILLI = 1e-3
_SIZES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """One signal of one service over time.

    Parameters
    ----------
    service, signal
        Which.
    series
        Values in `unit` over UTC instants; NaN is a gap.
    unit
        ``s``, ``ratio``, ``req/s``, ``B`` or empty where the recording names none.
    """

    service: str
    signal: str
    series: pd.Series
    unit: str

    @property
    def name(self) -> str:
        """Service and signal; a gauge goes by its metric's name."""
        return f"{self.service}/{self.signal.removeprefix('saturation:')}"

    def scaled(self) -> tuple[pd.Series, str]:
        """Values and unit for an axis: ms for small times, percent for shares."""
        factor, unit = scale_of(self.unit, self.largest)
        return self.series * factor, unit

    def within(self, start: pd.Timestamp, end: pd.Timestamp) -> Reading:
        """Return the samples from `start` to `end`, both included."""
        index = self.series.index
        inside = self.series[(index >= start) & (index <= end)]
        return Reading(self.service, self.signal, inside, self.unit)

    @property
    def largest(self) -> float:
        """Greatest absolute value; 0 where nothing was seen."""
        return float(self.series.abs().max()) if self.seen else 0.0

    @property
    def varies(self) -> bool:
        """Whether it ever changes."""
        return self.seen and bool(self.series.max() > self.series.min())

    @property
    def seen(self) -> bool:
        """Whether there is any sample."""
        return bool(np.isfinite(self.series.to_numpy(dtype=float)).any())


def reading(signals: Signals, service: str, signal: str) -> Reading:
    """Read one signal of a service in an SLI's units; all NaN where it was not recorded.

    An infinite value is drawn as a gap; the window's coverage counts it.

    Parameters
    ----------
    signals
        What `workbench.features.signals` returns.
    service, signal
        ``latency`` in seconds, ``errors`` as failed share, ``load`` a second, or any
        other signal as recorded.
    """
    values = signals.node(service, signal).astype(float).replace([np.inf, -np.inf], np.nan)
    if signal in {"errors", "self_errors"}:
        values = _share(signals, service, values)
    elif signal == "load":
        values = values / signals.step_s
    return Reading(service, signal, values, unit_of(signal))


def unit_of(signal: str) -> str:
    """Name a signal's unit; a gauge's is read off its name where that ends in one."""
    if signal.startswith("latency"):
        return "s"
    ending = next((unit for end, unit in _ENDINGS.items() if signal.endswith(end)), "")
    return _UNITS.get(signal, ending)


def scale_of(unit: str, largest: float) -> tuple[float, str]:
    """Factor and unit that turn values of `unit` into short numbers on an axis."""
    if unit == "s" and largest < 1:
        return (1e3, "ms") if largest >= _MILLI or largest == 0 else (1e6, "µs")
    if unit == "ratio":
        return 100.0, "%"
    if unit == "B":
        return next(((1 / size, name) for size, name in _SIZES if largest >= size), (1.0, "B"))
    return 1.0, unit


def milliseconds(at: pd.Timestamp) -> int:
    """Write an instant as milliseconds since 1970: what a time axis takes as it is."""
    return int(at.as_unit("ns").value // 1_000_000)


def _share(signals: Signals, service: str, failed: pd.Series) -> pd.Series:
    load = signals.node(service, "load").astype(float)
    share = failed / load.where(load > 0)
    return share if share.notna().any() else signals.node(service, "error_ratio").astype(float)
