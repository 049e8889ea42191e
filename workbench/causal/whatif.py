"""What the SLI would have been: counterfactuals and interventions on the window's model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.cards import card, quantity
from workbench.causal.guarded import load_gcm, quietly, seeded
from workbench.causal.pastwindows import weights_of
from workbench.causal.scm import build_model, check_modelled, study_of, totals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["WhatIf", "lowered", "what_if"]


@dataclass(frozen=True, slots=True, repr=False)
class WhatIf:
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
    seed
        Of DoWhy.
    """

    service: str
    sli: SLI
    actual: float
    counterfactual: float
    low: float
    high: float
    before: float
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
            f"{quantity(self.counterfactual, unit)} ({quantity(self.low, unit)} … "
            f"{quantity(self.high, unit)}) instead of {quantity(self.actual, unit)}; "
            f"its baseline is {quantity(self.before, unit)}"
        )

    def to_frame(self) -> pd.DataFrame:
        """One line: what was, what would have been."""
        names = ("service", "actual", "counterfactual", "low", "high", "before", "unit")
        return pd.DataFrame([{name: getattr(self, name) for name in names}])

    def __repr__(self) -> str:
        """Write the statement."""
        return self.statement

    def _repr_html_(self) -> str:
        """Show the statement as a card."""
        facts = {
            "as it was": quantity(self.actual, self.unit),
            "had it stayed": f"{quantity(self.counterfactual, self.unit)} (95 %: "
            f"{quantity(self.low, self.unit)} … {quantity(self.high, self.unit)})",
            "baseline": quantity(self.before, self.unit),
        }
        return card(self.statement, facts)


def what_if(
    window: IncidentWindow, service: str, sli: SLI | None = None, *, seed: int = 0
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
        Of DoWhy.

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
    i = found.books.services.index(service)
    own, part = float(found.split.own[i]), float(found.split.part[i])
    sample = totals(found, names, found.panel.split.incident)
    weights = weights_of(found.books.total[:, found.books.sli], found.panel.split)[0]
    model = build_model(found, names, seed=seed)
    imagined = lowered(model, {service: own}, sample, seed=seed)
    saved = float(weights @ (sample[found.sli.service] - imagined[found.sli.service]).to_numpy())
    actual = found.before + found.split.change
    reach = float(found.split.high[i] - part)
    low, high = sorted((actual - saved - reach, actual - saved + reach))
    return WhatIf(service, found.sli, actual, max(0.0, actual - saved), max(0.0, low),
                  max(0.0, high), found.before, seed)  # fmt: skip


def lowered(
    model: Any,  # noqa: ANN401
    lowered_by: Mapping[str, float],
    sample: pd.DataFrame,
    *,
    seed: int,
) -> pd.DataFrame:
    """Return the bins as they would have been with some totals lowered.

    Parameters
    ----------
    model
        From `workbench.causal.scm.build_model`.
    lowered_by
        Service to what is taken off its total.
    sample
        Totals by bin.
    seed
        Of DoWhy.
    """
    with seeded(seed=seed), quietly():
        interventions = {name: (lambda total, by=by: total - by) for name, by in lowered_by.items()}
        return load_gcm().counterfactual_samples(model, interventions, observed_data=sample)
