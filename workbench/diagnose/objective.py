"""The SLI against its objective, counted: an objective that was broken is never told as normal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.cards import quantity
from workbench.features.columns import values_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.features.aligned import AlignedSignals
    from workbench.slis import SLI, SLO

__all__ = ["ObjectiveCheck", "check_objective", "little_measured", "unmeasured"]

_MOSTLY = 0.5  # share of the incident's bins


@dataclass(frozen=True, slots=True)
class ObjectiveCheck:
    """Whether an objective was kept during the incident.

    Parameters
    ----------
    broken
        Whether it was broken, over the whole incident.
    words
        The figures that say so; empty without an objective for the SLI.
    """

    broken: bool = False
    words: str = ""


def check_objective(aligned: AlignedSignals, slos: tuple[SLO, ...], sli: SLI) -> ObjectiveCheck:
    """Hold an SLI against its objective over the incident.

    Failures are pooled over requests, so that a bin with three requests does not weigh like one
    with three hundred; a latency is its mean over requests against the objective's threshold.

    Parameters
    ----------
    aligned
        The window's signals.
    slos
        Its objectives.
    sli
        The SLI.
    """
    objective = next((slo for slo in slos if slo.sli == sli), None)
    if objective is None:
        return ObjectiveCheck()
    if sli.signal == "errors":
        return _failures(aligned, sli, allowed=1.0 - objective.objective)
    if sli.signal == "latency" and objective.threshold is not None:
        return _slow(aligned, sli, threshold=objective.threshold)
    return ObjectiveCheck()


def unmeasured(aligned: AlignedSignals, series: NDArray[np.float64]) -> str:
    """Say that an SLI was not measured in the incident, or not before it; else empty.

    Parameters
    ----------
    aligned
        The window's signals.
    series
        The SLI in their bins; NaN where it was not measured.
    """
    seen, split = np.isfinite(series), aligned.split
    if not seen[split.incident].any():
        last = np.flatnonzero(seen & (aligned.index < aligned.window.when.start))
        until = f"; last before it at {aligned.index[last[-1]]:%H:%M:%S} UTC" if last.size else ""
        return f"was not measured in the incident{until}"
    if not seen[split.baseline].any():
        return "was not measured in the baseline"
    return ""


def little_measured(aligned: AlignedSignals, series: NDArray[np.float64]) -> tuple[str, ...]:
    """Say that an SLI was measured in less than half of the incident: it may have gone silent.

    Parameters
    ----------
    aligned, series
        As for `unmeasured`.
    """
    seen = int(np.isfinite(series[aligned.split.incident]).sum())
    bins = max(round(aligned.window.when.duration / aligned.step), 1)
    if not 0 < seen < bins * _MOSTLY:
        return ()
    return (f"the SLI was measured in {seen:,} of {bins:,} bins of the incident",)


def _failures(aligned: AlignedSignals, sli: SLI, *, allowed: float) -> ObjectiveCheck:
    load, errors, ratio = _columns(aligned, sli, "load", "errors", "error_ratio")
    failed = np.where(np.isnan(errors), ratio * load, errors)
    known = np.isfinite(load) & np.isfinite(failed)
    now, before = (
        (failed[bins][known[bins]].sum(), load[bins][known[bins]].sum())
        for bins in (aligned.split.incident, aligned.split.baseline)
    )
    if not now[1] > 0:
        return ObjectiveCheck()
    share = float(now[0] / now[1])
    words = (
        f"{now[0]:,.0f} of {now[1]:,.0f} requests failed ({quantity(share, 'ratio')}, "
        f"{quantity(allowed, 'ratio')} is allowed), {before[0]:,.0f} of {before[1]:,.0f} before"
    )
    return ObjectiveCheck(share > allowed, words)


def _slow(aligned: AlignedSignals, sli: SLI, *, threshold: float) -> ObjectiveCheck:
    load, latency = _columns(aligned, sli, "load", "latency")
    now = aligned.split.incident
    seen = np.isfinite(latency[now])
    weight = np.nan_to_num(load[now], nan=1.0)[seen]
    if not weight.sum() > 0:
        return ObjectiveCheck()
    mean = float(np.average(latency[now][seen], weights=weight))
    words = f"{quantity(mean, 's')} on average, {quantity(threshold, 's')} is the threshold"
    return ObjectiveCheck(mean > threshold, words)


def _columns(aligned: AlignedSignals, sli: SLI, *signals: str) -> NDArray[np.float64]:
    return values_of(aligned.nodes, [(sli.service, signal) for signal in signals]).T
