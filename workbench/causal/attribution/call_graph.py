"""The mechanism graph: who waits for whom, in an order in which blame can flow.

Edges come from topology (and from edges seen in telemetry), never from correlation.
Calls may go round in circles; such a ring is walked from where the SLI enters it, and the
call that would close the ring is left out and told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

from workbench.causal.thresholds import (
    FEWEST_VIEW_BINS,
    MOVE_TOGETHER,
    PAIRS_AT_ONCE,
    SAME_REQUESTS,
)
from workbench.stats.past_windows import medians
from workbench.topology import calls_only

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["MechanismGraph", "declared_asynchronous", "mechanism_graph", "twins_of"]


@dataclass(frozen=True, slots=True)
class MechanismGraph:
    """Services and the calls they wait for, callers before callees.

    Parameters
    ----------
    sli
        The service whose SLI is explained.
    order
        All services, each after its callers.
    callees
        Service to the services it waits for, rings cut.
    callers
        The same, turned round.
    reached
        Services that requests of the SLI's service reach, itself included.
    above
        Services whose own requests reach the SLI's service: they can only be symptoms.
    cut
        Calls left out because they close a ring.
    unawaited
        Services that requests reach, but only over calls nobody waits for.
    """

    sli: str
    order: tuple[str, ...]
    callees: Mapping[str, tuple[str, ...]]
    callers: Mapping[str, tuple[str, ...]]
    reached: frozenset[str]
    above: frozenset[str]
    cut: tuple[tuple[str, str], ...]
    unawaited: frozenset[str] = frozenset()

    @property
    def has_no_callees(self) -> bool:
        """Whether the SLI's service is not known to wait for anybody."""
        return len(self.reached) == 1

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """All calls in use, caller first."""
        return tuple((caller, callee) for caller in self.order for callee in self.callees[caller])


def mechanism_graph(
    topology: nx.DiGraph[str],
    sli: str,
    services: Iterable[str],
    *,
    asynchronous: Iterable[tuple[str, str]] = (),
) -> MechanismGraph:
    """Read the mechanism graph from topology.

    Parameters
    ----------
    topology
        Service graph, caller → callee.
    sli
        The service whose SLI is explained.
    services
        Services with telemetry; they need not be in the topology.
    asynchronous
        Calls whose time the caller does not wait for, beside those that the topology
        declares so: they pass nothing on. What shares a host (kind ``hosts``) is no call.
    """
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(sorted({*services, sli, *map(str, topology.nodes)}))
    calls = calls_only(topology).edges
    graph.add_edges_from(sorted((str(u), str(v)) for u, v in calls if u != v))
    reachable = {sli, *nx.descendants(graph, sli)}
    graph.remove_edges_from([*asynchronous, *declared_asynchronous(topology)])
    reached = {sli, *nx.descendants(graph, sli)}
    flow, cut = _without_rings(graph, sli)
    order = tuple(nx.lexicographical_topological_sort(flow))
    return MechanismGraph(
        sli=sli,
        order=order,
        callees={node: tuple(sorted(flow.successors(node))) for node in order},
        callers={node: tuple(sorted(flow.predecessors(node))) for node in order},
        reached=frozenset(reached),
        above=frozenset(nx.ancestors(graph, sli) - reached),
        cut=cut,
        unawaited=frozenset(reachable - reached),
    )


def declared_asynchronous(topology: nx.DiGraph[str]) -> frozenset[tuple[str, str]]:
    """Collect the calls that the topology declares as not waited for.

    Parameters
    ----------
    topology
        Service graph, caller → callee; edges say ``asynchronous``.
    """
    edges = topology.edges(data=True)
    return frozenset((str(u), str(v)) for u, v, facts in edges if facts.get("asynchronous"))


def twins_of(
    load: NDArray[np.float64], latency: NDArray[np.float64], pairs: Iterable[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Find calls whose two ends are views of one service: same requests, same time.

    A load balancer, a client-side "remote" node and the service behind them carry the
    same requests and take nearly the same time. They are told, and left in the graph:
    time that is passed on whole already lands at the deepest of them.

    Parameters
    ----------
    load, latency
        Requests and mean seconds a bin, shape (bins, services).
    pairs
        Calls as column numbers (caller, callee).

    Returns
    -------
    list of (int, int)
        The calls that only lead to another view of the caller.
    """
    listed = list(pairs)
    same = [pair for some in _blocks(listed) for pair in _alike(load, some, SAME_REQUESTS)]
    near = [pair for some in _blocks(same) for pair in _alike(latency, some, 10 * SAME_REQUESTS)]
    return [pair for pair in near if _together(latency[:, pair[0]], latency[:, pair[1]])]


def _without_rings(
    graph: nx.DiGraph[str], start: str
) -> tuple[nx.DiGraph[str], tuple[tuple[str, str], ...]]:
    """Cut every ring at the call that climbs most towards the SLI."""
    flow: nx.DiGraph[str] = nx.DiGraph(graph)
    depth = nx.single_source_shortest_path_length(flow, start)
    cut: list[tuple[str, str]] = []
    while not nx.is_directed_acyclic_graph(flow):
        ring = nx.find_cycle(flow)
        back = max(ring, key=lambda e: (depth.get(e[0], 0) - depth.get(e[1], 0), e))
        flow.remove_edge(*back[:2])
        cut.append((back[0], back[1]))
    return flow, tuple(cut)


def _blocks(pairs: list[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Pairs a few at a time: both ends of thousands of calls need not lie side by side."""
    return (pairs[first : first + PAIRS_AT_ONCE] for first in range(0, len(pairs), PAIRS_AT_ONCE))


def _alike(
    values: NDArray[np.float64], pairs: list[tuple[int, int]], tolerance: float
) -> list[tuple[int, int]]:
    """Pairs of columns that differ by less than this, relative, in most bins."""
    first, second = (values[:, list(ends)] for ends in zip(*pairs, strict=True))
    apart = np.abs(first - second)
    both = ~np.isnan(apart)
    scale = medians(np.where(both, np.abs(first), np.nan))
    scale = np.where(scale == 0, 1.0, scale)
    alike = (medians(apart) <= tolerance * scale) & (both.sum(axis=0) >= FEWEST_VIEW_BINS)
    return [pair for pair, same in zip(pairs, alike, strict=True) if same]


def _together(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    both = ~(np.isnan(a) | np.isnan(b))
    if both.sum() < FEWEST_VIEW_BINS or a[both].std() == 0 or b[both].std() == 0:
        return False
    return bool(np.corrcoef(a[both], b[both])[0, 1] > MOVE_TOGETHER)
