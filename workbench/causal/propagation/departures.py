"""Who left their own normal range: latency or errors beyond those of past windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.causal.thresholds import WITHIN_LIMIT
from workbench.features.nearest import signal_column
from workbench.stats.past_windows import half_width, peak_contrast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.features.aligned import AlignedSignals

__all__ = ["SIGNALS", "Leaving", "departures"]

SIGNALS = ("latency", "errors")
"""What users of a service feel of it."""

_LEAST = {"latency": 0.02, "errors": 0.005}  # of the level, or of requests: nobody would notice


@dataclass(frozen=True, slots=True, eq=False)
class Leaving:
    """How far services strayed, and how far they usually do.

    Parameters
    ----------
    departure
        Signal to the worsening in the incident, in seconds or shares, shape (services,);
        NaN where the table holds no incident.
    limit
        Signal to the limit of the normal range; NaN where it is not measured.
    past
        Signal to the worsening in past windows, shape (windows, services).
    measured
        Whether any of the signals is, shape (services,).
    """

    departure: Mapping[str, NDArray[np.float64]]
    limit: Mapping[str, NDArray[np.float64]]
    past: Mapping[str, NDArray[np.float64]]
    measured: NDArray[np.bool_]

    @property
    def left(self) -> NDArray[np.bool_]:
        """Whether each service left its range for the worse, through either signal."""
        either: NDArray[np.bool_] = np.any(
            [self.departure[s] > self.limit[s] for s in SIGNALS], axis=0
        )
        return either


def departures(aligned: AlignedSignals, services: Sequence[str]) -> Leaving:
    """Say of each service how far it strayed for the worse, and how far is usual.

    Parameters
    ----------
    aligned
        Aligned signals; its baseline bins are the past.
    services
        Which, in which order.
    """
    departure, limit, past = {}, {}, {}
    for signal in SIGNALS:
        values = np.column_stack([_series(aligned, name, signal) for name in services])
        seen = peak_contrast(values, aligned.split)
        departure[signal] = seen.departure
        past[signal] = seen.past if seen.past.size else np.zeros((1, len(services)))
        usual = np.full(len(services), np.nan)
        known = np.isfinite(past[signal]).any(axis=0)
        usual[known] = np.nanquantile(past[signal][:, known], WITHIN_LIMIT, axis=0)
        usual = np.fmax(usual, half_width(past[signal], aligned.split.n_independent))
        least = _LEAST[signal] * (np.abs(seen.level) if signal == "latency" else 1.0)
        limit[signal] = np.maximum(usual, least)
    measured = np.any([np.isfinite(limit[s]) for s in SIGNALS], axis=0)
    return Leaving(departure, limit, past, measured)


def _series(aligned: AlignedSignals, name: str, signal: str) -> NDArray[np.float64]:
    column = signal_column(aligned.nodes, name, signal)
    if column is None:
        return np.full(len(aligned.nodes), np.nan)
    values: NDArray[np.float64] = column.to_numpy(float)
    if signal == "latency" or column.name[1] != "errors" or (name, "load") not in aligned.nodes:
        return values
    load = aligned.nodes[name, "load"].to_numpy(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(load > 0, values / load, np.nan)
