"""What the game-day tests need: the shop's programs from Debian, and sight of its processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from workbench.gameday.programs import PACKAGES, missing


def require_shop() -> None:
    """Skip where a program of the shop is missing; with WORKBENCH_CI=1 fail instead."""
    absent = missing()
    if not absent:
        return
    packages = " ".join(sorted({PACKAGES[name] for name in absent}))
    reason = f"the shop needs {', '.join(absent)}: apt-get install {packages}"
    if os.environ.get("WORKBENCH_CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def processes_of(folder: str) -> list[str]:
    """Return the command lines that name a shop's own folder: another worker may run a shop too."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if folder.encode() in command:
            found.append(command.decode())
    return found
