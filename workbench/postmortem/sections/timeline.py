"""Section 9: one timeline from all sources, and what was only understood afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from workbench.postmortem.context import change_text
from workbench.postmortem.document import Name, Paragraph, Section, Table, Todo
from workbench.postmortem.recipes.diagnosis import moved, suspect_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.postmortem.context import Case
    from workbench.postmortem.document import Piece, Text

__all__ = ["Entry", "entries", "timeline"]

_MOST_EVENTS = 20
_THEN, _NOW = "then", "now"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: when, what, where that is known from, and whether responders could know."""

    at: pd.Timestamp
    when: Piece
    what: Text
    source: str
    known: str


def timeline(case: Case) -> Section:
    """9: strictly ordered, from normal operation on; each row with its source."""
    rows = tuple(
        ((entry.when,), entry.what, (entry.source,), (entry.known,)) for entry in entries(case)
    )
    legend = (
        "Times are UTC. Known then: responders could see it while it happened. "
        "Known now: it took this analysis."
    )
    return Section(
        9,
        "mixed",
        (
            Paragraph((legend,)),
            Table(("When (UTC)", "What", "Source", "Known"), rows),
            Todo("Add decisions, status changes and messages, each with a link to its source."),
        ),
    )


def entries(case: Case) -> list[Entry]:
    """All entries in order of time; equal times in order of source."""
    found = [
        *_frame(case),
        *_changes(case),
        *_alerts(case),
        *_events(case),
        *_records(case),
        *_audits(case),
        *_analysed(case),
    ]
    unique = {(e.at, e.what): e for e in found}
    return sorted(unique.values(), key=lambda e: (e.at, e.known == _NOW, e.source, str(e.what)))


def _frame(case: Case) -> Iterator[Entry]:
    baseline = case.window.baseline
    if baseline is not None:
        when = case.cite("window.times", "baseline start", "clock")
        yield Entry(
            baseline.start,
            when,
            ("Normal operation: the baseline begins",),
            "incident window",
            _NOW,
        )
        return
    when = case.cite("window.times", "start", "clock")
    yield Entry(
        case.window.when.start, when, ("The incident window begins",), "incident window", _NOW
    )


def _changes(case: Case) -> Iterator[Entry]:
    for row, change in _near(case, case.window.changes, "ts").iterrows():
        what = ("Change: ", *change_text(change))
        yield Entry(change["ts"], case.row_time("changes", int(row), "ts"), what, "changes", _THEN)
        if isinstance(change.get("end_ts"), pd.Timestamp) and change["end_ts"] > change["ts"]:
            when = case.row_time("changes", int(row), "end_ts")
            yield Entry(change["end_ts"], when, (*what, " is complete"), "changes", _THEN)


def _alerts(case: Case) -> Iterator[Entry]:
    for row, alert in _near(case, case.window.alerts, "starts_at").iterrows():
        what = ("Alert ", Name(str(alert["name"])), " on ", Name(str(alert["service"])))
        when = case.row_time("alerts", int(row), "starts_at")
        yield Entry(alert["starts_at"], when, (*what, " fires"), "alerts", _THEN)
        end = alert["ends_at"]
        if isinstance(end, pd.Timestamp) and case.window.when.contains(end):
            when = case.row_time("alerts", int(row), "ends_at")
            yield Entry(end, when, (*what, " ends"), "alerts", _THEN)


def _events(case: Case) -> Iterator[Entry]:
    events = case.window.events
    told = events[case.window.when.mask(events["ts"]) & (events["type"] != "Normal")]
    for row, event in told.head(_MOST_EVENTS).iterrows():
        what = ("Event ", Name(str(event["reason"])), " of ", Name(str(event["name"])))
        yield Entry(event["ts"], case.row_time("events", int(row), "ts"), what, "events", _THEN)


def _records(case: Case) -> Iterator[Entry]:
    steps = {
        "created_at": "opened",
        "acked_at": "acknowledged",
        "resolved_at": "resolved",
    }
    for row, record in case.window.incidents.iterrows():
        for column, step in steps.items():
            at = record.get(column)
            if isinstance(at, pd.Timestamp) and case.window.when.contains(at):
                when = case.row_time("incidents", int(row), column)
                what = ("Incident ", Name(str(record["id"])), f" is {step}")
                yield Entry(at, when, what, "incident record", _THEN)


def _audits(case: Case) -> Iterator[Entry]:
    for row, audit in _near(case, case.window.audits, "ts").iterrows():
        what = (
            Name(str(audit["action"])),
            " on ",
            Name(str(audit["target"])),
            ": ",
            Name(str(audit["decision"])),
        )
        yield Entry(audit["ts"], case.row_time("audits", int(row), "ts"), what, "audits", _THEN)


def _analysed(case: Case) -> Iterator[Entry]:
    diagnosis = case.diagnosis
    if diagnosis.onset is not None:
        what = ("Onset: ", Name(str(diagnosis.sli)), " leaves its usual range")
        when = case.compared("onset", "clock")
        yield Entry(diagnosis.onset, when, what, "analysis", _NOW)
    first = {*diagnosis.bucket("state change"), *diagnosis.bucket("first failure")}
    for suspect in moved(diagnosis):
        if suspect in first:
            when = case.compared(f"{suspect_key(suspect)}/onset", "clock")
            failed: Text = (
                f"{suspect.role.capitalize()}: ",
                *case.place(suspect),
                " leaves its usual range",
            )
            yield Entry(suspect.onset, when, failed, "analysis", _NOW)
    end = case.moments["mitigated"].at
    if end is not None:
        what = ("Impact ends: ", Name(str(diagnosis.sli)), " is back in its usual range")
        yield Entry(end, case.at("mitigated"), what, "analysis", _NOW)


def _near(case: Case, frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Rows from the baseline's start to the window's end."""
    start = case.window.baseline.start if case.window.baseline else case.window.when.start
    times = frame[column]
    return frame[(times >= start) & (times < case.window.when.end)]
