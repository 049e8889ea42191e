"""What an edge of the service graph stands for: a call, or a service's place on a host."""

from __future__ import annotations

import networkx as nx

__all__ = ["calls_only"]

_HOSTS = "hosts"


def calls_only(graph: nx.DiGraph[str]) -> nx.DiGraph[str]:
    """Leave out of a service graph what is no call.

    Parameters
    ----------
    graph
        Service graph; an edge of kind ``hosts`` says where a service runs.

    Returns
    -------
    networkx.DiGraph
        A copy with every node, and every edge of another kind.
    """
    calls: nx.DiGraph[str] = nx.DiGraph(graph)
    hosts = [(u, v) for u, v, facts in graph.edges(data=True) if facts.get("kind") == _HOSTS]
    calls.remove_edges_from(hosts)
    return calls
