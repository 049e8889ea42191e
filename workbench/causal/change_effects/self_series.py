"""A service's own part of the SLI, bin by bin: what a change to that service can move."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.causal.attribution.breakdown import break_down
from workbench.causal.attribution.call_graph import mechanism_graph
from workbench.errors import BadInput

if TYPE_CHECKING:
    import networkx as nx

    from workbench.causal.attribution.breakdown import Breakdown
    from workbench.causal.attribution.call_graph import MechanismGraph
    from workbench.features import Signals
    from workbench.slis import SLI

__all__ = ["self_series"]

_SEEN_BY_CALLERS = "callers:"


def self_series(
    signals: Signals, topology: nx.DiGraph[str], service: str, *, sli: SLI
) -> pd.Series:
    """Return a service's own part of the SLI by bin: its total less what its callees cost it.

    Parameters
    ----------
    signals
        Aligned series.
    topology
        Service graph, caller → callee.
    service
        Which service.
    sli
        Gives the unit: seconds or failed share per request of the SLI's service.

    Returns
    -------
    pandas.Series
        By bin. Work that the service does for requests of other entries is taken out, by
        its share of the calls.

    Raises
    ------
    BadInput
        Requests of the SLI's service do not reach this service.

    Notes
    -----
    A call that was measured from the caller's side costs what was measured; one that was
    not costs the callee's total, shared equally among its callers. A callee that reports
    nothing itself (a database) is part of what its caller does: the queries are the
    caller's.
    """
    graph = mechanism_graph(
        topology, sli.service, topology.nodes, asynchronous=signals.asynchronous
    )
    if service not in graph.reached:
        hint = "A change acts along calls; what shares a host is not in the service graph"
        fact = f"No path in the service graph from {sli.service} to this service"
        raise BadInput(fact, value=service, hint=hint)
    callees = [c for c in graph.callees[service] if _reports_itself(signals, c)]
    names = list(dict.fromkeys([service, *callees, sli.service]))
    breakdown = break_down(signals, names, sli)
    cost = np.zeros(len(signals.index))
    for callee in callees:
        cost += _cost(breakdown, service, callee, rivals=len(graph.callers[callee]))
    total = breakdown.total[:, 0]
    own = np.where(np.isnan(total), 0.0, np.nan_to_num(total) - cost)
    return pd.Series(own * _share(signals, graph, service), index=signals.index)


def _reports_itself(signals: Signals, service: str) -> bool:
    sources = [s for place, s in signals.sources.items() if place[0] == service]
    return any(not source.startswith(_SEEN_BY_CALLERS) for source in sources)


def _cost(breakdown: Breakdown, caller: str, callee: str, *, rivals: int) -> np.ndarray:
    call = (breakdown.services.index(caller), breakdown.services.index(callee))
    if call in breakdown.calls:
        number = breakdown.calls.index(call)
        cost: np.ndarray = np.nan_to_num(
            breakdown.passed[:, number] * _usual_part(breakdown.calls_per_request[:, number])
        )
        return cost
    return np.nan_to_num(breakdown.total[:, call[1]]) / max(1, rivals)


def _usual_part(each: np.ndarray) -> np.ndarray:
    """Part of each bin's calls that the usual number of calls a request explains."""
    known = each[np.isfinite(each) & (each > 0)]
    usual = np.median(known) if known.size else np.nan
    part = np.divide(usual, each, out=np.ones_like(each), where=each > 0)
    return np.where(np.isfinite(part), part, 1.0)


def _share(signals: Signals, graph: MechanismGraph, service: str) -> float:
    """Share of a service's requests that requests of the SLI's service cause."""
    share = {graph.sli: 1.0}
    for name in graph.order:
        callers = graph.callers[name]
        if name == graph.sli or not callers:
            continue
        calls = np.array([_calls(signals, caller, name) for caller in callers])
        known = np.array([share.get(caller, 0.0) for caller in callers])
        share[name] = float(calls @ known / calls.sum()) if calls.sum() > 0 else float(known.mean())
    return share.get(service, 0.0)


def _calls(signals: Signals, caller: str, callee: str) -> float:
    """Count calls a bin; where they were not counted, the caller's load stands for them."""
    if (caller, callee, "calls") in signals.edges:
        return float(np.nan_to_num(signals.edges[caller, callee, "calls"].median()))
    if (caller, "load") in signals.nodes:
        return float(np.nan_to_num(signals.nodes[caller, "load"].median()))
    return 0.0
