"""The same mechanisms as a DoWhy graphical causal model: a check, and counterfactuals.

Nodes are services, edges run from callee to caller (time flows up), and a caller's total is
its own work plus a known part of each callee's: nothing is fitted but the distribution of
own work. On this model DoWhy's own attribution must agree with the fast path, and its
counterfactuals answer what the SLI would have been.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import pandas as pd

from workbench.cards import card, quantity
from workbench.causal.guarded import load_gcm, quietly, seeded
from workbench.causal.pastwindows import weights_of
from workbench.causal.rank import read_panel, study
from workbench.errors import BadInput

if TYPE_CHECKING:
    from workbench.causal.rank import Study
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["WhatIf", "dowhy_attribution", "what_if"]


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
    found = _study(window, sli)
    names = _modelled(found)
    if service not in names:
        hint = f"Measured on the way: {', '.join(names)}"
        raise BadInput("The SLI does not depend on this service", value=service, hint=hint)
    i = found.books.services.index(service)
    own, part = float(found.split.own[i]), float(found.split.part[i])
    sample = _totals(found, names, found.panel.split.incident)
    weights = weights_of(found.books.total[:, found.books.sli], found.panel.split)[0]
    model = _model(found, names, seed=seed)
    lowered = _counterfactual(model, {service: own}, sample, seed=seed)
    saved = float(weights @ (sample[found.sli.service] - lowered[found.sli.service]).to_numpy())
    actual = found.before + found.split.change
    reach = float(found.split.high[i] - part)
    low, high = sorted((actual - saved - reach, actual - saved + reach))
    return WhatIf(service, found.sli, actual, max(0.0, actual - saved), max(0.0, low),
                  max(0.0, high), found.before, seed)  # fmt: skip


def dowhy_attribution(
    window: IncidentWindow, sli: SLI | None = None, *, seed: int = 0
) -> pd.Series:
    """Let DoWhy attribute the SLI's change to changes of own work, on the same model.

    Parameters
    ----------
    window
        The incident window, with a baseline.
    sli
        The SLI; the first SLO's if None.
    seed
        Of DoWhy.

    Returns
    -------
    pandas.Series
        Part of the change of the SLI's mean by service, in the SLI's unit.

    Notes
    -----
    Distribution change of the mean with Shapley values (Budhathoki et al. 2021); exact up
    to about ten services, slow beyond: use `workbench.causal.rank` for the answer and this
    for the check.
    """
    found = _study(window, sli)
    names = _modelled(found)
    model = _model(found, names, seed=seed)
    split = found.panel.split
    before, during = (_totals(found, names, rows) for rows in (split.baseline, split.incident))
    with seeded(seed=seed), quietly():
        gcm = load_gcm()
        parts = gcm.distribution_change(
            model,
            before,
            during,
            found.sli.service,
            difference_estimation_func=lambda x, y: float(np.mean(y) - np.mean(x)),
        )
    return pd.Series({name: float(parts[name]) for name in names})


def _study(window: IncidentWindow, sli: SLI | None) -> Study:
    panel, _ = read_panel(window)
    return study(window, panel, sli or window.sli())


def _modelled(found: Study) -> list[str]:
    """Services on the way to the SLI that were measured before and during the incident."""
    split, total = found.panel.split, found.books.total
    return [
        name
        for i, name in enumerate(found.books.services)
        if name in found.graph.reached
        and np.isfinite(total[split.baseline, i]).sum() > 1
        and np.isfinite(total[split.incident, i]).any()
    ]


def _totals(found: Study, names: list[str], rows: np.ndarray) -> pd.DataFrame:
    """Totals of some bins; a bin without a value takes the median of the others."""
    places = [found.books.services.index(name) for name in names]
    frame = pd.DataFrame(found.books.total[rows][:, places], columns=names)
    return frame.fillna(frame.median())


def _model(found: Study, names: list[str], *, seed: int) -> Any:  # noqa: ANN401 - loaded late
    """Build DoWhy's model: own work as noise, known coefficients from callee to caller."""
    with seeded(seed=seed), quietly():
        gcm = load_gcm()
        graph: nx.DiGraph = nx.DiGraph()
        graph.add_nodes_from(names)
        known = set(names)
        passes = {c: v for c, v in found.split.passes.items() if known.issuperset(c)}
        graph.add_edges_from((callee, caller) for caller, callee in passes)
        model = gcm.InvertibleStructuralCausalModel(graph)
        for name in names:
            callees = sorted(graph.predecessors(name))
            mechanism = (
                gcm.AdditiveNoiseModel(
                    _known_sum(np.array([passes[name, c] for c in callees])),
                    gcm.EmpiricalDistribution(),
                )
                if callees
                else gcm.EmpiricalDistribution()
            )
            model.set_causal_mechanism(name, mechanism)
        gcm.fit(model, _totals(found, names, found.panel.split.baseline))
    return model


def _known_sum(coefficients: np.ndarray) -> Any:  # noqa: ANN401 - DoWhy's type is loaded late
    """Return a prediction model whose coefficients are known: fitting leaves them alone."""
    from dowhy.gcm.ml import PredictionModel

    class KnownSum(PredictionModel):
        def fit(self, X: np.ndarray, Y: np.ndarray) -> None:
            """Nothing is learned."""

        def predict(self, X: np.ndarray) -> np.ndarray:
            return (X.astype(float) @ coefficients).reshape(-1, 1)

        def clone(self) -> PredictionModel:
            return KnownSum()

    return KnownSum()


def _counterfactual(
    model: Any,  # noqa: ANN401
    lowered_by: dict[str, float],
    sample: pd.DataFrame,
    *,
    seed: int,
) -> pd.DataFrame:
    with seeded(seed=seed), quietly():
        interventions = {name: (lambda total, by=by: total - by) for name, by in lowered_by.items()}
        return load_gcm().counterfactual_samples(model, interventions, observed_data=sample)
