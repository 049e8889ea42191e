"""What stands in a file that is about to leave: read as whoever gets it would read it.

Parquet is read by columns, archives and gzip by what is in them, text in the encoding it has. Bombs
and what is damaged are said to be unread, and hide nothing else.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Reading"]

_LARGEST = 512_000_000  # bytes of one file with all that is packed in it
_MOST_CELLS = 100_000_000  # of a Parquet file: its dictionary makes many of few bytes
_DEEPEST = 3  # archives within archives
_PIECE = 1 << 20
_LOOKED_AT = 2_000  # bytes that tell an encoding
_ZEROS = 0.3  # share of zero bytes of ASCII in UTF-16, less what is not ASCII (it is a half)
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    pa.ArrowException,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
)


class _TooMuchError(ValueError):
    """Packed more often, or larger, than is read."""


@dataclass(slots=True)
class Reading:
    """Texts of one file, and what of it could not be read.

    Parameters
    ----------
    file
        The file.

    Attributes
    ----------
    unread
        Place and reason of what could not be read.
    """

    file: Path
    unread: list[tuple[str, str]] = field(default_factory=list)
    _left: int = field(default_factory=lambda: _LARGEST)

    def texts(self) -> Iterator[tuple[str, int, str]]:
        """Yield place, line or row from 1, and what stands there."""
        name = str(self.file)
        try:
            self._spend(self.file.stat().st_size)
            yield from self._of(name, self.file.read_bytes(), 0)
        except _DAMAGED as error:
            self._cannot(name, error)

    def _of(self, name: str, data: bytes, depth: int) -> Iterator[tuple[str, int, str]]:
        if depth > _DEEPEST:
            self._cannot(name, _TooMuchError("archives within archives within archives"))
        elif data[:4] == b"PAR1":
            yield from self._guarded(name, data, self._parquet(name, data))
        elif data[:4] in {b"PK\x03\x04", b"PK\x05\x06"}:
            yield from self._guarded(name, data, self._zip(name, data, depth))
        elif data[:3] == b"\x1f\x8b\x08":
            yield from self._of(f"{name}!", self._gunzipped(name, data), depth + 1)
        else:
            yield from _lines(name, data)

    def _guarded(
        self, name: str, data: bytes, texts: Iterator[tuple[str, int, str]]
    ) -> Iterator[tuple[str, int, str]]:
        """Read on as plain text where something is not what it begins like."""
        try:
            yield from texts
        except _DAMAGED as error:
            self._cannot(name, error)
            if not isinstance(error, _TooMuchError):
                yield from _lines(name, data)

    def _parquet(self, name: str, data: bytes) -> Iterator[tuple[str, int, str]]:
        facts = pq.read_metadata(io.BytesIO(data))
        if facts.num_rows * max(facts.num_columns, 1) > _MOST_CELLS:
            reason = f"{facts.num_rows:,} rows"
            raise _TooMuchError(reason)
        frame = pd.read_parquet(io.BytesIO(data))
        for column in frame.columns:
            for row, text in _distinct(frame[column]):
                yield f"{name}#{column}", row, text

    def _zip(self, name: str, data: bytes, depth: int) -> Iterator[tuple[str, int, str]]:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for member in archive.infolist():
                place = f"{name}!{member.filename}"
                try:
                    with archive.open(member) as stream:
                        inner = stream.read(min(member.file_size, self._left) + 1)
                    self._spend(len(inner))
                except _DAMAGED as error:
                    self._cannot(place, error)
                    continue
                yield from self._of(place, inner, depth + 1)

    def _gunzipped(self, name: str, data: bytes) -> bytes:
        """Unpack gzip, member after member; of a damaged one what comes before the damage."""
        out, rest = bytearray(), data
        while rest[:2] == b"\x1f\x8b":
            engine = zlib.decompressobj(wbits=31)
            try:
                while rest and not engine.eof:
                    piece = engine.decompress(rest, _PIECE)
                    self._spend(len(piece))
                    out += piece
                    rest = engine.unconsumed_tail
            except zlib.error as error:
                self._cannot(name, error)
                return bytes(out)
            if not engine.eof:
                self._cannot(name, EOFError("gzip without its end"))
                return bytes(out)
            rest = engine.unused_data.lstrip(b"\0")
        return bytes(out)

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            reason = f"more than {_LARGEST:,} bytes"
            raise _TooMuchError(reason)

    def _cannot(self, place: str, error: Exception) -> None:
        why = (
            str(error) if isinstance(error, _TooMuchError) else f"damaged ({type(error).__name__})"
        )
        self.unread.append((place, why))


def _lines(name: str, data: bytes) -> Iterator[tuple[str, int, str]]:
    lines = _decoded(data).splitlines()
    yield from ((name, number, line) for number, line in enumerate(lines, start=1))


def _decoded(data: bytes) -> str:
    """Read text as UTF-16 or UTF-32 where it is that, else as UTF-8 as far as it is."""
    for mark, encoding in (
        (b"\xff\xfe\0\0", "utf-32"),
        (b"\0\0\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    some = data[:_LOOKED_AT]
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        half, other = some[first::2], some[1 - first :: 2]
        if half and half.count(0) > _ZEROS * len(half) and other.count(0) < _ZEROS * len(other):
            return data.decode(encoding, "replace")
    return data.decode("utf-8", "replace")


def _distinct(column: pd.Series) -> Iterator[tuple[int, str]]:
    """Each text of a column once, with the first row it stands in; of numbers and times none."""
    kinds = pd.api.types
    if kinds.is_numeric_dtype(column.dtype) or kinds.is_datetime64_any_dtype(column.dtype):
        return
    once = column.astype("object").reset_index(drop=True).dropna().map(str).drop_duplicates()
    yield from zip(once.index + 1, once, strict=True)
