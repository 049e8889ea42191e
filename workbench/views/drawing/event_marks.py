"""Event marks, in lanes: changes, alerts and when each suspect first moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.views.drawing.axes import shorten
from workbench.views.drawing.readings import milliseconds

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping
    from typing import Any

    from workbench.diagnose import Diagnosis
    from workbench.times import TimeRange
    from workbench.window import IncidentWindow

__all__ = ["event_rows", "lanes"]

_COLUMNS = ["kind", "lane", "t", "t2", "time"]
_LONGEST_LANE = 50
_ORDER = {"change": 0, "alert": 1, "first moved": 2}
_OPEN = pd.Timestamp("2200-01-01T00:00:00Z")


def event_rows(
    window: IncidentWindow,
    diagnosis: Diagnosis | None,
    span: tuple[pd.Timestamp, pd.Timestamp],
) -> pd.DataFrame:
    """List changes, alerts and first movements inside `span`.

    Returns
    -------
    DataFrame
        A row each: ``kind``, ``lane`` (its name), ``t`` and ``t2`` in ms since 1970 and
        ``time`` (in words), ordered by time.
    """
    rows = [*_changes(window), *_alerts(window), *_movements(diagnosis)]
    inside = [row for row in rows if row[3] >= span[0] and row[2] <= span[1]]
    written = [
        (
            kind,
            shorten(lane, _LONGEST_LANE),
            milliseconds(max(start, span[0])),
            milliseconds(min(end, span[1])),
            _time_label(start, end),
        )
        for kind, lane, start, end in inside
    ]
    return pd.DataFrame(written, columns=_COLUMNS).sort_values("t", kind="stable")


def lanes(rows: pd.DataFrame, when: TimeRange, *, most: int) -> tuple[pd.DataFrame, int]:
    """Keep changes, then alerts, then movements, the nearest to the incident's start first.

    Parameters
    ----------
    rows
        From `event_rows`.
    when
        The incident.
    most
        Lanes that fit.

    Returns
    -------
    kept, dropped
        Rows of the lanes kept, and the number of lanes that were not.
    """
    distance = (rows["t"] - milliseconds(when.start)).abs()
    ordered = rows.assign(order=rows["kind"].map(_ORDER), distance=distance)
    names = ordered.sort_values(["order", "distance"], kind="stable")["lane"].drop_duplicates()
    kept = rows[rows["lane"].isin(names[:most])]
    return kept, max(0, len(names) - most)


def _changes(window: IncidentWindow) -> Iterator[tuple[str, str, pd.Timestamp, pd.Timestamp]]:
    for row in window.changes.to_dict("records"):
        end = row.get("end_ts", pd.NaT)
        yield "change", _change_label(row), row["ts"], row["ts"] if pd.isna(end) else end


def _alerts(window: IncidentWindow) -> Iterator[tuple[str, str, pd.Timestamp, pd.Timestamp]]:
    for row in window.alerts.to_dict("records"):
        end = _OPEN if pd.isna(row["ends_at"]) else row["ends_at"]
        lane = f"alert {row['name']} {row['service']} ({row['severity']})"
        yield "alert", lane, row["starts_at"], max(end, row["starts_at"])


def _movements(
    diagnosis: Diagnosis | None,
) -> Iterator[tuple[str, str, pd.Timestamp, pd.Timestamp]]:
    for suspect in diagnosis.suspects if diagnosis else ():
        is_place = not suspect.change and suspect.role != "coincidence"
        if suspect.onset is not None and is_place:
            signal = suspect.signal.removeprefix("saturation:")
            yield "first moved", f"moved {suspect.service}/{signal}", suspect.onset, suspect.onset


def _change_label(row: Mapping[Hashable, Any]) -> str:
    kind, service, ref = str(row["kind"]), str(row["service"]), str(row["ref"])
    return f"{kind} {ref}" if service in ref else f"{kind} {service} {ref}"


def _time_label(start: pd.Timestamp, end: pd.Timestamp) -> str:
    if start == end:
        return f"{start:%H:%M:%S} UTC"
    if end == _OPEN:
        return f"{start:%H:%M:%S} UTC, no end recorded"
    return f"{start:%H:%M:%S} – {end:%H:%M:%S} UTC"
