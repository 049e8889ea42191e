"""PetShop with wrong knowledge: graph edges reversed, dropped or absent, onset misplaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import networkx as nx
import numpy as np
import pandas as pd

from tests.benchmarks.quiet import blamed
from tests.benchmarks.rates import rate
from workbench import TimeRange, datasets
from workbench.causal import rank
from workbench.causal.attribution.study import study
from workbench.causal.rank import rank_study
from workbench.features.aligned import align

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from workbench.window import IncidentWindow

_STEP = pd.Timedelta("5min")


def wrong_knowledge(path: Path) -> pd.DataFrame:
    """Top-1 and top-3 of each kind of wrong knowledge, and whether the graph was doubted."""
    found = {name: _places(path, change) for name, change in _changes()}
    published = found["as published"]
    return pd.DataFrame([_line(name, places, published) for name, places in found.items()])


def quiet_windows(path: Path, *, every: int = 6) -> pd.DataFrame:
    """Share of quiet windows of normal operation in which the SLI moved, or one was named."""
    labelled = datasets.read_petshop(path)
    window = labelled.load(labelled.ids[0])
    normal = window.baseline
    metrics = window.metrics
    calm = window.with_(tables={"metrics": metrics[normal.mask(metrics["ts"])]})
    count = int(normal.duration / _STEP)
    begins = [normal.start + start * _STEP for start in range(count // 4, count - 4, every)]
    found = [
        rank(calm.with_(when=TimeRange(begin, begin + 4 * _STEP), baseline=normal))
        for begin in begins
    ]
    return pd.DataFrame([blamed(found)])


def _changes() -> Iterator[tuple[str, Callable[[IncidentWindow], IncidentWindow]]]:
    yield "as published", lambda window: window
    yield "onset one step early", lambda window: _moved(window, -1)
    yield "onset one step late", lambda window: _moved(window, 1)
    yield "edges reversed", lambda window: _regraphed(window, window.topology.reverse())
    for seed in range(3):
        yield f"20 % of edges dropped ({seed})", lambda window, s=seed: _dropped(window, s)
    yield "no graph", lambda window: _regraphed(window, nx.DiGraph())


def _places(path: Path, change: Callable[[IncidentWindow], IncidentWindow]) -> list[_Found]:
    labelled = datasets.read_petshop(path)
    return [_place(change(labelled.load(i)), labelled.truth(i).services) for i in labelled.ids]


class _Found(NamedTuple):
    """Chance under random ties of the truth at the top, and what was told of the graph."""

    first: float
    among: float
    doubted: bool
    disbelieved: bool
    missing: bool


def _line(name: str, found: list[_Found], published: list[_Found]) -> dict[str, object]:
    lost = 100 * (np.mean([f.first for f in published]) - np.mean([f.first for f in found]))
    return {
        "knowledge": name,
        "top-1": rate(f.first for f in found),
        "top-3": rate(f.among for f in found),
        "points lost": f"{lost:.1f}",
        "some call doubted": rate(f.doubted for f in found),
        "graph contradicts the data": rate(f.disbelieved for f in found),
        "a call missing": rate(f.missing for f in found),
    }


def _place(window: IncidentWindow, truth: tuple[str, ...]) -> _Found:
    seen = align(window)
    opened = study(seen, window.sli())
    ranking = rank_study(opened)
    scores = {row.service: row.score for row in ranking.rows}
    best = max(scores.get(service, 0.0) for service in truth)
    above = sum(value > best for value in scores.values())
    equal = max(sum(value == best for value in scores.values()), 1)
    first, among = (min(max((k - above) / equal, 0.0), 1.0) for k in (1, 3))
    check = opened.check
    missing = any("is a call missing" in note for note in ranking.notes)
    return _Found(first, among, bool(check.contradicted), not check.believed, missing)


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
