"""The leak scanner: what is about to leave is read as whoever gets it would read it."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pandas as pd

from workbench.cards import card, table_html
from workbench.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from workbench.masking.masker import Masker

__all__ = ["Leak", "Leaks", "scan"]

_LARGEST = 512_000_000
_SECRETS = ("token", "secret", "email", "card", "user", "mac", "ip")


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
    """

    found: tuple[Leak, ...]
    files: int

    def __bool__(self) -> bool:
        """Whether anything was found."""
        return bool(self.found)

    def __repr__(self) -> str:
        """One line a leak."""
        head = f"Leaks: {len(self.found)} in {self.files} files"
        return "\n".join([head, *(f"  {o.file}:{o.line} {o.kind}" for o in self.found)])

    def to_frame(self) -> pd.DataFrame:
        """One row a leak: ``file line kind``."""
        rows = [(one.file, one.line, one.kind) for one in self.found]
        return pd.DataFrame(rows, columns=["file", "line", "kind"])

    def _repr_html_(self) -> str:
        facts = {"leaks": len(self.found), "files read": self.files}
        return card("Leak scan", facts, body=table_html(self.to_frame()))


def scan(
    paths: Iterable[Path | str],
    masker: Masker,
    *,
    canaries: Iterable[str] = (),
    kinds: Iterable[str] = _SECRETS,
) -> Leaks:
    """Scan files, and folders with all below them, for what masking would have masked.

    Parameters
    ----------
    paths
        Files or folders. Parquet is read by columns, zip archives by members, all else as text.
    masker
        Says what counts; masked texts do not.
    canaries
        Texts that must not appear in any form: as they are, escaped, in base64 or URL encoding.
    kinds
        Kinds to tell.

    Raises
    ------
    BadInput
        A path that is not there, or a file too large to be read whole.
    """
    wanted, forms = frozenset(kinds), _forms(canaries)
    found: list[Leak] = []
    files = list(_files(paths))
    for file in files:
        for place, text in _texts(str(file), file.read_bytes()):
            found += _in_text(place, text, masker, wanted, forms)
    return Leaks(tuple(found), len(files))


def _files(paths: Iterable[Path | str]) -> Iterator[Path]:
    for path in map(Path, paths):
        if not path.exists():
            raise BadInput("Nothing to scan there", value=str(path))
        below = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in below:
            if file.is_file() and not file.is_symlink():
                if file.stat().st_size > _LARGEST:
                    raise BadInput("A file too large to be scanned", value=str(file))
                yield file


def _texts(name: str, data: bytes) -> Iterator[tuple[str, str]]:
    if data[:4] == b"PAR1":
        frame = pd.read_parquet(io.BytesIO(data))
        for column in frame.columns:
            yield f"{name}#{column}", "\n".join(map(str, frame[column]))
    elif data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                if member.file_size > _LARGEST:
                    raise BadInput("A member too large to be scanned", value=member.filename)
                yield from _texts(f"{name}!{member.filename}", archive.read(member))
    else:
        yield name, data.decode("utf-8", "replace")


def _in_text(
    place: str, text: str, masker: Masker, kinds: frozenset[str], forms: frozenset[str]
) -> Iterator[Leak]:
    for number, line in enumerate(text.splitlines(), start=1):
        if any(form in line for form in forms):
            yield Leak(place, number, "canary")
        for kind in masker.found(line):
            if kind in kinds:
                yield Leak(place, number, kind)


def _forms(canaries: Iterable[str]) -> frozenset[str]:
    forms: set[str] = set()
    for canary in canaries:
        raw = canary.encode()
        forms |= {canary, quote(canary, safe=""), quote(canary), json.dumps(canary)[1:-1]}
        for shift in range(3):  # base64 of it within a longer text, at each alignment
            text = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
            core = text[(4 if shift else 0) : -1 if len(text) > 8 else None]
            forms |= {core, core.replace("+", "-").replace("/", "_")}
    return frozenset(form for form in forms if form)
