"""A postmortem as a value: sections of blocks, blocks of text, text of words and evidence."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import pandas as pd

from workbench.cards import ResultCard
from workbench.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.findings import Evidence

__all__ = [
    "KINDS",
    "NOT_RECORDED",
    "TITLES",
    "TODO",
    "Block",
    "Bullets",
    "Cited",
    "Figure",
    "Heading",
    "Kind",
    "Name",
    "Paragraph",
    "Piece",
    "Postmortem",
    "Quote",
    "Section",
    "Table",
    "Text",
    "Todo",
]

Kind = Literal["machine", "mixed", "draft", "human"]

TODO = "TO DO"
NOT_RECORDED = "not recorded"

KINDS: Mapping[Kind, str] = {
    "machine": "Filled from evidence",
    "mixed": f"Filled from evidence; the rest is {TODO}",
    "draft": "Draft – confirm",
    "human": TODO,
}
"""Who writes a section, as shown under its heading."""

TITLES = (
    "Header",
    "Summary",
    "Impact",
    "Times and metrics",
    "Detection",
    "Trigger",
    "Contributing factors",
    "Propagation",
    "Response and resolution",
    "Timeline",
    "What went well, badly, by luck",
    "Coordination and knowledge",
    "AIOps review",
    "Similar incidents and trend",
    "Action items",
    "Open questions",
    "External message",
    "Evidence appendix",
    "Labels and feedback",
)
"""Titles of the sections, by number."""


@dataclass(frozen=True, slots=True)
class Name:
    """An identifier from outside: a service, an alert, a commit. Shown as code."""

    text: str


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence from outside, shown in quotation marks."""

    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """A number with its evidence; `written` where a quoted sentence wrote it its own way."""

    evidence: Evidence
    written: str = ""


Piece: TypeAlias = "str | Name | Quote | Cited"
Text: TypeAlias = "tuple[Piece, ...]"


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading inside a section, in our own words."""

    words: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph."""

    text: Text


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list without numbers."""

    items: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Column names in our own words, and rows of cells."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Text, ...], ...]


@dataclass(frozen=True, slots=True)
class Todo:
    """What a person has to write here: a prompt, never a guess."""

    prompt: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture handed in by whoever drew it.

    Parameters
    ----------
    svg
        The picture; scripts, handlers and outside references are stripped on export.
    caption
        One sentence under it.
    evidence
        Ids of the postmortem's evidence that it shows.
    section
        Number of the section it belongs to.
    """

    svg: str = field(repr=False)
    caption: str
    evidence: tuple[str, ...] = ()
    section: int = 9

    def __post_init__(self) -> None:
        if not 0 <= self.section < len(TITLES):
            fact = "No section has this number"
            hint = f"Sections are numbered from 0 to {len(TITLES) - 1}"
            raise BadInput(fact, value=self.section, hint=hint)


Block: TypeAlias = "Heading | Paragraph | Bullets | Table | Todo"


@dataclass(frozen=True, slots=True)
class Section:
    """One of the nineteen sections.

    Parameters
    ----------
    number
        Its place, from 0; the title follows from it.
    kind
        Who writes it: the machine, both, the machine as a draft, or a person alone.
    blocks
        What it says so far.
    """

    number: int
    kind: Kind
    blocks: tuple[Block, ...]

    @property
    def title(self) -> str:
        """Title of the section."""
        return TITLES[self.number]

    def texts(self) -> Iterator[Text]:
        """Every text of the section: paragraphs, list items and table cells."""
        for block in self.blocks:
            if isinstance(block, Paragraph):
                yield block.text
            elif isinstance(block, Bullets):
                yield from block.items
            elif isinstance(block, Table):
                yield from (cell for row in block.rows for cell in row)


@dataclass(frozen=True, slots=True, repr=False)
class Postmortem(ResultCard):
    """A postmortem draft, frozen: what it says and what each number rests on.

    Parameters
    ----------
    incident, title
        Whose it is.
    status
        ``draft``, ``in review``, ``reviewed`` or ``closed``.
    sections
        All nineteen, in order.
    evidence
        Evidence by id, in order of appearance.
    figures
        Pictures, each bound to a section.
    window, version
        Digest of the window and version of the code it was written from.
    supported
        Whether a state change reached the rung *supported*: only then may it say "caused".
    people
        Names that must not appear among the contributing factors; never written out.
    """

    incident: str
    title: str
    status: str
    sections: tuple[Section, ...]
    evidence: Mapping[str, Evidence]
    window: str
    version: str
    figures: tuple[Figure, ...] = ()
    supported: bool = False
    people: tuple[str, ...] = ()

    def section(self, number: int) -> Section:
        """Return the section with this number."""
        return self.sections[number]

    def to_frame(self) -> pd.DataFrame:
        """One line for each piece of evidence: id, recipe, figure, value and unit."""
        rows = [(i, e.query, e.select, e.value, e.unit) for i, e in self.evidence.items()]
        return pd.DataFrame(rows, columns=["id", "query", "select", "value", "unit"])

    def _facts(self) -> dict[str, str]:
        by_kind = {
            label: ", ".join(f"{s.number} {s.title}" for s in self.sections if s.kind == kind)
            for kind, label in KINDS.items()
        }
        return {
            "status": self.status,
            **{label: names for label, names in by_kind.items() if names},
            "numbers with evidence": f"{len(self.evidence):,}",
            "trigger": "supported" if self.supported else "not enough evidence",
        }

    def __repr__(self) -> str:
        """Status, who fills what, and how many numbers carry evidence."""
        lines = [f"  {name}: {value}" for name, value in self._facts().items()]
        return "\n".join([f"Postmortem of {self.incident!r}: {self.title}", *lines])

    def _headline(self) -> str:
        return f"Postmortem: {self.title}"

    def _note(self) -> str:
        return "postmortem.save(this, folder) writes Markdown, HTML and the evidence"
