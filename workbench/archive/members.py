"""Members of a zip or tar from a stranger, refused before a byte of them is written.

Zip: APPNOTE.TXT 6.3.10; tar: POSIX.1-2017 pax. What to refuse: CWE-22 (names that lead
elsewhere), CWE-59 (links), CWE-409 (bombs), and names that two systems read differently.
"""

from __future__ import annotations

import contextlib
import gzip
import stat
import tarfile
import unicodedata
import zipfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from workbench.errors import BundleUnsafe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

__all__ = ["Member", "check_name", "members_of"]

_MOST_MEMBERS = 1_000
_MOST_DIRECTORY = 2_000_000  # bytes of a zip's central directory
_MOST_RATIO = 200.0
_SMALL = 1_000_000  # below, any ratio is harmless
_MOST_HEADER = 4_000_000  # bytes that a tar may make its reader take at once
_DEEPEST, _LONGEST_PART = 4, 200
_RESERVED = {"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(10))}


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive.

    Parameters
    ----------
    name
        Its name, relative, with forward slashes.
    size
        Bytes it declares.
    open
        Opens it for reading.
    """

    name: str
    size: int
    open: Callable[[], IO[bytes]]


def check_name(name: str) -> str:
    """Return a member's name if every system reads it as the same file below a folder.

    Raises
    ------
    BundleUnsafe
        It is absolute, climbs, is hidden or empty in a part, or is spelled with characters
        that some system reads otherwise.
    """
    parts = name.split("/")
    if len(parts) > _DEEPEST or not all(_is_plain(part) for part in parts):
        raise BundleUnsafe(fact="A member whose name could lead elsewhere", value=name)
    return name


def _is_plain(part: str) -> bool:
    odd = {"/", "\\", ":", "*", "?", '"', "<", ">", "|"}
    return (
        bool(part)
        and part[0] not in ". "
        and part[-1] not in ". "
        and not odd & set(part)
        and all(unicodedata.category(c)[0] != "C" for c in part)
        and len(part.encode("utf-8", "replace")) <= _LONGEST_PART
        and part.split(".")[0].casefold() not in _RESERVED
    )


@contextlib.contextmanager
def members_of(path: Path, *, most_bytes: int) -> Iterator[tuple[Member, ...]]:
    """Open a zip, tar or gzipped tar and list its files, all of them checked.

    Raises
    ------
    BundleUnsafe
        See `workbench.archive.unpack`.
    """
    most = int(min(most_bytes, max(_SMALL, _MOST_RATIO * path.stat().st_size)))
    if zipfile.is_zipfile(path):
        _check_directory(path)
        with zipfile.ZipFile(path) as packed:
            found = (
                (info.filename, info.file_size, info)
                for info in packed.infolist()
                if _is_zip_file(info)
            )
            yield _checked(found, most, packed.open)
        return
    with _tar(path, most) as unpacked:
        files = ((info.name, info.size, info) for info in unpacked if _is_tar_file(info))
        yield _checked(files, most, unpacked.extractfile)


def _checked(
    found: Iterable[tuple[str, int, Any]], most: int, opener: Callable[[Any], Any]
) -> tuple[Member, ...]:
    """Refuse by name, number and size while listing: the next header may hide a bomb."""
    members: list[Member] = []
    seen: set[str] = set()
    folders: set[str] = set()
    total = 0
    for name, size, info in found:
        total += size
        if total > most:
            raise BundleUnsafe(
                fact="The archive unpacks to more than it may",
                value=total,
                hint=f"At most {most:,} bytes for one of this size",
            )
        if len(members) >= _MOST_MEMBERS:
            raise BundleUnsafe(fact="The archive has too many members", value=f"> {_MOST_MEMBERS}")
        same = unicodedata.normalize("NFKC", check_name(name)).casefold()
        above = {same.rsplit("/", n)[0] for n in range(1, same.count("/") + 1)}
        if same in seen | folders or above & seen:
            raise BundleUnsafe(fact="Two members of one name", value=name)
        seen.add(same)
        folders |= above
        members.append(Member(name, size, lambda info=info: opener(info)))  # type: ignore[misc]
    return tuple(members)


def _check_directory(path: Path) -> None:
    """Refuse a central directory that would fill memory before a member can be looked at."""
    with path.open("rb") as file:
        size = path.stat().st_size
        file.seek(max(0, size - 66_000))
        tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    directory = int.from_bytes(tail[at + 12 : at + 16], "little")
    zip64 = tail[max(0, at - 20) : at].startswith(b"PK\x06\x07")
    if at < 0 or zip64 or directory > _MOST_DIRECTORY:
        raise BundleUnsafe(fact="The zip's directory is too large for a bundle", value=path.name)


def _is_zip_file(info: zipfile.ZipInfo) -> bool:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if info.orig_filename != info.filename or info.flag_bits & 0x1:
        raise BundleUnsafe(fact="A member that is encrypted or of two names", value=info.filename)
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise BundleUnsafe(fact="A compression that bundles do not use", value=info.compress_type)
    if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise BundleUnsafe(fact="A link or device in the archive", value=info.filename)
    if info.is_dir() or kind == stat.S_IFDIR:
        check_name(info.filename.rstrip("/"))
        return False
    return True


def _is_tar_file(info: tarfile.TarInfo) -> bool:
    if info.isdir():
        check_name(info.name)
        return False
    if not info.isreg() or info.issparse():
        raise BundleUnsafe(fact="A link or device in the archive", value=info.name)
    return True


@contextlib.contextmanager
def _tar(path: Path, most: int) -> Iterator[tarfile.TarFile]:
    with path.open("rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    with gzip.open(path) if gzipped else path.open("rb") as plain:
        headers = 2_048 * (_MOST_MEMBERS + 10)
        bounded = cast("IO[bytes]", _Bounded(plain, most + headers))
        with tarfile.open(fileobj=bounded, mode="r:") as found:
            yield found


class _Bounded:
    """A file whose reader may neither take much at once nor go beyond a limit.

    `tarfile` takes an extended header into memory whole, however long it says it is.
    """

    def __init__(self, file: Any, most: int) -> None:  # noqa: ANN401 - any readable file
        self._file, self._most = file, most

    def read(self, size: int = -1) -> bytes:
        self._check(size if size >= 0 else self._most, _MOST_HEADER)
        return bytes(self._file.read(size))

    def seek(self, place: int, whence: int = 0) -> int:
        self._check(place, self._most)
        return int(self._file.seek(place, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def _check(self, asked: int, most: int) -> None:
        if asked > most or self._file.tell() > self._most:
            raise BundleUnsafe(fact="The archive unpacks to more than it may", value=asked)
