"""Text from outside as Markdown that shows it literally: no markup, no link, no HTML.

Whatever a service, an alert or a commit is called, a reader sees exactly that.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["Markdown", "code", "literal", "quoted", "visible", "words"]

_LONGEST = 300
_ACTIVE = re.compile(r"[\\`*_\[\]<>|~&$#]")
_LINE_START = re.compile(r"^([-+=]|\d{1,9}(?=[.)]))")
_BARE_LINK = re.compile(r"(?i)(://|\bwww\.|\b(?:mailto|xmpp):)")
_MARK = "\u21b5"


class Markdown(str):
    """Text that is Markdown already; everything else is escaped when it is written."""

    __slots__ = ()


def visible(text: str) -> str:
    r"""Write a text on one line, with control and direction-changing characters shown.

    Line ends become ``↵``, tabs a space, other control and format characters ``\uXXXX``:
    nothing hides, and nothing reorders what is around it.
    """
    one_line = re.sub(r"\r\n|[\n\r\v\f\x85\u2028\u2029]", _MARK, text).replace("\t", " ")
    shown = "".join(_shown(character) for character in one_line)
    return re.sub(r"\s+", " ", shown).strip()


def literal(text: object) -> Markdown:
    """Escape a text from outside, on one line and of bounded length."""
    shown = visible(str(text))
    cut = shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"
    return Markdown(_escaped(cut)) if cut else Markdown("(empty)")


def words(text: str) -> Markdown:
    """Escape our own words; spaces at the ends stay."""
    return Markdown(_escaped(text))


def quoted(text: object) -> Markdown:
    """Escape a sentence from outside and put it in quotation marks of which it has none."""
    inner = str(text).replace("“", '"').replace("”", '"')
    return Markdown(f"“{literal(inner)}”")


def code(text: object) -> Markdown:
    """Write a name from outside as code; one that would break out of it is quoted."""
    shown = visible(str(text))
    if not shown or len(shown) > _LONGEST or re.search(r"[`|\\]", shown):
        return quoted(shown)
    return Markdown(f"`{shown}`")


def _escaped(text: str) -> str:
    marked = _ACTIVE.sub(lambda found: "\\" + found.group(), text)
    unlinked = _BARE_LINK.sub(_broken, marked)
    return _LINE_START.sub(_escaped_start, unlinked)


def _broken(found: re.Match[str]) -> str:
    text = found.group()
    return f"\\{text}" if text == "://" else f"{text[:-1]}\\{text[-1]}"


def _escaped_start(found: re.Match[str]) -> str:
    text = found.group()
    # "1." would start a list: the escape goes before the full stop.
    return text + "\\" if text.isdigit() else "\\" + text


def _shown(character: str) -> str:
    hidden = unicodedata.category(character) in {"Cc", "Cf", "Cs"}
    return f"\\u{ord(character):04x}" if hidden else character
