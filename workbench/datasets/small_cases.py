"""Importer of single-service cases (OpenSRE 2026, Apache 2.0): Kubernetes and PostgreSQL.

::

    <folder>/truth.csv                   case, failure_mode, category, ...
    <folder>/cases/<case>/alerts.csv, events.csv, logs.csv, metrics.csv, pods.csv

A case has some of the tables. Its alert carries no time: it stands at the end of what was
seen, and the incident is the last half hour before, or the last half where less was seen.
No request is measured anywhere, so there is no SLI and no objective; pods are a state
without times and are left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from workbench.connectors.reading.log_levels import severity_number
from workbench.datasets.labelled import LabelledSet, Truth, required
from workbench.times import TimeRange
from workbench.window import IncidentWindow

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_small_cases"]

_LENGTH = pd.Timedelta("30min")
_MOMENT = pd.Timedelta("1s")
_HEALTHY = "healthy"


def read_small_cases(path: str | Path) -> LabelledSet:
    """Read a folder of single-service cases.

    Parameters
    ----------
    path
        Folder with ``truth.csv`` and ``cases``.

    Returns
    -------
    LabelledSet
        The truth's ``fault`` is the failure mode, its ``services`` the one service of the
        case, or nothing where it was healthy.

    Raises
    ------
    BundleMissing
        Not such a folder.
    """
    folder = Path(path)
    required(folder / "truth.csv", "truth of the cases")
    cases = sorted(found.name for found in required(folder / "cases", "cases").iterdir())
    return LabelledSet(
        layout="small-cases",
        groups={case: case.partition("-")[0] for case in cases},
        load=lambda case: _window(folder / "cases" / case),
        truth=lambda case: _truth(folder, case),
    )


def _truth(folder: Path, case: str) -> Truth:
    told = pd.read_csv(folder / "truth.csv").set_index("case").loc[case]
    mode = str(told["failure_mode"])
    right = () if mode == _HEALTHY else (_service(_tables(folder / "cases" / case)),)
    return Truth(right, fault=mode, details={"category": str(told["category"])})


def _window(folder: Path) -> IncidentWindow:
    raw = _tables(folder)
    seen = pd.concat([frame["ts"] for frame in raw.values() if "ts" in frame])
    first, end = seen.min(), seen.max() + _MOMENT
    when = TimeRange(end - min(_LENGTH, (end - first) / 2), end)
    tables = {"metrics": _metrics, "logs": _logs, "events": _events}
    made = {name: make(raw[name]) for name, make in tables.items() if name in raw}
    return IncidentWindow.from_frames(
        id=folder.name,
        title=str(raw["alerts"]["summary"].iloc[0]),
        when=when,
        alerts=_alerts(raw["alerts"], when.end - _MOMENT),
        **made,
    )


def _tables(folder: Path) -> dict[str, pd.DataFrame]:
    required(folder / "alerts.csv", "alert of the case")
    raw = {p.stem: pd.read_csv(p, keep_default_na=False) for p in sorted(folder.glob("*.csv"))}
    for frame in raw.values():
        if "ts" in frame:
            frame["ts"] = pd.to_datetime(frame["ts"], utc=True)
    return raw


def _service(raw: Mapping[str, pd.DataFrame]) -> str:
    """Name what the case is about: what most metrics are of, else what the alert names."""
    of = raw["metrics"] if "metrics" in raw else raw["alerts"]
    return str(of["service"].mode().iloc[0])


def _metrics(raw: pd.DataFrame) -> pd.DataFrame:
    labels = [{"stat": stat} for stat in raw["stat"]]
    value = pd.to_numeric(raw["value"], errors="coerce")
    known = raw[["ts", "metric", "service", "unit"]]
    return known.assign(value=value, labels=labels, kind="gauge")


def _logs(raw: pd.DataFrame) -> pd.DataFrame:
    return raw[["ts", "service", "severity_text", "body"]].assign(
        severity_number=raw["severity_text"].map(severity_number),
        attributes=[{"host.name": host} if host else {} for host in raw["host"]],
    )


def _events(raw: pd.DataFrame) -> pd.DataFrame:
    return raw.assign(namespace="", count=pd.to_numeric(raw["count"], errors="coerce"))


def _alerts(raw: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "starts_at": [at] * len(raw),
            "ends_at": [pd.NaT] * len(raw),
            "name": raw["name"],
            "service": raw["service"],
            "severity": raw["severity"],
            "status": "firing",
            "fingerprint": raw["name"],
            "source": "alerts.csv",
            "labels": [{"summary": text} for text in raw["summary"]],
        }
    )
