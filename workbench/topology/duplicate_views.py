"""A client-side view of a service is the service: merge the two when the evidence says so.

A load balancer, a "remote" peer or a service known only from its caller's spans shows up
as a node of its own, with the same requests and nearly the same latency as the service
behind it. Blame would be split between the two. Names are never looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import networkx as nx
import numpy as np
import pandas as pd

from workbench.cards import quantity
from workbench.moved import renamed

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DuplicateView", "Measured", "merge_duplicate_views"]

if not TYPE_CHECKING:
    __getattr__ = renamed(
        __name__, {"Twin": "DuplicateView", "merge_twins": "merge_duplicate_views"}
    )

# Declared: what a network hop and two clocks may do to one and the same requests.
_FEWEST_BINS = 10
_CALLS_APART = 0.02  # share of the requests
_CALLS_APART_A_BIN = 0.05  # the same, the median bin
_FASTER_THAN_BEHIND = -0.01  # share of the view's latency, the median bin
_LATENCY_APART = 0.10  # share of the view's latency, the median bin
_LATENCY_APART_WORST = 0.25  # the same, the 95th percentile


class Measured(Protocol):
    """What is asked of signals: `workbench.features.Signals` answers it."""

    def node(self, service: str, signal: str) -> pd.Series:
        """Return one node's ``load``, ``latency`` or ``errors``, all NaN where not measured."""
        ...


@dataclass(frozen=True, slots=True)
class DuplicateView:
    """A view merged into its service, and the figures that say so.

    Parameters
    ----------
    view, service
        The node that went, and the node that stayed.
    calls_apart
        Difference of their request counts, as a share of the requests.
    latency_apart
        Median share of the view's latency that is not the service's.
    bins
        Bins compared.
    """

    view: str
    service: str
    calls_apart: float
    latency_apart: float
    bins: int

    @property
    def statement(self) -> str:
        """One sentence for a person."""
        return (
            f"{self.view!r} was taken for a client-side view of {self.service!r}: over "
            f"{self.bins} bins their requests differ by {quantity(self.calls_apart, 'ratio')}, "
            f"its latency exceeds the service's by {quantity(self.latency_apart, 'ratio')} "
            "and nothing else lies between them"
        )


def merge_duplicate_views(
    graph: nx.DiGraph[str], signals: Measured
) -> tuple[nx.DiGraph[str], tuple[DuplicateView, ...]]:
    """Merge client-side views with the services they show.

    A view V of service S is accepted only if nothing else lies between them (V calls
    nothing but S and nothing but V calls S; or S has no caller and V, which reports
    nothing itself, calls nothing), their requests agree bin by bin, their failures agree,
    and S is never slower than V and never much faster.

    Parameters
    ----------
    graph
        Service graph, caller → callee; not changed.
    signals
        Aligned signals of the same window.

    Returns
    -------
    graph, merged_views
        The graph without the views (their callers now call the service), and what was
        merged. ``graph.graph["duplicate_views"]`` holds the sentences.
    """
    merged: nx.DiGraph[str] = nx.DiGraph(graph)
    merged_views: list[DuplicateView] = []
    for view, service in list(_candidates(graph)):
        if view in merged and service in merged:
            merged_view = _compare(merged, signals, view, service)
            if merged_view is not None:
                _fold(merged, view, service)
                merged_views.append(merged_view)
    merged.graph["duplicate_views"] = [merged_view.statement for merged_view in merged_views]
    return merged, tuple(merged_views)


def _candidates(graph: nx.DiGraph[str]) -> Iterator[tuple[str, str]]:
    """Pairs (view, service) between which nothing else lies."""
    for view in sorted(graph.nodes):
        callees = set(graph.successors(view)) - {view}
        if len(callees) == 1:
            service = next(iter(callees))
            if set(graph.predecessors(service)) - {service} == {view}:
                yield view, service
    roots = [n for n in sorted(graph.nodes) if graph.in_degree(n) == 0]
    for view in sorted(graph.nodes):
        external = graph.nodes[view].get("kind") == "external"
        if external and graph.out_degree(view) == 0 and graph.in_degree(view) > 0:
            yield from (
                (view, service) for service in roots if not nx.has_path(graph, service, view)
            )


def _compare(
    graph: nx.DiGraph[str], signals: Measured, view: str, service: str
) -> DuplicateView | None:
    calls, own = signals.node(view, "load"), signals.node(service, "load")
    seen_s, own_s = signals.node(view, "latency"), signals.node(service, "latency")
    frame = pd.DataFrame({"v": calls, "s": own, "vl": seen_s, "sl": own_s}).dropna()
    frame = frame[(frame["v"] > 0) & (frame["s"] > 0) & (frame["vl"] > 0)]
    if len(frame) < _FEWEST_BINS or graph.has_edge(service, view):
        return None
    apart = abs(frame["v"].sum() - frame["s"].sum()) / frame["v"].sum()
    per_bin = ((frame["v"] - frame["s"]).abs() / frame["v"]).median()
    slower = ((frame["vl"] - frame["sl"]) / frame["vl"]).to_numpy()
    low, middle, high = np.quantile(slower, [0.05, 0.5, 0.95])
    same_calls = apart <= _CALLS_APART and per_bin <= _CALLS_APART_A_BIN
    same_latency = low >= -_CALLS_APART_A_BIN and _FASTER_THAN_BEHIND <= middle <= _LATENCY_APART
    if not (same_calls and same_latency and high <= _LATENCY_APART_WORST):
        return None
    if not _same_failures(signals, view, service):
        return None
    return DuplicateView(view, service, float(apart), float(max(middle, 0.0)), len(frame))


def _same_failures(signals: Measured, view: str, service: str) -> bool:
    """Failures agree within 2 % of the requests and a handful; unknown ones do not count."""
    both = pd.DataFrame(
        {
            "v": signals.node(view, "errors"),
            "s": signals.node(service, "errors"),
            "n": signals.node(view, "load"),
        }
    ).dropna()
    apart = float((both["v"] - both["s"]).abs().sum())
    return apart <= 0.02 * float(both["n"].sum()) + 3


def _fold(graph: nx.DiGraph[str], view: str, service: str) -> str:
    for caller in list(graph.predecessors(view)):
        if caller not in {view, service} and not graph.has_edge(caller, service):
            graph.add_edge(caller, service, **graph.edges[caller, view])
    graph.remove_node(view)
    graph.nodes[service]["views"] = [*graph.nodes[service].get("views", []), view]
    return service
