"""The body of an answer, unpacked once and never beyond a cap; JSON never of too many values.

Packed answers grow a thousandfold with each packing, and `json.loads` makes of two characters an
object of fifty bytes: both are bounded before memory is taken.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import TYPE_CHECKING, Any

from workbench.errors import SourceGarbled, WindowTooLarge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["ACCEPTED", "MOST_VALUES", "check_values", "parsed_json", "unpacked"]

ACCEPTED = "gzip"
"""What is asked for; nothing else is unpacked (RFC 9110, section 8.4.1)."""

MOST_VALUES = 10_000_000
"""Values one JSON document may hold: about a gigabyte of objects (measured, CPython 3.11)."""

_PIECE = 1 << 20
_MANY = 40_000_000  # bytes: below, not even one value a byte is too many to hold


async def unpacked(pieces: AsyncIterator[bytes], encoding: str, *, cap_bytes: int) -> bytes:
    """Read a body as it comes, and unpack it where it is gzip.

    Parameters
    ----------
    pieces
        The bytes as they were sent.
    encoding
        The header ``content-encoding``.
    cap_bytes
        Largest body, unpacked.

    Raises
    ------
    SourceGarbled
        Packed more than once or by something that was not asked for; damaged, or cut short.
    WindowTooLarge
        Larger than the cap.
    """
    names = [name.strip().lower() for name in encoding.split(",")]
    packings = [name for name in names if name not in {"", "identity"}]
    if len(packings) > 1 or not set(packings) <= {"gzip", "x-gzip"}:
        raise SourceGarbled(fact="An answer packed as nobody asked for", value=encoding)
    out = bytearray()
    engine = zlib.decompressobj(wbits=31) if packings else None
    async for piece in pieces:
        rest = piece
        while rest:
            if engine is None:
                out += rest
                rest = b""
            else:
                engine, rest = _step(engine, rest, out)
            if len(out) > cap_bytes:
                hint = "Ask for less at once, or raise cap_mb"
                fact = "An answer larger than its cap"
                raise WindowTooLarge(fact, value=cap_bytes, hint=hint)
            await asyncio.sleep(0)  # a deadline is heeded between pieces
    if engine is not None and not engine.eof and (out or engine.unconsumed_tail):
        raise SourceGarbled(fact="An answer that was cut short", value="gzip without its end")
    return bytes(out)


def parsed_json(data: bytes) -> tuple[Any, bool]:
    """Read JSON; whether it is JSON.

    Raises
    ------
    WindowTooLarge
        More values than are held.
    """
    check_values(data)
    try:
        return json.loads(data), True
    except (ValueError, RecursionError):
        return None, False


def check_values(data: bytes | str) -> None:
    """Refuse JSON of more values than are held, before any of them is made.

    Raises
    ------
    WindowTooLarge
        It has more; commas in texts count too, which only matters for enormous ones.
    """
    if len(data) <= _MANY:
        return
    if isinstance(data, str):
        values = sum(data.count(mark) for mark in (",", "[", "{"))
    else:
        values = sum(data.count(mark) for mark in (b",", b"[", b"{"))
    if values > MOST_VALUES:
        raise WindowTooLarge(
            fact=f"JSON of {values:,} values is more than is held at once",
            value=MOST_VALUES,
            hint="Ask for less at once, or split the file",
        )


def _step(engine: zlib._Decompress, data: bytes, out: bytearray) -> tuple[zlib._Decompress, bytes]:
    """Unpack at most a piece more; several members may follow each other."""
    try:
        out += engine.decompress(data, _PIECE)
    except zlib.error as error:
        raise SourceGarbled(fact="An answer that is damaged", value=str(error)) from error
    if engine.eof:
        rest = engine.unused_data.lstrip(b"\0")
        return (zlib.decompressobj(wbits=31), rest) if rest else (engine, b"")
    return engine, engine.unconsumed_tail
