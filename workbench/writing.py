"""The one way of writing for everything that is kept: whole or not at all, and never two at once.

A file is written beside its name on the same file system, flushed to the disk, and takes its name
in one step; several files that belong together are named by a journal first, so that whoever comes
next finishes what a killed writer had decided. A lock holds others off meanwhile. What cannot be
written is a `CannotWrite` that says why.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import shutil
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.errors import CannotWrite

try:
    import fcntl
except ImportError:  # not a POSIX system: its users write one at a time
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "locked",
    "make_folder",
    "put",
    "recover",
    "sweep",
    "temporary_beside",
    "whole_file",
    "whole_folder",
    "write_bytes",
    "write_new",
    "write_text",
    "write_together",
]

_PART = ".part"
_JOURNAL = ".unfinished.json"
# A writer that is still at work has touched its file within this time.
_LEFT_BEHIND_S = 3600.0
# Longest wait for another writer of the same folder: the largest bundles take a tenth of it.
_LONGEST_WAIT_S = 120.0
_PAUSE_S = 0.01
_DISK = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO})
_HINTS = {
    errno.ENOSPC: "Make room, or write to another disk",
    errno.EDQUOT: "Make room, or write to another disk",
    errno.EROFS: "Write to a folder that can be changed",
    errno.EACCES: "Write to a folder that is yours",
    errno.EPERM: "Write to a folder that is yours",
    errno.ENOTDIR: "A file stands where a folder should be",
    errno.EEXIST: "A file stands where a folder should be",
    errno.EISDIR: "A folder stands where the file should be",
}


def make_folder(folder: Path, *, private: bool = False) -> Path:
    """Make a folder and those above it; a private one is its owner's alone.

    Raises
    ------
    CannotWrite
        A file is in the way, or nobody may write there.
    """
    with _named(folder):
        if private and not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
        else:
            folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def temporary_beside(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Hand out a hidden temporary sibling of `path`; what is left of it goes at the end.

    Its mode is what the user's umask gives a new file, or that of the file it will replace;
    of a private one, nobody else's.
    """
    temporary = _part(path, private=private)
    try:
        with _named(path, only=temporary):
            yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def put(temporary: Path, path: Path) -> Path:
    """Give a finished temporary sibling its name, in one step, once it is on the disk."""
    with _named(path):
        with contextlib.suppress(FileNotFoundError):
            if stat.S_IMODE(path.stat().st_mode) != stat.S_IMODE(temporary.stat().st_mode):
                temporary.chmod(_kept_mode(temporary, path))
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    return path


@contextlib.contextmanager
def whole_file(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Hand out a temporary sibling to write to; it takes the name `path` when all went well.

    An error or an interrupt removes the sibling and leaves what was at `path`. A process
    that is killed can leave the hidden sibling, never half a file of the name itself.

    Raises
    ------
    CannotWrite
        The disk is full or read-only, or the place is not one for a file.
    """
    target = Path(os.path.realpath(path))  # a link stays one: what it points to is replaced
    with temporary_beside(target, private=private) as temporary:
        yield temporary
        put(temporary, target)


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Hand out a temporary folder beside `folder`, which takes its name when all went well.

    Raises
    ------
    CannotWrite
        As `whole_file`; or a folder of that name has come meanwhile.
    """
    make_folder(folder.parent)
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(6)}{_PART}")
    with _named(folder):
        temporary.mkdir()
    try:
        with _named(folder, only=temporary):
            yield temporary
        with _named(folder):
            for path in temporary.rglob("*"):
                _sync(path)
            temporary.rename(folder)
            _sync(folder.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str, *, private: bool = False) -> Path:
    """Write a text file whole or not at all; see `whole_file`."""
    return write_bytes(path, text.encode("utf-8"), private=private)


def write_bytes(path: Path, data: bytes, *, private: bool = False) -> Path:
    """Write a file whole or not at all; see `whole_file`."""
    with whole_file(path, private=private) as temporary:
        temporary.write_bytes(data)
    return path


def write_new(path: Path, data: bytes, *, private: bool = False) -> bool:
    """Write a file whole, unless there is one already; say whether it is ours."""
    make_folder(path.parent, private=private)
    with temporary_beside(path, private=private) as temporary, _named(path):
        temporary.write_bytes(data)
        _sync(temporary)
        try:
            os.link(temporary, path)  # never over what another process made meanwhile
        except FileExistsError:
            return False
        _sync(path.parent)
    return True


