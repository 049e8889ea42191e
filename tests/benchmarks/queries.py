"""RELIABILITY Q2 at full size: every connector that speaks HTTP, a thousand fetches each."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from tests.benchmarks.rates import share

FETCHES = 1000
AT_ONCE = 8


def faults(fetches: int = FETCHES) -> pd.DataFrame:
    """Drive each connector through fifteen faults at 30 %; one row a connector."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # as pytest finds its helpers
    import faulted

    rows = []
    for name, drive in faulted.drives().items():
        found = drive.run(fetches=fetches, at_once=AT_ONCE)
        rows.append(
            {
                "connector": name,
                "faults": len(drive.modes),
                "fetches": found.fetches,
                "unmarked": share(len(found.unmarked), found.fetches),
                "said whole": found.said_whole,
                "requests ×": found.requests,
                "slowest s": found.slowest_s,
                "deadline s": faulted.LIMITS["deadline_s"],
            }
        )
    return pd.DataFrame(rows)
