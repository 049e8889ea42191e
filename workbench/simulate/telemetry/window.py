"""The window an investigator would have had."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.simulate.noticing import felt
from workbench.simulate.telemetry.graph import known_graph
from workbench.simulate.telemetry.logs import logs_frame
from workbench.simulate.telemetry.metrics import metrics_frame
from workbench.simulate.telemetry.observed import Observed
from workbench.simulate.telemetry.spans import spans_frame
from workbench.simulate.telemetry.times import Calendar
from workbench.slis import SLO, Signal
from workbench.window import IncidentWindow

if TYPE_CHECKING:
    from workbench.simulate.course import Course, Setup
    from workbench.simulate.incidents import Incident
    from workbench.simulate.telemetry.instruments import Instruments

__all__ = ["measure"]

_START = pd.Timestamp("2026-03-02T00:00:00Z")


def measure(
    incident: Incident,
    setup: Setup,
    course: Course,
    *,
    name: str,
    instruments: Instruments,
    rng: np.random.Generator,
) -> IncidentWindow:
    """Measure what happened.

    Parameters
    ----------
    incident, setup, course
        What was drawn, and what came of it.
    name
        Id of the window.
    instruments
        How it is measured.
    rng
        Draws samples, gaps and texts.
    """
    system = incident.system
    calendar = Calendar(incident.clock, _start(rng), instruments.stale_s, instruments.late)
    observed = Observed(setup, course, instruments, calendar)
    slo = _objective(system.names[course.sli], course, incident, rng)
    asked = course.sli if slo.signal == "errors" else -1
    return IncidentWindow.from_frames(
        id=name,
        when=calendar.when,
        baseline=calendar.baseline,
        metrics=metrics_frame(observed, errors_of=asked, rng=rng),
        spans=spans_frame(observed, rng=rng),
        logs=logs_frame(observed, rng=rng),
        changes=_changes(incident, calendar),
        topology=known_graph(system, course, instruments.graph, rng=rng),
        slos=(slo,),
    )


def _start(rng: np.random.Generator) -> pd.Timestamp:
    return _START + pd.Timedelta(int(rng.integers(0, 60 * 24 * 30)) * 60, "s")


def _objective(service: str, course: Course, incident: Incident, rng: np.random.Generator) -> SLO:
    """Promise what held before the onset, of the SLI that moved most: it is the one that paged."""
    onset = incident.clock.onset
    latency, moved = course.latency[course.sli], felt(course, onset)
    signal: Signal = "errors" if moved.errors > moved.latency else "latency"
    if not max(moved) and rng.random() < 0.5:
        signal = "errors"
    if signal == "latency":
        usual, high = np.nanquantile(latency[:onset], (0.5, 0.95))
        return SLO(
            f"{service} latency", service, signal, 0.95, round(float(max(1.2 * usual, high)), 4)
        )
    failed = course.errors[course.sli, :onset].sum() / max(
        course.load[course.sli, :onset].sum(), 1.0
    )
    objective = 1 - float(np.clip(2 * failed, 0.001, 0.05))
    return SLO(f"{service} errors", service, signal, round(objective, 4))


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
