"""Whether confidence means what it says, out of sample: each case judged by the others.

The product's confidence has one parameter, the temperature of `workbench.causal.confidence`.
Here it is fitted anew on all cases but those of one group (one incident, or one true
service) and says how sure it is of the group left out: no case is judged by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.causal import confidence
from workbench.causal.thresholds import TEMPERATURE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from workbench.causal import Ranking

__all__ = ["Judged", "calibration_error", "judged", "left_out", "temperature_of"]

_TEMPERATURES = np.geomspace(0.25, 8.0, 41)
_BINS = 5
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Judged:
    """One labelled incident: scores of its services, and which of them are true.

    Parameters
    ----------
    scores, true
        Shape (services,): nats, and whether each is the truth.
    root
        The true service.
    limit
        The most that might be said, for want of evidence.
    none
        Nats for none of the services.
    """

    scores: np.ndarray
    true: np.ndarray
    root: str
    limit: float = 1.0
    none: float = -np.inf

    def confidence(self, *, temperature: float = TEMPERATURE) -> np.ndarray:
        """Probability of each service at a temperature; the product's own if not said."""
        return confidence(self.scores, none=self.none, temperature=temperature, limit=self.limit)


def judged(ranking: Ranking, truth: Sequence[str]) -> Judged:
    """Keep of a ranking what calibration needs.

    Parameters
    ----------
    ranking
        From `workbench.causal.rank`.
    truth
        Services that are right.
    """
    scores = np.array([row.score for row in ranking.rows])
    true = np.array([row.service in truth for row in ranking.rows])
    return Judged(scores, true, truth[0], ranking.limit, ranking.none)


def temperature_of(cases: Iterable[Judged]) -> float:
    """Temperature with the least log loss of the true services (maximum likelihood)."""
    known = list(cases)
    losses = [sum(_loss(case, t) for case in known) for t in _TEMPERATURES]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def left_out(cases: Sequence[Judged], groups: Sequence[str]) -> pd.DataFrame:
    """Judge each group by a temperature fitted on all the others.

    Parameters
    ----------
    cases
        Labelled incidents.
    groups
        Of each case: its id for leave-one-incident-out, its root for leave-one-root-out.

    Returns
    -------
    pandas.DataFrame
        Columns ``confidence`` of the first service, ``right`` (its chance under random
        ties) and ``temperature``; a row a case.
    """
    rows = []
    for case, group in zip(cases, groups, strict=True):
        others = (c for c, g in zip(cases, groups, strict=True) if g != group)
        temperature = temperature_of(others)
        sure = case.confidence(temperature=temperature)
        first = sure == sure.max()
        rows.append((float(sure.max()), float(case.true[first].mean()), temperature))
    return pd.DataFrame(rows, columns=["confidence", "right", "temperature"])


def calibration_error(cases: pd.DataFrame) -> float:
    """Return the expected calibration error, five bins of equal width (Naeini et al. 2015).

    Parameters
    ----------
    cases
        Columns ``confidence`` in [0, 1] and ``right``.
    """
    if cases.empty:
        return float("nan")
    bins = np.minimum((cases["confidence"] * _BINS).astype(int), _BINS - 1)
    means = cases[["confidence", "right"]].astype(float).groupby(bins).mean()
    number = bins.value_counts().reindex(means.index)
    return float((number * (means["confidence"] - means["right"]).abs()).sum() / len(cases))


def _loss(case: Judged, temperature: float) -> float:
    sure = case.confidence(temperature=temperature)
    return -float(np.log(max(float(sure[case.true].sum()), _LEAST)))
