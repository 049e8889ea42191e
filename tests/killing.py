"""Writers that are stopped at random moments: what is on disk is the old bundle or the new.

``python -m tests.killing N SIGNAL`` runs in a process of its own, because it forks: a child
saves two windows in turn over one folder until it is stopped, and the parent reads.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from workbench import IncidentWindow, TimeRange, archive

_LONGEST_S = 0.06  # two saves take about this long
_AGAIN_S = 1.0


def stopped(number: int, name: str = "SIGKILL") -> dict[str, object]:
    """Stop `number` writers at random moments, in another process; counts and delays."""
    command = (sys.executable, "-m", "tests.killing", str(number), name)
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=root, timeout=280
    )
    return json.loads(done.stdout)


def _window(name: str, value: float) -> IncidentWindow:
    stamps = pd.date_range("2026-01-31T12:00Z", periods=2000, freq="1s")
    metrics = pd.DataFrame(
        {
            "ts": stamps,
            "metric": "service.latency",
            "value": value,
            "service": "cart",
            "labels": "{}",
        }
    )
    when = TimeRange("2026-01-31T12:25Z", "2026-01-31T12:30Z")
    return IncidentWindow.from_frames(when=when, id=name, metrics=metrics)


def _write(folder: Path, windows: list[IncidentWindow]) -> None:
    # A shell starts what it runs in the background deaf to Ctrl-C, and that is inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parent = os.getppid()
    while os.getppid() == parent:  # nobody is left behind, whatever ends the test
        for window in windows:
            window.save(folder)
            archive.pack(folder, folder.with_suffix(".zip"))


def _stop_one(
    folder: Path, windows: list[IncidentWindow], how: int, after: float
) -> tuple[float, float]:
    """Stop a writer; how long it took to end, by the clock and of a core."""
    child = os.fork()
    if child == 0:
        try:
            _write(folder, windows)
        except KeyboardInterrupt:
            os._exit(130)
        finally:
            os._exit(1)  # pytest's and the parent's clean-up are not the child's
    time.sleep(after)
    sent, used = time.perf_counter(), _cpu_s(child)
    os.kill(child, how)
    while (ended := os.wait4(child, os.WNOHANG))[0] == 0:
        if time.perf_counter() - sent > _AGAIN_S:  # Python drops one raised in a finaliser
            os.kill(child, how)
        time.sleep(0.001)
    assert os.WIFSIGNALED(ended[1]) or os.WEXITSTATUS(ended[1]) == 130, ended
    spent = ended[2].ru_utime + ended[2].ru_stime - used
    return time.perf_counter() - sent, spent


def _cpu_s(pid: int) -> float:
    """Seconds of a core that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _state(folder: Path, digests: set[str]) -> str:
    """Say what a reader finds: whole, or what is wrong."""
    if IncidentWindow.load(folder).digest not in digests:
        return "neither the old window nor the new"
    archive.verify_bundle(folder)
    packed = folder.with_suffix(".zip")
    if packed.exists():
        with tempfile.TemporaryDirectory() as out:
            again = archive.unpack(packed, Path(out) / "b")
            if IncidentWindow.load(again).digest not in digests:
                return "the packed bundle is another"
    return "whole"


def _leftovers(folder: Path, *, hidden: bool) -> int:
    there = [*folder.iterdir(), *folder.parent.glob("*.zip*"), *folder.parent.glob(".*.part")]
    return sum(path.name.startswith(".") for path in there) if hidden else len(there)


def main(number: int, name: str) -> dict[str, object]:
    rng = random.Random(0)
    windows = [_window("one", 1.0), _window("two", 2.0)]
    digests = {window.digest for window in windows}
    found: dict[str, int] = {}
    waits = []
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / "bundle"
        windows[0].save(folder)
        for _ in range(number):
            waits.append(
                _stop_one(folder, windows, signal.Signals[name], rng.uniform(0, _LONGEST_S))
            )
            state = _state(folder, digests)
            found[state] = found.get(state, 0) + 1
        hidden = _leftovers(folder, hidden=True)
        windows[0].save(folder)
        final = IncidentWindow.load(folder).digest == windows[0].digest
    clock, core = (max(one) for one in zip(*waits, strict=True))
    slowest = {"slowest_s": clock, "slowest_cpu_s": core}
    return {"states": found, "hidden": hidden, **slowest, "saved again": final}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), sys.argv[2])))
