"""Places for the boxes of a service graph: callers left, callees right, few crossings.

The layered method of Sugiyama, Tagawa and Toda (1981): longest-path layers over the graph
without its cycles, dummy nodes where an edge spans layers, barycentre sweeps for the order,
and a pass that pulls each box towards its neighbours. The result depends on nothing but the
graph's names and edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import networkx as nx

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from typing import Any

__all__ = ["Layout", "layered"]

_SWEEPS = 12
# Routing edges around boxes costs a dummy node a layer: not worth it on a crowd.
_MOST_ROUTED = 150

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Layout:
    """Centres of boxes and courses of edges, in units of one box.

    Parameters
    ----------
    places
        Node to (column, row); rows need not be whole.
    routes
        Edge to its points from caller to callee, both included.
    columns, rows
        Extent.
    """

    places: dict[str, Point]
    routes: dict[tuple[str, str], tuple[Point, ...]]
    columns: float
    rows: float


def layered(graph: nx.DiGraph[Any]) -> Layout:
    """Lay a service graph out in columns, callers left of what they call.

    Parameters
    ----------
    graph
        Caller → callee; cycles are allowed and broken for the layout alone.
    """
    plain: nx.DiGraph[Any] = nx.DiGraph()
    plain.add_nodes_from(sorted(map(str, graph.nodes)))
    plain.add_edges_from(sorted((str(a), str(b)) for a, b in graph.edges if a != b))
    column = _columns(plain)
    extended, chains = _with_dummies(plain, column)
    layers = _ordered(extended, column)
    row = _rows(extended, layers)
    places = {node: (float(column[node]), row[node]) for node in plain.nodes}
    routes = {
        edge: tuple((float(column[n]), row[n]) for n in (edge[0], *chain, edge[1]))
        for edge, chain in chains.items()
    }
    return Layout(places, routes, max(column.values(), default=0) + 1.0, _extent(row))


def _columns(graph: nx.DiGraph[Any]) -> dict[Hashable, int]:
    acyclic: nx.DiGraph[Any] = nx.DiGraph(graph)
    while not nx.is_directed_acyclic_graph(acyclic):
        acyclic.remove_edge(*nx.find_cycle(acyclic)[-1][:2])
    column: dict[Hashable, int] = {}
    for node in nx.topological_sort(acyclic):
        column[node] = max((column[p] + 1 for p in acyclic.predecessors(node)), default=0)
    return column


def _with_dummies(
    graph: nx.DiGraph[Any], column: dict[Hashable, int]
) -> tuple[nx.DiGraph[Any], dict[tuple[str, str], tuple[Hashable, ...]]]:
    """Add a dummy node in each column an edge passes over; `column` learns of them."""
    extended: nx.DiGraph[Any] = nx.DiGraph()
    extended.add_nodes_from(graph.nodes)
    chains: dict[tuple[str, str], tuple[Hashable, ...]] = {}
    routed = graph.number_of_nodes() <= _MOST_ROUTED
    for caller, callee in graph.edges:
        low, high = sorted((column[caller], column[callee]))
        between = range(low + 1, high) if routed else range(0)
        chain: list[Hashable] = [("dummy", caller, callee, at) for at in between]
        column.update(zip(chain, between, strict=True))
        if column[caller] > column[callee]:
            chain.reverse()
        nx.add_path(extended, [caller, *chain, callee])
        chains[(caller, callee)] = tuple(chain)
    return extended, chains


def _ordered(graph: nx.DiGraph[Any], column: dict[Hashable, int]) -> list[list[Hashable]]:
    layers: list[list[Hashable]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for node in graph.nodes:
        layers[column[node]].append(node)
    best, fewest = [list(layer) for layer in layers], _crossings(graph, layers)
    for sweep in range(_SWEEPS):
        _sweep(graph, layers, column, forward=sweep % 2 == 0)
        count = _crossings(graph, layers)
        if count < fewest:
            best, fewest = [list(layer) for layer in layers], count
    return best


def _sweep(
    graph: nx.DiGraph[Any],
    layers: list[list[Hashable]],
    column: dict[Hashable, int],
    *,
    forward: bool,
) -> None:
    place = {node: at for layer in layers for at, node in enumerate(layer)}
    side = -1 if forward else 1
    for layer in layers if forward else reversed(layers):
        layer.sort(key=lambda node: _centre(graph, node, place, lambda n: column[n], side))
        place.update({node: at for at, node in enumerate(layer)})


def _centre(
    graph: nx.DiGraph[Any],
    node: Hashable,
    place: dict[Hashable, int],
    column: Callable[[Hashable], int],
    side: int,
) -> float:
    near = [
        place[n] for n in nx.all_neighbors(graph, node) if (column(n) - column(node)) * side > 0
    ]
    return sum(near) / len(near) if near else float(place[node])


def _crossings(graph: nx.DiGraph[Any], layers: list[list[Hashable]]) -> int:
    place = {node: at for layer in layers for at, node in enumerate(layer)}
    total = 0
    for layer in layers:
        ends = [
            (place[a], place[b])
            for a in layer
            for b in sorted(graph.successors(a), key=lambda n: place[n])
        ]
        total += sum(
            (a1 - a2) * (b1 - b2) < 0
            for i, (a1, b1) in enumerate(ends)
            for a2, b2 in ends[i + 1 : i + 200]
        )
    return total


def _rows(graph: nx.DiGraph[Any], layers: list[list[Hashable]]) -> dict[Hashable, float]:
    """Pull each node towards the mean of its neighbours, keeping order and distance."""
    tallest = max((_height(layer) for layer in layers), default=0.0)
    row: dict[Hashable, float] = {}
    for layer in layers:
        row.update(_stack(layer, dict.fromkeys(layer, 0.0), (tallest - _height(layer)) / 2))
    for sweep in range(_SWEEPS):
        for layer in layers if sweep % 2 else reversed(layers):
            wanted = {
                n: sum(near) / len(near) if near else row[n]
                for n in layer
                for near in [[row[m] for m in nx.all_neighbors(graph, n)]]
            }
            row.update(_spread(layer, wanted))
    least = min(row.values(), default=0.0)
    return {node: value - least for node, value in row.items()}


def _size(node: Hashable) -> float:
    return 0.4 if isinstance(node, tuple) else 1.0


def _height(layer: Iterable[Hashable]) -> float:
    return sum(_size(node) for node in layer)


def _stack(
    layer: list[Hashable], row: dict[Hashable, float], start: float
) -> dict[Hashable, float]:
    at = start
    for node in layer:
        row[node] = at + _size(node) / 2
        at += _size(node)
    return row


def _spread(layer: list[Hashable], wanted: dict[Hashable, float]) -> dict[Hashable, float]:
    """Nearest rows to the wanted ones with neighbours a box apart (pool adjacent violators)."""
    offset, total = {}, 0.0
    for before, node in zip([None, *layer], layer, strict=False):
        total += (_size(before) + _size(node)) / 2 if before is not None else 0.0
        offset[node] = total
    blocks: list[list[float]] = []
    for node in layer:
        blocks.append([wanted[node] - offset[node], 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            value, weight = blocks.pop()
            held, count = blocks[-1]
            blocks[-1] = [(held * count + value * weight) / (count + weight), count + weight]
    levels = [value for value, weight in blocks for _ in range(int(weight))]
    return {node: levels[i] + offset[node] for i, node in enumerate(layer)}


def _extent(row: dict[Hashable, float]) -> float:
    return max(row.values(), default=0.0) + 1.0
