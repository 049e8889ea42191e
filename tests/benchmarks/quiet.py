"""Quiet windows: how often anybody is blamed where nothing was wrong.

Simulated ones have autocorrelated own time; traffic swings within the hour, or it has a
daily season that own time follows. Recorded ones are what the shop's recordings hold before
anything was done to it, and those in which nothing ever was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from tests.benchmarks.rates import rate
from tests.planted import SHOP, Fault, metrics_window
from workbench import TimeRange, datasets
from workbench.causal import rank
from workbench.causal.attribution.study import choose_sli
from workbench.features.aligned import align

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workbench import IncidentWindow
    from workbench.causal import Ranking

PHIS = (0.0, 0.5, 0.8, 0.95)
_SURE = 0.8
_SEED = 10_000  # apart from all seeds of the tests
_DAY = 144  # bins of ten minutes
_HOUR = 6
_LENGTH = pd.Timedelta("2min")
_SHORT = (4, 10, 30)  # minutes of history before half an hour


def simulated(*, each: int = 125) -> pd.DataFrame:
    """Two hours of minutes, and two days of ten minutes with a season, by autocorrelation."""
    rows = []
    for phi in PHIS:
        seeds = range(_SEED, _SEED + each)
        hours = [rank(metrics_window(SHOP, phi=phi, seed=seed, incident=0.9)) for seed in seeds]
        days = [rank(season(phi, seed)) for seed in seeds]
        rows.append({"quiet": "2 h", "φ": phi, **blamed(hours)})
        rows.append({"quiet": "2 days, daily season", "φ": phi, **blamed(days)})
    return pd.DataFrame(rows).sort_values("quiet", kind="stable")


def with_a_fault(*, each: int = 50) -> pd.DataFrame:
    """The same days with payments slower in the last hour: silence is not deafness."""
    fault = (Fault("payments", "latency", 0.2, at=2 * _DAY / (2 * _DAY + _HOUR)),)
    rows = []
    for phi in PHIS:
        found = [rank(season(phi, _SEED + seed, fault)) for seed in range(each)]
        rows.append(
            {
                "φ": phi,
                **blamed(found),
                "payments first": rate(f.rows[0].service == "payments" for f in found),
            }
        )
    return pd.DataFrame(rows)


def season(phi: float, seed: int, faults: tuple[Fault, ...] = ()) -> IncidentWindow:
    """Two days with a season, then the hour under test; each seed begins at another hour."""
    bins = 2 * _DAY + _HOUR
    return metrics_window(
        SHOP,
        faults,
        phi=phi,
        seed=seed,
        bins=bins,
        step_s=600.0,
        load=12_000.0,
        day=_DAY,
        incident=(2 * _DAY + 0.5) / bins,
    )


def little_history(*, each: int = 60) -> pd.DataFrame:
    """Half an hour under test after minutes of history: whether it says so, and whom it blames."""
    rows = []
    for before in _SHORT:
        found = [
            rank(
                metrics_window(
                    SHOP,
                    phi=phi,
                    seed=_SEED + seed,
                    bins=before + 30,
                    incident=(before + 0.5) / (before + 30),
                )
            )
            for phi in PHIS
            for seed in range(each)
        ]
        rows.append(
            {
                "history": f"{before} min before 30 min",
                **blamed(found),
                "told": rate(any("little history" in note for note in f.notes) for f in found),
            }
        )
    return pd.DataFrame(rows)


def recorded(length: pd.Timedelta = _LENGTH) -> pd.DataFrame:
    """The shop's quiet stretches, window after window; the baseline is what came before each."""
    ways: dict[str, list[Ranking]] = {"first SLO": [], "SLO that moved most": []}
    for window in _quiet_windows(length):
        ways["first SLO"].append(rank(window))
        chosen = choose_sli(align(window))
        ways["SLO that moved most"].append(rank(window, chosen))
    return pd.DataFrame([{"SLI": way, **blamed(found)} for way, found in ways.items()])


def blamed(found: Sequence[Ranking]) -> dict[str, object]:
    """How often the SLI left its range, one was named, and named at .8 or more."""
    named = [f.named for f in found]
    return {
        "windows": len(found),
        "moved": rate(f.moved for f in found),
        "named": rate(n is not None for n in named),
        "named at ≥ .8": rate(n is not None and n.confidence >= _SURE for n in named),
    }


def _quiet_windows(length: pd.Timedelta) -> Iterator[IncidentWindow]:
    for name in datasets.incidents()["id"]:
        whole = datasets.load(name)
        start, end = _quiet_stretch(name)
        while (start := start + length) + length <= end:
            when = TimeRange(start, start + length)
            seen = whole.as_of(when.end)
            yield seen.between(when.start, when.end)


def _quiet_stretch(name: str) -> tuple[pd.Timestamp, pd.Timestamp]:
    """When recording began, and when it ended or something was first done to the shop."""
    truth = datasets.truth(name)
    began, ended = (pd.Timestamp(truth.details["recording"][key]) for key in ("start", "end"))
    steps = [pd.Timestamp(step["ts"]) for step in truth.details["steps"]]
    return began, min(steps) if truth.services else ended
