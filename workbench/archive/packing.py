"""A bundle as one file: packed for a colleague, unpacked from a stranger."""

from __future__ import annotations

import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.archive.bundles import MANIFEST, read_manifest, verify_bundle
from workbench.archive.members import check_name, members_of
from workbench.errors import BundleMissing, BundleUnsafe
from workbench.masking import warn_of_leaks
from workbench.writing import locked, make_folder, sweep, whole_file, whole_folder

if TYPE_CHECKING:
    from workbench.archive.members import Member

__all__ = ["pack", "unpack"]

_MOST_BYTES = 4_000_000_000
_CHUNK = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bundle gives the same zip
_BESIDE = {"audit.jsonl", "evidence"}
# What the standard library raises for archives that are not what they say.
_DAMAGED = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    ValueError,
    NotImplementedError,
    OverflowError,
    IndexError,
    KeyError,
    OSError,
)


def pack(bundle: str | Path, path: str | Path) -> Path:
    """Pack a verified bundle into a zip: what its manifest names, ``audit.jsonl``, evidence.

    Parameters
    ----------
    bundle
        Folder of the bundle.
    path
        The zip to write; whole or not at all.

    Returns
    -------
    Path
        The zip. The same bundle gives the same bytes.

    Raises
    ------
    BundleMissing, BundleSchema, BundleAltered
        The bundle is not what its manifest says.
    BundleUnsafe
        A file beside it has a name that `unpack` would refuse.

    Warns
    -----
    LeakWarning
        A secret, a person or an outside address seems to stand in it.
    """
    folder = Path(bundle)
    with (
        locked(folder, shared=True),
        whole_file(Path(path)) as temporary,
        zipfile.ZipFile(temporary, "w") as packed,
    ):
        names = [MANIFEST, *sorted(verify_bundle(folder))]
        beside = [folder / "audit.jsonl", *sorted((folder / "evidence").rglob("*"))]
        files = [p for p in beside if p.is_file() and not p.is_symlink()]
        names += [p.relative_to(folder).as_posix() for p in files]
        for name in names:
            info = zipfile.ZipInfo(check_name(name), _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            with (folder / name).open("rb") as source, packed.open(info, "w") as target:
                shutil.copyfileobj(source, target, _CHUNK)
    warn_of_leaks([path])
    return Path(path)


def unpack(path: str | Path, folder: str | Path, *, most_bytes: int = _MOST_BYTES) -> Path:
    """Unpack a bundle from a zip or a tar, plain or gzipped, and verify it.

    Everything is unpacked beside `folder` first and takes its name only once the bundle's
    digests hold. At most 1,000 files, 200 times the archive's size and `most_bytes` in all.

    Parameters
    ----------
    path
        The archive.
    folder
        Where to; must not exist yet.
    most_bytes
        Refuse more than this in all.

    Raises
    ------
    BundleMissing
        No such archive, or no manifest in it.
    BundleUnsafe
        A name that leads elsewhere, a link or device, two members of one name, too many or
        too large members, a ratio like a bomb's, an archive cut short, a file that the
        manifest does not name, or a folder that is there already.
    BundleSchema, BundleAltered
        What was packed is not what its manifest says.
    """
    source, target = Path(path), Path(folder)
    if not source.is_file():
        raise BundleMissing(fact="No archive here", value=source.name)
    if target.exists() or target.is_symlink():
        raise BundleUnsafe(
            fact="The folder is there already", value=target.name, hint="Unpack into a new one"
        )
    make_folder(target.parent)
    sweep(target.parent)
    with whole_folder(target) as beside:
        _extract(source, beside, most_bytes)
        _verify(beside)
    return target


def _extract(source: Path, folder: Path, most_bytes: int) -> None:
    try:
        with members_of(source, most_bytes=most_bytes) as members:
            for member in members:
                _write(member, folder / member.name)
    except _DAMAGED as error:
        raise BundleUnsafe(
            f"The archive cannot be unpacked ({error})"[:200], value=source.name
        ) from error


def _write(member: Member, path: Path) -> None:
    """Write one member, and not a byte more than it declared."""
    path.parent.mkdir(parents=True, exist_ok=True)
    left = member.size
    with member.open() as source, path.open("xb") as target:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise BundleUnsafe(fact="A member is larger than it says", value=member.name)
            target.write(chunk)
    if left:
        raise BundleUnsafe(fact="A member is cut short", value=member.name)


def _verify(folder: Path) -> None:
    named = {MANIFEST, *read_manifest(folder)["files"], *_BESIDE}
    verify_bundle(folder)
    for path in folder.iterdir():
        if path.name not in named:
            raise BundleUnsafe(fact="A file that the manifest does not name", value=path.name)
