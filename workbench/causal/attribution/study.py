"""One SLI of a window with its change split over the graph, and the choice of the SLI."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.causal.attribution.attribute import attribute
from workbench.causal.attribution.breakdown import break_down
from workbench.causal.attribution.call_graph import mechanism_graph
from workbench.causal.attribution.failure_counts import count_chance
from workbench.causal.attribution.graph_check import check_graph
from workbench.causal.thresholds import NEGLIGIBLE_FAILURES, NEGLIGIBLE_LATENCY
from workbench.stats.past_windows import contrast, p_value, weights_of
from workbench.topology import calls_only

if TYPE_CHECKING:
    from workbench.causal.attribution.attribute import Attribution
    from workbench.causal.attribution.breakdown import Breakdown
    from workbench.causal.attribution.call_graph import MechanismGraph
    from workbench.causal.attribution.graph_check import GraphCheck
    from workbench.features.aligned import AlignedSignals
    from workbench.slis import SLI
    from workbench.stats.past_windows import Contrast

__all__ = ["Study", "choose_sli", "choose_study", "study"]

_SEVERAL = 2


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """One SLI of a window, with its breakdown.

    Parameters
    ----------
    aligned
        Aligned signals.
    sli
        The SLI.
    breakdown
        Work or failures per SLI request.
    graph
        Who waits for whom.
    split
        The SLI's change over the services.
    before
        The SLI's level before; NaN where it was not measured before or in the incident.
    size
        Its departure in normal ranges.
    p_value
        Of its departure under past windows.
    check
        The declared graph held against the data.
    scaled
        Its contrast in normal ranges, one column.
    """

    aligned: AlignedSignals
    sli: SLI
    breakdown: Breakdown
    graph: MechanismGraph
    split: Attribution
    before: float
    size: float
    p_value: float
    check: GraphCheck
    scaled: Contrast


def study(aligned: AlignedSignals, sli: SLI) -> Study:
    """Break one SLI down over the service graph.

    Parameters
    ----------
    aligned
        The window's signals, with its topology.
    sli
        The SLI.
    """
    source = aligned.source_for(sli)
    services = tuple(dict.fromkeys([*aligned.services, sli.service]))
    breakdown = break_down(source, services, sli)
    called = {(str(c[0]), str(c[1])) for c in aligned.edges.columns}
    check = check_graph(aligned.window.topology, aligned, waited_for=called)
    topology = calls_only(aligned.window.topology)
    if not check.believed:
        topology.remove_edges_from(check.calls)
    topology.add_edges_from(called)
    graph = mechanism_graph(topology, sli.service, services, asynchronous=aligned.asynchronous)
    series = breakdown.total[:, breakdown.sli]
    weights = weights_of(series, aligned.split)
    own = contrast(series[:, None], aligned.split, weights)
    level = abs(float(np.nan_to_num(own.level[0])))
    least = NEGLIGIBLE_LATENCY * level if sli.signal == "latency" else NEGLIGIBLE_FAILURES
    split = attribute(breakdown, graph, aligned.split, weights=weights, least=least)
    usual = max(float(np.nan_to_num(own.normal[0])), least, 1e-12)
    during = float(np.nan_to_num(own.level[0] + own.change[0]))
    chance = float(p_value(own.departure, own.past, aligned.split.n_independent)[0])
    chance = max(chance, count_chance(aligned.nodes, sli, aligned.split))
    sides = (aligned.split.incident, aligned.split.baseline)
    measured = all(np.isfinite(series[bins]).any() for bins in sides)
    return Study(
        aligned,
        sli,
        breakdown,
        graph,
        split,
        during - split.change if measured else float("nan"),
        abs(split.change) / usual,
        chance,
        check,
        own.scaled(usual),
    )


def choose_sli(aligned: AlignedSignals) -> SLI:
    """Choose the SLI, among those with an objective, that left its range the farthest."""
    return (
        aligned.window.sli() if len(aligned.window.slos) < _SEVERAL else choose_study(aligned).sli
    )


def choose_study(aligned: AlignedSignals) -> Study:
    """Break down the SLI that `choose_sli` chooses, once for all that follows.

    Its p-value is that of the farthest of all SLIs in each past window (Westfall and Young
    1993): whoever looks at four SLIs finds one that moved four times as often.
    """
    slis = dict.fromkeys(slo.sli for slo in aligned.window.slos) or [aligned.window.sli()]
    tried = [study(aligned, sli) for sli in slis]
    chosen = max(tried, key=lambda found: found.size)
    past = np.max([np.nan_to_num(np.abs(found.scaled.past)) for found in tried], axis=0)
    farthest = np.max([np.abs(found.scaled.departure) for found in tried], axis=0)
    joint = float(p_value(farthest, past, aligned.split.n_independent)[0])
    return replace(chosen, p_value=max(chosen.p_value, joint)) if len(tried) >= _SEVERAL else chosen
