"""Writers stopped at every step they take: the old content is there or the new, never a mixture.

``python -m tests.crashing`` runs in a process of its own, because it forks: a child writes and
ends without a word before its first, second, … change of the disk; the parent reads what is there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from tests.killing import _window
from workbench import IncidentWindow, TimeRange, archive
from workbench.collection.cache import Cache
from workbench.connectors.contract import complete_fetch
from workbench.connectors.transport.http import HttpSettings
from workbench.diagnose import Hypotheses
from workbench.masking import Pseudonyms, workspace_key
from workbench.slis import SLI
from workbench.writing import recover, write_text, write_together

if TYPE_CHECKING:
    from collections.abc import Callable

_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.link", "os.truncate"}
_MOST_STEPS = 200
_KILLED = 9
_WHEN = TimeRange("2026-01-31T12:00Z", "2026-01-31T12:30Z")


def crashed() -> dict[str, dict[str, object]]:
    """Kill each writer at each of its steps, in another process."""
    root = Path(__file__).resolve().parents[1]
    command = (sys.executable, "-m", "tests.crashing")
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=root, timeout=280
    )
    return json.loads(done.stdout)


@dataclass(frozen=True)
class Writer:
    """Writes content ``"old"`` or ``"new"`` below a folder, and reads which of them is there."""

    write: Callable[[Path, str], object]
    read: Callable[[Path], str]


def _read_together(folder: Path) -> str:
    recover(folder)
    said = {path.read_text() for path in (folder / "a.md", folder / "sub" / "b.svg")}
    return said.pop() if len(said) == 1 else f"a mixture of {sorted(said)}"


_WINDOWS = {"old": _window("old", 1.0), "new": _window("new", 2.0)}
_BUNDLES: dict[str, Path] = {}
_PSEUDONYMS = Pseudonyms(b"a key that is for tests only")
_SETTINGS = HttpSettings(url="http://127.0.0.1:1")


def _keep(folder: Path, which: str) -> object:
    rows = _WINDOWS[which].metrics.head(50)
    cache = Cache(folder / "cache", _PSEUDONYMS)
    return cache.keep(cache.key("x", _SETTINGS, {}), complete_fetch("metrics", rows, "x"))


def _kept(folder: Path) -> str:
    cache = Cache(folder / "cache", _PSEUDONYMS)
    found = cache.find(cache.key("x", _SETTINGS, {}))
    if found is None:
        return "none"
    return {1.0: "old", 2.0: "new"}[float(found.frame["value"].iloc[0])]


def _pack(folder: Path, which: str) -> object:
    return archive.pack(_BUNDLES[which], folder / "b.zip")


def _packed(folder: Path) -> str:
    with tempfile.TemporaryDirectory() as out:
        return IncidentWindow.load(archive.unpack(folder / "b.zip", Path(out) / "b")).id


def _ledger(which: str) -> Hypotheses:
    return Hypotheses(which, "", _WHEN, SLI("front", "latency"), "", (), (), ())


WRITERS = {
    "text": Writer(
        lambda folder, which: write_text(folder / "a.txt", which),
        lambda folder: (folder / "a.txt").read_text(),
    ),
    "together": Writer(
        lambda folder, which: write_together(
            folder, {"a.md": which.encode(), "sub/b.svg": which.encode()}
        ),
        _read_together,
    ),
    "bundle": Writer(
        lambda folder, which: _WINDOWS[which].save(folder / "b"),
        lambda folder: IncidentWindow.load(folder / "b").id,
    ),
    "packed": Writer(_pack, _packed),
    "cache": Writer(_keep, _kept),
    "csv": Writer(
        lambda folder, which: archive.write_csv(pd.DataFrame({"a": [which]}), folder / "t.csv"),
        lambda folder: archive.read_csv(folder / "t.csv")["a"].iloc[0],
    ),
    "ledger": Writer(
        lambda folder, which: _ledger(which).save(folder / "ledger.json"),
        lambda folder: Hypotheses.load(folder / "ledger.json").window_id,
    ),
    "masking key": Writer(
        lambda folder, _: workspace_key(folder / "masking.key"),
        lambda folder: "old" if workspace_key(folder / "masking.key") else "",
    ),
}


def _stops_at(step: int, folder: Path, how: str) -> None:
    """End or interrupt this process before its `step`-th change below a folder, or flush."""
    left = [step]

    def count() -> None:
        left[0] -= 1
        if left[0] == 0 and how == "killed":
            os._exit(_KILLED)
        if left[0] == 0:
            raise KeyboardInterrupt

    def hook(event: str, told: tuple[object, ...]) -> None:
        writes = (
            event == "open" and isinstance(told[2], int) and told[2] & (os.O_WRONLY | os.O_RDWR)
        )
        if (event in _CHANGES or writes) and str(folder) in str(told[0]):
            count()

    sync = os.fsync

    def fsync(handle: int) -> None:
        count()
        sync(handle)

    os.fsync = fsync
    sys.addaudithook(hook)


def _stopped_at(step: int, writer: Writer, folder: Path, which: str, *, how: str) -> bool:
    """Write in a child that is stopped at a step; whether it got that far."""
    child = os.fork()
    if child == 0:
        _stops_at(step, folder, how)
        try:
            writer.write(folder, which)
        except KeyboardInterrupt:
            os._exit(_KILLED)
        except Exception:  # noqa: BLE001 - the parent reads what is there
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == _KILLED


def _states(writer: Writer, *, first: bool = False, how: str = "killed") -> dict[str, object]:
    """Count what a reader finds after each step, over old content or over none."""
    found: dict[str, int] = {}
    for step in range(1, _MOST_STEPS):
        with tempfile.TemporaryDirectory() as root:
            folder = Path(root)
            if not first:
                writer.write(folder, "old")
            if not _stopped_at(step, writer, folder, "new", how=how):
                return {"steps": step - 1, "states": found}
            state = _state(writer, folder) if not first else "not asked"
            found[state] = found.get(state, 0) + 1
            writer.write(folder, "new")  # and whoever comes next is not held up
            if writer.read(folder) not in {
                "new",
                "old" if writer is WRITERS["masking key"] else "",
            }:
                return {"steps": step, "states": {"not written again": 1}}
    return {"steps": _MOST_STEPS, "states": found}


def _state(writer: Writer, folder: Path) -> str:
    try:
        return writer.read(folder)
    except Exception as error:  # noqa: BLE001 - whatever a reader meets is counted
        return f"{type(error).__name__}: {error}"[:200]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as bundles:
        _BUNDLES |= {name: window.save(Path(bundles) / name) for name, window in _WINDOWS.items()}
        told = {name: _states(writer) for name, writer in WRITERS.items()}
        told |= {f"{n}, interrupted": _states(w, how="interrupted") for n, w in WRITERS.items()}
        told |= {f"{name}, at first": _states(one, first=True) for name, one in WRITERS.items()}
    print(json.dumps(told))
