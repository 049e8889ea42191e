"""Effects of changes: intervals that cover, guilty told from innocent, refuters that bite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tests.benchmarks.quiet import PHIS
from tests.benchmarks.rates import rate
from tests.planted import SHOP, START, Fault, aggregates, ar1, metrics_window
from workbench.causal import effects
from workbench.stats.ar_regression import regress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.causal import Effects

_SEED = 10_000  # apart from all seeds that were looked at while building
_AT = pd.Timedelta(90, "min")
_AFTER = slice(90, 95)  # minutes after a change that are put to the test
_TOLD = pd.DataFrame(
    [{"ts": START + _AT, "kind": "deploy", "service": s, "ref": s} for s in ("payments", "catalog")]
)
_SLOW = (Fault("payments", "latency", 0.2),)
# Everything on one host gets slower at the moment of the deploy.
_SHOCK = tuple(Fault(s, "latency", SHOP.own(s)) for s in SHOP.services)


def coverage(*, rounds: int = 1000, bins: int = 72) -> pd.DataFrame:
    """How often the 95 % interval of a step of one holds it, under AR(1) errors and traffic."""
    rows = []
    for phi in PHIS:
        rng = np.random.default_rng(7)
        after = np.broadcast_to((np.arange(bins) >= bins * 2 // 3) * 1.0, (rounds, bins))
        traffic = ar1(bins, 0.9, rng, columns=rounds).T
        outcome = ar1(bins, phi, rng, columns=rounds).T + after + 0.5 * traffic
        found = regress(outcome, np.stack([np.ones_like(after), after, traffic], axis=2))
        held = (found.low <= 1) & (found.high >= 1)
        naive = _naive(outcome - 0.5 * traffic, after[0] > 0)
        rows.append({"φ": phi, "covered": rate(held), "an ordinary interval": rate(naive)})
    return pd.DataFrame(rows)


def blame(*, each: int = 200) -> pd.DataFrame:
    """How often a guilty deploy is missed, and one blamed that only came at the same moment.

    One fault comes with the deploy of its own service and with one of another; in a fifth as
    many windows all services get slower at once, which no deploy did. The intervals of the
    differences against services out of reach are held against what was planted.
    """
    rows = []
    for phi in PHIS[:3]:
        slow = [_tested(_SLOW, phi, _SEED + seed) for seed in range(each)]
        added = [_added(phi, _SEED + seed) for seed in range(each)]
        shock = [_tested(_SHOCK, phi, _SEED + seed) for seed in range(each // 5)]
        rows.append(
            {
                "φ": phi,
                "guilty missed": rate(not _moved(e, "payments") for e in slow),
                "innocent blamed": rate(_moved(e, "catalog") for e in slow),
                "common shock caught": rate(not _moved(e, "payments") for e in shock),
                "nothing, but beyond placebos": rate(_beyond(e, "catalog") for e in slow),
                "right, but refuted by data": rate(_refuted(e, "payments") for e in slow),
                "differences hold the fault": rate(_holds(slow, "payments", added)),
                "differences hold nothing": rate(_holds(slow, "catalog", [0.0] * each)),
            }
        )
    return pd.DataFrame(rows)


def _tested(faults: tuple[Fault, ...], phi: float, seed: int) -> Effects:
    return effects(metrics_window(SHOP, faults, phi=phi, seed=seed, changes=_TOLD))


def _added(phi: float, seed: int) -> float:
    """What the fault added to a request of the entry in the minutes that are looked at."""
    made = aggregates(SHOP, _SLOW, phi=phi, seed=seed)
    visits = made["payments", "load"] / made[SHOP.entries[0], "load"]
    return float(_SLOW[0].amount * visits[_AFTER].mean())


def _holds(found: list[Effects], change: str, true: list[float]) -> Iterator[bool]:
    """Whether each difference-in-differences that could be made holds the truth."""
    for each, value in zip(found, true, strict=True):
        against = each.by_change[change].against
        if against is not None:
            yield against.low <= value <= against.high


def _moved(found: Effects, change: str) -> bool:
    return found.by_change[change].moved_it


def _beyond(found: Effects, change: str) -> bool:
    refutations = found.by_change[change].refutations
    return next(r.passed for r in refutations if r.name == "placebo moments")


def _refuted(found: Effects, change: str) -> bool:
    altered = ("change times shuffled", "random common cause", "subset")
    return any(r.name in altered and not r.passed for r in found.by_change[change].refutations)


def _naive(outcome: np.ndarray, after: np.ndarray) -> np.ndarray:
    new, old = outcome[:, after], outcome[:, ~after]
    error = np.sqrt(
        new.var(axis=1, ddof=1) / after.sum() + old.var(axis=1, ddof=1) / (~after).sum()
    )
    return np.asarray(np.abs(new.mean(axis=1) - old.mean(axis=1) - 1) <= 1.96 * error)
