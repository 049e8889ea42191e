"""Whether the declared graph can be true: a caller that waits cannot be quicker than its callee.

Work is conserved along a call: what a callee does for a caller is part of the caller's
time. A callee whose work for a caller exceeds all of that caller's work, bin after bin, is
not waited for (a queue), or the call is declared the wrong way round. One such call is
worth telling; where many of a graph's calls are such, the graph is not believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.causal.thresholds import (
    FEWEST_CHECKED_BINS,
    FEWEST_CONTRADICTED,
    GRAPH_DOUBTED,
    MOST_CALLS_SHOWN,
    NEARLY_ALL_BINS,
)
from workbench.features.columns import values_of
from workbench.features.nearest import nearest_columns
from workbench.topology import calls_only

if TYPE_CHECKING:
    from collections.abc import Iterable

    import networkx as nx
    import pandas as pd
    from numpy.typing import NDArray

    from workbench.features.aligned import AlignedSignals

__all__ = ["GraphCheck", "check_graph"]


@dataclass(frozen=True, slots=True)
class GraphCheck:
    """A declared graph held against the data.

    Parameters
    ----------
    held
        Calls whose callee's work fits into the caller's, in nearly all bins.
    contradicted
        Calls whose callee's work exceeds the caller's, in nearly all bins.
    undecided
        Calls for which neither can be said, or with an end that was not measured.
    """

    held: tuple[tuple[str, str], ...]
    contradicted: tuple[tuple[str, str], ...]
    undecided: tuple[tuple[str, str], ...]

    @property
    def calls(self) -> tuple[tuple[str, str], ...]:
        """All calls that were held against the data."""
        return self.held + self.contradicted + self.undecided

    @property
    def believed(self) -> bool:
        """Whether the graph as a whole agrees with the data, or too little could be asked."""
        asked = len(self.held) + len(self.contradicted)
        return len(self.contradicted) < max(FEWEST_CONTRADICTED, GRAPH_DOUBTED * asked)

    def notes(self) -> tuple[str, ...]:
        """Say what is odd about the graph, in words."""
        if not self.contradicted:
            return ()
        shown = ", ".join(f"{u} → {v}" for u, v in self.contradicted[:MOST_CALLS_SHOWN])
        rest = len(self.contradicted) - MOST_CALLS_SHOWN
        shown += f" and {rest} more" if rest > 0 else ""
        asked = len(self.held) + len(self.contradicted)
        if self.believed:
            return (
                f"the callee takes longer than its caller's whole requests: {shown}: "
                "not waited for, or turned round?",
            )
        return (
            f"the graph contradicts the data at {len(self.contradicted)} of {asked} calls that "
            f"could be checked ({shown}): the callee takes longer than the caller's whole "
            "requests. Its calls are not used; is it turned round?",
        )


def check_graph(
    topology: nx.DiGraph[str],
    aligned: AlignedSignals,
    *,
    waited_for: Iterable[tuple[str, str]] = (),
) -> GraphCheck:
    """Hold every declared call against the work of its two ends in the baseline.

    Parameters
    ----------
    topology
        Service graph, caller → callee.
    aligned
        Aligned signals; mean latency (or its nearest quantile) and load are read.
    waited_for
        Calls that were measured as such: nothing to doubt.

    Notes
    -----
    A callee's work is shared among its callers by their load. Only baseline bins count:
    an incident may break any rule.
    """
    known = set(waited_for)
    edges = calls_only(topology).edges
    calls = sorted((str(u), str(v)) for u, v in edges if u != v and (u, v) not in known)
    names = sorted({name for call in calls for name in call})
    place = {name: number for number, name in enumerate(names)}
    load, work = _load_and_work(aligned.nodes, names, aligned.split.baseline)
    callers = np.array([place[u] for u, _ in calls], dtype=np.intp)
    callees = np.array([place[v] for _, v in calls], dtype=np.intp)
    verdicts = _verdicts(load, work, callers, callees)
    by_verdict = {
        verdict: tuple(
            call for call, found in zip(calls, verdicts, strict=True) if found == verdict
        )
        for verdict in (1, -1, 0)
    }
    return GraphCheck(by_verdict[1], by_verdict[-1], by_verdict[0])


def _verdicts(
    load: NDArray[np.float64],
    work: NDArray[np.float64],
    callers: NDArray[np.intp],
    callees: NDArray[np.intp],
) -> NDArray[np.intp]:
    """1 where the callee's work fits into the caller's, -1 where it exceeds it, else 0."""
    sent, counted = np.zeros_like(load), np.nan_to_num(load)
    for u, v in zip(callers, callees, strict=True):
        sent[:, v] += counted[:, u]
    verdicts = np.zeros(len(callers), dtype=np.intp)
    with np.errstate(invalid="ignore", divide="ignore"):
        for number, (u, v) in enumerate(zip(callers, callees, strict=True)):
            passed = work[:, v] * load[:, u] / sent[:, v]
            known = np.isfinite(passed) & np.isfinite(work[:, u])
            if known.sum() < FEWEST_CHECKED_BINS:
                continue
            exceeds = float(np.mean(passed[known] > work[known, u]))
            verdicts[number] = int(exceeds < 1.0 - NEARLY_ALL_BINS) - int(exceeds > NEARLY_ALL_BINS)
    return verdicts


def _load_and_work(
    nodes: pd.DataFrame, names: list[str], baseline: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    load = values_of(nodes, [(name, "load") for name in names])[baseline]
    return load, load * nearest_columns(nodes, names, "latency")[0][baseline]
