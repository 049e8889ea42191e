"""Columns of a signals frame: gathered, made into the frame, and taken out of it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.features.grid import Grid

__all__ = ["Columns", "fill", "frame_of", "sources_of", "values_of"]

Columns: TypeAlias = dict[tuple[str, ...], tuple[np.ndarray, str]]
"""Values a bin and where they come from, by column."""


def fill(columns: Columns, more: Columns) -> Columns:
    """Take from `more` the columns that `columns` does not have."""
    return {**more, **columns}


def frame_of(columns: Columns, grid: Grid, names: list[str]) -> pd.DataFrame:
    """Build the frame, columns sorted; an empty one keeps its levels."""
    keys = sorted(columns)
    level = pd.MultiIndex.from_tuples(keys, names=names) if keys else _no_columns(names)
    # Stored column by column: that is how they are read.
    values = np.array([columns[key][0] for key in keys], dtype=float).T if keys else None
    return pd.DataFrame(values, index=grid.index, columns=level, dtype="float64", copy=False)


def sources_of(*parts: Columns) -> Mapping[tuple[str, ...], str]:
    """Source of every column."""
    return {key: source for part in parts for key, (_, source) in sorted(part.items())}


def values_of(frame: pd.DataFrame, keys: Sequence[tuple[str, ...]]) -> NDArray[np.float64]:
    """Take many columns at once: looked up one by one, they cost more than the arithmetic.

    Returns
    -------
    numpy.ndarray
        A copy, shape (rows, keys); NaN where the frame has no such column.
    """
    if not frame.shape[1] or not keys:
        return np.full((len(frame), len(keys)), np.nan)
    at = frame.columns.get_indexer(pd.MultiIndex.from_tuples(keys))
    values: NDArray[np.float64] = frame.to_numpy(float)[:, at]
    values[:, at < 0] = np.nan
    return values


def _no_columns(names: list[str]) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([pd.Index([], dtype="str") for _ in names], names=names)
