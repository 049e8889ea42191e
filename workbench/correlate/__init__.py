"""What moved together with the SLI, beyond what chance and memory explain."""

from __future__ import annotations

from workbench.correlate.ranking import Correlation, CorrelationRow, rank
from workbench.stats.lagged import Association, associate, association, effective_size

__all__ = [
    "Association",
    "Correlation",
    "CorrelationRow",
    "associate",
    "association",
    "effective_size",
    "rank",
]
