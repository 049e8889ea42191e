"""What a command is about: a recorded incident, a bundle as folder or archive, or sources."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from workbench import datasets
from workbench.archive import MANIFEST, unpack
from workbench.baseline import extent
from workbench.collection.collecting import collect
from workbench.collection.sources import connect
from workbench.errors import BadInput
from workbench.times import TimeRange

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.window import IncidentWindow

__all__ = ["Target", "check_near", "open_target"]

_TOLD = 3  # reasons in one message
_ODD = re.compile(r"[^\w.-]+")  # of an id that is to be a folder's name
_ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz")
_SETTINGS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Target:
    """What was named.

    Parameters
    ----------
    window
        Its window, with the history it names where that lies beside it.
    bundle
        Folder of its bundle; None where it was moved in time, came from an archive or was
        collected: `as_bundle` saves it.
    """

    window: IncidentWindow
    bundle: Path | None = None

    @property
    def name(self) -> str:
        """What its results are filed under: the bundle's name, else the window's id."""
        if self.bundle is not None:
            return self.bundle.name
        return _ODD.sub("-", self.window.id).strip(".-") or "incident"

    def as_bundle(self, folder: Path) -> Path:
        """Return the folder of its bundle, saved below `folder` where there is none yet."""
        if self.bundle is not None:
            return self.bundle
        past = self.window.history
        if past is not None:
            past.save(folder / self.window.history_id)
        return self.window.save(folder / self.name)


def open_target(
    named: str,
    *,
    start: str | None = None,
    end: str | None = None,
    incident: str = "",
    show: Callable[[str], None] | None = None,
) -> Target:
    """Open what a command was told: an id, a folder, an archive, or a file of sources.

    Parameters
    ----------
    named
        Id of a recorded incident; folder or zip of a bundle; ``sources.yaml``.
    start, end
        Range of the incident, times with a zone: needed with sources, where no `incident` is
        given; else another range of the same data.
    incident
        With sources: its id where it is managed.
    show
        Told a line as sources are asked.

    Raises
    ------
    BadInput
        Half a range, a range far from the data, or nothing to compare with.
    UnknownName
        No recorded incident has this id.
    WorkbenchError
        What is there cannot be read.
    """
    if (start is None) != (end is None):
        raise BadInput(fact="Half a range", value=start or end, hint="Give --start and --end")
    path = Path(named).expanduser()
    if path.suffix in _SETTINGS:
        target = _collected(path, start, end, incident, show)
    else:
        if incident:
            hint = "--incident asks the sources of a sources.yaml"
            raise BadInput(fact="A bundle is one incident", value=incident, hint=hint)
        target = _recorded(named, path)
        if start is not None and end is not None:
            check_near(target.window, TimeRange(start, end))
            target = Target(target.window.between(start, end))
    if target.window.baseline is None:
        fact = "Nothing to compare with: a quiet stretch, or an incident without any time before it"
        hint = "workbench incidents lists the others"
        raise BadInput(fact, value=named, hint=hint)
    return target


def check_near(window: IncidentWindow, when: TimeRange) -> None:
    """Refuse a range in which the window has no data, and name the range in which it has.

    Raises
    ------
    BadInput
        Nothing lies in it.
    """
    there = extent(window.tables)
    if there is None:
        rows = sorted(window.coverage.problems, key=lambda row: row.status == "empty")
        hint = "; ".join(f"{row.source}: {row.reason}" for row in rows[:_TOLD])
        raise BadInput(fact="Nothing was measured", value=str(when), hint=hint)
    if not there.overlaps(when):
        hint = f"The data reaches over {there}"
        raise BadInput(fact="A range far from the data", value=str(when), hint=hint)


def _recorded(named: str, path: Path) -> Target:
    if path.name.endswith(_ARCHIVES) and path.is_file():
        with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
            bundle = unpack(path, Path(folder) / path.name.partition(".")[0])
            return Target(datasets.load(bundle.name, bundle.parent))
    if (path / MANIFEST).is_file():
        bundle = path.resolve()
        return Target(datasets.load(bundle.name, bundle.parent), bundle)
    return Target(datasets.load(named), datasets.bundles.folder().resolve() / named)


def _collected(
    path: Path,
    start: str | None,
    end: str | None,
    incident: str,
    show: Callable[[str], None] | None,
) -> Target:
    if start is None and not incident:
        hint = "Give --start and --end, or --incident with its id where it is managed"
        raise BadInput(fact="Sources hold all time", value=path.name, hint=hint)
    say = show or (lambda _: None)
    window = collect(
        connect(path), start, end, incident=incident, progress=lambda now: say(str(now))
    )
    check_near(window, window.when)
    return Target(window)
