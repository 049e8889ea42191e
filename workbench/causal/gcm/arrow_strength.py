"""Arrow strength: how much of a caller's variation comes over each of its calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.cards import StatementCard, table_html
from workbench.causal.gcm.scm import build_model, modelled, study_of
from workbench.causal.gcm.session import Deadline, load_gcm, quietly, seeded
from workbench.causal.thresholds import ARROW_RUNS, ARROW_SAMPLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["ArrowStrengths", "arrow_strength"]


@dataclass(frozen=True, slots=True, repr=False)
class ArrowStrengths(StatementCard):
    """Share of each caller's variance that comes over each call.

    Parameters
    ----------
    sli
        The SLI whose breakdown the model is made of.
    shares
        (caller, callee) to the share of the caller's variance that vanishes when the call
        is cut; the shares of one caller sum to at most about one.
    note
        Empty, or that the time was up.
    seed
        Of DoWhy.
    """

    sli: SLI
    shares: Mapping[tuple[str, str], float]
    note: str = ""
    seed: int = 0

    @property
    def statement(self) -> str:
        """The strongest call in one sentence."""
        more = f" ({self.note})" if self.note else ""
        if not self.shares:
            return f"No call on the way to {self.sli} was measured at both ends{more}"
        caller, callee = max(self.shares, key=lambda call: self.shares[call])
        share = 100 * self.shares[caller, callee]
        return f"Strongest call: {share:.0f} % of {caller}'s variance comes from {callee}{more}"

    def to_frame(self) -> pd.DataFrame:
        """One line a call, the strongest first."""
        calls = sorted(self.shares, key=lambda call: -self.shares[call])
        rows = [(*call, self.shares[call]) for call in calls]
        return pd.DataFrame(rows, columns=["caller", "callee", "share of variance"])

    def __repr__(self) -> str:
        """Statement, then a line a call."""
        lines = [
            f"  {a} → {b}: {100 * share:.0f} %"
            for a, b, share in self.to_frame().itertuples(index=False)
        ]
        return "\n".join([self.statement, *lines])

    def _body(self) -> str:
        return table_html(self.to_frame())


def arrow_strength(
    window: IncidentWindow, sli: SLI | None = None, *, seed: int = 0, seconds: float = 8.0
) -> ArrowStrengths:
    """Have DoWhy measure how strongly each callee drives its caller in normal operation.

    Parameters
    ----------
    window
        The incident window, with a baseline: that is what the model is fitted on.
    sli
        The SLI; the first SLO's if None.
    seed
        Of DoWhy.
    seconds
        Time after which no further caller (about 0.1 s each) is begun.

    Notes
    -----
    Variance that vanishes when an edge is cut and fed by an independent copy of the callee
    (Janzing et al. 2013), by DoWhy GCM with one job (its default of all is not asked).
    """
    found = study_of(window, sli)
    names = modelled(found)
    model, deadline = build_model(found, names, seed=seed), Deadline(seconds)
    callers = [name for name in names if model.graph.in_degree(name)]
    shares: dict[tuple[str, str], float] = {}
    with seeded(seed=seed), quietly():
        waiting = iter(callers)
        for _ in deadline.batches(len(callers), 1):
            shares.update(_of_caller(model, next(waiting)))
    return ArrowStrengths(found.sli, shares, deadline.note, seed)


def _of_caller(model: Any, caller: str) -> dict[tuple[str, str], float]:  # noqa: ANN401
    gcm = load_gcm()
    drawn = gcm.draw_samples(model, ARROW_SAMPLES)
    variance = float(np.var(drawn[caller]))
    found = gcm.arrow_strength(
        model,
        caller,
        parent_samples=drawn,
        num_samples_conditional=ARROW_SAMPLES,
        max_num_runs=ARROW_RUNS,
        n_jobs=1,
        difference_estimation_func=lambda x, y: float(np.var(y) - np.var(x)),
    )
    scale = variance if variance > 0 else 1.0
    return {(caller, str(callee)): abs(float(s)) / scale for (callee, _), s in found.items()}
