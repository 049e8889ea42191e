"""PetShop with wrong knowledge: graph edges reversed, dropped or absent, onset misplaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pandas as pd

from workbench import TimeRange, datasets
from workbench.causal import rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from workbench.window import IncidentWindow

_STEP = pd.Timedelta("5min")


def wrong_knowledge(path: Path) -> pd.DataFrame:
    """Top-1 and top-3 of each kind of wrong knowledge."""
    return pd.DataFrame([_line(name, path, change) for name, change in _changes()])


def quiet_windows(path: Path, *, every: int = 6) -> pd.DataFrame:
    """Share of quiet windows of normal operation in which the SLI moved, or one was named."""
    labelled = datasets.read_petshop(path)
    window = labelled.load(labelled.ids[0])
    normal = window.baseline
    metrics = window.metrics
    calm = window.with_(tables={"metrics": metrics[normal.mask(metrics["ts"])]})
    count = int(normal.duration / _STEP)
    rows = []
    for start in range(count // 4, count - 4, every):
        begin = normal.start + start * _STEP
        found = rank(calm.with_(when=TimeRange(begin, begin + 4 * _STEP), baseline=normal))
        sure = found.named is not None and found.named.confidence >= 0.8
        rows.append((found.moved, found.named is not None, sure))
    table = pd.DataFrame(rows, columns=["moved", "named", "named at ≥ .8"])
    return pd.DataFrame([{"windows": len(table), **table.mean().to_dict()}])


def _changes() -> Iterator[tuple[str, Callable[[IncidentWindow], IncidentWindow]]]:
    yield "as published", lambda window: window
    yield "onset one step early", lambda window: _moved(window, -1)
    yield "onset one step late", lambda window: _moved(window, 1)
    yield "edges reversed", lambda window: _regraphed(window, window.topology.reverse())
    for seed in range(3):
        yield f"20 % of edges dropped ({seed})", lambda window, s=seed: _dropped(window, s)
    yield "no graph", lambda window: _regraphed(window, nx.DiGraph())


def _line(
    name: str, path: Path, change: Callable[[IncidentWindow], IncidentWindow]
) -> dict[str, object]:
    labelled = datasets.read_petshop(path)
    places = [_place(change(labelled.load(i)), labelled.truth(i).services) for i in labelled.ids]
    first, among = (float(np.mean([place <= k for place in places])) for k in (1, 3))
    return {"knowledge": name, "n": len(places), "top-1": first, "top-3": among}


def _place(window: IncidentWindow, truth: tuple[str, ...]) -> float:
    scores = {row.service: row.score for row in rank(window).rows}
    best = max(scores.get(service, 0.0) for service in truth)
    above = sum(value > best for value in scores.values())
    return above + (sum(value == best for value in scores.values()) + 1) / 2


def _moved(window: IncidentWindow, steps: int) -> IncidentWindow:
    when = TimeRange(window.when.start + steps * _STEP, window.when.end)
    return window.with_(when=when, baseline=window.baseline)


def _regraphed(window: IncidentWindow, graph: nx.DiGraph) -> IncidentWindow:
    return window.with_(topology=nx.freeze(nx.DiGraph(graph)))


def _dropped(window: IncidentWindow, seed: int) -> IncidentWindow:
    rng = np.random.default_rng(seed)
    kept = [edge for edge in sorted(window.topology.edges) if rng.random() >= 0.2]
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_nodes_from(window.topology.nodes)
    graph.add_edges_from(kept)
    return _regraphed(window, graph)
