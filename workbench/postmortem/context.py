"""What every section is written from: window, diagnosis, header, milestones and citations."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pandas as pd

from workbench.postmortem.document import NOT_RECORDED, Cited, Name, Piece, Text
from workbench.postmortem.evidence import CitationIndex
from workbench.postmortem.numbers import epoch, numbers_in
from workbench.postmortem.recipes.diagnosis import diagnosis_figures
from workbench.postmortem.recipes.milestones import (
    AT_LEAST,
    Milestone,
    find_milestones,
    incident_record,
)
from workbench.postmortem.recipes.registry import RECIPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.diagnose.results import Diagnosis, Suspect
    from workbench.postmortem.recipes.contract import Parameters, Recipe
    from workbench.window import IncidentWindow

__all__ = ["Context", "Header", "Status", "audit_text", "change_text", "joined", "open_context"]

_KINDS = frozenset({"config", "deploy", "flag", "infra", "rollback", "scale", "schema"})

Status = Literal["draft", "in review", "reviewed", "closed"]

_SIGNALS = frozenset({"errors", "latency", "load"})


@dataclass(frozen=True, slots=True)
class Header:
    """What telemetry cannot know about a postmortem; empty fields are shown as TO DO.

    Parameters
    ----------
    status
        Where the review stands.
    severity
        Overrides the incident record's.
    owner, authors, links
        Who answers for it, who wrote it, and where the tickets are.
    """

    status: Status = "draft"
    severity: str = ""
    owner: str = ""
    authors: tuple[str, ...] = ()
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Context:
    """One incident with its diagnosis; sections ask it for numbers with their evidence."""

    window: IncidentWindow
    diagnosis: Diagnosis
    header: Header
    citations: CitationIndex
    milestones: Mapping[str, Milestone] = field(default_factory=dict)

    @property
    def diagnosis_params(self) -> Parameters:
        """Parameters of the diagnosis."""
        return {"sli": str(self.diagnosis.sli), "seed": self.diagnosis.seed}

    @property
    def milestone_params(self) -> Parameters:
        """Parameters of the milestones."""
        return _milestone_params(self.diagnosis)

    @property
    def record(self) -> Mapping[str, object]:
        """Row of the incidents table, or nothing."""
        return incident_record(self.window)

    def cite(
        self, query: str, select: str, unit: str = "", *, by: Parameters | None = None
    ) -> Piece:
        """Cite a figure of a recipe, or say that it is not recorded."""
        evidence = self.citations.cite(query, by or {}, select, unit=unit)
        return NOT_RECORDED if evidence is None else Cited(evidence)

    def has_figure(self, query: str, select: str, *, by: Parameters | None = None) -> bool:
        """Whether a recipe has this figure."""
        return select in self.citations.figures(query, by or {})

    def diagnosed(self, select: str, unit: str = "") -> Piece:
        """Cite a figure of the diagnosis."""
        return self.cite("diagnose.compare", select, unit, by=self.diagnosis_params)

    def milestone(self, name: str, unit: str = "clock") -> Piece:
        """Cite a milestone or a duration of the incident."""
        return self.cite("milestones", name, unit, by=self.milestone_params)

    def impact_duration(self) -> Text:
        """How long the impact lasted: measured, or at least so long, or not recorded."""
        if self.has_figure("milestones", AT_LEAST, by=self.milestone_params):
            return ("at least ", self.milestone(AT_LEAST, "duration"))
        return (self.milestone("TTM", "duration"),)

    def impact(self, select: str, unit: str = "", *, service: str = "") -> Piece:
        """Cite a figure of the impact on a service, by default the SLI's."""
        return self.cite("impact", select, unit, by=self.impact_params(service))

    def impact_params(self, service: str = "") -> Parameters:
        """Parameters of the impact on a service, by default the SLI's."""
        return {"service": service or self.diagnosis.sli.service, **self.impact_range}

    @property
    def impact_range(self) -> Parameters:
        """Start and end of the impact, as parameters."""
        start, end = self.milestones["impact start"].at, self.milestones["mitigated"].at
        return {
            "from": None if start is None else epoch(start),
            "to": None if end is None else epoch(end),
        }

    def row_time(self, table: str, row: int, column: str) -> Piece:
        """Cite a time of one row of a table."""
        return self.cite("table.times", f"{row}/{column}", "clock", by={"table": table})

    def diagnosis_sentence(self, key: str, text: str) -> Text:
        """Write a sentence of the diagnosis, each number in it cited."""
        return self.sentence("diagnose.compare", key, text, by=self.diagnosis_params)

    def sentence(self, query: str, key: str, text: str, *, by: Parameters | None = None) -> Text:
        """Write a sentence whose n-th number is figure ``<key>/<n>`` of a recipe."""
        pieces: list[Piece] = []
        end = 0
        for place, number in enumerate(numbers_in(text)):
            evidence = self.citations.cite(query, by or {}, f"{key}/{place}")
            cited = NOT_RECORDED if evidence is None else Cited(evidence, number.written)
            pieces += [text[end : number.start], cited]
            end = number.end
        return tuple(p for p in (*pieces, text[end:]) if p != "")

    def suspect_cell(self, suspect: Suspect) -> Text:
        """Name a suspect in a table: its change if it is one, else service and signal."""
        if suspect.change:
            return self.suspect_phrase(suspect)
        return (Name(f"{suspect.service}/{suspect.signal}"),)

    def suspect_phrase(self, suspect: Suspect) -> Text:
        """Name a suspect inside a sentence."""
        changes = self.window.changes
        known = changes[changes["ref"] == suspect.change]
        if suspect.change and len(known):
            return ("the ", *change_text(known.iloc[0]))
        if suspect.change:
            return ("the change ", Name(suspect.change), " of ", Name(suspect.service))
        preposition = "on" if suspect.signal == "load" else "of"
        signal = suspect.signal if suspect.signal in _SIGNALS else Name(suspect.signal)
        return ("the ", signal, f" {preposition} ", Name(suspect.service))


