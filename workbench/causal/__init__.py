"""What caused it: attribution over the service graph, effects of changes, what-if."""

from __future__ import annotations

from workbench.causal.arrows import ArrowStrengths, arrow_strength
from workbench.causal.blast import BlastRadius, Reached, blast_radius
from workbench.causal.blast_grade import BlastGrade, grade
from workbench.causal.change_effect import Effect, effect
from workbench.causal.change_effects import Effects, effects
from workbench.causal.changegraph import Adjustment
from workbench.causal.controls import DifferenceInDifferences
from workbench.causal.discovery import Critique, Doubt, critique
from workbench.causal.dowhy_refuters import DoWhyRefutations, refute
from workbench.causal.falsification import Falsification, falsify
from workbench.causal.hidden_cause import Sensitivity, sensitivity
from workbench.causal.identification import Identification, identify
from workbench.causal.intervention import Intervention, intervene
from workbench.causal.modelled import ModelAttribution, anomaly_attribution, distribution_change
from workbench.causal.onsets import Onset, onset
from workbench.causal.placebos import EarlierChange
from workbench.causal.rank import rank
from workbench.causal.ranking import RankedService, Ranking, confidence
from workbench.causal.refuters import Refutation
from workbench.causal.whatif import WhatIf, what_if

__all__ = [
    "Adjustment",
    "ArrowStrengths",
    "BlastGrade",
    "BlastRadius",
    "Critique",
    "DifferenceInDifferences",
    "DoWhyRefutations",
    "Doubt",
    "EarlierChange",
    "Effect",
    "Effects",
    "Falsification",
    "Identification",
    "Intervention",
    "ModelAttribution",
    "Onset",
    "RankedService",
    "Ranking",
    "Reached",
    "Refutation",
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
    "grade",
    "identify",
    "intervene",
    "onset",
    "rank",
    "refute",
    "sensitivity",
    "what_if",
]
