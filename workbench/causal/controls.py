"""Difference-in-differences: a changed service against services it has no path to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pandas as pd

from workbench.cards import chance, quantity
from workbench.causal.autoregressive import regress
from workbench.causal.changed import COVARIATES
from workbench.causal.interrupted import step_effect
from workbench.causal.own import own_series
from workbench.errors import BadInput
from workbench.slis import SLI

if TYPE_CHECKING:
    from workbench.causal.changed import ChangeBins, Seen

__all__ = ["DifferenceInDifferences", "control_services", "difference_in_differences"]

_MOSTLY = 0.8
_PARALLEL = 0.01  # a short stretch before the change tells of trends too readily
_FEWEST_BEFORE = 8


@dataclass(frozen=True, slots=True)
class DifferenceInDifferences:
    """What a changed service did beyond what services out of its reach did.

    Parameters
    ----------
    effect, low, high, p_value
        Step of the own part beyond the controls', in the SLI's unit, with a 95 % interval
        that survives autocorrelation.
    controls
        Services with no path to or from the changed one.
    trend, trend_p_value
        Slope of the gap to the controls before the change, in the SLI's unit a minute.
        Controls only serve where it may be zero.
    unit
        Of the effect.
    """

    effect: float
    low: float
    high: float
    p_value: float
    controls: tuple[str, ...]
    trend: float
    trend_p_value: float
    unit: str

    @property
    def parallel(self) -> bool:
        """Whether the trends before the change may be parallel."""
        return self.trend_p_value > _PARALLEL

    @property
    def statement(self) -> str:
        """The outcome in one sentence."""
        unit = self.unit
        trends = "parallel" if self.parallel else "not parallel"
        return (
            f"beyond {len(self.controls)} services out of its reach: "
            f"{quantity(self.effect, unit)} (95 %: {quantity(self.low, unit)} … "
            f"{quantity(self.high, unit)}); trends before are {trends} "
            f"({chance(self.trend_p_value)})"
        )


def control_services(topology: nx.DiGraph, service: str) -> tuple[str, ...]:
    """List services that neither reach a service nor are reached by it, sorted.

    Parameters
    ----------
    topology
        Service graph, caller → callee.
    service
        The changed one.

    Notes
    -----
    A service that calls what the changed one calls can feel the change through it; such
    services are taken only where there are no others.
    """
    if service not in topology:
        return ()
    below = nx.descendants(topology, service)
    apart = set(topology) - below - nx.ancestors(topology, service) - {service}
    lone = {name for name in apart if not below & nx.descendants(topology, name)}
    return tuple(sorted(map(str, lone or apart)))


def difference_in_differences(seen: Seen, data: ChangeBins) -> DifferenceInDifferences | None:
    """Compare a changed service's own part with that of services out of its reach.

    Parameters
    ----------
    seen
        Window and signals.
    data
        Bins around the change.

    Returns
    -------
    DifferenceInDifferences or None
        None where no service out of reach was measured, or too little before the change.

    Notes
    -----
    Each control is put on the changed service's scale by the ratio to its own level before
    (failures, which are often zero, by the difference); the median control of each bin is
    taken off, so that a fault in one of them does no harm. The step of the gap is estimated
    as for the interrupted series.
    """
    local = data.local
    early = local.index < data.at
    controls = _controls(seen, data, early)
    if controls.empty or early.sum() < _FEWEST_BEFORE:
        return None
    level = float(local["own"][early].mean()) if _is_ratio(data.sli) else 1.0
    gap = local["own"] - level * controls.median(axis=1)
    try:
        step = step_effect(gap, data.at, local[list(COVARIATES)])
    except BadInput:
        return None
    trend, p_value = _trend(gap[early])
    return DifferenceInDifferences(
        step.effect, step.low, step.high, step.p_value, tuple(controls.columns), trend, p_value,
        data.sli.unit,
    )  # fmt: skip


def _controls(seen: Seen, data: ChangeBins, early: np.ndarray) -> pd.DataFrame:
    """Departure of each control from its level before; a column a control."""
    found = {}
    graph = seen.window.topology
    for name in control_services(graph, data.service):
        try:
            own = own_series(seen.signals, graph, name, sli=SLI(name, data.sli.signal))
        except BadInput:  # not measured
            continue
        own = own.reindex(data.local.index)
        level = float(own[early].mean())
        if own.notna().mean() < _MOSTLY or (_is_ratio(data.sli) and not level > 0):
            continue
        found[name] = own / level - 1 if _is_ratio(data.sli) else own - level
    return pd.DataFrame(found, index=data.local.index)


def _is_ratio(sli: SLI) -> bool:
    return sli.signal != "errors"


def _trend(gap: pd.Series) -> tuple[float, float]:
    """Slope a minute of the gap before the change, and its p-value."""
    known = gap.dropna()
    minutes = (known.index - known.index[0]).total_seconds().to_numpy() / 60
    if len(known) < _FEWEST_BEFORE or minutes.std() == 0:
        return 0.0, 1.0
    design = np.column_stack([np.ones_like(minutes), minutes - minutes.mean()])
    found = regress(known.to_numpy(float)[None], design[None])
    return float(found.value[0]), float(found.p_value[0])
