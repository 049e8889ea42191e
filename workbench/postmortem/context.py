"""What every section is written from: window, diagnosis, header and the ledger of evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pandas as pd

from workbench.postmortem.document import NOT_RECORDED, Cited, Name, Piece, Text
from workbench.postmortem.evidence import RECIPES, CitationIndex
from workbench.postmortem.numbers import epoch, numbers_in
from workbench.postmortem.recipes.diagnosis import diagnosis_figures
from workbench.postmortem.recipes.milestones import Moment, incident_record, moments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.diagnose.results import Diagnosis, Suspect
    from workbench.postmortem.recipes.contract import Parameters, Recipe
    from workbench.window import IncidentWindow

__all__ = ["Case", "Header", "Status", "change_text", "joined", "open_case"]

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
class Case:
    """One incident on the table; sections ask it for numbers with their evidence."""

    window: IncidentWindow
    diagnosis: Diagnosis
    header: Header
    ledger: CitationIndex
    moments: Mapping[str, Moment] = field(default_factory=dict)

    @property
    def asked(self) -> Parameters:
        """Parameters of the diagnosis."""
        return {"sli": str(self.diagnosis.sli), "seed": self.diagnosis.seed}

    @property
    def felt(self) -> Parameters:
        """Parameters of the moments."""
        return _felt(self.diagnosis)

    @property
    def record(self) -> Mapping[str, object]:
        """Row of the incidents table, or nothing."""
        return incident_record(self.window)

    def cite(
        self, query: str, select: str, unit: str = "", *, by: Parameters | None = None
    ) -> Piece:
        """Cite a figure of a recipe, or say that it is not recorded."""
        evidence = self.ledger.cite(query, by or {}, select, unit=unit)
        return NOT_RECORDED if evidence is None else Cited(evidence)

    def knows(self, query: str, select: str, *, by: Parameters | None = None) -> bool:
        """Whether a recipe has this figure."""
        return select in self.ledger.figures(query, by or {})

    def compared(self, select: str, unit: str = "") -> Piece:
        """Cite a figure of the diagnosis."""
        return self.cite("diagnose.compare", select, unit, by=self.asked)

    def at(self, moment: str, unit: str = "clock") -> Piece:
        """Cite a moment or a duration of the incident."""
        return self.cite("moments", moment, unit, by=self.felt)

    def felt_for(self) -> Text:
        """How long users could feel it: measured, or at least so long, or not recorded."""
        if self.knows("moments", "felt at least", by=self.felt):
            return ("at least ", self.at("felt at least", "duration"))
        return (self.at("TTM", "duration"),)

    def impact(self, select: str, unit: str = "", *, service: str = "") -> Piece:
        """Cite a figure of the impact on a service, by default the SLI's."""
        return self.cite("impact", select, unit, by=self.impact_of(service))

    def impact_of(self, service: str = "") -> Parameters:
        """Parameters of the impact on a service, by default the SLI's."""
        return {"service": service or self.diagnosis.sli.service, **self.hurt}

    @property
    def hurt(self) -> Parameters:
        """When users could feel it, as parameters."""
        start, end = self.moments["impact start"].at, self.moments["mitigated"].at
        return {
            "from": None if start is None else epoch(start),
            "to": None if end is None else epoch(end),
        }

    def row_time(self, table: str, row: int, column: str) -> Piece:
        """Cite a time of one row of a table."""
        return self.cite("table.times", f"{row}/{column}", "clock", by={"table": table})

    def said(self, key: str, text: str) -> Text:
        """Write a sentence of the diagnosis, each number in it cited."""
        return self.told("diagnose.compare", key, text, by=self.asked)

    def told(self, query: str, key: str, text: str, *, by: Parameters | None = None) -> Text:
        """Write a sentence whose n-th number is figure ``<key>/<n>`` of a recipe."""
        pieces: list[Piece] = []
        end = 0
        for place, number in enumerate(numbers_in(text)):
            evidence = self.ledger.cite(query, by or {}, f"{key}/{place}")
            cited = NOT_RECORDED if evidence is None else Cited(evidence, number.written)
            pieces += [text[end : number.start], cited]
            end = number.end
        return tuple(p for p in (*pieces, text[end:]) if p != "")

    def place(self, suspect: Suspect) -> Text:
        """Name a suspect in a table: its change if it is one, else service and signal."""
        if suspect.change:
            return self.prose(suspect)
        return (Name(f"{suspect.service}/{suspect.signal}"),)

    def prose(self, suspect: Suspect) -> Text:
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


def open_case(
    window: IncidentWindow,
    diagnosis: Diagnosis,
    header: Header,
    *,
    table: Mapping[str, Recipe] = RECIPES,
) -> Case:
    """Put an incident on the table; the diagnosis at hand is not computed again."""
    case = Case(window, diagnosis, header, CitationIndex(window, table))
    case.ledger.know("diagnose.compare", case.asked, diagnosis_figures(window, diagnosis))
    return Case(window, diagnosis, header, case.ledger, moments(window, case.felt))


def change_text(change: Mapping[str, object] | pd.Series) -> Text:
    """Name a change by its kind, reference and service."""
    kind = str(change["kind"])
    what = kind if kind in _KINDS else "change"
    return (f"{what} ", Name(str(change["ref"])), " of ", Name(str(change["service"])))


def joined(texts: list[Text] | tuple[Text, ...], *, by: str = ", ") -> Text:
    """Join texts with our own words between them."""
    pieces: list[Piece] = []
    for text in texts:
        pieces += [by, *text] if pieces else [*text]
    return tuple(pieces)


def _felt(diagnosis: Diagnosis) -> Parameters:
    onset, low = diagnosis.onset, diagnosis.onset_low
    return {
        "sli": str(diagnosis.sli),
        "onset": None if pd.isna(onset) else epoch(onset),
        "earliest": None if pd.isna(low) else epoch(low),
    }
