"""What caused it: attribution over the service graph, effects of changes, what-if."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.causal.change_effects.adjustment import Adjustment
from workbench.causal.change_effects.difference_in_differences import DifferenceInDifferences
from workbench.causal.change_effects.effect import Effect, effect
from workbench.causal.change_effects.effects import Effects, effects
from workbench.causal.change_effects.onset import Onset, onset
from workbench.causal.change_effects.placebos import EarlierChange
from workbench.causal.change_effects.sensitivity import Sensitivity, sensitivity
from workbench.causal.gcm.arrow_strength import ArrowStrengths, arrow_strength
from workbench.causal.gcm.attribution import (
    ModelAttribution,
    anomaly_attribution,
    distribution_change,
)
from workbench.causal.gcm.counterfactual import WhatIf, what_if
from workbench.causal.gcm.falsify import Falsification, falsify
from workbench.causal.gcm.identification import Identification, identify
from workbench.causal.gcm.intervention import Intervention, intervene
from workbench.causal.gcm.refuters import DoWhyRefutations, refute
from workbench.causal.propagation.blast_radius import BlastRadius, Reached, blast_radius
from workbench.causal.propagation.forecast_score import ForecastScore, score_forecast
from workbench.causal.propagation.graph_critique import Critique, Doubt, critique
from workbench.causal.rank import rank
from workbench.causal.ranking import RankedService, Ranking, confidence
from workbench.moved import renamed

__all__ = [
    "Adjustment",
    "ArrowStrengths",
    "BlastRadius",
    "Critique",
    "DifferenceInDifferences",
    "DoWhyRefutations",
    "Doubt",
    "EarlierChange",
    "Effect",
    "Effects",
    "Falsification",
    "ForecastScore",
    "Identification",
    "Intervention",
    "ModelAttribution",
    "Onset",
    "RankedService",
    "Ranking",
    "Reached",
    "Sensitivity",
    "WhatIf",
    "anomaly_attribution",
    "arrow_strength",
    "blast_radius",
    "confidence",
    "critique",
    "distribution_change",
    "effect",
    "effects",
    "falsify",
    "identify",
    "intervene",
    "onset",
    "rank",
    "refute",
    "score_forecast",
    "sensitivity",
    "what_if",
]

if not TYPE_CHECKING:
    __getattr__ = renamed(__name__, {"BlastGrade": "ForecastScore", "grade": "score_forecast"})
