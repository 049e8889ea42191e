"""Placebo changes: moments at which nothing was changed, and earlier changes of a service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.causal.change_effects.change_data import COVARIATES, around, past_bins
from workbench.causal.change_effects.interrupted_series import placebo_effects, step_effect
from workbench.causal.thresholds import MOST_PLACEBOS
from workbench.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.causal.change_effects.change_data import ChangeBins, ChangeContext

__all__ = ["EarlierChange", "earlier_changes", "placebo_moments"]


@dataclass(frozen=True, slots=True)
class EarlierChange:
    """An earlier change of the same service and what it moved the SLI by.

    Parameters
    ----------
    change, at
        Its reference and moment.
    effect
        Step of the service's own part, estimated as for the change in question.
    """

    change: str
    at: pd.Timestamp
    effect: float


def placebo_moments(data: ChangeBins, *, seed: int) -> np.ndarray:
    """Estimate the step at up to 200 moments of quiet stretches: the empirical null.

    Parameters
    ----------
    data
        Of the real change, which gives the bins before and after.
    seed
        Chooses the moments.

    Returns
    -------
    numpy.ndarray, shape (n,)
        Steps in the SLI's unit; fewer than 200 where less is known.
    """
    rng = np.random.default_rng(seed)
    before, after = data.before, data.after
    places = [
        (number, i)
        for number, part in enumerate(data.quiet)
        for i in range(before, len(part) - max(after, 1) + 1)
        if not _holds(data, part.index[i - before], part.index[i + after - 1])
    ]
    chosen = [places[k] for k in rng.permutation(len(places))[:MOST_PLACEBOS]]
    steps = [
        placebo_effects(
            part["own"],
            part.index[[i for stretch, i in chosen if stretch == number]],
            covariates=part[list(COVARIATES)],
            before=before,
            after=after,
        )
        for number, part in enumerate(data.quiet)
    ]
    return np.concatenate(steps) if steps else np.zeros(0)


def earlier_changes(seen: ChangeContext, data: ChangeBins) -> tuple[EarlierChange, ...]:
    """Estimate what each earlier change of the same service moved.

    Parameters
    ----------
    seen
        Window and history, both of which hold changes.
    data
        Of the change in question.

    Returns
    -------
    tuple of EarlierChange
        By time; those without enough bins on both sides are left out. An earlier change
        may have been guilty too: the list says whether this one is out of the ordinary.
    """
    found = []
    for bins, changes in _sources(seen, data):
        same = changes[changes["service"] == data.service]
        for row in same[same["ts"] < data.at].itertuples():
            moments = pd.concat([same["ts"], pd.Series([data.at])], ignore_index=True)
            found += list(_step(around(bins, row.ts, moments).dropna(), str(row.ref), row.ts))
    return tuple(sorted(found, key=lambda earlier: earlier.at))


def _holds(data: ChangeBins, first: pd.Timestamp, last: pd.Timestamp) -> bool:
    """Whether this service was changed in these bins: then they are no placebo."""
    return any(first <= moment <= last for moment in data.moments)


def _sources(seen: ChangeContext, data: ChangeBins) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    yield data.bins, seen.window.changes
    past = past_bins(seen, data.service, sli=data.sli)
    if past is not None and seen.past is not None:
        told = seen.past.changes
        yield past, told[~told["ref"].isin(seen.window.changes["ref"])]


def _step(local: pd.DataFrame, change: str, at: pd.Timestamp) -> Iterator[EarlierChange]:
    try:
        found = step_effect(local["own"], at, local[list(COVARIATES)])
    except BadInput:  # too few bins around it
        return
    yield EarlierChange(change, at, found.effect)
