"""Books kept by the spans alone: load, latency and calls of one source, so that they add up.

Metrics count every request, spans perhaps a tenth of them; a mean and a median of the same
calls differ. Work is conserved only inside one source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.topology.calls import pair_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.features.signals import Signals
    from workbench.window import IncidentWindow

__all__ = ["TraceSignals", "joined_traces", "statuses_told", "trace_signals"]


@dataclass(frozen=True, slots=True, eq=False)
class TraceSignals:
    """Node and edge signals of one source, on the panel's bins.

    Parameters
    ----------
    nodes, edges
        As in `workbench.features.Signals`, edges with ``latency_callee`` and ``awaited``:
        mean seconds of a call in which its caller waited for nothing that ended later.
    asynchronous
        Calls the caller does not wait for.
    """

    nodes: pd.DataFrame
    edges: pd.DataFrame
    asynchronous: frozenset[tuple[str, str]]

    @property
    def index(self) -> pd.DatetimeIndex:
        """Bin starts, UTC."""
        return pd.DatetimeIndex(self.nodes.index)


def trace_signals(
    window: IncidentWindow, spans: Signals, index: pd.DatetimeIndex
) -> TraceSignals | None:
    """Signals of a window's spans alone, or None where it has none.

    Parameters
    ----------
    window
        The incident window.
    spans
        From `workbench.features.span_signals`, which give the bin width.
    index
        Bins to put them on.
    """
    if window.spans.empty:
        return None
    seen, step = spans, pd.Timedelta(spans.step_s, "s")
    calls = pair_spans(window.spans).frame
    nodes, edges = seen.nodes, seen.edges
    for column, signal in (("callee_s", "latency_callee"), ("awaited_s", "awaited")):
        edges = edges.join(_means(calls, column, signal, step=step), how="left")
    if not statuses_told(window):
        nodes = nodes.drop(
            columns=["errors", "self_errors", "error_ratio"], level=1, errors="ignore"
        )
        edges = edges.drop(columns=["errors"], level=2, errors="ignore")
    return TraceSignals(nodes.reindex(index), edges.reindex(index), seen.asynchronous)


def joined_traces(parts: Sequence[TraceSignals | None]) -> TraceSignals | None:
    """Join the signals of several windows' spans on the same bins; the first known value counts.

    Parameters
    ----------
    parts
        From `trace_signals`, all on one index.
    """
    known = [part for part in parts if part is not None]
    if len(known) <= 1:
        return known[0] if known else None
    nodes, edges = known[0].nodes, known[0].edges
    for part in known[1:]:
        nodes, edges = nodes.combine_first(part.nodes), edges.combine_first(part.edges)
    late = frozenset().union(*(part.asynchronous for part in known))
    return TraceSignals(nodes, edges, late)


def statuses_told(window: IncidentWindow) -> bool:
    """Whether any span says if it failed; where none does, errors are unknown, not zero."""
    spans = window.spans
    if spans.empty:
        return True
    told = not spans["status"].isin(["unset"]).all()
    return told or ("attributes" in spans and bool((spans["attributes"] != "{}").any()))


def _means(calls: pd.DataFrame, column: str, signal: str, *, step: pd.Timedelta) -> pd.DataFrame:
    frame = calls[np.isfinite(calls[column].to_numpy())]
    bins = frame["ts"].dt.floor(step)
    mean = frame[column].groupby([bins, frame["caller"], frame["callee"]], observed=True).mean()
    wide = mean.unstack(level=[1, 2])  # noqa: PD010
    names = [(str(u), str(v), signal) for u, v in wide.columns]
    wide.columns = (
        pd.MultiIndex.from_tuples(names, names=["caller", "callee", "signal"])
        if names
        else pd.MultiIndex.from_arrays([[], [], []])
    )
    return wide
