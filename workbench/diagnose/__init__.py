"""Correlation against causation: the claim ladder, and the ledger of hypotheses."""

from workbench.diagnose.compare import compare
from workbench.diagnose.hypotheses import Hypotheses, hypotheses
from workbench.diagnose.ledger import Entry, Hypothesis
from workbench.diagnose.results import Diagnosis, Role, Suspect

__all__ = [
    "Diagnosis",
    "Entry",
    "Hypotheses",
    "Hypothesis",
    "Role",
    "Suspect",
    "compare",
    "hypotheses",
]
