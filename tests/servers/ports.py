"""Free ports for real servers, chosen so that no other test and no connection takes them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

# Below what Linux gives to connections and to `bind` on port 0.
_FIRST, _LAST = 20_000, 29_999
_held: list[int] = []


def free_port() -> int:
    """Return a port of this machine that stays this process's until it ends.

    Asking the system for any port and closing it leaves a moment in which another worker is
    given the same one. Here a lock on a file says that a port is taken, for every run of the
    tests on this machine; the lock goes with the process, whatever ends it.
    """
    folder = Path(tempfile.gettempdir()) / f"workbench-test-ports-{os.getuid()}"
    folder.mkdir(exist_ok=True)
    choice = random.Random(os.urandom(8))
    while True:
        port = choice.randint(_FIRST, _LAST)
        if _locked(folder / str(port)) and _unused(port):
            return port


def _locked(path: Path) -> bool:
    file = os.open(path, os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    _held.append(file)
    return True


def _unused(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a connection of a server that ended does not keep its port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False
