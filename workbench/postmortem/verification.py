"""Compute every number of a postmortem again, and tell which no longer holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from workbench.cards import ResultCard, table_html
from workbench.errors import EvidenceMismatch, WorkbenchError
from workbench.postmortem.document import Postmortem
from workbench.postmortem.evidence import NO_EVIDENCE, CitationIndex
from workbench.postmortem.export import to_markdown
from workbench.postmortem.numbers import agrees, display, numbers_in, same
from workbench.postmortem.reading import Reading, read_file, read_markdown
from workbench.postmortem.recipes.registry import RECIPES
from workbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.findings import Evidence
    from workbench.postmortem.recipes.contract import Recipe
    from workbench.window import IncidentWindow

__all__ = ["Verification", "VerificationRow", "loose_numbers", "verify"]


@dataclass(frozen=True, slots=True)
class VerificationRow:
    """One number in the text.

    Parameters
    ----------
    id
        Id of its evidence; empty where it has none.
    section
        Title of the section it stands in.
    shown
        The number as written.
    recomputed
        The figure computed again, as it would be written; empty where it could not be.
    ok
        Whether the number holds.
    why
        Why it does not, or what else a reader should know.
    """

    id: str
    section: str
    shown: str
    recomputed: str
    ok: bool
    why: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Verification(ResultCard):
    """What became of every number of a postmortem."""

    incident: str
    rows: tuple[VerificationRow, ...]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every number holds."""
        return not self.mismatches

    @property
    def mismatches(self) -> tuple[VerificationRow, ...]:
        """Numbers that do not hold."""
        return tuple(row for row in self.rows if not row.ok)

    def to_frame(self) -> pd.DataFrame:
        """One line a number."""
        columns = list(VerificationRow.__dataclass_fields__)
        rows = [{name: getattr(row, name) for name in columns} for row in self.rows]
        return pd.DataFrame(rows, columns=columns)

    def require(self) -> Verification:
        """Return itself if every number holds.

        Raises
        ------
        EvidenceMismatch
            At least one does not.
        """
        if self.ok:
            return self
        first = self.mismatches[0]
        fact = f"{len(self.mismatches)} of {len(self.rows)} numbers do not hold: {first.why}"
        raise EvidenceMismatch(
            fact,
            value=f"{first.shown} [{first.id or 'no evidence'}] in {first.section!r}",
            hint="Draft the postmortem again, or take the number out",
        )

    def _summary(self) -> str:
        held = len(self.rows) - len(self.mismatches)
        return f"{held} of {len(self.rows)} numbers hold"

    def __repr__(self) -> str:
        """Count, notes, then a line for each number that does not hold."""
        lines = [f"Postmortem of {self.incident!r}: {self._summary()}"]
        lines += [f"  note: {note}" for note in self.notes]
        lines += [
            f"  {row.shown} [{row.id or 'no evidence'}] in {row.section!r}: {row.why}"
            + (f" (recomputed: {row.recomputed})" if row.recomputed else "")
            for row in self.mismatches
        ]
        return "\n".join(lines)

    def _headline(self) -> str:
        return self._summary()

    def _facts(self) -> dict[str, str]:
        return {"incident": self.incident}

    def _body(self) -> str:
        """List the numbers that do not hold."""
        frame = self.to_frame()
        bad = frame[~frame["ok"].astype(bool)].drop(columns="ok")
        return table_html(bad) if len(bad) else ""

    def _note(self) -> str:
        return "; ".join(self.notes)


def verify(
    target: str | Path | Postmortem,
    window: IncidentWindow,
    *,
    strict: bool = False,
    recipes: Mapping[str, Recipe] = RECIPES,
) -> Verification:
    """Resolve every number to its evidence, and compute each recipe once more.

    Parameters
    ----------
    target
        A postmortem, a saved ``.md`` or ``.html``, or the folder it was saved to.
    window
        The incident it claims to be about.
    strict
        Raise at the first number that does not hold.
    recipes
        How figures are computed, by name.

    Returns
    -------
    Verification
        A row for each number in the text, cited or not.

    Raises
    ------
    EvidenceMismatch
        No postmortem or no evidence is there; with `strict`, a number does not hold.
    """
    reading, filed, version = _read(target)
    checker = _Checker(window, filed, recipes)
    rows = (*_cited(reading, checker), *loose_numbers(reading))
    result = Verification(window.id, tuple(rows), tuple(_notes(version, window, filed)))
    return result.require() if strict else result


def loose_numbers(reading: Reading) -> Iterator[VerificationRow]:
    """Numbers in text that a machine fills, without any evidence."""
    for section in reading.sections:
        if section.kind in {None, "human"}:
            continue
        for passage in section.passages:
            if passage.text.startswith("TO DO"):
                continue
            for number in numbers_in(passage.own):
                why = "a number without evidence"
                yield VerificationRow("", section.title, number.written, "", ok=False, why=why)


class _Checker:
    """Answers for one id whether its evidence still holds; recipes run once."""

    def __init__(
        self,
        window: IncidentWindow,
        filed: Mapping[str, Evidence],
        recipes: Mapping[str, Recipe],
    ) -> None:
        self._filed = filed
        self._recipes = recipes
        self._digest = window.digest
        self._citations = CitationIndex(window, recipes)

    def check(self, name: str, section: str, written: str) -> VerificationRow:
        evidence = self._filed.get(name)
        if evidence is None:
            why = "no such evidence is filed"
            return VerificationRow(name, section, written, "", ok=False, why=why)
        recomputed, why = self._recompute(name, evidence)
        if not why and not agrees(written, evidence.value, evidence.unit):
            why = f"written {written!r}, the evidence says {_display(evidence)!r}"
        again = "" if recomputed is None else display(recomputed, evidence.unit)
        return VerificationRow(name, section, written, again, ok=not why, why=why)

    def _recompute(self, name: str, evidence: Evidence) -> tuple[float | None, str]:
        if evidence.id != name:
            return None, "the evidence was altered: it no longer has this id"
        if evidence.window != self._digest:
            return None, f"computed from another window ({evidence.window[:12]})"
        if evidence.query not in self._recipes:
            return None, f"no recipe is called {evidence.query!r}"
        try:
            figures = self._citations.figures(evidence.query, evidence.parameters)
        except (WorkbenchError, KeyError, ValueError, TypeError) as error:
            return None, f"the recipe failed: {error}"
        value = figures.get(evidence.select)
        if value is None or pd.isna(value):
            return None, "the recipe no longer gives this figure"
        if same(evidence.value, value, evidence.unit):
            return value, ""
        return value, "recomputing gives another number"


def _read(target: str | Path | Postmortem) -> tuple[Reading, Mapping[str, Evidence], str]:
    if isinstance(target, Postmortem):
        return read_markdown(to_markdown(target)), target.evidence, target.version
    reading = read_file(Path(target))
    if reading.file is None:
        raise EvidenceMismatch(NO_EVIDENCE, value=str(target))
    return reading, reading.file.evidence, reading.file.version


def _cited(reading: Reading, checker: _Checker) -> Iterator[VerificationRow]:
    for section in reading.sections:
        for passage in section.passages:
            for written, name in passage.cited:
                yield checker.check(name, section.title, written)


def _notes(version: str, window: IncidentWindow, filed: Mapping[str, Evidence]) -> Iterator[str]:
    if version != __version__:
        yield f"written by version {version}, checked by {__version__}"
    others = {e.window for e in filed.values()} - {window.digest}
    if others:
        yield "some evidence is of another window: the bundle or its ranges changed"


def _display(evidence: Evidence) -> str:
    return display(evidence.value, evidence.unit)
