"""How unlikely each signal's incident is among the past windows of this very system.

A signal's value over the incident is compared with its value over all other quiet bins, and the
same is done with past windows of the same length. What one signal's few windows say of its
scatter is moderated towards all signals of its kind (Smyth 2004, Stat. Appl. Genet. Mol. 3),
and the chance of so large a departure is read off all of them together: the bulk as it was
seen, beyond it a generalised Pareto tail (Pickands 1975, Ann. Stat. 3). The tail is not fitted
to the largest of the past, since an earlier fault may lie there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.causal.evidence.ratios import families
from workbench.causal.thresholds import (
    BULK_ENDS,
    BULK_UNTIL,
    FEWEST_COUNTED,
    FEWEST_POOLED,
    FEWEST_TO_SCATTER,
    LEAST_COUNT_SCATTER,
    LEAST_DURATION,
    LEAST_LEVEL,
    LEAST_SCATTER,
    LEAST_TAIL_SCALE,
    LEAST_TAIL_START,
    MOST_WINDOWS_COMPARED,
    PRIOR_WINDOWS,
    SIGNALS_ALIKE,
    TAIL_INDEX,
    TYPICAL_SCATTER,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from workbench.causal.evidence.ratios import Family
    from workbench.features.aligned import AlignedSignals
    from workbench.stats.past_windows import Split

__all__ = ["Evidence", "all_evidence", "evidence_of"]

_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Evidence:
    """One signal that departed.

    Parameters
    ----------
    service, family, key
        Whose, of what kind, and which.
    nats
        Minus the logarithm of the chance of so large a departure, at least 0.
    before, during
        The ratio over the baseline and over the incident, in the signal's unit.
    deviations
        The departure in its own scatter, signed.
    """

    service: str
    family: str
    key: str
    nats: float
    before: float
    during: float
    deviations: float


def evidence_of(family: Family, split: Split) -> tuple[Evidence, ...]:
    """Weigh every signal of a family, in the family's order.

    Parameters
    ----------
    family
        Signals of one kind.
    split
        Which bins are the incident and which its past windows.

    Returns
    -------
    tuple of Evidence
        Signals that were seen in the incident and before it.
    """
    sums = _Sums(family, split)
    departure = _counts(sums) if family.measure == "count" else _log_ratios(family, sums)
    scaled = departure / _scatter(departure[:, 1:], family, split)[:, None]
    sides = np.clip(scaled, 0.0, None) if family.rises else np.abs(scaled)
    nats = _surprise(sides[:, 0], sides[:, 1:])
    with np.errstate(invalid="ignore", divide="ignore"):
        before, during = (
            sums.above_else[:, 0] / sums.below_else[:, 0],
            sums.above[:, 0] / sums.below[:, 0],
        )
    seen = np.flatnonzero(np.isfinite(scaled[:, 0]))
    services = np.array(family.services, dtype=object)
    names, number = np.unique(services[seen], return_counts=True)
    tried = dict(zip(names, number, strict=True))
    return tuple(
        Evidence(
            service=family.services[i],
            family=family.name,
            key=family.keys[i],
            # The farthest of several signals that move together is no news of all of them.
            nats=max(float(nats[i]) - SIGNALS_ALIKE * np.log(tried[family.services[i]]), 0.0),
            before=float(before[i]),
            during=float(during[i]),
            deviations=float(scaled[i, 0]),
        )
        for i in seen
    )


def all_evidence(aligned: AlignedSignals) -> tuple[Evidence, ...]:
    """Weigh every signal that is measured; a gauge as far as it moved beyond its load.

    Parameters
    ----------
    aligned
        The window's signals with its history.
    """
    told = [one for family in families(aligned) for one in evidence_of(family, aligned.split)]
    loaded = {(e.service, e.key): e for e in told if e.family == "gauge a request"}
    return tuple(_agreed(e, loaded) for e in told if e.family != "gauge a request")


def _agreed(one: Evidence, loaded: Mapping[tuple[str, str], Evidence]) -> Evidence:
    other = loaded.get((one.service, one.key)) if one.family == "gauge" else None
    if other is None:
        return one
    same = one.deviations * other.deviations > 0
    return replace(one, nats=min(one.nats, other.nats) if same else 0.0)


class _Sums:
    """Sums over the incident (first column) and over past windows, and over all quiet bins else."""

    def __init__(self, family: Family, split: Split) -> None:
        self.above, self.above_else = _window_sums(family.above, split)
        self.below, self.below_else = _window_sums(family.below, split)


def _window_sums(
    values: NDArray[np.float64], split: Split
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    quiet = np.cumsum(np.pad(values[:, split.baseline], ((0, 0), (1, 0))), axis=1)
    chosen = np.linspace(0, split.starts.size - 1, min(split.starts.size, MOST_WINDOWS_COMPARED))
    starts = split.starts[np.unique(chosen.astype(np.intp))]
    past = quiet[:, starts + split.length] - quiet[:, starts]
    whole = quiet[:, -1:]
    now = values[:, split.incident].sum(axis=1, keepdims=True)
    return np.hstack([now, past]), np.hstack([whole, whole - past])


def _log_ratios(family: Family, sums: _Sums) -> NDArray[np.float64]:
    """Logarithm of a window's value over that of all else, scaled by how much was counted."""
    floor = LEAST_DURATION if family.measure == "duration" else LEAST_LEVEL
    usual = sums.above_else[:, 0] / np.maximum(sums.below_else[:, 0], _TINY)
    typical = float(np.median(usual[usual > 0])) if (usual > 0).any() else 1.0
    least = (floor * np.maximum(usual, floor * typical) + _TINY)[:, None]
    fewest = np.where(family.counted, FEWEST_COUNTED, _TINY)[:, None]
    known = (sums.below >= fewest) & (sums.below_else >= fewest)
    with np.errstate(invalid="ignore", divide="ignore"):
        now, other = sums.above / sums.below + least, sums.above_else / sums.below_else + least
        departure = np.where(known, np.log(now) - np.log(other), np.nan)
        if family.measure == "level":
            return departure
        noise = np.where(known, 1.0 / sums.below + 1.0 / sums.below_else, np.nan)
    # A mean over few requests scatters more than the same mean over many.
    usual_noise = _row_medians(noise[:, 1:])
    usual_noise = np.where(np.isfinite(usual_noise), usual_noise, noise[:, 0])[:, None]
    return departure / np.sqrt((usual_noise + noise) / (2.0 * usual_noise))