def open_context(
    window: IncidentWindow,
    diagnosis: Diagnosis,
    header: Header,
    *,
    table: Mapping[str, Recipe] = RECIPES,
) -> Context:
    """Find milestones and open the citations; the diagnosis at hand is not computed again."""
    citations = CitationIndex(window, table)
    milestones = find_milestones(window, _milestone_params(diagnosis))
    context = Context(window, diagnosis, header, citations, milestones)
    figures = diagnosis_figures(window, diagnosis)
    citations.preload("diagnose.compare", context.diagnosis_params, figures)
    return context


def change_text(change: Mapping[str, object] | pd.Series) -> Text:
    """Name a change by its kind, reference and service."""
    kind = str(change["kind"])
    what = kind if kind in _KINDS else "change"
    return (f"{what} ", Name(str(change["ref"])), " of ", Name(str(change["service"])))


def audit_text(audit: Mapping[str, object] | pd.Series) -> Text:
    """Name an audited action by its target and the decision."""
    action, target, decision = (Name(str(audit[key])) for key in ("action", "target", "decision"))
    return (action, " on ", target, ": ", decision)


def joined(texts: list[Text] | tuple[Text, ...], *, by: str = ", ") -> Text:
    """Join texts with our own words between them."""
    pieces: list[Piece] = []
    for text in texts:
        pieces += [by, *text] if pieces else [*text]
    return tuple(pieces)


def _milestone_params(diagnosis: Diagnosis) -> Parameters:
    onset, low = diagnosis.onset, diagnosis.onset_low
    return {
        "sli": str(diagnosis.sli),
        "onset": None if pd.isna(onset) else epoch(onset),
        "earliest": None if pd.isna(low) else epoch(low),
    }
