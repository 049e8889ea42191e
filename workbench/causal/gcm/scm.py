"""The window's own mechanisms as a DoWhy structural causal model.

Nodes are services, edges run from callee to caller (time flows up), and a caller's total is
its own work plus a known part of each callee's: nothing is fitted but the distribution of
own work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import pandas as pd

from workbench.causal.attribution.study import study
from workbench.causal.gcm.session import load_gcm, quietly, seeded
from workbench.causal.thresholds import SIGNIFICANT
from workbench.errors import BadInput
from workbench.features.aligned import align

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from workbench.causal.attribution.study import Study
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = [
    "build_model",
    "check_modelled",
    "counterfactual_with",
    "flow_graph",
    "modelled",
    "moved",
    "own_work",
    "study_of",
    "totals",
]


def study_of(window: IncidentWindow, sli: SLI | None) -> Study:
    """Break an SLI down; the first SLO's if None.

    Parameters
    ----------
    window, sli
        As for `workbench.causal.rank`.

    Raises
    ------
    BadInput
        The SLI was not measured in the incident, or not before it.
    """
    found = study(align(window), sli or window.sli())
    if not np.isfinite(found.before):
        fact = "The SLI was not measured in the incident, or not before it"
        raise BadInput(fact, value=str(found.sli), hint="Without it nothing can be imagined of it")
    return found


def moved(found: Study) -> bool:
    """Say whether the SLI left its normal range: without that there is nothing to attribute.

    Parameters
    ----------
    found
        From `study_of`.
    """
    return found.p_value <= SIGNIFICANT


def modelled(found: Study) -> list[str]:
    """List services on the way to the SLI, measured before and during the incident.

    Parameters
    ----------
    found
        From `study_of`.
    """
    split, total = found.aligned.split, found.breakdown.total
    return [
        name
        for i, name in enumerate(found.breakdown.services)
        if name in found.graph.reached
        and np.isfinite(total[split.baseline, i]).sum() > 1
        and np.isfinite(total[split.incident, i]).any()
    ]


def check_modelled(found: Study, service: str) -> list[str]:
    """Return `modelled`, or refuse a service that is not in it.

    Parameters
    ----------
    found
        From `study_of`.
    service
        Who is asked about.

    Raises
    ------
    BadInput
        The SLI's requests do not reach it, or it was not measured.
    """
    names = modelled(found)
    if service not in names:
        hint = f"Measured on the way: {', '.join(names)}"
        fact = "The SLI does not depend on this service"
        raise BadInput(fact, value=service, hint=hint)
    return names


def totals(found: Study, names: list[str], rows: NDArray[np.intp]) -> pd.DataFrame:
    """Total work of services in some bins; a bin without a value takes the others' median.

    Parameters
    ----------
    found, names
        From `study_of` and `modelled`.
    rows
        Bin numbers.
    """
    places = [found.breakdown.services.index(name) for name in names]
    frame = pd.DataFrame(found.breakdown.total[rows][:, places], columns=names)
    return frame.fillna(frame.median())


def flow_graph(found: Study, names: list[str]) -> nx.DiGraph[str]:
    """Build the graph of the model, callee → caller, each edge with its coefficient ``part``.

    Parameters
    ----------
    found, names
        From `study_of` and `modelled`.
    """
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(names)
    for (caller, callee), part in found.split.passes.items():
        if caller in graph and callee in graph:
            graph.add_edge(callee, caller, part=part)
    return graph


def own_work(found: Study, names: list[str], rows: NDArray[np.intp]) -> pd.DataFrame:
    """Work of services less what their callees passed them, by bin: the model's noise.

    Parameters
    ----------
    found, names, rows
        As for `totals`.
    """
    data, graph = totals(found, names, rows), flow_graph(found, names)
    own = data.copy()
    for callee, caller in graph.edges:
        own[caller] -= graph.edges[callee, caller]["part"] * data[callee]
    return own


def build_model(found: Study, names: list[str], *, seed: int) -> Any:  # noqa: ANN401 - loaded late
    """Build DoWhy's model: own work as noise, known coefficients from callee to caller.

    Parameters
    ----------
    found, names
        From `study_of` and `modelled`.
    seed
        Of DoWhy.

    Returns
    -------
    dowhy.gcm.InvertibleStructuralCausalModel
        Fitted on the baseline.
    """
    graph = flow_graph(found, names)
    with seeded(seed=seed), quietly():
        gcm = load_gcm()
        model = gcm.InvertibleStructuralCausalModel(graph)
        for name in names:
            callees = sorted(graph.predecessors(name))
            parts = np.array([graph.edges[callee, name]["part"] for callee in callees])
            noise = gcm.EmpiricalDistribution()
            mechanism = gcm.AdditiveNoiseModel(_known_sum(parts), noise) if callees else noise
            model.set_causal_mechanism(name, mechanism)
        gcm.fit(model, totals(found, names, found.aligned.split.baseline))
    return model


def counterfactual_with(
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
        From `build_model`.
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


def _known_sum(coefficients: np.ndarray) -> Any:  # noqa: ANN401 - DoWhy's type is loaded late
    """Return a prediction model whose coefficients are known: fitting leaves them alone."""
    from dowhy.gcm.ml import PredictionModel

    class KnownSum(PredictionModel):  # type: ignore[misc]  # DoWhy has no types
        def fit(self, X: np.ndarray, Y: np.ndarray) -> None:
            """Nothing is learned."""

        def predict(self, X: np.ndarray) -> np.ndarray:
            predicted: np.ndarray = (X.astype(float) @ coefficients).reshape(-1, 1)
            return predicted

        def clone(self) -> PredictionModel:
            return KnownSum()

    return KnownSum()
