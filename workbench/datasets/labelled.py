"""Labelled incidents: windows on one side, what was wrong on the other.

A window is built from what an investigator would have had: telemetry, the SLI that moved
and when. What was injected is a `Truth`, read by a separate function from a separate
place, for scoring alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from workbench.errors import BadInput, BundleMissing, unknown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from workbench.window import IncidentWindow

__all__ = ["LabelledSet", "Truth", "label_windows", "required"]


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
class _Held:
    """Looks an incident up among those in memory."""

    found: Mapping[str, Any]

    def __call__(self, incident: str) -> Any:  # noqa: ANN401 - a window or a truth
        return self.found[incident]

    def alone(self, incident: str) -> _Held:
        return _Held({incident: self.found[incident]})


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

    def alone(self, incident: str) -> LabelledSet:
        """Return the set of this incident: what another process is sent, not all windows."""
        load = self.load.alone(incident) if isinstance(self.load, _Held) else self.load
        truth = self.truth.alone(incident) if isinstance(self.truth, _Held) else self.truth
        return LabelledSet(self.layout, {incident: self.groups[incident]}, load, truth)

    def check(self, incident: str) -> str:
        """Return the id if it is one of the set.

        Raises
        ------
        UnknownName
            With the nearest known ids.
        """
        if incident not in self.groups:
            raise unknown_name(what="incident", name=incident, known=self.groups)
        return incident


def label_windows(
    windows: Iterable[IncidentWindow], truths: Mapping[str, str | Iterable[str]]
) -> LabelledSet:
    """Put labels beside windows of one's own, for `workbench.evaluate.score`.

    Parameters
    ----------
    windows
        One an incident, each with its own ``id``.
    truths
        Id to the service that was wrong, or to several of which any is right; a window
        that is not named here had nothing wrong and is not scored.

    Raises
    ------
    BadInput
        Two windows with one id.
    UnknownName
        A truth of a window that is not there.
    """
    found = list(windows)
    by_id = {window.id: window for window in found}
    if len(by_id) < len(found):
        hint = "Give each window its own: IncidentWindow.from_frames(id=...)"
        raise BadInput(fact="Windows that share an id", value=len(found) - len(by_id), hint=hint)
    for name in truths:
        if name not in by_id:
            raise unknown_name(what="incident", name=name, known=by_id)
    labels = {
        name: Truth((truth,) if isinstance(truth, str) else tuple(truth))
        for name, truth in truths.items()
    }
    return LabelledSet(
        layout="windows",
        groups=dict.fromkeys(by_id, ""),
        load=_Held(by_id),
        truth=_Held({name: labels.get(name, Truth(())) for name in by_id}),
    )


def required(path: Path, what: str) -> Path:
    """Return the path if it is there.

    Raises
    ------
    BundleMissing
        It is not.
    """
    if not path.exists():
        raise BundleMissing(fact=f"No {what} here", value=str(path.name), hint=f"In {path.parent}")
    return path
