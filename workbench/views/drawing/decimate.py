"""Fewer points than pixels, with every spike kept: min, max and last of each bucket."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

__all__ = ["Decimated", "decimate"]


class Decimated(NamedTuple):
    """A thinned series, and in words how much was thinned (empty where nothing was)."""

    series: pd.Series
    note: str


def decimate(series: pd.Series, pixels: int = 600) -> Decimated:
    """Keep the least, the greatest and the last sample of each pixel's stretch of time.

    Parameters
    ----------
    series
        Numbers over a sorted DatetimeIndex; NaN is a gap and stays one.
    pixels
        Width of the picture. A series of at most three samples a pixel is left alone.

    Returns
    -------
    Decimated
        At most four samples a pixel: the three kept ones and a NaN where one was dropped
        between them, so that a gap is never drawn over.

    Notes
    -----
    The same idea as M4 aggregation (Jugel et al., VLDB 2014), without the first sample:
    the last one of the bucket before stands there already.
    """
    if len(series) <= 3 * pixels:
        return Decimated(series, "")
    bucket = _buckets(series.index, pixels)
    values = series.to_numpy(dtype=float)
    keep = _extremes(values, bucket)
    keep |= _first_of(np.isnan(values), bucket)
    thin = series[keep]
    text = f"{len(series):,} samples drawn as {len(thin):,}: min, max and last of each pixel"
    return Decimated(thin, text)


def _buckets(index: pd.Index, pixels: int) -> np.ndarray:
    at = pd.DatetimeIndex(index).asi8
    width = max(1, (int(at[-1]) - int(at[0]) + 1) // pixels + 1)
    return np.asarray((at - at[0]) // width)


def _extremes(values: np.ndarray, bucket: np.ndarray) -> np.ndarray:
    frame = pd.DataFrame({"bucket": bucket, "value": values}).dropna()
    groups = frame.groupby("bucket")["value"]
    keep = np.zeros(len(values), dtype=bool)
    for rows in (groups.idxmin(), groups.idxmax(), frame.groupby("bucket").tail(1).index):
        keep[np.asarray(rows, dtype=int)] = True
    return keep


def _first_of(flags: np.ndarray, bucket: np.ndarray) -> np.ndarray:
    keep = np.zeros(len(flags), dtype=bool)
    where = np.flatnonzero(flags)
    _, first = np.unique(bucket[where], return_index=True)
    keep[where[first]] = True
    return keep
