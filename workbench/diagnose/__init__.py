"""Correlation against causation: the claim ladder, and the ledger of hypotheses."""

from workbench.diagnose.compare import compare
from workbench.diagnose.ledger.hypotheses import Hypotheses, hypotheses
from workbench.diagnose.ledger.ledger import Entry, Hypothesis
from workbench.diagnose.results import Diagnosis, Role, Suspect
from workbench.diagnose.value_of_information.next_checks import Check, NextChecks, next_checks

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
