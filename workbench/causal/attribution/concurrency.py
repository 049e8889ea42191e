"""Which part of a call its caller waited for, and which calls were only made again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.causal.thresholds import CALLS_OVERLAP
from workbench.features.columns import values_of
from workbench.stats.past_windows import medians

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["awaited_part", "retried"]


def awaited_part(
    nodes: pd.DataFrame, calls: Sequence[tuple[str, str]], costs: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Part of each call's time that its caller waited for, where its calls overlap.

    Calls that together take longer than their caller does run at the same time: it waits for
    the longest, and for the others as far as its own time leaves room.

    Parameters
    ----------
    nodes
        Signals of the services.
    calls
        (caller, callee) of each column.
    costs
        Seconds a bin, shape (bins, calls).

    Returns
    -------
    numpy.ndarray
        In [0, 1], same shape; ones where calls follow each other.
    """
    part = np.ones_like(costs)
    members: dict[str, list[int]] = {}
    for number, (caller, _) in enumerate(calls):
        members.setdefault(caller, []).append(number)
    several = {caller: numbers for caller, numbers in members.items() if len(numbers) > 1}
    spent = values_of(nodes, [(caller, "load") for caller in several])
    spent = spent * values_of(nodes, [(caller, "latency") for caller in several])
    taken = np.clip(np.nan_to_num(costs), 0.0, None)
    together = np.column_stack([taken[:, n].sum(axis=1) for n in several.values()] or [spent])
    with np.errstate(invalid="ignore", divide="ignore"):
        overlap = medians(together / spent)
    for column, numbers in enumerate(several.values()):
        if overlap[column] > CALLS_OVERLAP:
            part[:, numbers] = _fits(taken[:, numbers], spent[:, column])
    return part


def _fits(taken: NDArray[np.float64], spent: NDArray[np.float64]) -> NDArray[np.float64]:
    longest = taken.max(axis=1)
    rest = taken.sum(axis=1) - longest
    room = np.clip(np.nan_to_num(spent) - longest, 0.0, None)
    left = np.minimum(room / np.where(rest > 0, rest, 1.0), 1.0)
    return np.where(taken == longest[:, None], 1.0, left[:, None])


def retried(edges: pd.DataFrame, calls: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
    """Count calls that may only be tries of failed ones: failures beyond their usual number.

    Returns
    -------
    numpy.ndarray
        Shape (bins, calls); zero where failures are not known.
    """
    failed = np.nan_to_num(values_of(edges, [(*call, "errors") for call in calls]))
    return np.clip(failed - np.median(failed, axis=0), 0.0, None) if failed.size else failed
