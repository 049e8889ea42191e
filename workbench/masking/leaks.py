"""The leak scanner: what is about to leave is read as whoever gets it would read it."""

from __future__ import annotations

import base64
import html
import json
import re
import secrets
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pandas as pd

from workbench.cards import card, table_html
from workbench.errors import BadInput
from workbench.masking.file_texts import Reading
from workbench.masking.masker import Masker
from workbench.masking.pseudonyms import Pseudonyms
from workbench.terminal import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Leak", "LeakWarning", "Leaks", "scan", "warn_of_leaks"]

_BASE64_SHORT = 8  # characters, two groups: of a longer text the last one depends on what follows
_TOLD = 10
_EMBEDDED = re.compile(r"data:[\w/+.-]*;base64,([A-Za-z0-9+/=]+)")
_SECRETS = ("token", "secret", "email", "card", "user", "mac", "ip")


class LeakWarning(UserWarning):
    """Something was exported in which secrets, persons or outside addresses seem to stand."""


@dataclass(frozen=True, slots=True)
class Leak:
    """One place where something stands that should not.

    Parameters
    ----------
    file
        Path; the member behind ``!`` in an archive, the column behind ``#`` in Parquet.
    line
        Line or row, from 1.
    kind
        What it looks like, or ``canary``.
    """

    file: str
    line: int
    kind: str


@dataclass(frozen=True, slots=True)
class Leaks:
    """What a scan found; it never repeats the text itself.

    Parameters
    ----------
    found
        Leaks in order of files and lines.
    files
        Number of files that were read.
    unread
        What could not be read, and why: nothing is known of it.
    """

    found: tuple[Leak, ...]
    files: int
    unread: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        """Whether anything was found."""
        return bool(self.found)

    def __repr__(self) -> str:
        """One line a leak, the first few of them."""
        lines = [f"Leaks: {len(self.found)} in {self.files} files"]
        lines += [f"  {one.file}:{one.line} {one.kind}" for one in self.found[:_TOLD]]
        more = len(self.found) - _TOLD
        lines += [f"  and {more:,} more"] if more > 0 else []
        lines += [f"  not read: {place}, {why}" for place, why in self.unread[:_TOLD]]
        return plain("\n".join(lines))

    def to_frame(self) -> pd.DataFrame:
        """One row a leak: ``file line kind``."""
        rows = [(one.file, one.line, one.kind) for one in self.found]
        return pd.DataFrame(rows, columns=["file", "line", "kind"])

    def _repr_html_(self) -> str:
        facts = {"leaks": len(self.found), "files": self.files, "not read": len(self.unread)}
        return card("Leak scan", facts, body=table_html(self.to_frame()))


def scan(
    paths: Iterable[Path | str],
    masker: Masker | None = None,
    *,
    canaries: Iterable[str] = (),
    kinds: Iterable[str] = _SECRETS,
) -> Leaks:
    """Scan files, and folders with all below them, for what masking would have masked.

    Parameters
    ----------
    paths
        Files or folders. Parquet is read by columns, zip archives by members, gzip by what is in
        it, all else as text in whatever Unicode encoding it has. What is damaged is said to be
        unread.
    masker
        Says what counts, by the default policy where there is none; masked texts do not.
    canaries
        Texts that must not appear in any form: as they are, escaped, in base64 or URL encoding.
    kinds
        Kinds to tell.

    Raises
    ------
    BadInput
        A path that is not there.
    """
    masker = masker or Masker(Pseudonyms(secrets.token_bytes(32)))  # it names nothing here
    wanted, forms = frozenset(kinds), _forms(canaries)
    found: list[Leak] = []
    unread: list[tuple[str, str]] = []
    files = list(_files(paths))
    for file in files:
        reading = Reading(file)
        for place, number, text in reading.texts():
            found += [Leak(place, number, kind) for kind in _in_line(text, masker, wanted, forms)]
        unread += reading.unread
    return Leaks(tuple(found), len(files), tuple(unread))


def warn_of_leaks(paths: Iterable[Path | str]) -> Leaks:
    """Scan what was just exported; warn with `LeakWarning` of what stands in it.

    Returns
    -------
    Leaks
        What was found; the files stay as they are.
    """
    leaks = scan(paths)
    if leaks or leaks.unread:
        warnings.warn(str(leaks), LeakWarning, stacklevel=3)
    return leaks


def _files(paths: Iterable[Path | str]) -> Iterator[Path]:
    for path in map(Path, paths):
        if not path.exists():
            raise BadInput(fact="Nothing to scan there", value=str(path))
        below = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (file for file in below if file.is_file() and not file.is_symlink())


def _in_line(
    line: str, masker: Masker, kinds: frozenset[str], forms: frozenset[str]
) -> Iterator[str]:
    said: dict[str, None] = {}
    readings = [_EMBEDDED.sub(_unpacked, line)]
    if "&" in line:  # as a page shows it
        readings.append(html.unescape(readings[0]))
    for text in dict.fromkeys(readings):
        if any(form in text or form in line for form in forms):
            said["canary"] = None
        said |= {kind: None for kind in masker.found(text) if kind in kinds}
    yield from said


def _unpacked(embedded: re.Match[str]) -> str:
    """Read what a page embeds, an SVG for example; pixels are nothing to read."""
    try:
        return base64.b64decode(embedded[1]).decode("utf-8")
    except ValueError:
        return ""


def _forms(canaries: Iterable[str]) -> frozenset[str]:
    forms: set[str] = set()
    for canary in canaries:
        raw = canary.encode()
        forms |= {canary, quote(canary, safe=""), quote(canary), json.dumps(canary)[1:-1]}
        for shift in range(3):  # base64 of it within a longer text, at each alignment
            text = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
            core = text[(4 if shift else 0) : -1 if len(text) > _BASE64_SHORT else None]
            forms |= {core, core.replace("+", "-").replace("/", "_")}
    return frozenset(form for form in forms if form)
