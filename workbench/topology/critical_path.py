"""How much of each span its parent waited for, where spans of one parent overlap.

Read backwards from the parent's end, it waits for the child that ended last; before that
child began, for the one that ended last of the others (the critical path of a request).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["awaited_share"]

_DEEPEST = 30
_NOT_AWAITED = ("producer", "consumer")


def awaited_share(spans: pd.DataFrame, parents: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each span's duration that the request it is part of waited for, in its service.

    Parameters
    ----------
    spans
        The window's spans.
    parents
        Row number of each span's parent, -1 where there is none.

    Returns
    -------
    numpy.ndarray
        In [0, 1], shape (spans,): 1 where nothing overlaps.
    """
    own = _beside_siblings(spans, parents)
    service = spans["service"].cat.codes.to_numpy()
    share, at = own.copy(), parents.copy()
    for _ in range(_DEEPEST):
        # A step inside a service is awaited as far as the step around it is.
        inside = (at >= 0) & (np.where(at >= 0, parents[at], -1) >= 0)
        inside &= service[at] == service[parents[at]]
        if not inside.any():
            break
        share[inside] *= own[at[inside]]
        at = np.where(inside, parents[at], -1)
    return share


def _beside_siblings(spans: pd.DataFrame, parents: NDArray[np.int64]) -> NDArray[np.float64]:
    share = np.ones(len(spans))
    kind = spans["kind"].astype("object").to_numpy()
    child = np.flatnonzero((parents >= 0) & ~np.isin(kind, _NOT_AWAITED))
    ts, duration = spans["ts"].array.asi8, spans["duration_s"].to_numpy()
    start = (ts[child] - ts[:1]).astype(float) / 1e9
    length = np.where(np.isfinite(duration), np.clip(duration, 0.0, None), 0.0)[child]
    owner = parents[child]
    order = np.lexsort((-(start + length), owner))
    owner, start, length, child = owner[order], start[order], length[order], child[order]
    earliest = pd.Series(start).groupby(owner).cummin().to_numpy()
    first = np.append(True, np.diff(owner) != 0) if len(owner) else np.zeros(0, dtype=bool)
    limit = np.where(first, np.inf, np.concatenate([[np.inf], earliest[:-1]])[: len(owner)])
    left = np.clip(np.minimum(start + length, limit) - start, 0.0, None)
    share[child] = np.where(length > 0, left / np.where(length > 0, length, 1.0), 1.0)
    return share
