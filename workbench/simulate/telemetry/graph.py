"""The graph as it is known: whole, with calls missing or invented, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx

if TYPE_CHECKING:
    import numpy as np

    from workbench.simulate.course import Course
    from workbench.simulate.services import System

__all__ = ["known_graph"]


def known_graph(
    system: System, course: Course, kind: str, *, rng: np.random.Generator
) -> nx.DiGraph[str] | None:
    """Draw which calls are known.

    Parameters
    ----------
    system, course
        What calls there are, and which of them nobody waits for.
    kind
        One of `workbench.simulate.telemetry.instruments.GRAPHS`.
    rng
        Draws what is missing or wrong.
    """
    if kind == "none":
        return None
    graph: nx.DiGraph[str] = nx.DiGraph()
    for e in range(system.edges):
        caller, callee = int(system.callers[e]), int(system.callees[e])
        lacking = (kind == "partial" and rng.random() < 0.2) or (
            kind == "one_sided" and caller % 3 == 2
        )
        if lacking:
            continue
        more = {"asynchronous": True, "kind": "messaging"} if course.asynchronous[e] else {}
        graph.add_edge(system.names[caller], system.names[callee], **more)
    if kind == "wrong":
        for _ in range(max(1, system.edges // 5)):
            caller, callee = sorted(rng.choice(system.size, 2, replace=False).tolist())
            graph.add_edge(system.names[caller], system.names[callee])
    return graph
