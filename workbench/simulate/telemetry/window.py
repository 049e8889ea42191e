"""The window an investigator would have had."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.simulate.telemetry.graph import known_graph
from workbench.simulate.telemetry.logs import logs_frame
from workbench.simulate.telemetry.metrics import metrics_frame
from workbench.simulate.telemetry.spans import spans_frame
from workbench.simulate.telemetry.times import Calendar
from workbench.slis import SLO, Signal
from workbench.window import IncidentWindow

if TYPE_CHECKING:
    from workbench.simulate.course import Course, Setup
    from workbench.simulate.incidents import Incident
    from workbench.simulate.services import Array
    from workbench.simulate.telemetry.instruments import Instruments

__all__ = ["measure"]

_START = pd.Timestamp("2026-03-02T00:00:00Z")


def measure(
    name: str,
    incident: Incident,
    setup: Setup,
    course: Course,
    instruments: Instruments,
    *,
    rng: np.random.Generator,
) -> IncidentWindow:
    """Measure what happened.

    Parameters
    ----------
    name
        Id of the window.
    incident, setup, course
        What was drawn, and what came of it.
    instruments
        How it is measured.
    rng
        Draws samples, gaps and texts.
    """
    system = incident.system
    calendar = Calendar(incident.clock, _start(rng), instruments.stale_s, instruments.late)
    slo = _objective(system.names[course.sli], course, incident)
    asked = course.sli if slo.signal == "errors" else -1
    return IncidentWindow.from_frames(
        id=name,
        when=calendar.when,
        baseline=calendar.baseline,
        metrics=metrics_frame(system, course, instruments, calendar, errors_of=asked, rng=rng),
        spans=spans_frame(system, course, instruments, calendar, rng),
        logs=logs_frame(setup, course, instruments, calendar, rng),
        changes=_changes(incident, calendar),
        topology=known_graph(system, course, instruments.graph, rng),
        slos=(slo,),
    )


def _start(rng: np.random.Generator) -> pd.Timestamp:
    return _START + pd.Timedelta(int(rng.integers(0, 60 * 24 * 30)) * 60, "s")


def _objective(service: str, course: Course, incident: Incident) -> SLO:
    """Promise what held before the onset; of latency and errors the one that moved most.

    The page one is woken by is that of the SLI that broke.
    """
    latency, load = course.latency[course.sli], course.load[course.sli]
    ratio = course.errors[course.sli] / np.maximum(load, 1.0)
    onset = incident.clock.onset
    signal: Signal = "latency" if _shift(latency, onset) >= _shift(ratio, onset) else "errors"
    usual = float(np.nanmedian(latency[:onset]))
    high = float(np.nanquantile(latency[:onset], 0.99))
    if signal == "latency":
        return SLO(f"{service} latency", service, signal, 0.95, round(max(usual * 1.5, high), 4))
    objective = 1 - float(np.clip(2 * ratio[:onset].mean(), 0.001, 0.05))
    return SLO(f"{service} errors", service, signal, round(objective, 4))


def _shift(values: Array, onset: int) -> float:
    """Rise over the onset in spreads of what was before."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # bins without any request
        spread = np.nanstd(values[:onset]) + 1e-3
        rise = (np.nanmean(values[onset:]) - np.nanmean(values[:onset])) / spread
    return float(np.nan_to_num(rise))


def _changes(incident: Incident, calendar: Calendar) -> pd.DataFrame | None:
    if not incident.changes:
        return None
    rows = incident.changes
    return pd.DataFrame(
        {
            "ts": calendar.stamps(np.array([change.at for change in rows])),
            "kind": [change.kind for change in rows],
            "service": [incident.system.names[change.service] for change in rows],
            "ref": [change.ref for change in rows],
        }
    )
