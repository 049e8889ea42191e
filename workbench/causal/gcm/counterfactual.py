"""What the SLI would have been: counterfactuals and interventions on the window's model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.cards import StatementCard, bounds, quantity
from workbench.causal.gcm.session import Deadline
from workbench.causal.gcm.sli_model import SliModel
from workbench.causal.thresholds import COUNTERFACTUAL_BATCH
from workbench.stats.past_windows import weights_of

if TYPE_CHECKING:
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
    asked, deadline = SliModel.of(window, service, sli, seed=seed), Deadline(seconds, of="bins")
    found = asked.study
    i = found.breakdown.services.index(service)
    own, part = float(found.split.own[i]), float(found.split.part[i])
    saved = _saved(asked, own, deadline)
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


def _saved(asked: SliModel, own_less: float, deadline: Deadline) -> float:
    """Weigh what the SLI is spared, like its own change, over the bins there was time for."""
    breakdown, split = asked.study.breakdown, asked.study.aligned.split
    weights = weights_of(breakdown.total[:, breakdown.sli], split)[0]
    counted = np.random.default_rng(asked.seed).permutation(np.flatnonzero(weights))
    saved, done = 0.0, 0
    for size in deadline.batches(len(counted), COUNTERFACTUAL_BATCH):
        rows = counted[done : done + size]
        saved, done = saved + float(weights[rows] @ asked.spared(own_less, rows)), done + size
    return saved / float(weights[counted[:done]].sum() or 1.0)
