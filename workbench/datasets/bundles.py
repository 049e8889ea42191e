"""Recorded incidents of this repository: list, load, verify; their truth apart."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path

import pandas as pd

from workbench.archive import MANIFEST, read_manifest, verify_bundle
from workbench.datasets.labelled import LabelledSet, Truth, required
from workbench.errors import BundleMissing, UnknownName, WorkbenchError, unknown_name
from workbench.times import TimeRange
from workbench.window import IncidentWindow

__all__ = ["folder", "incidents", "load", "read_bundles", "truth", "verify"]

_VARIABLE = "WORKBENCH_DATASETS"
_SHIPPED = "recorded"  # beside this module, in an installed package
_ELSEWHERE = f"Say --datasets, or set {_VARIABLE}, with the datasets/ folder of a clone"


def folder() -> Path:
    """Folder of the recorded incidents.

    ``WORKBENCH_DATASETS`` if set, else ``datasets/`` of the working directory or of the
    checkout this package lies in, else the few that an installed package carries.
    """
    if told := os.environ.get(_VARIABLE):
        return Path(told)
    module = Path(__file__).resolve()
    places = (Path.cwd() / "datasets", module.parents[2] / "datasets")
    # Many a project has a folder of this name: one without bundles is not ours.
    ours = (place for place in places if any(place.glob(f"*/{MANIFEST}")))
    return next(ours, module.parent / _SHIPPED)


def incidents(path: str | Path | None = None) -> pd.DataFrame:
    """List the recorded bundles.

    Returns
    -------
    pandas.DataFrame
        One row a bundle: id, title, when, start, end, tables, megabytes, history. A
        quiet stretch that other bundles refer to is listed like any other. A folder that is no
        bundle, or one that cannot be read, is a row that says why as its `problem`.
    """
    root = Path(path) if path else folder()
    try:
        found = sorted(root.glob(f"*/{MANIFEST}"))
    except OSError:
        found = []
    columns = ["id", "title", "when", "start", "end", "tables", "megabytes", "history", "problem"]
    frame = pd.DataFrame([_row(manifest.parent) for manifest in found], columns=columns)
    for name in ("start", "end"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def load(incident: str, path: str | Path | None = None) -> IncidentWindow:
    """Load a recorded incident with the history it names; every digest is checked first.

    A history that is not there, or was altered, leaves the window without one: its
    `history_id` still names it, and every result that would have used it says so.

    Raises
    ------
    UnknownName
        No bundle has this id; the nearest ids are named.
    BundleMissing, BundleAltered, BundleSchema
        The bundle on disk is not what its manifest says.
    """
    bundle = _bundle(incident, path)
    window = _loaded(bundle, _stamp(bundle))
    if not window.history_id or window.history_id == incident:
        return window
    try:
        past = _bundle(window.history_id, bundle.parent)
        return window.with_(history=_loaded(past, _stamp(past)))
    except WorkbenchError:
        return window


def _stamp(bundle: Path) -> tuple[tuple[str, int, int], ...]:
    files = sorted(bundle.glob("*.*"))
    return tuple((f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files)


# A window never changes, so the history that several incidents share is read once; any
# touched file makes it read, and checked, anew.
@lru_cache(maxsize=4)
def _loaded(bundle: Path, stamp: tuple[tuple[str, int, int], ...]) -> IncidentWindow:
    return IncidentWindow.load(bundle)


def verify(incident: str, path: str | Path | None = None) -> tuple[str, ...]:
    """Check the digest of every file of a bundle, its truth included.

    Returns
    -------
    tuple of str
        Names of the files that were checked.

    Raises
    ------
    UnknownName, BundleMissing, BundleAltered, BundleSchema
        As `load`.
    """
    return verify_bundle(_bundle(incident, path))


def truth(incident: str, path: str | Path | None = None) -> Truth:
    """Read what was injected into a recorded incident: for scoring alone.

    Raises
    ------
    UnknownName
        No bundle has this id.
    BundleMissing
        The bundle has no ``truth.json``.
    """
    file = required(_bundle(incident, path) / "truth.json", "truth of this incident")
    told = json.loads(file.read_text(encoding="utf-8"))
    services = told.get("services") or ([told["service"]] if told.get("service") else [])
    known = {"services", "service", "fault"}
    details = {name: value for name, value in told.items() if name not in known}
    return Truth(tuple(services), fault=str(told.get("fault", "")), details=details)


def read_bundles(path: str | Path) -> LabelledSet:
    """Read a folder of bundles as labelled incidents; bundles without truth are left out.

    Raises
    ------
    BundleMissing
        No such folder, or none of its bundles has a truth.
    """
    root = required(Path(path), "folder of bundles")
    labelled = [
        m.parent.name
        for m in sorted(root.glob(f"*/{MANIFEST}"))
        if (m.parent / "truth.json").exists()
    ]
    if not labelled:
        hint = "A labelled bundle has a truth.json beside its manifest.json"
        raise BundleMissing(fact="No labelled bundles here", value=str(root), hint=hint)
    return LabelledSet(
        layout="bundles",
        groups=dict.fromkeys(labelled, root.name),
        load=lambda incident: load(incident, root),
        truth=lambda incident: truth(incident, root),
    )


def _bundle(incident: str, path: str | Path | None) -> Path:
    root = Path(path) if path else folder()
    if not root.is_dir():
        raise BundleMissing(
            fact="No folder of recorded incidents", value=str(root.name), hint=_ELSEWHERE
        )
    known = [manifest.parent.name for manifest in root.glob(f"*/{MANIFEST}")]
    if incident not in known:
        raise _unknown(incident, known, root)
    return root / incident


def _unknown(incident: str, known: list[str], root: Path) -> UnknownName:
    error = unknown_name("incident", incident, known)
    if root.name != _SHIPPED:
        return error
    hint = f"{error.hint} A package carries only {' and '.join(sorted(known))}. {_ELSEWHERE}"
    return UnknownName(error.fact, value=error.value, hint=hint)


def _row(bundle: Path) -> dict[str, object]:
    """Describe a bundle, or say why it is none: one odd folder hides no other."""
    try:
        manifest = read_manifest(bundle)
        window, files = manifest["window"], manifest["files"]
        when = TimeRange(**window["when"])
        tables = [Path(name).stem for name in files if name.endswith(".parquet")]
        return {
            "id": bundle.name,
            "title": str(window["title"]),
            "when": str(when),
            "start": when.start,
            "end": when.end,
            "tables": ", ".join(sorted(set(tables) - {"coverage"})),
            "megabytes": sum(float(facts["bytes"]) for facts in files.values()) / 1e6,
            "history": str(window["history"]),
            "problem": "",
        }
    except WorkbenchError as error:
        return _odd(bundle, str(error))
    except OSError as error:
        return _odd(bundle, f"It cannot be read: {error.strerror or type(error).__name__}")
    except (KeyError, TypeError, ValueError, AttributeError):
        return _odd(bundle, "Its manifest describes no window")


def _odd(bundle: Path, why: str) -> dict[str, object]:
    texts = dict.fromkeys(("title", "when", "tables", "history"), "")
    return {"id": bundle.name, **texts, "megabytes": 0.0, "problem": why}
