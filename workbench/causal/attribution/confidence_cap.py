"""How sure a ranking may be at most, by what its attribution had to do without.

Confidence compares the scores of services with each other; it cannot know that all of them
rest on half of the telemetry. Each lack lowers the most that may be said, so that nobody is
"sure" of a place read off one percentile, or without knowing who calls whom.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from workbench.causal.thresholds import (
    CAP_NO_COUNTS,
    CAP_NO_GRAPH,
    CAP_NO_HISTORY,
    CAP_ONE_QUANTILE,
    CAP_SEVERAL_QUANTILES,
    MOSTLY_COUNTED,
    SHORTEST_HISTORY,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.causal.attribution.breakdown import Breakdown
    from workbench.causal.attribution.call_graph import MechanismGraph
    from workbench.stats.past_windows import Split

__all__ = ["ConfidenceCap", "confidence_cap"]


@dataclass(frozen=True, slots=True)
class ConfidenceCap:
    """The most that may be said of a place, and why it is not more.

    Parameters
    ----------
    limit
        Probability in (0, 1]; 1 where nothing lacks.
    reasons
        What the attribution had to do without, in words.
    """

    limit: float = 1.0
    reasons: tuple[str, ...] = ()

    def note(self) -> tuple[str, ...]:
        """Say what limits the confidence; nothing where nothing does."""
        if not self.reasons:
            return ()
        return (f"at most {self.limit:.2f} sure of any place: {'; '.join(self.reasons)}",)


def confidence_cap(breakdown: Breakdown, graph: MechanismGraph, split: Split) -> ConfidenceCap:
    """Judge what the attribution of an SLI can carry.

    Parameters
    ----------
    breakdown
        The breakdown of the SLI.
    graph
        Who waits for whom, as far as it is believed.
    split
        Which bins are the incident and which the baseline.
    """
    lacks = list(_lacks(breakdown, graph))
    if split.times_as_long < SHORTEST_HISTORY:
        words = f"the quiet stretch before is {split.times_as_long:.2f} times the incident's length"
        lacks.append((CAP_NO_HISTORY, words))
    return ConfidenceCap(
        prod((limit for limit, _ in lacks), start=1.0), tuple(words for _, words in lacks)
    )


def _lacks(breakdown: Breakdown, graph: MechanismGraph) -> Iterator[tuple[float, str]]:
    if breakdown.mean_from_quantiles:
        yield CAP_SEVERAL_QUANTILES, "mean latency is read from quantiles"
    elif not breakdown.is_mean:
        yield CAP_ONE_QUANTILE, "only one quantile of latency is known, which does not add up"
    if not _counted(breakdown):
        yield CAP_NO_COUNTS, "requests are not counted, so nobody knows what a request passes on"
    if graph.has_no_callees and len(breakdown.services) > 1:
        yield CAP_NO_GRAPH, "no usable graph says whom the SLI's service waits for"


def _counted(breakdown: Breakdown) -> bool:
    """Whether most services that did any work were counted as well."""
    worked = np.atleast_1d(~np.isnan(breakdown.total).all(axis=0))
    visited = np.atleast_1d(~np.isnan(breakdown.visit_ratio).all(axis=0))
    return bool(visited[worked].mean() > MOSTLY_COUNTED) if worked.any() else True
