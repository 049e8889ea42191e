"""Simulated windows: quiet ones, and coverage of the intervals of attributions."""

from __future__ import annotations

import pandas as pd

from tests.planted import SHOP, Fault, metrics_window
from workbench.causal import rank

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


def coverage(*, each: int = 100) -> pd.DataFrame:
    """How often the 95 % interval of a planted part holds it: 0.2 s in 3 of 10 requests."""
    fault, true = (Fault("payments", "latency", 0.2, at=0.75),), 0.06
    rows = []
    for phi in PHIS:
        found = [rank(metrics_window(SHOP, fault, phi=phi, seed=seed)) for seed in range(each)]
        guilty = [f.of("payments") for f in found]
        others = [f.of("front") for f in found]
        rows.append({
            "φ": phi, "windows": each,
            "holds the planted part": sum(r.low <= true <= r.high for r in guilty) / each,
            "holds zero elsewhere": sum(r.low <= 0 <= r.high for r in others) / each,
            "first": sum(f.rows[0].service == "payments" for f in found) / each,
        })  # fmt: skip
    return pd.DataFrame(rows)
