"""Coverage of the intervals of attributions on simulated windows with a planted fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tests.benchmarks.quiet import PHIS
from tests.benchmarks.rates import rate
from tests.planted import SHOP, Fault, aggregates, metrics_window
from workbench.causal import rank

if TYPE_CHECKING:
    from tests.planted.metrics import Places
    from workbench.causal import Ranking

_FAULT = (Fault("payments", "latency", 0.2, at=0.9),)
_BINS = 300
_INCIDENT = slice(270, _BINS)


def coverage(*, each: int = 1000) -> pd.DataFrame:
    """How often the 95 % interval of a planted part holds what the fault really added.

    The truth of each window is the same draws without the fault: the SLI's difference over
    the incident. Five hours, the fault in the last half hour: payments 0.2 s slower, in 3
    of 10 requests.
    """
    rows = []
    for phi in PHIS:
        pairs = [planted_pair(phi, seed) for seed in range(each)]
        guilty = [(f.of("payments"), true) for f, true in pairs]
        bias = 1000 * np.array([r.attribution - true for r, true in guilty])
        rows.append(
            {
                "φ": phi,
                "holds what was added": rate(r.low <= true <= r.high for r, true in guilty),
                "holds zero elsewhere": rate(
                    f.of("front").low <= 0 <= f.of("front").high for f, _ in pairs
                ),
                "added, ms": 1000 * sum(true for _, true in guilty) / each,
                "bias, ms": f"{bias.mean():+.3f} ± {1.96 * bias.std() / each**0.5:.3f}",
                "first": rate(f.rows[0].service == "payments" for f, _ in pairs),
            }
        )
    return pd.DataFrame(rows)


def planted_pair(phi: float, seed: int) -> tuple[Ranking, float]:
    """A window with a fault, ranked, and what the fault added to the mean of the SLI."""
    found = rank(metrics_window(SHOP, _FAULT, phi=phi, seed=seed, bins=_BINS, incident=0.9))
    with_it, without = (
        _entry_latency(aggregates(SHOP, faults, phi=phi, seed=seed, bins=_BINS))
        for faults in (_FAULT, ())
    )
    return found, with_it - without


def _entry_latency(made: Places) -> float:
    """Mean latency of the entry over the bins of the incident."""
    return float(made[SHOP.entries[0], "latency"][_INCIDENT].mean())
