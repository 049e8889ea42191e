"""What caused it: attribution over the service graph, effects of changes, what-if."""

from __future__ import annotations

from workbench.causal.effect import Effect, effect
from workbench.causal.gcm import WhatIf, dowhy_attribution, what_if
from workbench.causal.onset import Onset, onset
from workbench.causal.rank import rank
from workbench.causal.ranking import RankedService, Ranking
from workbench.causal.refute import Refutation

__all__ = [
    "Effect",
    "Onset",
    "RankedService",
    "Ranking",
    "Refutation",
    "WhatIf",
    "dowhy_attribution",
    "effect",
    "onset",
    "rank",
    "what_if",
]
