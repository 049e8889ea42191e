"""Files that appear whole or not at all, and what an interrupted write leaves behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["put", "sweep", "temporary_beside", "whole_file", "write_text"]

_PART = ".part"
# A writer that is still at work has touched its file within this time.
_LEFT_BEHIND_S = 3600.0


@contextlib.contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """Hand out a hidden temporary sibling of `path`; what is left of it goes at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=_PART)
    os.close(handle)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def put(temporary: Path, path: Path) -> Path:
    """Give a finished temporary sibling its name, in one step."""
    temporary.chmod(0o644)
    return temporary.replace(path)


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Hand out a temporary sibling to write to; it takes the name `path` when all went well.

    An error or an interrupt removes the sibling and leaves what was at `path`. A process
    that is killed can leave the hidden sibling, never half a file of the name itself.
    """
    with temporary_beside(path) as temporary:
        yield temporary
        put(temporary, path)


def write_text(path: Path, text: str) -> Path:
    """Write a file whole or not at all: a temporary file beside it, then a rename."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def sweep(folder: Path) -> int:
    """Remove hidden siblings that killed writers left more than an hour ago; count them."""
    old = [p for p in folder.glob(f".*{_PART}") if time.time() - _touched(p) > _LEFT_BEHIND_S]
    for path in old:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(old)


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # its writer has just finished
        return time.time()
