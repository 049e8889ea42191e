"""Section 9: one timeline from all sources, and what was only understood afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from workbench.postmortem.context import audit_text, change_text
from workbench.postmortem.document import Name, Paragraph, Section, Table, Todo
from workbench.postmortem.recipes.diagnosis import moved, suspect_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.postmortem.context import Context
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


def timeline(context: Context) -> Section:
    """9: strictly ordered, from normal operation on; each row with its source."""
    rows = tuple(
        ((entry.when,), entry.what, (entry.source,), (entry.known,)) for entry in entries(context)
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


def entries(context: Context) -> list[Entry]:
    """All entries in order of time; equal times in order of source."""
    found = [
        *_frame(context),
        *_changes(context),
        *_alerts(context),
        *_events(context),
        *_records(context),
        *_audits(context),
        *_analysed(context),
    ]
    unique = {(e.at, e.what): e for e in found}
    return sorted(unique.values(), key=lambda e: (e.at, e.known == _NOW, e.source, str(e.what)))


def _frame(context: Context) -> Iterator[Entry]:
    baseline = context.window.baseline
    if baseline is not None:
        when = context.cite("window.times", "baseline start", "clock")
        yield Entry(
            baseline.start,
            when,
            ("Normal operation: the baseline begins",),
            "incident window",
            _NOW,
        )
        return
    when = context.cite("window.times", "start", "clock")
    yield Entry(
        context.window.when.start, when, ("The incident window begins",), "incident window", _NOW
    )


def _changes(context: Context) -> Iterator[Entry]:
    for row, change in _near(context, context.window.changes, "ts").iterrows():
        what = ("Change: ", *change_text(change))
        yield Entry(
            change["ts"], context.row_time("changes", int(row), "ts"), what, "changes", _THEN
        )
        if isinstance(change.get("end_ts"), pd.Timestamp) and change["end_ts"] > change["ts"]:
            when = context.row_time("changes", int(row), "end_ts")
            yield Entry(change["end_ts"], when, (*what, " is complete"), "changes", _THEN)


def _alerts(context: Context) -> Iterator[Entry]:
    for row, alert in _near(context, context.window.alerts, "starts_at").iterrows():
        what = ("Alert ", Name(str(alert["name"])), " on ", Name(str(alert["service"])))
        when = context.row_time("alerts", int(row), "starts_at")
        yield Entry(alert["starts_at"], when, (*what, " fires"), "alerts", _THEN)
        end = alert["ends_at"]
        if isinstance(end, pd.Timestamp) and context.window.when.contains(end):
            when = context.row_time("alerts", int(row), "ends_at")
            yield Entry(end, when, (*what, " ends"), "alerts", _THEN)


def _events(context: Context) -> Iterator[Entry]:
    events = context.window.events
    warnings = events[context.window.when.mask(events["ts"]) & (events["type"] != "Normal")]
    for row, event in warnings.head(_MOST_EVENTS).iterrows():
        what = ("Event ", Name(str(event["reason"])), " of ", Name(str(event["name"])))
        yield Entry(event["ts"], context.row_time("events", int(row), "ts"), what, "events", _THEN)


def _records(context: Context) -> Iterator[Entry]:
    steps = {
        "created_at": "opened",
        "acked_at": "acknowledged",
        "resolved_at": "resolved",
    }
    for row, record in context.window.incidents.iterrows():
        for column, step in steps.items():
            at = record.get(column)
            if isinstance(at, pd.Timestamp) and context.window.when.contains(at):
                when = context.row_time("incidents", int(row), column)
                what = ("Incident ", Name(str(record["id"])), f" is {step}")
                yield Entry(at, when, what, "incident record", _THEN)


def _audits(context: Context) -> Iterator[Entry]:
    for row, audit in _near(context, context.window.audits, "ts").iterrows():
        when = context.row_time("audits", int(row), "ts")
        yield Entry(audit["ts"], when, audit_text(audit), "audits", _THEN)


def _analysed(context: Context) -> Iterator[Entry]:
    diagnosis = context.diagnosis
    if diagnosis.onset is not None:
        what = ("Onset: ", Name(str(diagnosis.sli)), " leaves its usual range")
        when = context.diagnosed("onset", "clock")
        yield Entry(diagnosis.onset, when, what, "analysis", _NOW)
    first = {*diagnosis.bucket("state change"), *diagnosis.bucket("first failure")}
    for suspect in moved(diagnosis):
        if suspect in first:
            when = context.diagnosed(f"{suspect_key(suspect)}/onset", "clock")
            failed: Text = (
                f"{suspect.role.capitalize()}: ",
                *context.suspect_cell(suspect),
                " leaves its usual range",
            )
            yield Entry(suspect.onset, when, failed, "analysis", _NOW)
    end = context.milestones["mitigated"].at
    if end is not None:
        what = ("Impact ends: ", Name(str(diagnosis.sli)), " is back in its usual range")
        yield Entry(end, context.milestone("mitigated"), what, "analysis", _NOW)


def _near(context: Context, frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Rows from the baseline's start to the window's end."""
    start = context.window.baseline.start if context.window.baseline else context.window.when.start
    times = frame[column]
    return frame[(times >= start) & (times < context.window.when.end)]
