"""Service graphs as plain lists, for manifests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import networkx as nx

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["graph_from_dict", "graph_to_dict"]


def graph_to_dict(graph: nx.DiGraph[str]) -> dict[str, Any]:
    """Write a service graph as JSON-able lists of nodes and edges."""
    return {
        "graph": dict(graph.graph),
        "nodes": [{"name": node, **data} for node, data in graph.nodes(data=True)],
        "edges": [{"src": u, "dst": v, **data} for u, v, data in graph.edges(data=True)],
    }


def graph_from_dict(plain: Mapping[str, Any]) -> nx.DiGraph[str]:
    """Read back what `graph_to_dict` wrote."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.graph.update(plain.get("graph", {}))
    for node in plain["nodes"]:
        graph.add_node(node["name"], **{k: v for k, v in node.items() if k != "name"})
    for edge in plain["edges"]:
        data = {k: v for k, v in edge.items() if k not in {"src", "dst"}}
        graph.add_edge(edge["src"], edge["dst"], **data)
    return graph
