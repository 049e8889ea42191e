"""Starts processes and ends only those: by pid, with a death signal as the last net."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.errors import WorkbenchError
from workbench.gameday.programs import program

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

__all__ = ["Supervisor"]


@dataclass
class Supervisor:
    """Owns a set of child processes; leaving the context ends every one of them.

    Parameters
    ----------
    logs
        Folder for each process's output, ``<name>.out``.
    grace_s
        Seconds between the polite signal and SIGKILL.
    """

    logs: Path
    grace_s: float = 8.0
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    stop_signals: dict[str, int] = field(default_factory=dict)

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        stop_signal: int = signal.SIGTERM,
    ) -> int:
        """Start one process in its own group and return its pid."""
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.logs / f"{name}.out").open("ab") as out:
            child = subprocess.Popen(
                [*_dying_with_parent(stop_signal), *command],
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **(env or {})},
                user=user,
                group=user,
                extra_groups=[] if user else None,
                process_group=0,
            )
        self.children[name] = child
        self.stop_signals[name] = stop_signal
        return child.pid

    def replace(self, name: str, newcomer: str) -> int:
        """Stop `name` politely, give its name to `newcomer`, return the exit code."""
        code = self.stop(name)
        self.children[name] = self.children.pop(newcomer)
        self.stop_signals[name] = self.stop_signals.pop(newcomer)
        return code

    def stop(self, name: str) -> int:
        """End one process started here and return its exit code."""
        child = self.children.pop(name)
        self._signal(child, self.stop_signals.pop(name))
        try:
            return child.wait(self.grace_s)
        except subprocess.TimeoutExpired:
            self._signal(child, signal.SIGKILL)
            return child.wait()

    def stop_all(self) -> dict[str, int]:
        """End every process, the latest first; return exit codes by name."""
        return {name: self.stop(name) for name in reversed(list(self.children))}

    def check(self, *, may_end: tuple[str, ...] = ()) -> int:
        """Return how many processes run.

        Raises
        ------
        WorkbenchError
            If one ended by itself that is not among `may_end`.
        """
        ended = [name for name, child in self.children.items() if child.poll() is not None]
        for name in ended:
            if name not in may_end:
                msg = "A process of the shop ended by itself"
                raise WorkbenchError(msg, value=name, hint=self.tail(name))
        return len(self.children) - len(ended)

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float = 30.0) -> float:
        """Wait for a condition and return the seconds it took.

        Raises
        ------
        WorkbenchError
            If it does not come true in time, or a process dies first.
        """
        began = time.monotonic()
        while not ready():
            self.check()
            if time.monotonic() - began > seconds:
                msg = "A part of the shop did not become ready"
                raise WorkbenchError(msg, value=what, hint=f"Waited {seconds:.0f} s")
            time.sleep(0.05)
        return time.monotonic() - began

    def tail(self, name: str) -> str:
        """Last lines of a process's output."""
        out = self.logs / f"{name}.out"
        text = out.read_text(errors="replace") if out.exists() else ""
        return " | ".join(text.splitlines()[-6:])

    def __enter__(self) -> Supervisor:
        """Give the supervisor itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End everything, whatever happened inside."""
        self.stop_all()

    @staticmethod
    def _signal(child: subprocess.Popen[bytes], number: int) -> None:
        # The whole group on SIGKILL only: PostgreSQL and nginx end their own workers politely.
        if child.poll() is None:
            if number == signal.SIGKILL:
                os.killpg(child.pid, number)
            else:
                child.send_signal(number)


def _dying_with_parent(number: int) -> list[str]:
    # setpriv asks the kernel for the signal, then becomes the program: the pid stays the same.
    name = signal.Signals(number).name.removeprefix("SIG")
    # A parent that died before the kernel was asked sends nothing: whose child are we now?
    ask = ["sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"', str(os.getpid())]
    return [program("setpriv"), "--pdeathsig", name, *ask]
