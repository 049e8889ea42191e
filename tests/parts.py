"""What a test needs from outside the repository: a skip with a reason, a failure in CI."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

# A limit for what has to come to its end by itself: a busy machine never reaches it.
AMPLE_S = 300.0
# Programs Debian puts where a user's PATH does not look.
_ALSO = ("/usr/sbin", "/usr/local/sbin", "/usr/lib/postgresql/15/bin")


def missing_part(reason: str) -> NoReturn:
    """Skip the test; with WORKBENCH_CI=1 fail it: there nothing may be missing."""
    if os.environ.get("WORKBENCH_CI") == "1":
        pytest.fail(f"WORKBENCH_CI=1 forbids skipping: {reason}", pytrace=False)
    pytest.skip(reason)


def examples(usual: int) -> int:
    """How many inputs a parser is tried with: ``WORKBENCH_EXAMPLES``, or the usual number."""
    return int(os.environ.get("WORKBENCH_EXAMPLES", usual))


def require_program(*names: str) -> str:
    """Return the path of the first of these programs there is."""
    path = os.pathsep.join([os.environ.get("PATH", ""), *_ALSO])
    found = next((p for n in names if (p := shutil.which(n, path=path))), None)
    return found or missing_part(f"needs a program that is not installed: {' or '.join(names)}")


def require_shared_data(name: str = "") -> Path:
    """Return a folder of public incident data, which is not part of the repository.

    Looked for in $WORKBENCH_PUBLIC_DATA, else beside the repository. It is never a
    failure that the data is not there, not even in CI: nobody can install it.
    """
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("WORKBENCH_PUBLIC_DATA", beside)) / name
    if not folder.is_dir():
        pytest.skip(f"public incident data {name or 'folder'} is not here")
    return folder


def require_shared_case(name: str) -> Path:
    """Return the folder of a small input that failed once; these lie beside the repository."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "cases" / name
    if not folder.is_dir():
        missing_part(f"the shared case {name} is not here")
    return folder
