"""Long work: interrupted at random points, and with more samples than fit twice.

``python -m tests.longwork interrupts N`` and ``… memory SAMPLES`` run in processes of their own:
the one is sent Ctrl-C, the other's memory is measured. Each prints one line of JSON.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

TESTS = Path(__file__).resolve().parent
sys.path.insert(0, str(TESTS))  # as pytest finds its helpers

import workbench as wb  # noqa: E402
from servers.prometheus import prometheus  # noqa: E402
from workbench import archive, datasets  # noqa: E402

T0 = 1_769_860_800  # 2026-01-31T12:00:00Z
EVERY_S = 15
SOURCES = """
masking_key: key/masking.key
cache: cache
sources:
  prom: {kind: prometheus, url: "URL", queries: [{promql: requests_total}]}
"""


def apart(*what: str) -> dict[str, object]:
    """Run this module in another process and read what it prints."""
    command = (sys.executable, "-m", "tests.longwork", *what)
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=TESTS.parent, timeout=900
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def history(samples: int, series: int = 500):
    """A counter of many instances, and when they were scraped, as `prometheus` wants them."""
    times = range(0, samples // series * EVERY_S, EVERY_S)
    made = []
    for n in range(series):
        own = {"service": f"service-{n % 50}", "instance": f"i{n}:1", "job": "shop"}
        made.append(("requests_total", own, [(T0 + s, s * (n + 1)) for s in times]))
    scraped = {"service": "service-0", "instance": "i0:1", "job": "shop"}
    return [*made, ("up", scraped, [(T0 + s, 1) for s in times])]


def connected(folder: Path, url: str):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sources.yaml").write_text(SOURCES.replace("URL", url), encoding="utf-8")
    return wb.connect(folder / "sources.yaml")


def at(seconds: float):
    return wb.times.utc(f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(T0 + seconds))}Z")


def collected(sources, seconds: float):
    """Everything of so many seconds; half of it is the baseline."""
    half = f"{int(seconds / 2)}s"
    return wb.collect(sources, at(seconds / 2), at(seconds), before=half, progress=lambda _: None)


def resident() -> int:
    """Most bytes resident so far. (``ru_maxrss`` begins with that of the process before exec.)"""
    told = Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(r"VmHWM:\s+(\d+) kB", told)[1]) * 1024


def memory(samples: int) -> dict[str, object]:
    """Collect so many samples; how much the peak grows beyond that of a small collection."""
    with prometheus(history(samples)) as url:
        return apart("grown", str(samples), url)


def grown(samples: int, url: str) -> dict[str, object]:
    """In a process that has held nothing large before."""
    with tempfile.TemporaryDirectory() as name:
        collected(connected(Path(name) / "small", url), 600)
        before, begun = resident(), time.perf_counter()
        window = collected(connected(Path(name) / "large", url), samples // 500 * EVERY_S)
        return {
            "samples": len(window.metrics),
            "seconds": time.perf_counter() - begun,
            "grown MB": (resident() - before) / 1e6,
        }


class Interrupted:
    """Does a piece of work, interrupted after some seconds; how long the prompt took.

    By the clock, which is what a person waits; and in seconds of a core, which is what the
    work went on for and is the same on a busy machine.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.waits: list[float] = []
        self.busy: list[float] = []
        self.states: dict[str, int] = {}

    def during(self, work, usual_s: float) -> bool:
        """Whether an interrupt ended the work; its wait is noted."""
        sent: list[tuple[float, float]] = []

        def send():
            sent.append((time.perf_counter(), time.process_time()))
            os.kill(os.getpid(), signal.SIGINT)

        timer = threading.Timer(self.rng.uniform(0, usual_s), send)
        timer.start()
        try:
            work()
        except KeyboardInterrupt:
            self._waited(*sent[0])
            return True
        finally:
            timer.cancel()
            timer.join()
        if sent:  # Python drops one raised in a finaliser: the work goes on to its end
            self._waited(*sent[0])
        return bool(sent)

    def _waited(self, clock: float, busy: float) -> None:
        self.waits.append(time.perf_counter() - clock)
        self.busy.append(time.process_time() - busy)

    def note(self, state: str) -> None:
        self.states[state] = self.states.get(state, 0) + 1


