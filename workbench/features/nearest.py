"""The nearest to what is asked for that a system measures: means read from quantiles, ratios."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.features.columns import values_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["LEVELS", "MEAN", "mean_of_quantiles", "means_of", "nearest_columns", "signal_column"]

LEVELS = {"latency_p50": 0.5, "latency_p90": 0.9, "latency_p95": 0.95, "latency_p99": 0.99}
MEAN = "latency_quantiles"
"""What a mean read from quantiles is called where columns are named."""
_SEVERAL = 2
# Where the mean is not measured, several quantiles are the nearest to it, then the lowest.
_NEAREST = {
    "latency": ("latency", MEAN, *LEVELS),
    "errors": ("errors", "error_ratio"),
}


def mean_of_quantiles(
    values: NDArray[np.float64], levels: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Integrate the quantile function from 0 to 1 by trapezoids: its integral is the mean.

    It rises from zero to the lowest quantile and stays at the highest, so that of the tail
    beyond that nothing is counted.

    Parameters
    ----------
    values
        Quantiles, shape (levels, ...), in any unit.
    levels
        Their levels in (0, 1), rising.

    Returns
    -------
    numpy.ndarray, shape (...)
        NaN where a quantile is missing.
    """
    heights = np.concatenate([np.zeros_like(values[:1]), values, values[-1:]])
    widths = np.diff(np.r_[0.0, levels, 1.0])
    return np.tensordot(widths, (heights[:-1] + heights[1:]) / 2, axes=1)


def means_of(nodes: pd.DataFrame, services: Sequence[str]) -> NDArray[np.float64]:
    """Mean latency of each service from its quantiles, seconds.

    A single quantile moves for reasons of its own and is not taken for a mean.

    Returns
    -------
    numpy.ndarray, shape (bins, services)
        NaN where a service has fewer than two quantiles.
    """
    found = np.stack([values_of(nodes, [(name, level) for name in services]) for level in LEVELS])
    levels = np.array(list(LEVELS.values()))
    there = np.asarray(~np.isnan(found).all(axis=1))
    means = np.full((len(nodes), len(services)), np.nan)
    for i in np.flatnonzero(there.sum(axis=0) >= _SEVERAL):
        means[:, i] = mean_of_quantiles(found[there[:, i], :, i], levels[there[:, i]])
    return means


def nearest_columns(
    nodes: pd.DataFrame, services: Sequence[str], signal: str
) -> tuple[NDArray[np.float64], list[str]]:
    """One signal of many services, as `signal_column` reads it of one.

    Returns
    -------
    values, names
        Shape (bins, services), NaN where nothing is measured; and the signal each column
        is, empty for those.
    """
    values, names = np.full((len(nodes), len(services)), np.nan), [""] * len(services)
    for name in _NEAREST.get(signal, (signal,)):
        open_ones = [i for i, known in enumerate(names) if not known]
        asked = [services[i] for i in open_ones]
        found = (
            means_of(nodes, asked) if name == MEAN else values_of(nodes, [(s, name) for s in asked])
        )
        for column in np.flatnonzero(~np.isnan(found).all(axis=0)):
            values[:, open_ones[column]] = found[:, column]
            names[open_ones[column]] = name
    return values, names


def signal_column(nodes: pd.DataFrame, service: str, signal: str) -> pd.Series | None:
    """One signal of one service; for latency the nearest to the mean that is measured."""
    values, (name,) = nearest_columns(nodes, [service], signal)
    return pd.Series(values[:, 0], nodes.index, name=(service, name)) if name else None
