"""Simulated windows: quiet ones, and coverage of the intervals of attributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tests.planted import SHOP, Fault, metrics_window
from workbench.causal import rank
from workbench.evaluate import wilson

if TYPE_CHECKING:
    from workbench import IncidentWindow
    from workbench.causal import Ranking

PHIS = (0.0, 0.5, 0.8, 0.95)


def quiet(*, each: int = 125) -> pd.DataFrame:
    """Share of quiet windows blamed, by the autocorrelation of the services' own time."""
    rows = []
    for phi in PHIS:
        found = [rank(metrics_window(SHOP, phi=phi, seed=seed, incident=0.9))
                 for seed in range(each)]  # fmt: skip
        named = [f.named for f in found]
        rows.append({
            "φ": phi, "windows": each,
            "moved": sum(f.moved for f in found) / each,
            "named": sum(n is not None for n in named) / each,
            "named at ≥ .8": sum(n is not None and n.confidence >= 0.8 for n in named) / each,
        })  # fmt: skip
    return pd.DataFrame(rows)


def coverage(*, each: int = 200) -> pd.DataFrame:
    """How often the 95 % interval of a planted part holds what the fault really added.

    The truth of each window is the same draws without the fault: the SLI's difference over
    the incident. Five hours, the fault in the last half hour: payments 0.2 s slower, in 3
    of 10 requests.
    """
    rows = []
    for phi in PHIS:
        pairs = [_planted_pair(phi, seed) for seed in range(each)]
        guilty = [(f.of("payments"), true) for f, true in pairs]
        held = sum(r.low <= true <= r.high for r, true in guilty)
        low, high = wilson(held, each)
        rows.append({
            "φ": phi, "n": each, "holds what was added": held / each,
            "95 %": f"{low:.2f}–{high:.2f}",
            "holds zero elsewhere": sum(f.of("front").low <= 0 <= f.of("front").high
                                        for f, _ in pairs) / each,
            "bias": sum(r.attribution - true for r, true in guilty) / each,
            "first": sum(f.rows[0].service == "payments" for f, _ in pairs) / each,
        })  # fmt: skip
    return pd.DataFrame(rows)


def _planted_pair(phi: float, seed: int) -> tuple[Ranking, float]:
    fault = (Fault("payments", "latency", 0.2, at=0.9),)
    with_it, without = (
        metrics_window(SHOP, faults, phi=phi, seed=seed, bins=300, incident=0.9)
        for faults in (fault, ())
    )
    added = _entry_latency(with_it) - _entry_latency(without)
    return rank(with_it), float(added)


def _entry_latency(window: IncidentWindow) -> float:
    """Mean latency of the entry over the bins of the incident."""
    metrics, entry = window.metrics, SHOP.entries[0]
    mine = (metrics["metric"] == "service.latency") & (metrics["service"] == entry)
    return float(metrics.loc[mine & window.when.mask(metrics["ts"]), "value"].mean())
