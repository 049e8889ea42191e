"""Raw captures made into incident bundles; the truth is written beside them, apart."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.archive import write_text
from workbench.baseline import extent
from workbench.coverage import Coverage, measure
from workbench.gameday import raw_frames
from workbench.gameday.faults import Fault, fault
from workbench.slis import SLO
from workbench.tables import conform
from workbench.times import TimeRange
from workbench.topology import from_spans
from workbench.window import IncidentWindow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["HISTORY", "SLOS", "recorded_tables", "window_of", "write_recording"]

HISTORY = "shop-quiet"

SLOS = (
    SLO("checkout-latency", "checkout", "latency", 0.95, 0.5),
    SLO("checkout-availability", "checkout", "errors", 0.99),
    SLO("storefront-latency", "storefront", "latency", 0.95, 1.0),
    SLO("storefront-availability", "storefront", "errors", 0.99),
)

_LEAD = pd.Timedelta(minutes=3)
_SOURCES = {
    "metrics": ("prometheus", "raw samples as scraped, only the families that matter"),
    "spans": ("otlp", "every span; the edge's are made from nginx's access log, to 1 ms"),
    "logs": ("otlp", "records of the services without stack traces, and PostgreSQL's own log"),
    "alerts": ("alertmanager", "as notified; an alert without an end was firing at the end"),
    "changes": ("release events", ""),
}
_EDGE_REASON = "counted from nginx's access log by an exporter"


def write_recording(raw: Path, out: Path) -> Path:
    """Make a raw capture into the bundle ``out/<incident id>`` and return its folder.

    Parameters
    ----------
    raw
        Folder that `workbench.gameday.capture.capture` wrote.
    out
        Folder of bundles.
    """
    run = json.loads((raw / "run.json").read_text())
    script = fault(run["fault"])
    folder = out / script.incident
    folder.mkdir(parents=True, exist_ok=True)
    # Before the bundle, so that the manifest lists it too.
    write_text(folder / "truth.json", json.dumps(_truth(run, script), indent=1) + "\n")
    return window_of(raw).save(folder)


def window_of(raw: Path) -> IncidentWindow:
    """Read a raw capture as an incident window."""
    run = json.loads((raw / "run.json").read_text())
    script = fault(run["fault"])
    tables = recorded_tables(raw, run)
    quiet = script.incident == HISTORY
    return IncidentWindow.from_frames(
        id=script.incident,
        title=script.title,
        when=_incident_range(run, tables),
        topology=from_spans(tables["spans"]),
        slos=_slos(script),
        coverage=_coverage(tables),
        history="" if quiet else HISTORY,
        **tables,
    )


def recorded_tables(raw: Path, run: Mapping[str, Any]) -> dict[str, pd.DataFrame]:
    """Tables of a capture, cut to the recorded time; nothing else is changed."""
    readers = {
        "metrics": raw_frames.metrics,
        "spans": raw_frames.spans,
        "logs": raw_frames.logs,
        "alerts": raw_frames.alerts,
        "changes": raw_frames.changes,
    }
    found = {name: read(raw) for name, read in readers.items()}
    recorded = TimeRange(_moment(run["start"]), _moment(run["end"]))
    tables = {}
    for name, frame in found.items():
        if not frame.empty:
            time = "starts_at" if name == "alerts" else "ts"
            tables[name] = conform(name, frame[recorded.mask(frame[time])])
    return tables


def _incident_range(run: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]) -> TimeRange:
    """Choose what an on-call would open: from some minutes before the page to the end.

    The page is the first critical alert; without one, the first change. It is not taken
    from the truth.
    """
    start, end = _moment(run["start"]), _moment(run["end"])
    alerts, changes = tables.get("alerts"), tables.get("changes")
    if alerts is not None and (alerts["severity"] == "critical").any():
        paged = alerts.loc[alerts["severity"] == "critical", "starts_at"].min()
        return TimeRange(max(start, (paged - _LEAD).floor("min")), end)
    if changes is not None and not changes.empty:
        return TimeRange(max(start, (changes["ts"].min() - _LEAD).floor("min")), end)
    return TimeRange(start, end)


def _slos(script: Fault) -> tuple[SLO, ...]:
    """Objectives, the one that was broken (or asked about) first."""
    return tuple(sorted(SLOS, key=lambda slo: str(slo.sli) != script.sli))


def _coverage(tables: Mapping[str, pd.DataFrame]) -> Coverage:
    covered = extent(tables)
    if covered is None:
        return Coverage()
    rows = []
    for row in measure(tables, covered):
        source, reason = _SOURCES.get(row.table, (row.source, row.reason))
        if row.table in tables:
            said = _EDGE_REASON if (row.table, row.service) == ("metrics", "edge") else reason
            odd = "; ".join(text for text in (row.reason, said) if text)
            rows.append(replace(row, source=source, reason=odd))
    return Coverage(tuple(rows))


def _truth(run: Mapping[str, Any], script: Fault) -> dict[str, Any]:
    steps = [
        {**step, "ts": _iso(step["ts"]), "end_ts": _iso(step["end_ts"])} for step in run["steps"]
    ]
    return {
        "incident": script.incident,
        "fault": script.name,
        **script.truth,
        "onset": _iso(run["onset"]) if script.truth["service"] else None,
        "decoys": list(script.decoys),
        "steps": steps,
        "recording": {
            "start": _iso(run["start"]),
            "end": _iso(run["end"]),
            **{name: run[name] for name in ("seed", "load", "surge")},
        },
    }


def _moment(seconds: float) -> pd.Timestamp:
    return pd.Timestamp(round(seconds * 1e9), unit="ns", tz="UTC")


def _iso(seconds: float) -> str:
    return str(_moment(seconds).isoformat())
