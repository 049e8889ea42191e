"""Postmortem drafts whose every number resolves to evidence and recomputes to itself."""

from workbench.postmortem.context import Header
from workbench.postmortem.document import Figure, Postmortem, Section
from workbench.postmortem.draft import draft, people_of
from workbench.postmortem.evidence import shown
from workbench.postmortem.export import publish, save, to_html, to_markdown
from workbench.postmortem.lint import Lint, lint
from workbench.postmortem.recipes.registry import RECIPES
from workbench.postmortem.rules import LintRow
from workbench.postmortem.verification import Verification, VerificationRow, verify

__all__ = [
    "RECIPES",
    "Figure",
    "Header",
    "Lint",
    "LintRow",
    "Postmortem",
    "Section",
    "Verification",
    "VerificationRow",
    "draft",
    "lint",
    "people_of",
    "publish",
    "save",
    "shown",
    "to_html",
    "to_markdown",
    "verify",
]