def write_together(folder: Path, files: Mapping[str, bytes]) -> tuple[Path, ...]:
    """Write files that belong together, all or none.

    Parameters
    ----------
    folder
        Of the files; made if missing. Others are held off it meanwhile.
    files
        Path below the folder to content.

    Returns
    -------
    tuple of Path
        The files, in their order.

    Notes
    -----
    All of them lie beside their names before a journal says that they are to have them. A
    writer that is killed before the journal leaves the old files; one that is killed after it,
    the new ones, which `recover` names.
    """
    make_folder(folder)
    with locked(folder):
        _finish(folder)
        moves: dict[str, str] = {}
        try:
            for name, data in files.items():
                temporary = _part(folder / name)
                moves[name] = temporary.relative_to(folder).as_posix()
                with _named(folder / name):
                    temporary.write_bytes(data)
                    _sync(temporary)
            write_text(folder / _JOURNAL, json.dumps(moves))
        finally:
            if not (folder / _JOURNAL).exists():  # else it is decided, and nothing is taken back
                for part in moves.values():
                    (folder / part).unlink(missing_ok=True)
        _finish(folder)
    return tuple(folder / name for name in files)


def recover(folder: Path) -> int:
    """Finish what a killed `write_together` had decided; return how many files took their names."""
    if not (folder / _JOURNAL).is_file():
        return 0
    with locked(folder):
        return _finish(folder)


@contextlib.contextmanager
def locked(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Hold a folder: one writer, or any number of readers (`shared`), and never both.

    The lock lies on the folder itself, so no file is left behind, and it goes with its process.
    File systems without locks are used without.

    Raises
    ------
    CannotWrite
        Another process has held the folder for two minutes.
    """
    if fcntl is None or not folder.is_dir():
        yield
        return
    with _named(folder):
        handle = os.open(folder, os.O_RDONLY)
    try:
        _take(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, folder)
        yield
    finally:
        os.close(handle)


def sweep(folder: Path) -> int:
    """Remove hidden siblings that killed writers left more than an hour ago; count them."""
    if (folder / _JOURNAL).exists():
        return 0  # its parts are somebody's files
    old = [p for p in folder.glob(f".*{_PART}") if time.time() - _touched(p) > _LEFT_BEHIND_S]
    for path in old:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
    return len(old)


def _part(path: Path, *, private: bool = False) -> Path:
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}{_PART}")
    with _named(path):
        mode = 0o600 if private else 0o666  # less what the user's umask takes away
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
    return temporary


def _finish(folder: Path) -> int:
    """Give the files of a journal their names; the folder is held."""
    journal = folder / _JOURNAL
    try:
        moves = json.loads(journal.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
    done = 0
    with _named(folder):
        for name, part in moves.items() if isinstance(moves, dict) else ():
            temporary = folder / str(part)
            if _is_ours(Path(name), Path(str(part))) and temporary.is_file():
                put(temporary, folder / name)
                done += 1
        journal.unlink(missing_ok=True)
        _sync(folder)
    return done


def _take(handle: int, kind: int, folder: Path) -> None:
    ends = time.monotonic() + _LONGEST_WAIT_S
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > ends:
                hint = "Wait for it, or end it"
                fact = "Another process holds this folder"
                raise CannotWrite(fact, value=str(folder), hint=hint) from None
            time.sleep(_PAUSE_S)
        except OSError:  # a file system without locks
            return
        else:
            return


@contextlib.contextmanager
def _named(path: Path, *, only: Path | None = None) -> Iterator[None]:
    """Turn an error of the disk into one that says what could not be written, and why.

    With `only`, an error that is about another file passes as it is.
    """
    try:
        yield
    except OSError as error:
        about: Any = error.filename
        if only is not None and error.errno not in _DISK and str(about) != str(only):
            raise
        why = error.strerror or type(error).__name__
        fact = f"Cannot be written ({why})"
        hint = _HINTS.get(error.errno or 0, "")
        raise CannotWrite(fact, value=str(path), hint=hint) from error


def _sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except PermissionError:  # a folder one may write to and not list
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno in _DISK:
            raise
    finally:
        os.close(handle)


def _kept_mode(temporary: Path, path: Path) -> int:
    """Mode of the file that is replaced; a private one stays private."""
    private = stat.S_IMODE(temporary.stat().st_mode) & 0o077 == 0
    kept = stat.S_IMODE(path.stat().st_mode)
    return kept & 0o700 if private else kept


def _is_ours(path: Path, temporary: Path) -> bool:
    """Whether a journal's line is one of ours: it moves nothing from or to elsewhere.

    Both are as the journal has them, below its folder; where that lies is its caller's affair.
    """
    return (
        temporary.parent == path.parent
        and ".." not in path.parts
        and not path.is_absolute()
        and temporary.name.startswith(f".{path.name}.")
        and temporary.suffix == _PART
    )


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # its writer has just finished
        return time.time()
