"""RELIABILITY L1 and L2: interrupts at random points, and two million samples."""

from __future__ import annotations

import pandas as pd

from tests import longwork
from tests.benchmarks.rates import share


def interrupts(number: int = 200) -> pd.DataFrame:
    """Ctrl-C at random points of collect, analyse and export; what lay there afterwards."""
    found = longwork.apart("interrupts", str(number))
    prompt = found["interrupts"] - found["late"]
    rows = [
        ("prompt back within 2 s", share(prompt, found["interrupts"])),
        ("slowest, s", f"{found['slowest_s']:.2f}"),
    ]
    rows += [(state, f"{n}") for state, n in sorted(found["states"].items())]
    return pd.DataFrame(rows, columns=["L1", "reached"])


def memory(samples: int = 2_000_000) -> pd.DataFrame:
    """What a collection's peak grows by, beyond that of a small one in the same process."""
    return pd.DataFrame([longwork.apart("memory", str(samples))])
