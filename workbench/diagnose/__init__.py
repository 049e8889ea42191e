"""Correlation against causation: the claim ladder, and the ledger of hypotheses."""

from workbench.diagnose.compare import compare
from workbench.diagnose.hypotheses import Hypotheses, hypotheses
from workbench.diagnose.ledger import Entry, Hypothesis
from workbench.diagnose.next_check import Check, NextChecks, next_checks
from workbench.diagnose.results import Diagnosis, Role, Suspect

__all__ = [
    "Check",
    "Diagnosis",
    "Entry",
    "Hypotheses",
    "Hypothesis",
    "NextChecks",
    "Role",
    "Suspect",
    "compare",
    "hypotheses",
    "next_checks",
]
