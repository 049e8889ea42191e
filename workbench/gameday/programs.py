"""Debian programs the shop runs, found by name or refused with the package to install."""

from __future__ import annotations

import shutil
from pathlib import Path

from workbench.errors import MissingPart

__all__ = ["PACKAGES", "missing", "program", "require_all"]

PACKAGES = {
    "setpriv": "util-linux",
    "nginx": "nginx-light",
    "postgres": "postgresql",
    "initdb": "postgresql",
    "redis-server": "redis-server",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
}


def program(name: str) -> str:
    """Return the path of one program.

    Parameters
    ----------
    name
        A key of `PACKAGES`.

    Raises
    ------
    MissingPart
        If the program is not installed; the hint names its Debian package.
    """
    found = shutil.which(name, path=_search_path())
    if found is None:
        package = PACKAGES.get(name, name)
        msg = "The shop needs a program that is not installed"
        hint = f"apt-get install --no-install-recommends {package}"
        raise MissingPart(msg, value=name, hint=hint)
    return found


def require_all() -> tuple[str, ...]:
    """Return the paths of all programs.

    Raises
    ------
    MissingPart
        If one is not installed: better before anything is started than half way.
    """
    return tuple(program(name) for name in PACKAGES)


def missing() -> tuple[str, ...]:
    """Names of the programs that are not installed."""
    return tuple(n for n in PACKAGES if shutil.which(n, path=_search_path()) is None)


def _search_path() -> str:
    # Debian keeps PostgreSQL's server programs off PATH, one folder a major version.
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    folders = ["/usr/local/sbin", "/usr/sbin", "/usr/local/bin", "/usr/bin", "/bin"]
    return ":".join([*map(str, servers), *folders])
