"""Files a source has left in a folder: plain or gzip, capped, each failure told by itself.

Only regular files that match the user's own pattern are opened; no name found inside a file
ever is. One unreadable file never hides the others: it comes back with its error.
"""

from __future__ import annotations

import glob
import io
import re
import stat
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pydantic

from workbench.coverage import CoverageRow
from workbench.errors import SourceError, SourceGarbled, SourceRefused, SourceUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["FilesSettings", "RawFile", "read_files", "ungzipped", "unread_rows"]

_GZIP = b"\x1f\x8b"
_PIECE = 1 << 20
_NUMBER = re.compile(r"([0-9]+)")
_MOST_FILES = 10_000


class FilesSettings(pydantic.BaseModel):
    """Settings every connector of files has; a connector's own settings inherit them.

    Parameters
    ----------
    files
        Pattern of the files: ``*`` and ``?`` in names, ``**`` for folders of any depth, ``~``
        for the home folder. A folder by itself means every file in it.
    cap_mb
        Largest file that is read, in MB; of a gzip file, what it unpacks to.
    """

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    files: str = pydantic.Field(min_length=1, description="pattern of the files to read")
    cap_mb: float = pydantic.Field(
        default=256.0, gt=0, le=4096, description="largest file, unpacked, in MB"
    )

    @property
    def cap_bytes(self) -> int:
        """The cap in bytes."""
        return int(self.cap_mb * 1_000_000)


@dataclass(frozen=True, slots=True)
class RawFile:
    """One file as it was read.

    Parameters
    ----------
    name
        Path as found, for messages and coverage.
    data
        Its bytes, unpacked. Where `error` says the file is cut short, what came before the
        cut: enough for formats of one record a line. Empty otherwise where `error` is set.
    modified
        When it was last written (UTC), or None where that is not known.
    error
        Why the file, or its end, could not be read.
    """

    name: str
    data: bytes = b""
    modified: pd.Timestamp | None = None
    error: SourceError | None = None


def read_files(pattern: str, *, cap_bytes: int) -> Iterator[RawFile]:
    """Read the files that match a pattern, in order of their names, one at a time.

    Numbers in names count as numbers.

    Parameters
    ----------
    pattern
        See `FilesSettings`.
    cap_bytes
        Largest file, after unpacking; a larger one is an error of that file, never cut.

    Yields
    ------
    RawFile
        One a file. Where nothing matches, one with an error that says so: a pattern with a
        typing error must not look like a source without records.
    """
    paths = _matching(pattern)
    if not paths:
        yield RawFile(pattern, error=SourceUnreachable("No file matches", value=pattern))
    for path in paths[:_MOST_FILES]:
        yield _read(path, cap_bytes)
    if len(paths) > _MOST_FILES:
        hint = f"{_MOST_FILES:,} are read; narrow the pattern"
        error = SourceRefused("Too many files match", value=len(paths), hint=hint)
        yield RawFile(pattern, error=error)


def unread_rows(files: Iterable[RawFile], source: str, table: str) -> tuple[CoverageRow, ...]:
    """Tell the files that could not be read, or not to their end, one row each."""
    return tuple(
        CoverageRow(
            source,
            table,
            "*",
            "partial" if file.data else "failed",
            0,
            reason=f"{file.name}: {file.error}",
        )
        for file in files
        if file.error is not None
    )


def ungzipped(data: bytes, *, cap_bytes: int) -> tuple[bytes, SourceError | None]:
    """Unpack gzip, several members one after the other too, and never beyond the cap.

    Returns
    -------
    tuple
        What was unpacked, and why its end is missing (or None). Over the cap: no bytes.
    """
    out = io.BytesIO()
    rest = data
    while rest.startswith(_GZIP):
        engine = zlib.decompressobj(wbits=31)
        try:
            while rest and not engine.eof and out.tell() <= cap_bytes:
                out.write(engine.decompress(rest, _PIECE))
                rest = engine.unconsumed_tail
        except zlib.error as error:
            return out.getvalue(), SourceGarbled("Damaged gzip", value=str(error))
        if out.tell() > cap_bytes:
            return b"", _too_large(f"more than {cap_bytes:,} bytes unpacked", cap_bytes)
        if not engine.eof:
            return out.getvalue(), SourceGarbled("A gzip file that is cut short")
        rest = engine.unused_data.lstrip(b"\0")  # padding after the last member is allowed
    trouble = SourceGarbled("Something else after the gzip data", value=rest[:20]) if rest else None
    return out.getvalue(), trouble


def _matching(pattern: str) -> list[Path]:
    place = Path(pattern).expanduser()
    if place.is_dir():
        found = [one for one in place.iterdir() if not one.name.startswith(".")]
    else:
        found = [Path(one) for one in glob.iglob(str(place), recursive=True)]
    return sorted({one for one in found if not one.is_dir()}, key=_by_number)


def _by_number(path: Path) -> tuple[list[str | int], Path]:
    """Order names as people count: ``2.json`` before ``10.json``; what was told last stays last."""
    parts = _NUMBER.split(str(path))
    return [int(one) if n % 2 else one for n, one in enumerate(parts)], path


def _read(path: Path, cap_bytes: int) -> RawFile:
    try:
        state = path.stat()
        if not stat.S_ISREG(state.st_mode):  # a pipe or device would never end
            return RawFile(str(path), error=SourceRefused("Not a regular file"))
        modified = pd.Timestamp(state.st_mtime_ns, unit="ns", tz="UTC")
        if state.st_size > cap_bytes:
            return RawFile(str(path), b"", modified, _too_large(f"{state.st_size:,}", cap_bytes))
        with path.open("rb") as stream:  # it may grow while it is read
            data = stream.read(cap_bytes + 1)
    except OSError as error:
        return RawFile(str(path), error=SourceUnreachable(error.strerror or "Unreadable"))
    if len(data) > cap_bytes:
        return RawFile(str(path), b"", modified, _too_large(f"{len(data):,}", cap_bytes))
    if not data.startswith(_GZIP):
        return RawFile(str(path), data, modified)
    unpacked, trouble = ungzipped(data, cap_bytes=cap_bytes)
    return RawFile(str(path), unpacked, modified, trouble)


def _too_large(size: str, cap_bytes: int) -> SourceRefused:
    hint = f"The cap is {cap_bytes:,} bytes (cap_mb in the settings of the source)"
    return SourceRefused("A file larger than the cap", value=size, hint=hint)
