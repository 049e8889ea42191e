"""Archives nobody should unpack, each as (name, bytes): names, links, bombs, lies."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import warnings
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = (
    "../outside.txt",
    "a/../../outside.txt",
    "/tmp/outside-absolute.txt",
    "..\\outside.txt",
    "C:\\outside.txt",
    "C:outside.txt",
    "\\\\host\\share\\x",
    "a//b",
    "./manifest.json",
    "..",
    "a/./b",
    "con.txt",
    "x\ny",
    "x\u202etxt.exe",
    "trailing. ",
    "a/b/c/d/e",
    "x" * 230,
    ".ssh/authorized_keys",
    "~/../x",
    "file:stream",
)
LINKS = (
    (tarfile.SYMTYPE, "/etc/passwd"),
    (tarfile.SYMTYPE, "../outside"),
    (tarfile.LNKTYPE, "/etc/passwd"),
    (tarfile.LNKTYPE, "../outside"),
    (tarfile.CHRTYPE, ""),
    (tarfile.BLKTYPE, ""),
    (tarfile.FIFOTYPE, ""),
    (tarfile.GNUTYPE_SPARSE, ""),
)


def evil(bundle: Path) -> Iterator[tuple[str, bytes]]:
    """Every archive; each but for its evil holds the sound files of `bundle`."""
    sound = [(p.name, p.read_bytes()) for p in sorted(bundle.iterdir())]
    for name in NAMES:
        yield f"zip {name[:20]!r}", zipped([*sound, (name, b"evil")])
    for name in ("../outside.txt", "/tmp/outside-absolute.txt", "a/../../outside.txt"):
        yield f"tar {name!r}", tarred([*sound, (name, b"evil")])
        yield f"tar.gz {name!r}", gzip.compress(tarred([*sound, (name, b"evil")]))
    for kind, target in LINKS:
        yield f"tar link {kind!r} {target!r}", linked(sound, kind, target)
    yield "tar link, then a file through it", linked(sound, tarfile.SYMTYPE, "..", [("l/x", b"")])
    yield from _zips(sound)
    yield from _bombs(sound)


def zipped(members, *, method: int = zipfile.ZIP_DEFLATED, mode: int = 0o100644) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a name that is there already
        for name, data in members:
            info = zipfile.ZipInfo("placeholder")
            info.filename = info.orig_filename = name  # the constructor would mend it
            info.compress_type, info.external_attr = method, mode << 16
            packed.writestr(info, data)
    return out.getvalue()


def tarred(members) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as packed:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    return out.getvalue()


def linked(sound, kind: bytes, target: str, after=()) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as packed:
        for name, data in sound:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
        link = tarfile.TarInfo("l")
        link.type, link.linkname = kind, target
        packed.addfile(link)
        for name, data in after:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            packed.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _zips(sound) -> Iterator[tuple[str, bytes]]:
    whole = zipped(sound)
    yield "zip symlink", zipped([*sound, ("l", b"/etc/passwd")], mode=0o120777)
    yield "zip device", zipped([*sound, ("d", b"")], mode=0o020666)
    yield "zip duplicate name", zipped([*sound, sound[0]])
    yield "zip same name in another case", zipped([*sound, ("MANIFEST.json", b"{}")])
    yield (
        "zip same name in another normal form",
        zipped([*sound, ("\u00e9", b""), ("e\u0301", b"")]),
    )
    yield (
        "zip file and folder of one name",
        zipped([*sound, ("evidence", b""), ("evidence/x", b"")]),
    )
    yield "zip with a file nobody named", zipped([*sound, ("run.sh", b"#!/bin/sh")])
    yield "zip cut short", whole[: len(whole) // 2]
    yield "zip without its end", whole[:-10]
    yield "zip encrypted", _with_flag(whole)
    yield "zip lzma", zipped(sound, method=zipfile.ZIP_LZMA)
    yield "zip altered data", _flipped(whole)
    yield (
        "zip NUL in a name",
        zipped([*sound, ("manifesT", b"")]).replace(b"manifesT", b"manif\0sT"),
    )
    yield "not an archive", b"hello"
    yield "empty", b""
    yield "gzip of nothing", gzip.compress(b"")
    yield "gzip cut short", gzip.compress(tarred(sound))[:3000]


def _bombs(sound) -> Iterator[tuple[str, bytes]]:
    zeros = bytes(50_000_000)
    yield "zip bomb", zipped([*sound, ("evidence/zeros", zeros)])
    yield "tar.gz bomb", gzip.compress(tarred([*sound, ("evidence/zeros", zeros)]))
    yield "zip of many files", zipped([*sound, *((f"evidence/{n}", b"") for n in range(1_200))])
    yield "zip that lies about a size", _lying(zipped([*sound, ("evidence/zeros", zeros)]))
    yield "zip of overlapping members", _overlapping(zeros[:900_000])
    yield "tar with a huge extended header", _huge_header(tarred(sound), gzipped=True)
    yield "tar that declares more than it has", _declaring(tarred(sound))
    yield "zip with a huge directory", _huge_directory(zipped(sound))


def _with_flag(data: bytes) -> bytes:
    at = data.index(b"PK\x01\x02")
    return data[: at + 8] + struct.pack("<H", 1) + data[at + 10 :]


def _flipped(data: bytes) -> bytes:
    at = data.index(b"PK\x01\x02") // 2
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


def _lying(data: bytes) -> bytes:
    """The directory says the last member unpacks to 10 bytes."""
    at = data.rindex(b"PK\x01\x02")
    return data[: at + 24] + struct.pack("<I", 10) + data[at + 28 :]


def _overlapping(data: bytes) -> bytes:
    """Five hundred directory entries for one compressed member (Fifield 2019)."""
    one = zipped([("evidence/0000", data)])
    start = one.index(b"PK\x01\x02")
    end = one.index(b"PK\x05\x06")
    entry = one[start:end]
    entries = b"".join(entry.replace(b"0000", b"%04d" % n) for n in range(500))
    tail = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 500, 500, len(entries), start, 0)
    return one[:start] + entries + tail


def _huge_header(data: bytes, *, gzipped: bool) -> bytes:
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 900_000_000
    made = info.tobuf(tarfile.GNU_FORMAT) + bytes(20_000_000) + data
    return gzip.compress(made) if gzipped else made


def _declaring(data: bytes) -> bytes:
    info = tarfile.TarInfo("evidence/x")
    info.size = 3_000_000_000
    return data[:-10240].rstrip(b"\0") + info.tobuf(tarfile.GNU_FORMAT) + b"x"


def _huge_directory(data: bytes) -> bytes:
    at = data.index(b"PK\x05\x06")
    return data[: at + 12] + struct.pack("<I", 900_000_000) + data[at + 16 :]
