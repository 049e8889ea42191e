"""The graph a change's effect is read on, and what has to be adjusted for on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import networkx as nx
import pandas as pd

from workbench.cards import StatementCard, table_html
from workbench.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["UNOBSERVED", "Adjustment", "adjustment", "change_graph"]

UNOBSERVED = frozenset({"moment"})
"""Nodes of `change_graph` that nothing measures."""


@dataclass(frozen=True, slots=True, repr=False)
class Adjustment(StatementCard):
    """A back-door adjustment set with the graph it was read from.

    Parameters
    ----------
    treatment, outcome
        Whose effect on what.
    adjusted_for
        The smallest set of observed nodes that blocks every back-door path.
    roles
        Node and its role: treatment, outcome, adjusted for, affected, not observed, other.
    edges
        Cause first.
    """

    treatment: str
    outcome: str
    adjusted_for: tuple[str, ...]
    roles: tuple[tuple[str, str], ...]
    edges: tuple[tuple[str, str], ...]

    @property
    def graph(self) -> nx.DiGraph[str]:
        """The graph, each node with its ``role``."""
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from((name, {"role": role}) for name, role in self.roles)
        graph.add_edges_from(self.edges)
        return graph

    @property
    def statement(self) -> str:
        """The set in one sentence."""
        names = ", ".join(self.adjusted_for) or "nothing"
        return f"Effect of {self.treatment} on {self.outcome}: adjusted for {names}"

    def to_frame(self) -> pd.DataFrame:
        """One line a node: its role, and what acts on it."""
        graph = self.graph
        rows = [(name, role, ", ".join(graph.predecessors(name))) for name, role in self.roles]
        return pd.DataFrame(rows, columns=["node", "role", "acted on by"])

    def __repr__(self) -> str:
        """Statement, then a line a node."""
        lines = [f"  {name}: {role}" for name, role in self.roles]
        return "\n".join([self.statement, *lines])

    def _body(self) -> str:
        return table_html(self.to_frame())


def change_graph() -> nx.DiGraph[str]:
    """Return the graph that a change's effect is identified on.

    A change acts on the SLI through its own service (``own``). The SLI is that part plus
    what happens ``elsewhere``, both with the known coefficient one, so the effect on the
    part is the effect on the SLI, and a fault elsewhere at the same ``moment`` (unobserved)
    is not put down to the change. Traffic moves everything, and people choose when to
    deploy by it.
    """
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_edges_from([("change", "own"), ("own", "sli"), ("elsewhere", "sli")])
    graph.add_edges_from([("traffic", x) for x in ("change", "own", "elsewhere")])
    graph.add_edges_from([("moment", "change"), ("moment", "elsewhere")])
    return graph


def adjustment(
    graph: nx.DiGraph[str],
    treatment: str = "change",
    outcome: str = "own",
    *,
    unobserved: Collection[str] = UNOBSERVED,
) -> Adjustment:
    """Read the back-door set of an effect from a causal graph.

    Parameters
    ----------
    graph
        Cause → effect, without cycles.
    treatment, outcome
        Nodes of it.
    unobserved
        Nodes that can't be adjusted for.

    Raises
    ------
    BadInput
        No set of observed nodes blocks every back-door path.

    Notes
    -----
    Back-door criterion (Pearl 1993): a minimal separator of treatment and outcome, among
    observed nodes the treatment does not affect, in the graph without the treatment's own
    effects (van der Zander, Liśkiewicz and Textor 2014).
    """
    affected = nx.descendants(graph, treatment)
    allowed = set(graph) - affected - set(unobserved) - {treatment}
    cut: nx.DiGraph[str] = nx.DiGraph(graph)
    cut.remove_edges_from(list(graph.out_edges(treatment)))
    found = nx.find_minimal_d_separator(cut, {treatment}, {outcome}, restricted=allowed)
    if found is None:
        hint = "Measure a common cause of the two, or see `workbench.causal.sensitivity`"
        fact = "No observed set blocks every back-door path"
        raise BadInput(fact, value=f"{treatment} → {outcome}", hint=hint)
    roles = {treatment: "treatment", outcome: "outcome", **dict.fromkeys(found, "adjusted for")}
    for name in graph:
        kind = "affected" if name in affected else "other"
        roles.setdefault(name, "not observed" if name in unobserved else kind)
    named = tuple((name, roles[name]) for name in graph)
    return Adjustment(treatment, outcome, tuple(sorted(found)), named, tuple(graph.edges))
