"""Labelled incidents: windows on one side, what was wrong on the other.

A window is built from what an investigator would have had: telemetry, the SLI that moved
and when. What was injected is a `Truth`, read by a separate function from a separate
place, for scoring alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from workbench.errors import BundleMissing, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from workbench.window import IncidentWindow

__all__ = ["LabelledSet", "Truth", "required"]


@dataclass(frozen=True, slots=True)
class Truth:
    """What was wrong in a labelled incident.

    Parameters
    ----------
    services
        Where it was: any of these names is right; empty where nothing was wrong.
    fault
        What it was.
    details
        Whatever else the label says.
    """

    services: tuple[str, ...]
    fault: str = ""
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """Incidents of one folder, loaded one at a time.

    Parameters
    ----------
    layout
        Layout of the folder.
    groups
        Incident id to the group it belongs to (a day, a split), in order.
    load
        Reads the window of an incident; never looks at its truth.
    truth
        Reads the truth of an incident; never looks at its window.
    """

    layout: str
    groups: Mapping[str, str]
    load: Callable[[str], IncidentWindow]
    truth: Callable[[str], Truth]

    @property
    def ids(self) -> tuple[str, ...]:
        """Incident ids in order."""
        return tuple(self.groups)

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[IncidentWindow]:
        """Load each window in turn, without its truth."""
        return (self.load(incident) for incident in self.groups)

    def __repr__(self) -> str:
        return f"LabelledSet({self.layout!r}, {len(self)} incidents)"

    def check(self, incident: str) -> str:
        """Return the id if it is one of the set.

        Raises
        ------
        UnknownName
            With the nearest known ids.
        """
        if incident not in self.groups:
            raise unknown_name("incident", incident, self.groups)
        return incident


def required(path: Path, what: str) -> Path:
    """Return the path if it is there.

    Raises
    ------
    BundleMissing
        It is not.
    """
    if not path.exists():
        raise BundleMissing(f"No {what} here", value=str(path.name), hint=f"In {path.parent}")
    return path
