"""Gauges that left their range, and services that fell silent, in doublings of a normal range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.causal.anomalies.anomaly import Anomaly
from workbench.causal.thresholds import (
    FELL_SILENT,
    GAUGE_FALL,
    GAUGE_THAT_MATTERS,
    REPORTED_ALL_ALONG,
    REPORTS_FELL,
)
from workbench.features.columns import values_of
from workbench.stats.past_windows import doublings, empirical_p, peak_contrast

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from workbench.features.aligned import AlignedSignals
    from workbench.stats.past_windows import Contrast

__all__ = [
    "saturation_anomalies",
    "silence_anomalies",
]

_PREFIX = "saturation:"


def saturation_anomalies(aligned: AlignedSignals) -> Iterator[Anomaly]:
    """Gauges (CPU, memory, pools, queues, locks, …) that left their normal range.

    A gauge counts as far as it moved both by itself and per request: what merely follows
    the load does not.
    """
    nodes = aligned.nodes
    columns = [c for c in nodes.columns if str(c[1]).startswith(_PREFIX)]
    if not columns:
        return
    values = values_of(nodes, columns)
    load = values_of(nodes, [(service, "load") for service, _ in columns])
    plain = peak_contrast(values, aligned.split)
    with np.errstate(invalid="ignore", divide="ignore"):
        each = peak_contrast(np.where(load > 0, values / load, np.nan), aligned.split)
    matters = GAUGE_THAT_MATTERS * _typical(plain.level, [str(signal) for _, signal in columns])
    size = _ratio(plain.departure, plain, matters)
    each_size = _ratio(each.departure, each, 0.0)
    size = np.where(np.isnan(each_size), size, _agreed(size, each_size))
    weight = doublings(size) * np.where(size < 0, GAUGE_FALL, 1.0)
    # What happened in one past window of eight is worth three bits at most.
    weight = np.minimum(weight, -np.log2(empirical_p(plain.departure, plain.past)))
    for i in np.flatnonzero(weight > 0):
        service, signal = map(str, columns[i])
        during = plain.level[i] + plain.change[i]
        name = signal.removeprefix(_PREFIX)
        verb = "rose" if size[i] > 0 else "fell"
        words = f"{name} {verb} from {plain.level[i]:.3g} to {during:.3g}"
        levels = float(plain.level[i]), float(during)
        yield Anomaly(service, signal, "saturation", float(weight[i]), *levels, words)


def silence_anomalies(aligned: AlignedSignals) -> Iterator[Anomaly]:
    """Services that reported all along and fell silent in the incident."""
    split = aligned.split
    for name, seen in _reported(aligned.nodes):
        before, during = float(seen[split.baseline].mean()), float(seen[split.incident].mean())
        if before > REPORTED_ALL_ALONG and during < REPORTS_FELL:
            yield Anomaly(
                name,
                "telemetry",
                "silence",
                FELL_SILENT,
                before,
                during,
                f"reported in {100 * before:.0f} % of the bins before, then in "
                f"{100 * during:.0f} %",
            )


def _reported(nodes: pd.DataFrame) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Bins in which each service reported anything."""
    owner, names = pd.factorize(nodes.columns.get_level_values(0), sort=True)
    order = np.argsort(owner, kind="stable")
    first = np.flatnonzero(np.diff(owner[order], prepend=-1))
    known = ~np.isnan(nodes.to_numpy(float))
    seen = np.logical_or.reduceat(known[:, order], first, axis=1)
    return zip(map(str, names), seen.T, strict=True)


def _ratio(
    departure: NDArray[np.float64], seen: Contrast, matters: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Departure in normal ranges, none of them narrower than what matters; NaN unknown."""
    usual = np.maximum(
        np.nan_to_num(seen.normal), GAUGE_THAT_MATTERS * np.abs(np.nan_to_num(seen.level))
    )
    usual = np.maximum(np.maximum(usual, matters), 1e-12)
    return np.where(np.isnan(seen.level), np.nan, departure / usual)


def _typical(level: NDArray[np.float64], metrics: Sequence[str]) -> NDArray[np.float64]:
    """Own level, or where that is zero what the same metric reads at other services."""
    own = np.abs(np.nan_to_num(level))
    elsewhere = pd.Series(own).where(own > 0).groupby(list(metrics)).transform("median")
    return np.where(own > 0, own, np.nan_to_num(elsewhere.to_numpy()))


def _agreed(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    same = np.sign(a) == np.sign(b)
    return np.where(same, np.sign(a) * np.minimum(np.abs(a), np.abs(b)), 0.0)
