"""Scoring: the diagnosis of every labelled incident of a folder, beside trivial rules."""

from __future__ import annotations

from workbench.evaluate.across import Across, across
from workbench.evaluate.calibration import Judged, calibration_error, judged, left_out
from workbench.evaluate.scoring import LAYOUTS, Evaluation, evaluate, score, wilson
from workbench.evaluate.trivial import RULES

__all__ = [
    "LAYOUTS",
    "RULES",
    "Across",
    "Evaluation",
    "Judged",
    "across",
    "calibration_error",
    "evaluate",
    "judged",
    "left_out",
    "score",
    "wilson",
]
