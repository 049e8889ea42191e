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
    """One SLI of a window, with its accounts opened.

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


def study(seen: AlignedSignals, sli: SLI) -> Study:
    """Open the accounts of one SLI.

    Parameters
    ----------
    seen
        The window's signals, with its topology.
    sli
        The SLI.
    """
    source = seen.source_for(sli)
    services = tuple(dict.fromkeys([*seen.services, sli.service]))
    breakdown = break_down(source, services, sli)
    called = {(str(c[0]), str(c[1])) for c in seen.edges.columns}
    check = check_graph(seen.window.topology, seen, waited_for=called)
    topology = calls_only(seen.window.topology)
    if not check.believed:
        topology.remove_edges_from(check.calls)
    topology.add_edges_from(called)
    graph = mechanism_graph(topology, sli.service, services, asynchronous=seen.asynchronous)
    series = breakdown.total[:, breakdown.sli]
    weights = weights_of(series, seen.split)
    own = contrast(series[:, None], seen.split, weights)
    level = abs(float(np.nan_to_num(own.level[0])))
    least = NEGLIGIBLE_LATENCY * level if sli.signal == "latency" else NEGLIGIBLE_FAILURES
    split = attribute(breakdown, graph, seen.split, weights=weights, least=least)
    usual = max(float(np.nan_to_num(own.normal[0])), least, 1e-12)
    during = float(np.nan_to_num(own.level[0] + own.change[0]))
    chance = float(p_value(own.departure, own.past, seen.split.n_independent)[0])
    chance = max(chance, count_chance(seen.nodes, sli, seen.split))
    sides = (seen.split.incident, seen.split.baseline)
    measured = all(np.isfinite(series[bins]).any() for bins in sides)
    return Study(
        seen,
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


def choose_sli(seen: AlignedSignals) -> SLI:
    """Choose the SLI, among those with an objective, that left its range the farthest."""
    return seen.window.sli() if len(seen.window.slos) < _SEVERAL else choose_study(seen).sli


def choose_study(seen: AlignedSignals) -> Study:
    """Open the accounts of the SLI that `choose_sli` chooses, once for all that follows.

    Its p-value is that of the farthest of all SLIs in each past window (Westfall and Young
    1993): whoever looks at four SLIs finds one that moved four times as often.
    """
    slis = dict.fromkeys(slo.sli for slo in seen.window.slos) or [seen.window.sli()]
    tried = [study(seen, sli) for sli in slis]
    chosen = max(tried, key=lambda found: found.size)
    past = np.max([np.nan_to_num(np.abs(found.scaled.past)) for found in tried], axis=0)
    farthest = np.max([np.abs(found.scaled.departure) for found in tried], axis=0)
    joint = float(p_value(farthest, past, seen.split.n_independent)[0])
    return replace(chosen, p_value=max(chosen.p_value, joint)) if len(tried) >= _SEVERAL else chosen
