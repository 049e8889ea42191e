"""Forecasts of the blast radius on labelled incidents, beside forecasts without a model.

A forecast is told where the fault was, never how large it is, and reads nothing of the
incident; it is graded by which services left their range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tests.benchmarks.rates import rate
from workbench.causal import blast_radius, score_forecast
from workbench.errors import WorkbenchError
from workbench.evaluate import LAYOUTS

if TYPE_CHECKING:
    from pathlib import Path

_RESAMPLES = 2000


def blast(layout: str, path: Path, *, every: int = 1) -> pd.DataFrame:
    """One line a forecast: incidents, services, mean Brier with a 95 % bootstrap interval."""
    graded = _graded(layout, path, every)
    if not graded:
        return pd.DataFrame()
    scores = {"workbench": [g.brier for g in graded]}
    for name in ("nobody", "all callers"):
        scores[name] = [g.reference[name] for g in graded]
    scores["base rate (others)"] = _base_rate(graded)
    services = sum(len(g.happened) for g in graded)
    left = [out for g in graded for _, out in g.happened.values()]
    ours = np.array(scores["workbench"])
    return pd.DataFrame(
        [
            {
                "data": layout,
                "forecast": name,
                "incidents": len(graded),
                "services": services,
                "left their range": rate(left),
                **_interval(np.array(values)),
                "worse_than_ours_low": _interval(np.array(values) - ours)["low"],
            }
            for name, values in scores.items()
        ]
    )


def _graded(layout: str, path: Path, every: int) -> list:
    labelled = LAYOUTS[layout](path)
    graded = []
    for case in labelled.ids[::every]:
        places = labelled.truth(case).services
        try:
            window = labelled.load(case)
            place = next((name for name in places if name in window.services), None)
            if place is not None:
                graded.append(score_forecast(blast_radius(window, place), window))
        except WorkbenchError:
            continue  # no baseline, or nothing measured: there is nothing to grade
    return graded


def _base_rate(graded: list) -> list[float]:
    """For each incident the rate of all others: what one knows without a model."""
    left = [np.array([out for _, out in g.happened.values()], dtype=float) for g in graded]
    result = []
    for number, outcome in enumerate(left):
        rest = np.concatenate([o for i, o in enumerate(left) if i != number] or [np.zeros(1)])
        result.append(float(np.mean((rest.mean() - outcome) ** 2)))
    return result


def _interval(values: np.ndarray) -> dict[str, float]:
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (_RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return {"brier": float(values.mean()), "low": float(low), "high": float(high)}
