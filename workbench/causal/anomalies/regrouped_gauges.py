"""Gauges read again with another owner than their service: an instance of it, or a host.

The aligned table pools the instances of a service and knows no hosts. Here the same readers
(`workbench.features`) go over the same samples, told that each belongs to somebody else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.errors import BadInput
from workbench.features.aligned import align
from workbench.features.request_metrics import is_request_metric
from workbench.semconv import EDGE_METRICS, HOST_RESOURCES, NODE_METRICS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.features.aligned import AlignedSignals

__all__ = ["PREFIX", "gauges_by", "used_of"]

PREFIX = "saturation:"
_KNOWN = frozenset({*NODE_METRICS, *EDGE_METRICS})
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+")


def gauges_by(owner: NDArray[np.object_], seen: AlignedSignals) -> AlignedSignals | None:
    """Read the gauges of a window by other owners, with the same bin width.

    Parameters
    ----------
    owner
        Who each row of its metrics belongs to; empty leaves the row out; shape (rows,).
    seen
        The window's signals.

    Returns
    -------
    AlignedSignals or None
        Owners in the place of services; None where nothing of theirs was measured.
    """
    metrics = seen.window.metrics
    names = metrics["metric"].cat
    known = [name in _KNOWN or is_request_metric(str(name)) for name in names.categories]
    theirs = (owner != "") & ~np.array([*known, True])[names.codes.to_numpy()]
    if not theirs.any():
        return None
    frame = metrics[theirs].assign(service=pd.Categorical(owner[theirs]))
    alone = seen.window.with_(tables={"metrics": frame}, history=None, history_id="")
    try:
        found = align(alone, step=seen.step)
    except BadInput:
        return None
    return found if len(found.nodes.columns) else None


def used_of(signal: str) -> frozenset[str]:
    """Say what a gauge tells the use of that a host shares: cpu, memory, disk, network.

    A pool or a queue fills because its service is slow; it takes nothing from neighbours.
    """
    name = signal.removeprefix(PREFIX).split("{")[0]
    words = (word.lower() for word in _WORD.findall(name))
    return frozenset(HOST_RESOURCES[word] for word in words if word in HOST_RESOURCES)
