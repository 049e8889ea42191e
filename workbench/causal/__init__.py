"""What caused it: attribution over the service graph, effects of changes, what-if."""

from __future__ import annotations

from workbench.causal.changegraph import Adjustment
from workbench.causal.controls import DifferenceInDifferences
from workbench.causal.discovery import Critique, Doubt, critique
from workbench.causal.effect import Effect, effect
from workbench.causal.effects import Effects, effects
from workbench.causal.gcm import WhatIf, dowhy_attribution, what_if
from workbench.causal.onset import Onset, onset
from workbench.causal.placebos import EarlierChange
from workbench.causal.rank import rank
from workbench.causal.ranking import RankedService, Ranking
from workbench.causal.refute import DoWhyRefutations, refute
from workbench.causal.refuters import Refutation

__all__ = [
    "Adjustment",
    "Critique",
    "DifferenceInDifferences",
    "DoWhyRefutations",
    "Doubt",
    "EarlierChange",
    "Effect",
    "Effects",
    "Onset",
    "RankedService",
    "Ranking",
    "Refutation",
    "WhatIf",
    "critique",
    "dowhy_attribution",
    "effect",
    "effects",
    "onset",
    "rank",
    "refute",
    "what_if",
]
