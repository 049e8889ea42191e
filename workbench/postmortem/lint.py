"""Check a postmortem against the rules a good one keeps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from workbench.cards import ResultCard, table_html
from workbench.postmortem.document import Postmortem
from workbench.postmortem.export import to_markdown
from workbench.postmortem.reading import read_file, read_markdown
from workbench.postmortem.rules import RULES, LintRow, Text

if TYPE_CHECKING:
    from workbench.postmortem.reading import Reading

__all__ = ["Lint", "lint"]

_NAMES_AND_VALUES = 2  # rows of the header's table


@dataclass(frozen=True, slots=True, repr=False)
class Lint(ResultCard):
    """What the rules found."""

    rows: tuple[LintRow, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is an error; what is to do may remain."""
        return not self.errors

    @property
    def errors(self) -> tuple[LintRow, ...]:
        """Rows that are errors."""
        return tuple(row for row in self.rows if row.level == "error")

    def to_frame(self) -> pd.DataFrame:
        """One line a row."""
        columns = list(LintRow.__dataclass_fields__)
        rows = [{name: getattr(row, name) for name in columns} for row in self.rows]
        return pd.DataFrame(rows, columns=columns)

    def _summary(self) -> str:
        return f"{len(self.errors)} errors, {len(self.rows) - len(self.errors)} to do"

    def __repr__(self) -> str:
        """Count, then a line a row, errors first."""
        ordered = sorted(self.rows, key=lambda row: row.level)
        lines = [f"  [{r.level}] {r.section}: {r.rule}: {r.text}. {r.hint}" for r in ordered]
        return "\n".join([f"Lint: {self._summary()}", *lines])

    def _headline(self) -> str:
        return "Lint"

    def _facts(self) -> dict[str, str]:
        return {"found": self._summary()}

    def _body(self) -> str:
        return table_html(self.to_frame(), limit=40)


def lint(target: str | Path | Postmortem, *, people: tuple[str, ...] = ()) -> Lint:
    """Check a postmortem against every rule.

    Parameters
    ----------
    target
        A postmortem, a saved ``.md`` or ``.html``, or the folder it was saved to.
    people
        More names that must not appear among the factors; `people_of(window)` gives the
        responders and actors of an incident.

    Raises
    ------
    EvidenceMismatch
        No postmortem or no evidence is there.
    """
    text = _text(target, people)
    return Lint(tuple(row for rule in RULES for row in rule(text)))


def _text(target: str | Path | Postmortem, people: tuple[str, ...]) -> Text:
    if isinstance(target, Postmortem):
        reading = read_markdown(to_markdown(target))
        names = (*target.people, *people)
        return Text(reading, target.supported, target.status, names, target.evidence)
    reading = read_file(Path(target))
    filed = reading.file
    supported = filed is not None and filed.supported
    evidence = filed.evidence if filed is not None else {}
    return Text(reading, supported, _status(reading), people, evidence)


def _status(reading: Reading) -> str:
    """Status from the header's table, as a person may have changed it."""
    header = reading.section(0)
    if header is None or len(header.rows) < _NAMES_AND_VALUES:
        return "draft"
    cells = {h.text: c.text for h, c in zip(header.rows[0], header.rows[1], strict=False)}
    return cells.get("Status", "draft").strip().lower()
