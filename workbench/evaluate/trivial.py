"""Trivial rules: what a diagnosis has to beat to be worth anything."""

from __future__ import annotations

import warnings
from types import MappingProxyType
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pandas as pd

from workbench.causal.mechanisms import signal_column

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from workbench.causal.panel import Panel
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

    Scores: TypeAlias = "dict[str, float]"

__all__ = ["RULES"]

_ANOMALOUS = 3.0
_LONGEST = 600  # bins a correlation looks at


def _random(window: IncidentWindow, panel: Panel, sli: SLI) -> Scores:
    """Every service alike."""
    return {}


def _largest_z(window: IncidentWindow, panel: Panel, sli: SLI) -> Scores:
    """Largest robust z of any signal of a service."""
    return _z(panel)


def _correlation(window: IncidentWindow, panel: Panel, sli: SLI) -> Scores:
    """Largest rank correlation of any signal of a service with the SLI."""
    target = signal_column(panel.nodes, sli.service, sli.signal)
    if target is None:
        return {}
    rows = np.union1d(panel.split.baseline, panel.split.incident)
    near = np.argsort(np.abs(rows - panel.split.incident.mean()), kind="stable")[:_LONGEST]
    rows = np.sort(rows[near])
    ranks = panel.nodes.iloc[rows].rank()
    ranks = ranks.loc[:, ranks.std() > 0]
    strength = ranks.corrwith(target.iloc[rows].rank()).abs().fillna(0.0)
    return strength.groupby(level=0).max().to_dict()


def _deepest(window: IncidentWindow, panel: Panel, sli: SLI) -> Scores:
    """Anomalous services reached from the SLI over anomalous ones, without such callees."""
    size = _z(panel)
    odd = {name for name, value in size.items() if value >= _ANOMALOUS}
    graph: nx.DiGraph = nx.DiGraph(window.topology.subgraph(odd | {sli.service}))
    if sli.service not in graph:
        return {}
    reached = nx.descendants(graph, sli.service) | {sli.service}
    return {name: float(not set(graph.successors(name)) & odd) for name in reached}


def _latest_change(window: IncidentWindow, panel: Panel, sli: SLI) -> Scores:
    """Service of the change nearest before the end of the incident."""
    changes = window.changes
    changes = changes[changes["ts"] < window.when.end]
    return {str(name): float(n) for n, name in enumerate(changes["service"], start=1)}


def _z(panel: Panel) -> Scores:
    base = panel.nodes.iloc[panel.split.baseline]
    now = panel.nodes.iloc[panel.split.incident]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # columns nobody measured
        middle = base.median()
        spread = (base.quantile(0.75) - base.quantile(0.25)) / 1.349
        size = ((now - middle).abs().max() / spread.where(spread > 0)).replace(np.inf, np.nan)
    return pd.Series(size).fillna(0.0).groupby(level=0).max().to_dict()


RULES: Mapping[str, Callable[[IncidentWindow, Panel, SLI], Scores]] = MappingProxyType(
    {
        "random": _random,
        "largest robust z": _largest_z,
        "ranked correlation": _correlation,
        "deepest anomalous": _deepest,
        "latest change": _latest_change,
    }
)
"""Rule to the score of each service; services it does not name score zero."""
