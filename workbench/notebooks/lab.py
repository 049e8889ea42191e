"""JupyterLab on the curated notebooks, at an address that is said."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

from workbench.errors import BadInput
from workbench.notebooks.run import open_notebooks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["open_lab"]

_FIRST_PORT, _LAST_PORT = 8888, 8987
_TOKEN = "JUPYTER_TOKEN"  # noqa: S105 - the variable's name
# Neither is asked of the network, nor of whoever wants to read the first result.
_QUIET = (
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    "--LabApp.news_url=",
)


def open_lab(
    *,
    port: int | None = None,
    browser: bool = True,
    more: Sequence[str] = (),
    say: Callable[[str], None] = print,
) -> int:
    """Run JupyterLab until it is stopped; return its exit code.

    Parameters
    ----------
    port
        Of this machine; the first free one from 8888 on where none is said.
    browser
        Whether to open one.
    more
        Handed to ``jupyter lab`` as they are.
    say
        Told the address, before the server starts.

    Raises
    ------
    BadInput
        The port is taken.
    """
    chosen = _free(port)
    own = {**os.environ}
    token = own.setdefault(_TOKEN, secrets.token_hex(24))
    folder = open_notebooks()
    command = [sys.executable, "-m", "jupyter", "lab", f"--notebook-dir={folder}", *_QUIET]
    command += [f"--port={chosen}", "--ServerApp.port_retries=0"]
    command += [] if browser else ["--no-browser"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:  # in a container there is nobody else
        command.append("--allow-root")
    say(f"JupyterLab on {folder}: http://127.0.0.1:{chosen}/lab?token={token}")
    say("Ctrl-C ends it.")
    return subprocess.run([*command, *more], check=False, env=own).returncode


def _free(port: int | None) -> int:
    for one in [port] if port is not None else range(_FIRST_PORT, _LAST_PORT + 1):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", one))
            except (OSError, OverflowError):
                continue
            return one
    raise BadInput(fact="A port that is taken, or none", value=port, hint="Say another with --port")
