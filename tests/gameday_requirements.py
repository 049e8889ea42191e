"""What the game-day tests need from Debian: a skip with the reason, an error in CI."""

from __future__ import annotations

import os

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
