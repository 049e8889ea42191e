"""Correlation against causation: the claim ladder."""

from workbench.diagnose.compare import compare
from workbench.diagnose.results import Diagnosis, Role, Suspect

__all__ = ["Diagnosis", "Role", "Suspect", "compare"]
