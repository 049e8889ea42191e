"""Sections in processes of their own, two at a time, told whole and in a fixed order."""

from __future__ import annotations

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_LAST_WORDS = 20  # lines of a failed section's error


@dataclass(frozen=True, slots=True)
class Ran:
    """What a section printed, its error where it failed, and the time it took."""

    name: str
    text: str
    error: str
    seconds: float

    @property
    def failed(self) -> bool:
        return bool(self.error)


def run(commands: Mapping[str, Sequence[str]], *, lanes: int = 2) -> Iterator[Ran]:
    """Run commands `lanes` at a time; yield each, in the order given, once it is done."""
    with ThreadPoolExecutor(lanes) as pool:
        started = [pool.submit(_run, name, command) for name, command in commands.items()]
        for future in started:
            yield future.result()


def _run(name: str, command: Sequence[str]) -> Ran:
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    if done.returncode == 0:
        return Ran(name, done.stdout, "", seconds)
    last = "\n".join(done.stderr.splitlines()[-_LAST_WORDS:])
    return Ran(name, done.stdout, f"exit status {done.returncode}\n{last}", seconds)
