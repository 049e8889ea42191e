"""Several service graphs as one, with what they disagree on listed."""

from __future__ import annotations

from typing import Any

import networkx as nx

__all__ = ["merge"]


def merge(*graphs: nx.DiGraph[str]) -> nx.DiGraph[str]:
    """Join service graphs; nothing is dropped, disagreements are listed.

    Where several graphs have an edge, the first one's attributes stand, its validity is
    widened, and ``source`` names all of them.

    Parameters
    ----------
    graphs
        Graphs from `from_spans`, `from_metrics` or `from_table`, the most trusted first.

    Returns
    -------
    networkx.DiGraph
        ``graph.graph["conflicts"]``: one mapping a conflict with ``src``, ``dst`` and
        ``what``: *declared, not observed* (both ends were), *observed, not declared*, or
        *kind: x or y*. Counts of missing parents add up.
    """
    joined: nx.DiGraph[str] = nx.DiGraph()
    conflicts: list[dict[str, str]] = []
    for graph in graphs:
        for node, data in graph.nodes(data=True):
            _add_node(joined, node, data)
        for src, dst, data in graph.edges(data=True):
            conflicts += _add_edge(joined, src, dst, data)
    conflicts += _declared_against_observed(joined, graphs)
    joined.graph["conflicts"] = conflicts
    joined.graph["missing_parents"] = sum(g.graph.get("missing_parents", 0) for g in graphs)
    return joined


def _add_node(joined: nx.DiGraph[str], node: str, data: dict[str, Any]) -> str:
    """Add a node; what a graph knows of it beats ``external``."""
    known = joined.nodes.get(node, {})
    kinds = [k for k in (known.get("kind"), data.get("kind")) if k]
    telling = next((k for k in kinds if k not in {"external", "service"}), "")
    plain = telling or ("service" if "service" in kinds else next(iter(kinds), "service"))
    joined.add_node(node, **{**data, **known, "kind": plain})
    return plain


def _add_edge(
    joined: nx.DiGraph[str], src: str, dst: str, data: dict[str, Any]
) -> list[dict[str, str]]:
    if not joined.has_edge(src, dst):
        joined.add_edge(src, dst, **data)
        return []
    known = dict(joined.edges[src, dst])
    both = {**data, **known}
    both["source"] = "+".join(
        dict.fromkeys([*str(known.get("source", "")).split("+"), str(data.get("source", ""))])
    ).strip("+")
    both["confidence"] = max(known.get("confidence", 0.0), data.get("confidence", 0.0))
    for name, choose in (("valid_from", min), ("valid_to", max)):
        if name in known and name in data:
            both[name] = choose(known[name], data[name])
    joined.add_edge(src, dst, **both)
    kinds = (known.get("kind"), data.get("kind"))
    if None in kinds or kinds[0] == kinds[1]:
        return []
    return [{"src": src, "dst": dst, "what": f"kind: {kinds[0]} or {kinds[1]}"}]


def _declared_against_observed(
    joined: nx.DiGraph[str], graphs: tuple[nx.DiGraph[str], ...]
) -> list[dict[str, str]]:
    declared = [g for g in graphs if g.graph.get("source") == "declared"]
    observed = [g for g in graphs if g.graph.get("source") != "declared"]
    if not declared or not observed:
        return []
    said = {edge for g in declared for edge in g.edges}
    seen = {edge for g in observed for edge in g.edges}
    met = {node for g in observed for node in g.nodes}
    unseen = [e for e in sorted(said - seen) if e[0] in met and e[1] in met]
    return [
        *({"src": u, "dst": v, "what": "declared, not observed"} for u, v in unseen),
        *({"src": u, "dst": v, "what": "observed, not declared"} for u, v in sorted(seen - said)),
    ]
