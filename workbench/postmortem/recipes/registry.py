"""Recipes: named ways from a window and parameters to figures, each cheap to run again."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import pandas as pd

from workbench.errors import unknown_name
from workbench.postmortem.numbers import epoch, from_epoch, numbers_in
from workbench.postmortem.recipes.diagnosis import diagnosis_figures
from workbench.postmortem.recipes.impact import budget_figures, impact_figures
from workbench.postmortem.recipes.milestones import (
    milestone_figures,
    milestone_figures_by_old_names,
)
from workbench.slis import SLI
from workbench.tables import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.postmortem.recipes.contract import Parameters, Recipe
    from workbench.window import IncidentWindow

__all__ = ["RECIPES"]


def _compare_figures(window: IncidentWindow, parameters: Parameters) -> Mapping[str, float]:
    """Recipe ``diagnose.compare``: run the diagnosis again for ``sli`` with ``seed``."""
    from workbench import diagnose

    sli = SLI.parse(str(parameters["sli"]))
    again = diagnose.compare(window, sli, seed=int(parameters["seed"] or 0))
    return diagnosis_figures(window, again)


def _review_due(window: IncidentWindow, parameters: Parameters) -> Mapping[str, float]:
    """Recipe ``review.due``: ``days`` days, or business days, after ``from``."""
    days = int(parameters["days"] or 0)
    business = parameters["count"] == "business days"
    later = pd.offsets.BDay(days) if business else pd.Timedelta(days, "D")
    return {"due": epoch(from_epoch(float(parameters["from"] or 0)) + later)}


def _table_times(window: IncidentWindow, parameters: Parameters) -> Mapping[str, float]:
    """Recipe ``table.times``: every time in a table as ``<row>/<column>``, rows from 0.

    Raises
    ------
    UnknownName
        No table has the name in parameter ``table``.
    """
    name = str(parameters["table"])
    if name not in SCHEMAS:
        kind = "table"
        raise unknown_name(kind, name, SCHEMAS)
    frame = getattr(window, name)
    times = [c for c in frame if isinstance(frame[c].dtype, pd.DatetimeTZDtype)]
    return {
        f"{row}/{column}": epoch(at)
        for column in times
        for row, at in enumerate(frame[column])
        if not pd.isna(at)
    }


def _window_counts(window: IncidentWindow, parameters: Parameters) -> Mapping[str, float]:
    """Recipe ``window.counts``: rows by table, services, edges, coverage rows by status."""
    figures = {f"{name} rows": float(len(getattr(window, name))) for name in SCHEMAS}
    figures["services"] = float(len(window.services))
    figures["edges"] = float(window.topology.number_of_edges())
    figures["coverage troubles"] = float(len(window.coverage.problems))
    for place, row in enumerate(window.coverage):
        figures[f"coverage/{place}/rows"] = float(row.rows)
        figures[f"coverage/{place}/cadence"] = row.cadence_s
        figures[f"coverage/{place}/gaps"] = float(len(row.gaps))
        numbers = enumerate(numbers_in(row.reason))
        figures |= {f"coverage/{place}/reason/{n}": number.value for n, number in numbers}
    return figures


def _window_times(window: IncidentWindow, parameters: Parameters) -> Mapping[str, float]:
    """Recipe ``window.times``: ends and lengths of the incident range and the baseline."""
    figures = {"start": epoch(window.when.start), "end": epoch(window.when.end)}
    figures["length"] = window.when.duration.total_seconds()
    if window.baseline is not None:
        figures["baseline start"] = epoch(window.baseline.start)
        figures["baseline end"] = epoch(window.baseline.end)
        figures["baseline length"] = window.baseline.duration.total_seconds()
    return figures


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        "diagnose.compare": _compare_figures,
        "impact": impact_figures,
        "milestones": milestone_figures,
        "moments": milestone_figures_by_old_names,  # saved postmortems still verify
        "review.due": _review_due,
        "slo.budget": budget_figures,
        "table.times": _table_times,
        "window.counts": _window_counts,
        "window.times": _window_times,
    }
)
"""Recipes by name: what verification runs to compute a number again."""
