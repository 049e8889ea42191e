"""Trivial rules: what a diagnosis has to beat to be worth anything.

Each is as strong as we could make it with the same window. On the public incidents that
this package is developed with we tried the SLI's kind of signal against all signals;
mean, median and maximum of the incident; interquartile range, standard deviation, extreme
quantiles and ratios as the yardstick; correlations over the incident alone, with 1, 3, 5, 10
and 20 times as much baseline and with all of it; Pearson and Spearman; thresholds from 1 to
10; and ties among the deepest left to chance or broken by size or depth. What did best there
is what stands here, so these rules are, if anything, flattered.
"""

from __future__ import annotations

import warnings
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

import networkx as nx
import numpy as np
import pandas as pd

from workbench.features.nearest import signal_column
from workbench.topology import calls_only

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from workbench.features.aligned import AlignedSignals
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

    Scores: TypeAlias = dict[str, float]
    Rule: TypeAlias = Callable[[IncidentWindow, AlignedSignals, SLI], Scores]

__all__ = ["RULES", "like_the_sli"]

_ANOMALOUS = 5.0
_TINY = 1e-9
_HISTORY = 5  # lengths of the incident that a correlation looks back


def like_the_sli(aligned: AlignedSignals, sli: SLI) -> pd.DataFrame:
    """One signal a service, of the SLI's kind; shape (bins, services that have it)."""
    kind = {name: signal_column(aligned.nodes, name, sli.signal) for name in aligned.services}
    there = {name: series for name, series in kind.items() if series is not None}
    return pd.DataFrame(there, index=aligned.nodes.index)


def _random(window: IncidentWindow, aligned: AlignedSignals, sli: SLI) -> Scores:
    """Every service alike."""
    return {}


def _largest_z(window: IncidentWindow, aligned: AlignedSignals, sli: SLI) -> Scores:
    """Largest rise of any signal of a service."""
    return _scores(_rise(aligned.nodes, aligned).groupby(level=0).max())


def _correlation(window: IncidentWindow, aligned: AlignedSignals, sli: SLI) -> Scores:
    """Correlation with the SLI of the other services' signal of the same kind.

    Over the incident and the baseline's last bins: where all of a long baseline is looked
    at, its daily season decides. The SLI's own service would always be first.
    """
    table = like_the_sli(aligned, sli)
    if sli.service not in table:
        return {}
    split = aligned.split
    near = split.baseline[-_HISTORY * split.incident.size :]
    rows = table.iloc[np.union1d(near, split.incident)]
    moving = rows.loc[:, rows.std() > 0]
    others = moving.drop(columns=sli.service, errors="ignore")
    strength = others.corrwith(rows[sli.service])
    return _scores(strength.clip(lower=0.0).fillna(0.0))


def _deepest(window: IncidentWindow, aligned: AlignedSignals, sli: SLI) -> Scores:
    """Walk from the SLI over anomalous callees to the deepest one that has none itself.

    Then the anomalous on the way, then those out of reach.
    """
    size = _rise(like_the_sli(aligned, sli), aligned)
    odd = set(size.index[size >= _ANOMALOUS])
    graph: nx.DiGraph[str] = nx.DiGraph(calls_only(window.topology).subgraph(odd | {sli.service}))
    scores = dict.fromkeys(odd, 0.5)
    if sli.service not in graph:
        return scores
    depth = nx.single_source_shortest_path_length(graph, sli.service)
    last = {name for name in depth if not set(graph.successors(name)) & odd - {name}}
    return scores | {name: 2.0 + d if name in last else 1.0 for name, d in depth.items()}


def _latest_change(window: IncidentWindow, aligned: AlignedSignals, sli: SLI) -> Scores:
    """Service of the change nearest before the end of the incident."""
    changes = window.changes
    changes = changes[changes["ts"] < window.when.end]
    return {str(name): float(n) for n, name in enumerate(changes["service"], start=1)}


def _scores(by_service: pd.Series) -> Scores:
    return {str(name): float(score) for name, score in by_service.items()}


def _rise(signals: pd.DataFrame, aligned: AlignedSignals) -> pd.Series:
    """How far the incident's median rose above the baseline's, in standard deviations."""
    base = signals.iloc[aligned.split.baseline]
    now = signals.iloc[aligned.split.incident]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # columns nobody measured
        spread = base.std()
        # What never moved in the baseline and now does is as anomalous as can be.
        size = (now.median() - base.mean()) / spread.clip(lower=_TINY)
    return size.fillna(0.0)


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "random": _random,
        "largest z-score": _largest_z,
        "ranked correlation": _correlation,
        "deepest anomalous": _deepest,
        "latest change": _latest_change,
    }
)
"""Rule to the score of each service; services it does not name score zero."""
