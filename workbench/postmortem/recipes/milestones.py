"""When it began, was noticed, was taken up and was over: each moment with its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from workbench.postmortem.document import Name
from workbench.postmortem.numbers import epoch, moment
from workbench.postmortem.recipes.impact import impact_end
from workbench.times import TimeRange

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.postmortem.document import Text
    from workbench.postmortem.recipes.contract import Parameters
    from workbench.window import IncidentWindow

__all__ = ["DURATIONS", "MOMENTS", "Moment", "incident_record", "milestone_figures", "moments"]

MOMENTS = {
    "impact start": "first moment users could feel it: recorded, else the onset of the SLI",
    "detected": "first alert from then on, on the SLI's service or one it calls, else on any",
    "acknowledged": "somebody took it up: the incident record",
    "mitigated": "SLI back in its usual range for good: recorded, else measured",
    "resolved": "declared over: the incident record",
}
"""Moments by name, with their definitions."""

DURATIONS = {
    "TTD": ("impact start", "detected", "time to detect"),
    "TTA": ("detected", "acknowledged", "time to acknowledge"),
    "TTM": ("impact start", "mitigated", "time to mitigate: how long users could feel it"),
    "TTR": ("impact start", "resolved", "time to resolve"),
}
"""Durations by name: from which moment to which, and what the letters stand for."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment: when, or None, and where that is known from (or why it is not)."""

    at: pd.Timestamp | None
    source: Text


def moments(window: IncidentWindow, parameters: Parameters) -> dict[str, Moment]:
    """Find the moments of an incident.

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
    """Recipe ``moments``: each moment in seconds since 1970, each duration in seconds.

    ``felt at least`` is how long the impact lasted inside the window where its end is unknown.
    """
    found = {name: m.at for name, m in moments(window, parameters).items() if m.at is not None}
    figures = {name: epoch(at) for name, at in found.items()}
    for name, (start, end, _) in DURATIONS.items():
        if start in found and end in found:
            figures[name] = (found[end] - found[start]).total_seconds()
    begun = found.get("impact start")
    if "mitigated" not in found and begun is not None and begun < window.when.end:
        figures["felt at least"] = (window.when.end - begun).total_seconds()
    return figures


def incident_record(window: IncidentWindow) -> Mapping[str, object]:
    """Row of the incidents table that is this incident: by id, else the first in its range."""
    records = window.incidents.to_dict("records")
    own = [r for r in records if r["id"] == window.id]
    inside = [r for r in records if window.when.contains(r["created_at"])]
    return {str(k): v for k, v in (own or inside or [{}])[0].items()}


def _recorded(record: Mapping[str, object], column: str) -> Moment | None:
    value = record.get(column)
    if not isinstance(value, pd.Timestamp):
        return None
    return Moment(value, (f"incident record ({column})",))


def _absent(record: Mapping[str, object]) -> Moment:
    return Moment(None, ("not in the incident record" if record else "no incident record",))


def _onset(parameters: Parameters) -> Moment:
    onset = parameters.get("onset")
    if onset is None:
        return Moment(None, ("the SLI stayed in its usual range",))
    return Moment(moment(float(onset)), ("onset of the SLI, estimated",))


def _first_alert(window: IncidentWindow, parameters: Parameters, start: Moment) -> Moment:
    if start.at is None:
        return Moment(None, ("no impact to detect",))
    earliest = parameters.get("earliest")
    since = min(start.at, moment(float(earliest))) if earliest is not None else start.at
    alerts = window.alerts
    fired = alerts[(alerts["starts_at"] >= since) & (alerts["starts_at"] < window.when.end)]
    if fired.empty:
        return Moment(None, ("no alert fired" if len(alerts) else "no alerts recorded",))
    near = fired[fired["service"].isin(_felt_by(window, str(parameters["sli"])))]
    first = (near if len(near) else fired).iloc[0]
    source = ("alert ", Name(str(first["name"])), " on ", Name(str(first["service"])))
    return Moment(first["starts_at"], source)


def _felt_by(window: IncidentWindow, sli: str) -> set[str]:
    """Service of the SLI and everything it calls, directly or not."""
    service = sli.rpartition("/")[0]
    graph = window.topology
    if service not in graph:
        return {service}
    seen, ahead = {service}, [service]
    while ahead:
        new = [callee for callee in graph.successors(ahead.pop()) if callee not in seen]
        seen.update(new)
        ahead += new
    return seen


def _measured_end(window: IncidentWindow, parameters: Parameters, start: Moment) -> Moment:
    if start.at is None or start.at >= window.when.end:
        return Moment(None, ("no impact to end",))
    after = TimeRange(start.at, window.when.end)
    end, source = impact_end(window, str(parameters["sli"]), after)
    return Moment(end, (source,))