def _row_medians(values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(values).any(axis=1)
    result = np.full(values.shape[0], np.nan)
    if known.any():
        result[known] = np.nanmedian(values[known], axis=1)
    return result


def _counts(sums: _Sums) -> NDArray[np.float64]:
    """Signed root of the deviance of a window's count, given the total of both (two Poissons)."""
    total, exposed = sums.above + sums.above_else, sums.below + sums.below_else
    known = (sums.below > 0) & (sums.below_else > 0)
    expected = total * sums.below / np.maximum(exposed, _TINY)
    rest = total - expected
    with np.errstate(invalid="ignore", divide="ignore"):
        deviance = 2.0 * (
            sums.above * np.log(np.maximum(sums.above, _TINY) / np.maximum(expected, _TINY))
            + sums.above_else * np.log(np.maximum(sums.above_else, _TINY) / np.maximum(rest, _TINY))
        )
    size = np.sqrt(np.maximum(deviance, 0.0))
    return np.where(known, np.sign(sums.above - expected) * size, np.nan)


def _scatter(past: NDArray[np.float64], family: Family, split: Split) -> NDArray[np.float64]:
    """Usual size of a past departure, each signal's own moderated towards its family's."""
    known = np.isfinite(past).sum(axis=1)
    own = np.nansum(past**2, axis=1) / np.maximum(known, 1)
    freedom = np.minimum(known, min(split.n_independent, past.shape[1]))
    if family.measure == "count":
        usual = float(own[known >= 1].mean()) if (known >= 1).any() else 1.0
        usual, least = max(usual, LEAST_COUNT_SCATTER), LEAST_COUNT_SCATTER
    else:
        enough = known >= FEWEST_TO_SCATTER
        usual = float(np.median(own[enough])) if enough.any() else TYPICAL_SCATTER**2
        usual, least = max(usual, LEAST_SCATTER**2), 0.0
    variance = (PRIOR_WINDOWS * usual + freedom * own) / (PRIOR_WINDOWS + freedom)
    scatter: NDArray[np.float64] = np.sqrt(np.maximum(variance, least))
    return scatter


def _surprise(now: NDArray[np.float64], past: NDArray[np.float64]) -> NDArray[np.float64]:
    """Minus log of the chance of a departure this large, read off all past ones."""
    pooled = np.sort(past[np.isfinite(past)])
    beyond, start, scale = 1.0 - BULK_ENDS, 1.0, 1.0
    if pooled.size >= FEWEST_POOLED:
        start = float(pooled[int(BULK_ENDS * pooled.size)])
        far = float(pooled[min(int(BULK_UNTIL * pooled.size), pooled.size - 1)])
        stretch = ((1.0 - BULK_UNTIL) / beyond) ** -TAIL_INDEX - 1.0
        scale = max((far - start) * TAIL_INDEX / stretch, LEAST_TAIL_SCALE)
        start = max(start, LEAST_TAIL_START)
    excess = np.clip(now - start, 0.0, None)
    tail = -np.log(beyond) + np.log1p(TAIL_INDEX * excess / scale) / TAIL_INDEX
    bulk = -np.log(np.clip(1.0 - now / start * (1.0 - beyond), beyond, 1.0))
    return np.where(now > start, tail, bulk)
