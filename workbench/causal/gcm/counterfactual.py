"""What the SLI would have been: counterfactuals and interventions on the window's model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.cards import StatementCard, bounds, quantity
from workbench.causal.gcm.scm import (
    build_model,
    check_modelled,
    counterfactual_with,
    study_of,
    totals,
)
from workbench.causal.gcm.session import Deadline
from workbench.causal.thresholds import COUNTERFACTUAL_BATCH
from workbench.stats.past_windows import weights_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.causal.attribution.study import Study
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["WhatIf", "what_if"]


@dataclass(frozen=True, slots=True, repr=False)
class WhatIf(StatementCard):
    """What the SLI would have been, had one service's own work stayed at its baseline.

    Parameters
    ----------
    service, sli
        Who stays at its baseline, and what is asked about.
    actual, counterfactual
        Mean of the SLI in the part of the incident in which it departed: as it was, and as
        it would have been.
    low, high
        95 % interval of the counterfactual, from past windows.
    before
        The SLI's level in the baseline.
    note
        Empty, or that the time was up.
    seed
        Of DoWhy, and of the order of bins.
    """

    service: str
    sli: SLI
    actual: float
    counterfactual: float
    low: float
    high: float
    before: float
    note: str = ""
    seed: int = 0

    @property
    def unit(self) -> str:
        """Unit of the SLI."""
        return self.sli.unit

    @property
    def statement(self) -> str:
        """The answer in one sentence."""
        unit = self.unit
        return (
            f"Had {self.service} stayed at its baseline, {self.sli} would have been "
            f"{quantity(self.counterfactual, unit)} ({bounds(self.low, self.high, unit)}) "
            f"instead of {quantity(self.actual, unit)}; its baseline is "
            f"{quantity(self.before, unit)}" + (f"; {self.note}" if self.note else "")
        )

    def to_frame(self) -> pd.DataFrame:
        """One line: what was, what would have been."""
        names = ("service", "actual", "counterfactual", "low", "high", "before", "unit")
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def __repr__(self) -> str:
        """Write the statement."""
        return self.statement

    def _facts(self) -> dict[str, str]:
        return {
            "as it was": quantity(self.actual, self.unit),
            "had it stayed": f"{quantity(self.counterfactual, self.unit)} "
            f"(95 %: {bounds(self.low, self.high, self.unit)})",
            "baseline": quantity(self.before, self.unit),
        }


def what_if(
    window: IncidentWindow,
    service: str,
    sli: SLI | None = None,
    *,
    seed: int = 0,
    seconds: float = 8.0,
) -> WhatIf:
    """Ask what the SLI would have been, had a service's own work stayed at its baseline.

    Parameters
    ----------
    window
        The incident window, with a baseline.
    service
        Whose own work is put back; what its callees did to it stays.
    sli
        The SLI; the first SLO's if None.
    seed
        Of DoWhy, and of the order of bins.
    seconds
        Time after which no further batch of 250 bins is imagined: those done, drawn from
        all of the incident, then stand for the rest, and the answer says so.

    Raises
    ------
    UnknownName, BadInput
        A service nobody knows, or one that the SLI's requests do not reach.

    Notes
    -----
    Counterfactual of the structural causal model (abduction, action, prediction; Pearl
    2009, chapter 7) by DoWhy GCM: in each incident bin the service's total is lowered by
    the departure of its own work.
    """
    window.check_service(service)
    found = study_of(window, sli)
    names = check_modelled(found, service)
    i = found.breakdown.services.index(service)
    own, part = float(found.split.own[i]), float(found.split.part[i])
    model, deadline = build_model(found, names, seed=seed), Deadline(seconds, of="bins")
    saved = _saved(found, model, {service: own}, deadline, seed=seed)
    actual = found.before + found.split.change
    reach = float(found.split.high[i] - part)
    low, high = sorted((actual - saved - reach, actual - saved + reach))
    return WhatIf(
        service,
        found.sli,
        actual,
        max(0.0, actual - saved),
        max(0.0, low),
        max(0.0, high),
        found.before,
        deadline.note,
        seed,
    )


def _saved(
    found: Study,
    model: Any,  # noqa: ANN401
    lowered_by: Mapping[str, float],
    deadline: Deadline,
    *,
    seed: int,
) -> float:
    """Weigh what the SLI is spared, like its own change, over the bins there was time for."""
    sample = totals(found, list(model.graph), found.aligned.split.incident)
    weights = weights_of(found.breakdown.total[:, found.breakdown.sli], found.aligned.split)[0]
    counted = np.random.default_rng(seed).permutation(np.flatnonzero(weights))
    entry, saved, done = found.sli.service, 0.0, 0
    for size in deadline.batches(len(counted), COUNTERFACTUAL_BATCH):
        rows = counted[done : done + size]
        imagined = counterfactual_with(model, lowered_by, sample.iloc[rows], seed=seed)
        spared = sample[entry].to_numpy()[rows] - imagined[entry].to_numpy()
        saved, done = saved + float(weights[rows] @ spared), done + size
    return saved / float(weights[counted[:done]].sum() or 1.0)
