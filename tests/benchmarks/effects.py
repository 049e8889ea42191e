"""Effects of changes: intervals that cover, guilty told from innocent, refuters that bite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from tests.planted import SHOP, START, Fault, ar1, metrics_window
from workbench.causal import effects
from workbench.causal.autoregressive import regress

if TYPE_CHECKING:
    from workbench.causal import Effects

_PHIS = (0.0, 0.5, 0.8, 0.95)
_AT = pd.Timedelta(90, "min")
_TOLD = pd.DataFrame(
    [{"ts": START + _AT, "kind": "deploy", "service": s, "ref": s} for s in ("payments", "catalog")]
)
_SLOW = (Fault("payments", "latency", 0.2),)
# Everything on one host gets slower at the moment of the deploy.
_SHOCK = tuple(Fault(s, "latency", SHOP.own(s)) for s in SHOP.services)


def coverage(*, rounds: int = 1000, bins: int = 72) -> pd.DataFrame:
    """How often the 95 % interval of a step of one holds it, under AR(1) errors and traffic."""
    rows = []
    for phi in _PHIS:
        rng = np.random.default_rng(7)
        after = np.broadcast_to((np.arange(bins) >= bins * 2 // 3) * 1.0, (rounds, bins))
        traffic = ar1(bins, 0.9, rng, columns=rounds).T
        outcome = ar1(bins, phi, rng, columns=rounds).T + after + 0.5 * traffic
        found = regress(outcome, np.stack([np.ones_like(after), after, traffic], axis=2))
        held = (found.low <= 1) & (found.high >= 1)
        naive = _naive(outcome - 0.5 * traffic, after[0] > 0)
        rows.append({"φ": phi, **_rate("covered", held), "an ordinary interval": naive})
    return pd.DataFrame(rows)


def blame(*, each: int = 70) -> pd.DataFrame:
    """How often a guilty deploy is missed, and one blamed that only came at the same moment.

    One fault comes with the deploy of its own service and with one of another; in half as
    many windows all services get slower at once, which no deploy did.
    """
    rows = []
    for phi in _PHIS[:3]:
        slow = [_tested(_SLOW, phi, seed) for seed in range(each)]
        shock = [_tested(_SHOCK, phi, seed) for seed in range(each // 2)]
        rows.append({
            "φ": phi,
            **_rate("guilty missed", [not _moved(e, "payments") for e in slow]),
            **_rate("innocent blamed", [_moved(e, "catalog") for e in slow]),
            **_rate("common shock caught", [not _moved(e, "payments") for e in shock]),
            **_rate("nothing, but beyond placebos", [_beyond(e, "catalog") for e in slow]),
            **_rate("right, but refuted by data", [_refuted(e, "payments") for e in slow]),
        })  # fmt: skip
    return pd.DataFrame(rows)


def _tested(faults: tuple[Fault, ...], phi: float, seed: int) -> Effects:
    return effects(metrics_window(SHOP, faults, phi=phi, seed=seed, changes=_TOLD))


def _moved(found: Effects, change: str) -> bool:
    return found.by_change[change].moved_it


def _beyond(found: Effects, change: str) -> bool:
    refutations = found.by_change[change].refutations
    return next(r.passed for r in refutations if r.name == "placebo moments")


def _refuted(found: Effects, change: str) -> bool:
    altered = ("change times shuffled", "random common cause", "subset")
    return any(r.name in altered and not r.passed for r in found.by_change[change].refutations)


def _naive(outcome: np.ndarray, after: np.ndarray) -> float:
    new, old = outcome[:, after], outcome[:, ~after]
    error = np.sqrt(
        new.var(axis=1, ddof=1) / after.sum() + old.var(axis=1, ddof=1) / (~after).sum()
    )
    return float((np.abs(new.mean(axis=1) - old.mean(axis=1) - 1) <= 1.96 * error).mean())


def _rate(name: str, hits: object) -> dict[str, object]:
    values = np.asarray(hits, dtype=bool)
    low, high = proportion_confint(int(values.sum()), len(values), method="wilson")
    return {name: f"{values.mean():.3f} ({low:.3f} … {high:.3f}), n = {len(values)}"}
