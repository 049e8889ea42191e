"""Forecasts of a blast radius held against what happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pandas as pd

from workbench.cards import ResultCard, table_html
from workbench.causal.propagation.departures import departures
from workbench.errors import BadInput
from workbench.features.aligned import align
from workbench.moved import renamed
from workbench.topology import calls_only

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.causal.propagation.blast_radius import BlastRadius
    from workbench.window import IncidentWindow

__all__ = ["ForecastScore", "score_forecast"]

if not TYPE_CHECKING:
    __getattr__ = renamed(__name__, {"BlastGrade": "ForecastScore", "grade": "score_forecast"})


@dataclass(frozen=True, slots=True, repr=False)
class ForecastScore(ResultCard):
    """How good one forecast was, beside forecasts that need no model.

    Parameters
    ----------
    window_id, service
        What was forecast.
    brier
        Mean squared distance of probability and outcome over the services (Brier 1950): 0
        is perfect, .25 a coin.
    reference
        The same of trivial forecasts: nobody; all callers, direct or not; and the base
        rate, the one constant that is best in hindsight.
    happened
        Service to its forecast probability and whether it left its range.
    """

    window_id: str
    service: str
    brier: float
    reference: Mapping[str, float]
    happened: Mapping[str, tuple[float, bool]]

    def to_frame(self) -> pd.DataFrame:
        """One line a service."""
        rows = [(name, p, left) for name, (p, left) in self.happened.items()]
        return pd.DataFrame(rows, columns=["service", "probability", "left its range"])

    def _headline(self) -> str:
        beside = ", ".join(f"{name} {score:.3f}" for name, score in self.reference.items())
        left = sum(left for _, left in self.happened.values())
        return (
            f"Brier score {self.brier:.3f} over {len(self.happened)} services, of which {left} "
            f"left their range; {beside}"
        )

    def __repr__(self) -> str:
        """Headline, then a line a service."""
        words = {True: "left its range", False: "stayed"}
        lines = [f"  {p:.2f} {name}: {words[left]}" for name, (p, left) in self.happened.items()]
        return "\n".join([self._headline(), *lines])

    def _facts(self) -> dict[str, str]:
        return {"forecast": f"{self.service} in {self.window_id}"}

    def _body(self) -> str:
        return table_html(self.to_frame())


def score_forecast(forecast: BlastRadius, window: IncidentWindow) -> ForecastScore:
    """Hold a forecast against what happened in a window.

    Parameters
    ----------
    forecast
        From `blast_radius`.
    window
        The window in which it happened: with the incident, a baseline and a topology.

    Raises
    ------
    BadInput
        None of the forecast services is measured in the window.
    """
    aligned = align(window)
    probability = {r.service: r.probability for r in forecast.reached}
    seen = departures(aligned, list(probability))
    happened = {
        name: (p, bool(left))
        for (name, p), left, known in zip(
            probability.items(), seen.left, seen.measured, strict=True
        )
        if known
    }
    if not happened:
        hint = "Forecast and grade on windows of one system"
        fact = "Nothing that was forecast is measured"
        raise BadInput(fact, value=window.id, hint=hint)
    outcome = np.array([left for _, left in happened.values()], dtype=float)
    graph = calls_only(window.topology)
    above = nx.ancestors(graph, forecast.service) if forecast.service in graph else set()
    callers = np.array([name in above for name in happened], dtype=float)
    constant = np.full(len(outcome), outcome.mean())
    return ForecastScore(
        window_id=window.id,
        service=forecast.service,
        brier=_brier(np.array([p for p, _ in happened.values()]), outcome),
        reference={
            "nobody": _brier(np.zeros_like(outcome), outcome),
            "all callers": _brier(callers, outcome),
            "base rate in hindsight": _brier(constant, outcome),
        },
        happened=happened,
    )


def _brier(p: np.ndarray, outcome: np.ndarray) -> float:
    return float(np.mean((p - outcome) ** 2))
