"""Evidence of every number: recipes that compute figures, and the index that cites them.

A recipe is a name and a function ``(window, parameters) -> {select: figure}``. A number
reaches a page only through this index, so whatever is shown can be computed again.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from workbench.errors import EvidenceMismatch
from workbench.findings import Evidence
from workbench.postmortem.markup import Markdown
from workbench.postmortem.numbers import display
from workbench.postmortem.recipes.registry import RECIPES
from workbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from workbench.postmortem.recipes.contract import Parameters, Recipe
    from workbench.window import IncidentWindow

__all__ = [
    "EVIDENCE_ID",
    "NO_EVIDENCE",
    "CitationIndex",
    "EvidenceFile",
    "evidence_text",
    "read_evidence",
    "shown",
]

EVIDENCE_ID = re.compile(r"ev-[0-9a-f]{12}")
"""What an id of evidence looks like."""

NO_EVIDENCE = "No evidence file"
"""What is said where a postmortem lies without its evidence."""


def shown(evidence: Evidence, written: str = "") -> Markdown:
    """Write a number as Markdown: the number, linked to its row of the evidence appendix.

    Examples
    --------
    >>> shown(Evidence("sli", "before", 0.412, "s"))
    '[412 ms][ev-67bc0f0cc3ae]'
    """
    return Markdown(f"[{written or display(evidence.value, evidence.unit)}][{evidence.id}]")


class CitationIndex:
    """Runs each recipe once, and keeps the evidence of every figure that was cited.

    Parameters
    ----------
    window
        What figures are computed from.
    table
        Recipes by name.
    """

    def __init__(self, window: IncidentWindow, table: Mapping[str, Recipe] = RECIPES) -> None:
        self._window = window
        self._digest = window.digest
        self._table = table
        self._results: dict[str, Mapping[str, float]] = {}
        self._cited: dict[str, Evidence] = {}

    def preload(
        self, query: str, parameters: Parameters, figures: Mapping[str, float]
    ) -> CitationIndex:
        """Take figures somebody has computed already, so that they are not computed twice."""
        self._results[_key(query, parameters)] = figures
        return self

    def figures(self, query: str, parameters: Parameters) -> Mapping[str, float]:
        """All figures of a recipe; nothing is cited by asking."""
        key = _key(query, parameters)
        if key not in self._results:
            self._results[key] = dict(self._table[query](self._window, parameters))
        return self._results[key]

    def cite(
        self, query: str, parameters: Parameters, select: str, *, unit: str = ""
    ) -> Evidence | None:
        """Cite one figure; None where the recipe has no such figure or it is not finite."""
        value = self.figures(query, parameters).get(select, math.nan)
        if not math.isfinite(value):
            return None
        evidence = Evidence(
            query=query,
            select=select,
            value=float(value),
            unit=unit,
            parameters=dict(parameters),
            window=self._digest,
            version=__version__,
        )
        return self._cited.setdefault(evidence.id, evidence)

    @property
    def digest(self) -> str:
        """Digest of the window."""
        return self._digest

    @property
    def cited(self) -> Mapping[str, Evidence]:
        """Evidence by id, in order of first citation."""
        return MappingProxyType(dict(self._cited))


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """What lies beside a saved postmortem.

    Parameters
    ----------
    incident, window, version
        Id of the incident, digest of the window, version of the code.
    supported
        Whether a state change reached the rung *supported*.
    markdown
        sha256 of the Markdown as it was written: a later difference is a person's edit.
    evidence
        Evidence by the id it was filed under.
    """

    incident: str
    window: str
    version: str
    supported: bool
    markdown: str
    evidence: Mapping[str, Evidence] = field(default_factory=dict)


def evidence_text(file: EvidenceFile) -> str:
    """Write an evidence file as text."""
    plain = {
        "incident": file.incident,
        "window": file.window,
        "version": file.version,
        "supported": file.supported,
        "markdown": file.markdown,
        "evidence": {name: evidence.to_dict() for name, evidence in file.evidence.items()},
    }
    return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"


def read_evidence(path: Path) -> EvidenceFile:
    """Read the evidence file back; ids are kept as filed, for verification to check.

    Raises
    ------
    EvidenceMismatch
        The file is missing or is not one.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        filed = {str(k): Evidence.from_dict(v) for k, v in plain.pop("evidence").items()}
        return EvidenceFile(**plain, evidence=filed)
    except FileNotFoundError as error:
        fact, hint = NO_EVIDENCE, "It is written beside the postmortem; draft and save it again"
        raise EvidenceMismatch(fact, value=path.name, hint=hint) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        fact, hint = "Not an evidence file", "Draft and save the postmortem again"
        raise EvidenceMismatch(fact, value=path.name, hint=hint) from error


def _key(query: str, parameters: Parameters) -> str:
    return json.dumps([query, dict(parameters)], sort_keys=True)
