"""Named errors: each message is a fact, the value at fault and a hint.

::

    WorkbenchError
    ├── BadInput             what was handed in cannot be used as it is
    │   ├── NaiveTimestamp   a time without a zone
    │   ├── BadTimeRange     an end that is not after its start
    │   ├── BadTable         a frame that does not fit its table's schema
    │   └── UnknownName      an incident, service, signal or change nobody knows
    ├── BundleError          an incident bundle on disk
    │   ├── BundleMissing    a folder or file is not there
    │   ├── BundleAltered    a file's digest differs from the manifest
    │   ├── BundleSchema     written by a schema version this code does not read
    │   └── BundleUnsafe     an archive that would write elsewhere, or more than it may
    ├── SourceError          a source could not be read as asked
    │   ├── SourceRefused    it said no: credentials, an unsafe address, a query it rejects
    │   ├── SourceUnreachable  no answer within the deadline, after retries
    │   ├── SourceGarbled    an answer that is not what its protocol says
    │   └── WindowTooLarge   more rows than a window may hold, told before the download
    ├── CannotWrite          a file or folder that cannot be written: full, read-only, in the way
    ├── EvidenceMismatch     a number does not resolve or recompute to itself
    └── MissingPart          a program or an optional package is not installed
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from workbench.terminal import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "BadInput",
    "BadTable",
    "BadTimeRange",
    "BundleAltered",
    "BundleError",
    "BundleMissing",
    "BundleSchema",
    "BundleUnsafe",
    "CannotWrite",
    "EvidenceMismatch",
    "MissingPart",
    "NaiveTimestamp",
    "SourceError",
    "SourceGarbled",
    "SourceRefused",
    "SourceUnreachable",
    "UnknownName",
    "WindowTooLarge",
    "WorkbenchError",
    "unknown_name",
]

_LONGEST_VALUE = 200  # characters of a value that a message shows
_MOST_NAMES = 8  # known names that a hint lists


class WorkbenchError(Exception):
    """Base of every error the workbench raises on purpose.

    Parameters
    ----------
    fact
        What is wrong, one sentence without a full stop.
    value
        The value at fault; shown with ``repr`` and shortened.
    hint
        What to do about it.
    """

    def __init__(self, fact: str, *, value: object = None, hint: str = "") -> None:
        self.fact = fact
        self.value = value
        self.hint = hint
        super().__init__(fact)

    def __str__(self) -> str:
        """Fact, value and hint on one line."""
        text = self.fact
        if self.value is not None:
            text += f": {_shortened(self.value)}"
        return plain(f"{text}. {self.hint}" if self.hint else text)


class BadInput(WorkbenchError):
    """What was handed in cannot be used as it is."""


class NaiveTimestamp(BadInput):
    """A time without a zone: nobody can know which instant it means."""


class BadTimeRange(BadInput):
    """A range whose end is not after its start."""


class BadTable(BadInput):
    """A frame that does not fit its table's schema."""


class UnknownName(BadInput):
    """An incident, service, signal or change that nobody knows."""


class BundleError(WorkbenchError):
    """An incident bundle on disk cannot be used."""


class BundleMissing(BundleError):
    """A bundle, or a file its manifest names, is not there."""


class BundleAltered(BundleError):
    """A file's digest differs from the manifest's."""


class BundleSchema(BundleError):
    """The bundle was written by a schema version this code does not read."""


class BundleUnsafe(BundleError):
    """An archive of a bundle that would write elsewhere, or more than it may."""


class SourceError(WorkbenchError):
    """A source could not be read as asked; collecting turns it into a row of coverage."""


class SourceRefused(SourceError):
    """The source, or our own guard, said no: credentials, an unsafe address, a bad query.

    Parameters
    ----------
    status
        HTTP status of the source's no; None where our own guard said it.
    payload
        What it answered, as far as that was JSON.
    """

    def __init__(
        self,
        fact: str,
        *,
        value: object = None,
        hint: str = "",
        status: int | None = None,
        payload: object = None,
    ) -> None:
        super().__init__(fact, value=value, hint=hint)
        self.status = status
        self.payload = payload


class SourceUnreachable(SourceError):
    """No answer within the deadline, after retries."""


class SourceGarbled(SourceError):
    """An answer that is not what its protocol says: HTML, cut short, the wrong shape."""


class WindowTooLarge(SourceError):
    """More rows than a window may hold, told before the download."""


class CannotWrite(WorkbenchError):
    """A file or folder cannot be written: the disk is full or read-only, or something is there."""


class EvidenceMismatch(WorkbenchError):
    """A number does not resolve to its evidence, or does not recompute."""


class MissingPart(WorkbenchError):
    """A program or an optional package is not installed."""


def unknown_name(what: str, name: str, known: Iterable[str]) -> UnknownName:
    """Build an `UnknownName` that suggests the nearest known names.

    Parameters
    ----------
    what
        The kind of thing, e.g. ``"service"``.
    name
        The name nobody knows.
    known
        The names there are.
    """
    names = sorted({str(k) for k in known})
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        hint = "Did you mean " + " or ".join(repr(c) for c in close) + "?"
    elif names:
        hint = f"Known: {', '.join(names[:_MOST_NAMES])}" + (
            ", …" if len(names) > _MOST_NAMES else ""
        )
    else:
        hint = f"No {what} is known here"
    return UnknownName(f"Unknown {what}", value=name, hint=hint)


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…"