def interrupts(number: int) -> dict[str, object]:
    """Interrupt collect, analyse and export in turn, `number` times in all."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    window = datasets.load("shop-orders-locks")
    with tempfile.TemporaryDirectory() as name, prometheus(history(60_000, 100)) as url:
        trial = Interrupted(random.Random(0))
        jobs = (_Collect(Path(name), url), _Analyse(window), _Export(Path(name), window))
        usual = [_timed(job.run) for job in jobs]
        n = 0
        while len(trial.waits) < number:
            job, longest = jobs[n % 3], usual[n % 3]
            job.begin(n)
            if trial.during(job.run, longest):
                trial.note(f"{job.name}: {job.state()}")
            n += 1
    late = sum(wait > 2 for wait in trial.waits)
    return {
        "states": trial.states,
        "interrupts": len(trial.waits),
        "late": late,
        "slowest_s": max(trial.waits),
        "slowest_cpu_s": max(trial.busy),
    }


def _timed(work) -> float:
    work()
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


class _Collect:
    name = "collect"

    def __init__(self, root: Path, url: str) -> None:
        self.root, self.url = root, url
        self.begin(-1)
        self.whole = collected(self.sources, 9000).metrics
        self.begin(-2)

    def begin(self, n: int) -> None:
        self.folder = self.root / f"collect{n}"
        self.sources = connected(self.folder, self.url)

    def run(self) -> None:
        if self.folder.name == "collect-2":  # while it is timed: never from the cache
            self.begin(-2)
            for file in (self.folder / "cache").glob("*"):
                file.unlink()
        collected(self.sources, 9000)

    def state(self) -> str:
        """Run it again: it goes on from what was kept, and gives the same."""
        kept = len(list((self.folder / "cache").glob("*.json")))
        told: list = []
        again = wb.collect(self.sources, at(4500), at(9000), before="4500s", progress=told.append)
        if told[-1].cached < kept:
            return "what was kept was not used"
        return "resumed" if again.metrics.equals(self.whole) else "another window"


class _Analyse:
    name = "analyse"

    def __init__(self, window) -> None:
        self.window = window

    def begin(self, n: int) -> None:
        pass

    def run(self) -> None:
        wb.diagnose.compare(self.window)

    def state(self) -> str:
        return "no file"


class _Export:
    name = "export"

    def __init__(self, root: Path, window) -> None:
        self.root, self.window = root, window
        self.draft = wb.postmortem.draft(window, wb.diagnose.compare(window))
        self.begin(-1)

    def begin(self, n: int) -> None:
        self.folder = self.root / f"export{n}"

    def run(self) -> None:
        for _ in range(4):  # one is too short to be hit
            wb.postmortem.save(self.draft, self.folder / "postmortem")
            self.window.save(self.folder / "bundle")

    def state(self) -> str:
        """Whatever lies there is whole, and a new run is not hindered."""
        bundle, page = self.folder / "bundle", self.folder / "postmortem" / "postmortem.md"
        if any(path.name.endswith(".part") for path in self.folder.rglob("*")):
            return "a part of a file"
        if (bundle / "manifest.json").exists():  # written last: without it there is none yet
            archive.verify_bundle(bundle)
        if page.exists() and not wb.postmortem.verify(page, self.window).ok:
            return "a postmortem that does not verify"
        self.run()
        return "whole"


if __name__ == "__main__":
    name, number, *rest = sys.argv[1:]
    works = {"interrupts": interrupts, "memory": memory, "grown": grown}
    print(json.dumps(works[name](int(number), *rest)))
