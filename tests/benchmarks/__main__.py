"""``make bench``: print every table, n and intervals beside the trivial rules."""

from __future__ import annotations

import os
import time

# Before numpy loads: the matrices are small, and more threads are slower.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def main() -> None:
    from tests.benchmarks import robustness, simulated
    from tests.benchmarks.public import public_data
    from workbench import datasets
    from workbench.evaluate import evaluate

    started = time.perf_counter()
    for layout in ("petshop", "nezha"):
        path = public_data(layout)
        if path is None:
            print(f"{layout}: skipped, the public data is not here (WORKBENCH_PUBLIC_DATA)\n")
            continue
        found = evaluate(layout, path)
        seconds = found.cases_frame()["seconds"]
        print(found)
        print(f"seconds an incident: median {seconds.median():.2f}, most {seconds.max():.2f}\n")
    recorded = datasets.bundles.folder()
    if any(recorded.glob("*/truth.json")):
        print(evaluate("bundles", recorded), "\n")
    if (petshop := public_data("petshop")) is not None:
        _show("PetShop, wrong knowledge", robustness.wrong_knowledge(petshop))
        _show("PetShop, normal operation", robustness.quiet_windows(petshop))
    _show("Simulated quiet windows", simulated.quiet())
    _show("Simulated, 95 % intervals of attributions", simulated.coverage())
    print(f"{time.perf_counter() - started:.0f} s in all")


def _show(title: str, frame: object) -> None:
    text = frame.to_string(index=False, float_format=lambda value: f"{value:.3f}")
    print(f"{title}\n{text}\n")


if __name__ == "__main__":
    main()
