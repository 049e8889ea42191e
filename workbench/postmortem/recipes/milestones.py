"""Milestones: when impact began, was detected, acknowledged, mitigated and resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import networkx as nx
import pandas as pd

from workbench.postmortem.document import Name
from workbench.postmortem.numbers import epoch, from_epoch
from workbench.postmortem.recipes.impact import impact_end
from workbench.times import TimeRange
from workbench.topology import calls_only

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.postmortem.document import Text
    from workbench.postmortem.recipes.contract import Parameters
    from workbench.window import IncidentWindow

__all__ = [
    "AT_LEAST",
    "DURATIONS",
    "MILESTONES",
    "Milestone",
    "find_milestones",
    "incident_record",
    "milestone_figures",
    "milestone_figures_by_old_names",
]

MILESTONES = {
    "impact start": "first time users were affected: recorded, else the onset of the SLI",
    "detected": "first alert from then on, on the SLI's service or one it calls, else on any",
    "acknowledged": "somebody took it up: the incident record",
    "mitigated": "SLI back in its usual range for good: recorded, else measured",
    "resolved": "declared over: the incident record",
}
"""Milestones by name, with their definitions."""

DURATIONS = {
    "TTD": ("impact start", "detected", "time to detect"),
    "TTA": ("detected", "acknowledged", "time to acknowledge"),
    "TTM": ("impact start", "mitigated", "time to mitigate: how long the impact lasted"),
    "TTR": ("impact start", "resolved", "time to resolve"),
}
"""Durations by name: from which milestone to which, and what the letters stand for."""

AT_LEAST = "impact at least"
"""Figure of an impact whose end is unknown."""

_OLD_NAMES = {AT_LEAST: "felt at least"}


@dataclass(frozen=True, slots=True)
class Milestone:
    """One milestone: when, or None, and where that is known from (or why it is not)."""

    at: pd.Timestamp | None
    source: Text


def find_milestones(window: IncidentWindow, parameters: Parameters) -> dict[str, Milestone]:
    """Find the milestones of an incident.

    Parameters
    ----------
    window
        Incident records and alerts are read, and the SLI where nothing is recorded.
    parameters
        ``sli`` (``service/signal``), ``onset`` and ``earliest`` (its lower bound) in
        seconds since 1970, or None where the SLI never moved.
    """
    record = incident_record(window)
    start = _recorded(record, "impact_start") or _onset(parameters)
    end = _recorded(record, "impact_end") or _measured_end(window, parameters, start)
    return {
        "impact start": start,
        "detected": _recorded(record, "detected_at") or _first_alert(window, parameters, start),
        "acknowledged": _recorded(record, "acked_at") or _absent(record),
        "mitigated": end,
        "resolved": _recorded(record, "resolved_at") or _absent(record),
    }


def milestone_figures(window: IncidentWindow, parameters: Parameters) -> Mapping[str, float]:
    """Recipe ``milestones``: each milestone in seconds since 1970, each duration in seconds.

    ``impact at least`` is how long the impact lasted inside the window where its end is
    unknown.
    """
    milestones = find_milestones(window, parameters)
    times = {name: m.at for name, m in milestones.items() if m.at is not None}
    figures = {name: epoch(at) for name, at in times.items()}
    for name, (start, end, _) in DURATIONS.items():
        if start in times and end in times:
            figures[name] = (times[end] - times[start]).total_seconds()
    begun = times.get("impact start")
    if "mitigated" not in times and begun is not None and begun < window.when.end:
        figures[AT_LEAST] = (window.when.end - begun).total_seconds()
    return figures


def milestone_figures_by_old_names(
    window: IncidentWindow, parameters: Parameters
) -> Mapping[str, float]:
    """Recipe ``moments``: what saved postmortems call ``milestones``, under its old names."""
    figures = milestone_figures(window, parameters)
    return {_OLD_NAMES.get(name, name): value for name, value in figures.items()}


def incident_record(window: IncidentWindow) -> Mapping[str, object]:
    """Row of the incidents table that is this incident: by id, else the first in its range."""
    records = window.incidents.to_dict("records")
    own = [r for r in records if r["id"] == window.id]
    inside = [r for r in records if window.when.contains(r["created_at"])]
    return {str(k): v for k, v in (own or inside or [{}])[0].items()}


def _recorded(record: Mapping[str, object], column: str) -> Milestone | None:
    value = record.get(column)
    if not isinstance(value, pd.Timestamp):
        return None
    return Milestone(value, (f"incident record ({column})",))


def _absent(record: Mapping[str, object]) -> Milestone:
    return Milestone(None, ("not in the incident record" if record else "no incident record",))


def _onset(parameters: Parameters) -> Milestone:
    onset = parameters.get("onset")
    if onset is None:
        return Milestone(None, ("no onset of the SLI was found",))
    return Milestone(from_epoch(float(onset)), ("onset of the SLI, estimated",))


def _first_alert(window: IncidentWindow, parameters: Parameters, start: Milestone) -> Milestone:
    if start.at is None:
        return Milestone(None, ("no impact to detect",))
    earliest = parameters.get("earliest")
    since = min(start.at, from_epoch(float(earliest))) if earliest is not None else start.at
    alerts = window.alerts
    fired = alerts[(alerts["starts_at"] >= since) & (alerts["starts_at"] < window.when.end)]
    if fired.empty:
        return Milestone(None, ("no alert fired" if len(alerts) else "no alerts recorded",))
    near = fired[fired["service"].isin(_sli_service_and_callees(window, str(parameters["sli"])))]
    first = (near if len(near) else fired).iloc[0]
    source = ("alert ", Name(str(first["name"])), " on ", Name(str(first["service"])))
    return Milestone(first["starts_at"], source)


def _sli_service_and_callees(window: IncidentWindow, sli: str) -> set[str]:
    """Service of the SLI and everything it calls, directly or not."""
    service = sli.rpartition("/")[0]
    graph = calls_only(window.topology)
    callees = nx.descendants(graph, service) if service in graph else set()
    return {service, *callees}


def _measured_end(window: IncidentWindow, parameters: Parameters, start: Milestone) -> Milestone:
    if start.at is None or start.at >= window.when.end:
        return Milestone(None, ("no impact to end",))
    after = TimeRange(start.at, window.when.end)
    end, source = impact_end(window, str(parameters["sli"]), after)
    return Milestone(end, (source,))
