"""``make bench``: print every table, n and intervals beside the trivial rules and peers.

``python -m tests.benchmarks NAME...`` prints some of them only. Every section runs in a
process of its own, two at a time; those that are timed run last and alone.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from typing import TYPE_CHECKING

# Before numpy loads: the matrices are small, and more threads are slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from tests.benchmarks.lanes import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeAlias

    Tables: TypeAlias = Iterator[tuple[str, object]]


def _peers() -> Tables:
    from tests.benchmarks.peers import fared, missing, peers
    from workbench.evaluate import evaluate

    for family in ("BARO", "RCAEval"):
        if missing(family):
            yield f"{family}: not installed (the bench extra)", ""
    for layout, path in _public("petshop", "nezha"):
        ran = peers()
        found = evaluate(layout, path, peers=ran)
        seconds = found.cases_frame()["seconds"]
        yield "", found
        yield f"seconds an incident: median {seconds.median():.2f}, most {seconds.max():.2f}", ""
        yield f"{layout}, the peers", fared(ran)


def _systems() -> Tables:
    from tests.benchmarks import by_system

    yield "Every system by itself, beside its best trivial rule", by_system.by_system()
    yield "Simulated windows in which nothing was wrong", by_system.quiet()


def _fitting() -> Tables:
    from tests.benchmarks import fitting

    yield from fitting.left_out()


def _recorded() -> Tables:
    from workbench import datasets
    from workbench.evaluate import evaluate

    folder = datasets.bundles.folder()
    if any(folder.glob("*/truth.json")):
        yield "Recorded shop incidents", evaluate("bundles", folder)


def _knowledge() -> Tables:
    from tests.benchmarks import robustness

    for _, path in _public("petshop"):
        yield "PetShop, wrong knowledge", robustness.wrong_knowledge(path)


def _quiet() -> Tables:
    from tests.benchmarks import quiet
    from tests.benchmarks.robustness import quiet_windows

    for _, path in _public("petshop"):
        yield "PetShop, normal operation", quiet_windows(path)
    yield "Quiet stretches of the recorded shop", quiet.recorded()
    yield "Simulated quiet windows", quiet.simulated()
    yield "Simulated days with a season and a fault in the last hour", quiet.with_a_fault()
    yield "Simulated quiet windows with too little history", quiet.little_history()


def _simulated() -> Tables:
    from tests.benchmarks import simulated

    yield "Simulated, 95 % intervals of attributions", simulated.coverage()


def _confidence() -> Tables:
    from tests.benchmarks import calibration

    kept = [calibration.kept(layout, path) for layout, path in _public("petshop", "nezha")]
    if kept:
        yield (
            "Confidence, out of sample",
            calibration.calibration([c for part in kept for c in part]),
        )
    for layout, path in _public("petshop", "nezha"):
        every = 3 if layout == "nezha" else 1  # its windows take seconds each to read
        yield f"{layout}, confidence as used", calibration.lacking(layout, path, every=every)


def _effects() -> Tables:
    from tests.benchmarks import effects

    yield "Simulated, 95 % intervals of effects", effects.coverage()
    yield "Simulated, guilty and innocent deploys", effects.blame()


def _blast() -> Tables:
    from tests.benchmarks.blast import blast
    from workbench import datasets

    folder = datasets.bundles.folder()
    for layout, path in (*_public("petshop", "nezha"), ("bundles", folder)):
        every = 4 if layout == "nezha" else 1  # its windows take seconds each to read
        yield f"Blast radius, {layout}", blast(layout, path, every=every)


def _speed() -> Tables:
    from tests.benchmarks import speed

    for _, path in _public("petshop"):
        yield "One PetShop incident, graph given", speed.incident(path)
    yield "The same answer as DoWhy on planted graphs", speed.agreement()


def _scaling() -> Tables:
    from tests.benchmarks import scaling

    frame = scaling.scaling()
    yield "Time and memory of one ranking, by services", frame
    yield scaling.told(frame, drawn=scaling.save(frame)), ""
    yield "The faulty service first, by services", scaling.hits()


def _store() -> Tables:
    from tests.benchmarks import store

    yield "Metric samples resampled from Parquet, DuckDB within 256 MB", store.resampling()
    yield "Writers stopped at random moments: the old bundle or the new, whole", store.killed()


def _queries() -> Tables:
    from tests.benchmarks import queries

    yield "Incomplete fetches left unmarked, faults at 30 % of answers", queries.faults()


def _longwork() -> Tables:
    from tests.benchmarks import longwork

    yield "Interrupts at random points", longwork.interrupts()
    yield "A collection of many samples from a real Prometheus", longwork.memory()


def _masking() -> Tables:
    from tests.benchmarks import masking

    yield "Persons and addresses in lines of 28 styles", masking.persons()
    yield "Persons and words of the cause in lines of 60 public systems", masking.formats()
    yield "Secrets in 20 forms, harmless lines, pseudonyms", masking.secrets()
    yield "Lines of a megabyte, seconds", masking.long_lines()


def _public(*layouts: str) -> Iterator[tuple[str, object]]:
    from tests.benchmarks.public import public_data

    for layout in layouts:
        path = public_data(layout)
        if path is None:
            print(f"{layout}: skipped, the public data is not here (WORKBENCH_PUBLIC_DATA)\n")
        else:
            yield layout, path


SECTIONS: dict[str, Callable[[], Tables]] = {
    "queries": _queries,
    "longwork": _longwork,
    "systems": _systems,
    "fitting": _fitting,
    "peers": _peers,
    "recorded": _recorded,
    "knowledge": _knowledge,
    "quiet": _quiet,
    "simulated": _simulated,
    "confidence": _confidence,
    "effects": _effects,
    "blast": _blast,
    "speed": _speed,
    "scaling": _scaling,
    "store": _store,
    "masking": _masking,
}
"""Section to the function that yields its tables, each with a title."""


ALONE = ("speed", "scaling", "store", "masking")
"""Sections that are timed: nothing else runs beside them."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="NAME", help=", ".join(SECTIONS))
    parser.add_argument("--here", action="store_true", help="in this process, one by one")
    asked = parser.parse_args()
    wanted = asked.sections or list(SECTIONS)
    if unknown := set(wanted) - set(SECTIONS):
        parser.error(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    if asked.here:
        for name in wanted:
            _print(name)
        return 0
    return tell(
        [name for name in wanted if name not in ALONE],
        [name for name in wanted if name in ALONE],
        (sys.executable, "-m", "tests.benchmarks", "--here"),
    )


def tell(beside: Sequence[str], alone: Sequence[str], command: tuple[str, ...]) -> int:
    """Print what `command` says of each section, in order; return 1 if one of them failed."""
    started, failed = time.perf_counter(), []
    for names, lanes in ((beside, 2), (alone, 1)):
        for ran in run({name: (*command, name) for name in names}, lanes=lanes):
            print(ran.text, end="")
            if ran.failed:
                print(f"{ran.name} FAILED after {ran.seconds:.0f} s: {ran.error}\n")
                failed.append(ran.name)
            sys.stdout.flush()
    wall = time.perf_counter() - started
    print(f"{wall:.0f} s in all, {_cpu(resource.RUSAGE_CHILDREN):.0f} s of CPU")
    if failed:
        print(f"failed: {', '.join(failed)}")
    return int(bool(failed))


def _print(name: str) -> None:
    begun, busy = time.perf_counter(), _busy()
    for title, table in SECTIONS[name]():
        _show(title, table)
    wall = time.perf_counter() - begun
    print(f"{name}: {wall:.0f} s, {_busy() - busy:.0f} s of CPU\n", flush=True)


def _busy() -> float:
    return _cpu(resource.RUSAGE_SELF) + _cpu(resource.RUSAGE_CHILDREN)


def _cpu(whose: int) -> float:
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


def _show(title: str, table: object) -> None:
    if hasattr(table, "to_string"):
        table = table.to_string(index=False, float_format=lambda value: f"{value:.3f}")
    print("\n".join(filter(None, (title, str(table)))), end="\n\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())
