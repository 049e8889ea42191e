"""A postmortem as files: Markdown, one self-contained page, figures and the evidence."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined

from workbench.errors import EvidenceMismatch
from workbench.masking import warn_of_leaks
from workbench.postmortem.document import KINDS, Cited, Name, Quote
from workbench.postmortem.evidence import (
    EVIDENCE_ID,
    EvidenceFile,
    evidence_text,
    read_evidence,
    shown,
)
from workbench.postmortem.markup import Markdown, code, literal, quoted, words
from workbench.postmortem.page import page_html
from workbench.postmortem.pictures import harmless_svg
from workbench.writing import recover, write_text, write_together

if TYPE_CHECKING:
    from workbench.postmortem.document import Block, Piece, Postmortem, Text

__all__ = ["figure_files", "publish", "save", "to_html", "to_markdown"]

_STEM = "postmortem"


def to_markdown(postmortem: Postmortem) -> str:
    """Write a postmortem as GitHub-flavoured Markdown; what is from outside stays literal."""
    template = _templates().get_template("postmortem.md.j2")
    text = template.render(postmortem=postmortem, kinds=KINDS, names=_figure_names(postmortem))
    return text.strip() + "\n"


def to_html(postmortem: Postmortem) -> str:
    """Write a postmortem as one page with everything in it."""
    return page_html(to_markdown(postmortem), figure_files(postmortem))


def figure_files(postmortem: Postmortem) -> dict[str, str]:
    """Harmless SVG of every figure by the path the Markdown gives it."""
    names = _figure_names(postmortem)
    return {names[key]: harmless_svg(svg) for key, svg in _placed(postmortem).items()}


def save(postmortem: Postmortem, folder: str | Path) -> dict[str, Path]:
    """Write Markdown, page, figures and evidence into a folder, and scan them for leaks.

    A Markdown file that a person has edited is kept, with its page and its evidence: the
    new draft then lies beside it as ``postmortem.new.md``.

    Returns
    -------
    dict
        ``markdown``, ``html`` and ``evidence``; ``kept`` if an edited file was left alone.

    Warns
    -----
    LeakWarning
        A secret, a person or an outside address seems to stand in what was written.
    """
    folder = Path(folder)
    recover(folder)
    stem = _free_stem(folder)
    markdown = to_markdown(postmortem)
    figures = figure_files(postmortem)
    file = EvidenceFile(
        incident=postmortem.incident,
        window=postmortem.window,
        version=postmortem.version,
        supported=postmortem.supported,
        markdown=_sha256(markdown),
        evidence=postmortem.evidence,
    )
    texts = {
        **figures,
        f"{stem}.html": page_html(markdown, figures),
        _evidence_name(stem): evidence_text(file),
        f"{stem}.md": markdown,
    }
    # All or none, so that Markdown never lies beside evidence of another draft.
    files = {name: text.encode("utf-8") for name, text in texts.items()}
    warn_of_leaks(write_together(folder, files))
    paths = {
        "markdown": folder / f"{stem}.md",
        "html": folder / f"{stem}.html",
        "evidence": folder / _evidence_name(stem),
    }
    return paths if stem == _STEM else {**paths, "kept": folder / f"{_STEM}.md"}


def publish(path: str | Path) -> Path:
    """Write the page anew from Markdown that a person has edited; return its path."""
    path = Path(path)
    figures = {
        f"figures/{figure.name}": harmless_svg(figure.read_text(encoding="utf-8"))
        for figure in sorted((path.parent / "figures").glob("*.svg"))
    }
    page = page_html(path.read_text(encoding="utf-8"), figures)
    written = write_text(path.with_suffix(".html"), page)
    warn_of_leaks([written])
    return written


@cache
def _templates() -> Environment:
    # HTML escaping would be wrong here: `_finalize` escapes for Markdown instead.
    environment = Environment(  # nosec B701
        loader=PackageLoader("workbench.postmortem"),
        autoescape=False,  # noqa: S701
        finalize=_finalize,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "inline": _inline,
        "anchored": _anchored,
        "kind": _kind,
        "outside": literal,
        "quoted": quoted,
        "reference": _reference,
        "digest": _digest,
    }
    return environment


def _finalize(value: object) -> str:
    return value if isinstance(value, Markdown) else words(str(value))


def _inline(text: Text) -> Markdown:
    return Markdown("".join(_piece(piece) for piece in text))


def _anchored(text: Text) -> Markdown:
    """Write a first cell; a row of the evidence table gets the anchor its links go to."""
    first = text[0] if text else ""
    if isinstance(first, Name) and EVIDENCE_ID.fullmatch(first.text):
        return Markdown(f'<a id="{first.text}"></a>{_inline(text)}')
    return _inline(text)


def _piece(piece: Piece) -> str:
    if isinstance(piece, Cited):
        return shown(piece.evidence, piece.written)
    if isinstance(piece, Name):
        return code(piece.text)
    return quoted(piece.text) if isinstance(piece, Quote) else words(piece)


def _kind(block: Block) -> str:
    return type(block).__name__


def _reference(name: str, postmortem: Postmortem) -> Markdown:
    """Cite by id; an unknown one stays visible, for verification to find."""
    evidence = postmortem.evidence.get(name)
    return Markdown(f"[?][{words(name)}]") if evidence is None else shown(evidence)


def _digest(window: str) -> Markdown:
    return code(window[:12])


def _figure_names(postmortem: Postmortem) -> dict[tuple[int, int], Markdown]:
    """Path of each figure by its place inside its section and the section's number."""
    keys = _placed(postmortem)
    return {
        (place, number): Markdown(f"figures/section-{number}-{place + 1}.svg")
        for place, number in keys
    }


def _placed(postmortem: Postmortem) -> dict[tuple[int, int], str]:
    placed: dict[tuple[int, int], str] = {}
    for figure in postmortem.figures:
        place = sum(number == figure.section for _, number in placed)
        placed[place, figure.section] = figure.svg
    return placed


def _free_stem(folder: Path) -> str:
    """First of postmortem, postmortem.new, postmortem.new-2 … no person has edited."""
    stem, count = _STEM, 1
    while _is_edited(folder, stem):
        stem = f"{_STEM}.new" if count == 1 else f"{_STEM}.new-{count}"
        count += 1
    return stem


def _is_edited(folder: Path, stem: str) -> bool:
    path = folder / f"{stem}.md"
    if not path.exists():
        return False
    try:
        written = read_evidence(folder / _evidence_name(stem)).markdown
    except EvidenceMismatch:
        return True
    return hashlib.sha256(path.read_bytes()).hexdigest() != written


def _evidence_name(stem: str) -> str:
    return f"{stem.replace(_STEM, 'evidence', 1)}.json"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
