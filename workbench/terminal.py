"""What reaches a terminal: text without what a terminal obeys, and a sign of life a stage.

A log line, a title or a service's name may hold escape sequences (ECMA-48), which would move the
cursor, change the title or write to the clipboard of whoever looks at it (CWE-150).
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Stages", "plain"]

# C0 but tab and line feed, DEL, C1, and what reverses the direction of text (UAX #9).
_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_EVERY_S = 10.0  # between two signs of life of one stage
_LEAST_S = 0.5  # between two lines of a pipe's: a stage of parts says the first of them


def plain(text: str) -> str:
    r"""Write what a terminal would obey as it is spelled: ``\x1b``.

    Examples
    --------
    >>> plain("cart\x1b[2J is\tslow")
    'cart\\x1b[2J is\tslow'
    """
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


class Stages:
    """Says what a command is doing: one line that changes on a terminal, a line a stage elsewhere.

    Written to standard error, so that what a command prints can be piped on.
    """

    def __init__(self) -> None:
        self._said, self._when = "", 0.0
        self._moves = sys.stderr.isatty()

    @contextlib.contextmanager
    def shown(self, first: str) -> Iterator[Stages]:
        """Say stages from `first` on for as long as the block lasts."""
        ended = threading.Event()
        beat = threading.Thread(target=self._beat, args=(ended,), name="stages", daemon=True)
        try:
            self.say(first)
            beat.start()
            yield self
        finally:
            ended.set()
            if self._moves:
                self._write("\r\x1b[K")

    def say(self, stage: str) -> None:
        """Say that a stage has begun; the same one twice is said once."""
        stage = plain(" ".join(stage.split()))
        now = time.monotonic()
        if stage == self._said or (not self._moves and now - self._when < _LEAST_S and self._said):
            return
        self._said, self._when = stage, now
        self._write(f"\r\x1b[K{stage} …" if self._moves else f"{stage} …\n")

    def _beat(self, ended: threading.Event) -> None:
        """Say that a long stage goes on, and for how long."""
        while not ended.wait(_EVERY_S):
            seconds = time.monotonic() - self._when
            if seconds >= _EVERY_S:
                text = f"{self._said} … {seconds:.0f} s"
                self._write(f"\r\x1b[K{text}" if self._moves else f"{text}\n")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # nobody is reading any more
            sys.stderr.write(text)
            sys.stderr.flush()
