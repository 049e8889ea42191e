"""Difference-in-differences: a changed service against services it has no path to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pandas as pd

from workbench.cards import bounds, chance, quantity
from workbench.causal.change_effects.change_data import COVARIATES
from workbench.causal.change_effects.interrupted_series import quiet_reach, step_effect, widened
from workbench.causal.change_effects.placebos import placebo_moments
from workbench.causal.change_effects.self_series import self_series
from workbench.causal.thresholds import CONTROLS_SEEN, FEWEST_BEFORE_CONTROLS, PARALLEL_TRENDS
from workbench.errors import BadInput
from workbench.slis import SLI
from workbench.stats.ar_regression import regress
from workbench.topology import calls_only

if TYPE_CHECKING:
    from workbench.causal.change_effects.change_data import ChangeBins, ChangeContext
    from workbench.features import Signals
    from workbench.window import IncidentWindow

__all__ = ["DifferenceInDifferences", "control_services", "difference_in_differences"]


@dataclass(frozen=True, slots=True)
class DifferenceInDifferences:
    """What a changed service did beyond what services out of its reach did.

    Parameters
    ----------
    effect, low, high, p_value
        Step of the own part beyond the controls', in the SLI's unit, with a 95 % interval
        that survives autocorrelation and is never narrower than what the gap moves by itself
        at quiet moments.
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
        return self.trend_p_value > PARALLEL_TRENDS

    @property
    def statement(self) -> str:
        """The outcome in one sentence."""
        unit = self.unit
        trends = "parallel" if self.parallel else "not parallel"
        return (
            f"beyond {len(self.controls)} services out of its reach: "
            f"{quantity(self.effect, unit)} (95 %: {bounds(self.low, self.high, unit)}); "
            f"trends before are {trends} ({chance(self.trend_p_value)})"
        )


def control_services(topology: nx.DiGraph[str], service: str) -> tuple[str, ...]:
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
    calls = calls_only(topology)
    below: set[str] = nx.descendants(calls, service)
    above = nx.ancestors(calls, service)
    apart: set[str] = set(calls) - below - above - {service}
    reached: dict[str, set[str]] = {name: nx.descendants(calls, name) for name in apart}
    lone = {name for name in apart if not below & reached[name]}
    return tuple(sorted(map(str, lone or apart)))


def difference_in_differences(
    seen: ChangeContext, data: ChangeBins, *, seed: int = 0
) -> DifferenceInDifferences | None:
    """Compare a changed service's own part with that of services out of its reach.

    Parameters
    ----------
    seen
        Window and signals.
    data
        Bins around the change.
    seed
        Of the placebo moments.

    Returns
    -------
    DifferenceInDifferences or None
        None where no service out of reach was measured, or too little before the change.

    Notes
    -----
    Each control is put on the changed service's scale by the ratio to its own level before
    (failures, which are often zero, by the difference); the median control of each bin is
    taken off, so that a fault in one of them does no harm. The step of the gap is estimated
    as for the interrupted series, and its interval is never narrower than what the gap moves
    by itself at quiet moments.
    """
    early = data.local.index < data.at
    controls = _controls(seen, data, early)
    if controls.empty or early.sum() < FEWEST_BEFORE_CONTROLS:
        return None
    local = _gap(data.local, controls, sli=data.sli, usual=early)
    quiet = tuple(_gap(part, controls, sli=data.sli) for part in data.quiet)
    try:
        step = step_effect(local["own"], data.at, local[list(COVARIATES)])
    except BadInput:
        return None
    null = placebo_moments(replace(data, local=local, quiet=quiet), seed=seed)
    step = widened(step, quiet_reach(null, data.after))
    trend, p_value = _trend(local["own"][early])
    return DifferenceInDifferences(
        step.effect,
        step.low,
        step.high,
        step.p_value,
        tuple(controls.columns),
        trend,
        p_value,
        data.sli.unit,
    )


def _controls(seen: ChangeContext, data: ChangeBins, early: np.ndarray) -> pd.DataFrame:
    """Own part of each control measured around the change, in the window and its history."""
    found = {}
    for name in control_services(seen.window.topology, data.service):
        own = _measured(seen.window, seen.signals, name, sli=data.sli)
        near = own.reindex(data.local.index)
        if near.notna().mean() >= CONTROLS_SEEN and (
            not _is_ratio(data.sli) or near[early].mean() > 0
        ):
            found[name] = own
    if seen.past is not None and seen.past_signals is not None:
        for name, own in found.items():
            past = _measured(seen.past, seen.past_signals, name, sli=data.sli)
            found[name] = own.combine_first(past)
    return pd.DataFrame(found)


def _measured(window: IncidentWindow, signals: Signals, service: str, *, sli: SLI) -> pd.Series:
    try:
        return self_series(signals, window.topology, service, sli=SLI(service, sli.signal))
    except BadInput:  # not measured
        return pd.Series(dtype=float, index=signals.index[:0])


def _gap(
    bins: pd.DataFrame, controls: pd.DataFrame, *, sli: SLI, usual: np.ndarray | None = None
) -> pd.DataFrame:
    """Bins with the own part less what the median control departed from its usual level."""
    there = controls.reindex(bins.index)
    rows = np.ones(len(bins), dtype=bool) if usual is None else usual
    level = there[rows].mean()
    if _is_ratio(sli):
        departed = float(bins["own"][rows].mean()) * (there / level.where(level > 0) - 1)
    else:
        departed = there - level
    return bins.assign(own=bins["own"] - departed.median(axis=1))


def _is_ratio(sli: SLI) -> bool:
    return sli.signal != "errors"


def _trend(gap: pd.Series) -> tuple[float, float]:
    """Slope a minute of the gap before the change, and its p-value."""
    known = gap.dropna()
    minutes = (known.index - known.index[0]).total_seconds().to_numpy() / 60
    if len(known) < FEWEST_BEFORE_CONTROLS or minutes.std() == 0:
        return 0.0, 1.0
    design = np.column_stack([np.ones_like(minutes), minutes - minutes.mean()])
    found = regress(known.to_numpy(float)[None], design[None])
    return float(found.value[0]), float(found.p_value[0])
