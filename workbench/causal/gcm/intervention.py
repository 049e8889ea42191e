"""Interventions: what the SLI would be if a service's own time were another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.cards import StatementCard, bounds, quantity
from workbench.causal.gcm.scm import own_work
from workbench.causal.gcm.session import Deadline
from workbench.causal.gcm.sli_model import SliModel
from workbench.causal.thresholds import INTERVENTION_BATCH, INTERVENTION_ROUNDS
from workbench.errors import BadInput
from workbench.stats.block_bootstrap import block_length, block_rows, interval

if TYPE_CHECKING:
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["Intervention", "intervene"]


@dataclass(frozen=True, slots=True, repr=False)
class Intervention(StatementCard):
    """What the SLI would be, were a service's own work changed by a share.

    Parameters
    ----------
    service, sli, by
        Whose own work is changed by which share (−0.5 halves it), and what is asked about.
    actual, would_be
        Mean of the SLI over the incident: as it was, and as it would be.
    low, high
        95 % interval of `would_be`, from moving blocks of bins.
    own
        The service's own work a request of the SLI, before the intervention.
    note
        Empty, or that the time was up.
    seed
        Of blocks and DoWhy.
    """

    service: str
    sli: SLI
    by: float
    actual: float
    would_be: float
    low: float
    high: float
    own: float
    note: str = ""
    seed: int = 0

    @property
    def unit(self) -> str:
        """Unit of the SLI."""
        return self.sli.unit

    @property
    def statement(self) -> str:
        """The answer in one sentence."""
        unit, verb = self.unit, "cut" if self.by < 0 else "raised"
        return (
            f"If {self.service}'s own part ({quantity(self.own, unit)}) were {verb} by "
            f"{100 * abs(self.by):.0f} %, {self.sli} would be {quantity(self.would_be, unit)} "
            f"({bounds(self.low, self.high, unit)}) instead of "
            f"{quantity(self.actual, unit)}" + (f"; {self.note}" if self.note else "")
        )

    def to_frame(self) -> pd.DataFrame:
        """One line: what was, what would be."""
        names = ("service", "by", "actual", "would_be", "low", "high", "own", "unit")
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def __repr__(self) -> str:
        """Write the statement."""
        return self.statement

    def _facts(self) -> dict[str, str]:
        span = bounds(self.low, self.high, self.unit)
        would_be = f"{quantity(self.would_be, self.unit)} (95 %: {span})"
        return {"as it was": quantity(self.actual, self.unit), "with the intervention": would_be}


def intervene(
    window: IncidentWindow,
    service: str,
    sli: SLI | None = None,
    *,
    by: float = -0.5,
    seed: int = 0,
    seconds: float = 8.0,
) -> Intervention:
    """Ask what the SLI would be if a service's own work were changed by a share.

    Parameters
    ----------
    window
        The incident window, with a baseline.
    service
        Whose own work is changed; what its callees do to it stays.
    sli
        The SLI; the first SLO's if None.
    by
        Share of its own work: −0.5 halves it, 1.0 doubles it.
    seed
        Of blocks and DoWhy.
    seconds
        Time after which no further batch of 100 resamples is begun.

    Raises
    ------
    UnknownName, BadInput
        A service nobody knows, one that the SLI's requests do not reach, or a share that
        would make work negative.

    Notes
    -----
    DoWhy's counterfactual gives how much of a service's own work reaches the SLI; the
    interval comes from moving blocks of the incident's bins (Künsch 1989).
    """
    window.check_service(service)
    if not -1.0 <= by < float("inf"):
        fact = "No own work is left to cut"
        raise BadInput(fact, value=by, hint="by=-1.0 takes all of it")
    asked = SliModel.of(window, service, sli, seed=seed)
    found = asked.study
    own = own_work(found, asked.names, found.aligned.split.incident)[service].to_numpy()
    reaching = np.clip(own, 0.0, None)
    mean = float(reaching.mean())
    saved = float(asked.spared(-by * mean).mean())
    actual = asked.sample[found.sli.service].to_numpy()
    after = actual - (saved / mean if mean > 0 else 0.0) * reaching
    rng, means, deadline = np.random.default_rng(seed), [], Deadline(seconds)
    for size in deadline.batches(INTERVENTION_ROUNDS, INTERVENTION_BATCH):
        picked = block_rows(len(after), block_length(after), size, rng=rng)
        means.append(after[picked].mean(axis=1))
    low, high = interval(float(after.mean()), np.concatenate(means))
    return Intervention(
        service,
        found.sli,
        by,
        float(actual.mean()),
        float(after.mean()),
        max(0.0, low),
        high,
        mean,
        deadline.note,
        seed,
    )
