"""Read a saved postmortem back: sections, blocks, and which number cites which evidence.

Markdown and page go through one reader, so a person's edits are seen the same in both.
What stands in code or in quotation marks is somebody else's words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING

from workbench.errors import EvidenceMismatch
from workbench.postmortem.document import KINDS, TODO
from workbench.postmortem.evidence import read_evidence
from workbench.postmortem.page import body_html
from workbench.writing import recover

if TYPE_CHECKING:
    from pathlib import Path

    from workbench.postmortem.document import Kind
    from workbench.postmortem.evidence import EvidenceFile

__all__ = ["Passage", "ReadSection", "Reading", "read_file", "read_markdown", "read_page"]

_REFERENCE = re.compile(r"#(ev-[0-9a-f]{12})")
# A reference whose definition is gone stays in the text as it was typed.
_DANGLING = re.compile(r"\[([^\[\]]*)\]\[(ev-[0-9a-f]{12})\]")
_QUOTED = re.compile(r"“[^”]*”")
_LABELS = {label: kind for kind, label in KINDS.items()}
_BLOCKS = {"p", "li", "td", "th", "h1", "h2", "h3"}


@dataclass(frozen=True, slots=True)
class Passage:
    """One paragraph, list item, heading or table cell.

    Parameters
    ----------
    tag
        HTML tag it stood in.
    text
        All its text.
    own
        Its text without code, quotations and cited numbers (each leaves a gap).
    cited
        Cited numbers as ``(as written, id)``.
    """

    tag: str
    text: str
    own: str
    cited: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ReadSection:
    """One section: title, who writes it by its label, passages and table rows."""

    title: str
    kind: Kind | None
    passages: tuple[Passage, ...]
    rows: tuple[tuple[Passage, ...], ...]

    @property
    def number(self) -> int:
        """Number in front of the title; -1 where there is none."""
        found = re.match(r"\d+", self.title)
        return int(found.group()) if found else -1

    @property
    def is_todo(self) -> bool:
        """Whether it says visibly that something is to do."""
        return any(TODO in passage.text for passage in self.passages)


@dataclass(frozen=True, slots=True)
class Reading:
    """A postmortem as a reader sees it, with the evidence filed beside it."""

    sections: tuple[ReadSection, ...]
    file: EvidenceFile | None = None

    def section(self, number: int) -> ReadSection | None:
        """Return the section with this number, or None where somebody removed it."""
        return next((s for s in self.sections if s.number == number), None)


def read_file(path: Path) -> Reading:
    """Read ``postmortem.md`` or ``.html``, or a folder that holds one, with its evidence.

    Raises
    ------
    EvidenceMismatch
        No postmortem is there, or no evidence beside it.
    """
    target = path / "postmortem.md" if path.is_dir() else path
    recover(target.parent)
    if not target.is_file():
        fact, hint = "No postmortem here", "Name the folder that postmortem.save wrote to"
        raise EvidenceMismatch(fact, value=target.name, hint=hint)
    text = target.read_text(encoding="utf-8")
    read = read_page(text) if target.suffix == ".html" else read_markdown(text)
    name = target.name.replace("postmortem", "evidence", 1)
    filed = read_evidence(target.with_name(name).with_suffix(".json"))
    return Reading(read.sections, filed)


def read_markdown(markdown: str) -> Reading:
    """Read Markdown, as its page would show it."""
    return read_page(body_html(markdown))


def read_page(page: str) -> Reading:
    """Read a page."""
    parser = _Parser()
    parser.feed(page)
    parser.close()
    return Reading(tuple(s.finished() for s in parser.sections))


@dataclass(slots=True)
class _Open:
    """A section being read."""

    title: str
    kind: Kind | None = None
    passages: list[Passage] = field(default_factory=list)
    rows: list[list[Passage]] = field(default_factory=list)

    def finished(self) -> ReadSection:
        rows = tuple(tuple(row) for row in self.rows if row)
        return ReadSection(self.title, self.kind, tuple(self.passages), rows)


class _Parser(HTMLParser):
    """Collect passages between block tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sections: list[_Open] = []
        self._block = ""
        self._text: list[str] = []
        self._own: list[str] = []
        self._cited: list[tuple[str, str]] = []
        self._link = ""
        self._code = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self._finish()
            self._block = tag
        elif tag == "tr" and self.sections:
            self.sections[-1].rows.append([])
        elif tag == "code":
            self._code += 1
        elif tag == "a":
            found = _REFERENCE.fullmatch(dict(attrs).get("href") or "")
            self._link = found.group(1) if found else ""

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._finish()
        elif tag == "code":
            self._code -= 1
        elif tag == "a":
            self._link = ""

    def handle_data(self, data: str) -> None:
        if not self._block:
            return
        self._text.append(data)
        if self._link:
            self._cited.append((data, self._link))
        own = "" if self._link or self._code else data
        self._own.append(own or "\0")

    def _finish(self) -> None:
        # An empty cell counts: the cells after it keep their columns.
        if self._text or self._block in {"td", "th"}:
            self._add(self._passage())
        self._block, self._text, self._own, self._cited = "", [], [], []

    def _passage(self) -> Passage:
        own = "".join(self._own)
        dangling = [(m.group(1), m.group(2)) for m in _DANGLING.finditer(own)]
        own = _QUOTED.sub("\0", _DANGLING.sub("\0", own))
        return Passage(self._block, "".join(self._text).strip(), own, (*self._cited, *dangling))

    def _add(self, passage: Passage) -> None:
        if passage.tag == "h2":
            self.sections.append(_Open(passage.text))
            return
        if not self.sections:
            return
        section = self.sections[-1]
        if section.kind is None and not section.passages and passage.text in _LABELS:
            section.kind = _LABELS[passage.text]
            return
        section.passages.append(passage)
        if passage.tag in {"td", "th"} and section.rows:
            section.rows[-1].append(passage)
