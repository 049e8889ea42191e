"""Sections 0 to 3: header, summary, impact, times and metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.postmortem.context import change_text, joined
from workbench.postmortem.document import (
    NOT_RECORDED,
    TODO,
    Heading,
    Name,
    Paragraph,
    Quote,
    Section,
    Table,
    Todo,
)
from workbench.postmortem.numbers import epoch
from workbench.postmortem.recipes.diagnosis import blast_radius
from workbench.postmortem.recipes.milestones import DURATIONS, MOMENTS
from workbench.version import __version__

if TYPE_CHECKING:
    from workbench.postmortem.context import Case
    from workbench.postmortem.document import Block, Piece, Text
    from workbench.postmortem.recipes.contract import Parameters

__all__ = ["header", "impact", "summary", "times"]

_SIGNALS = {
    "latency": "the mean time of a request to",
    "errors": "the failed share of requests to",
    "load": "the rate of requests to",
}
# Sev-1 is due in three days, everything else in five business days.
_URGENT = ("sev-1", "sev1", "1", "critical", "p1")


def header(case: Case) -> Section:
    """0: whose postmortem this is, where it stands and what it was written from."""
    record, given = case.record, case.header
    severity = given.severity or str(record.get("severity", ""))
    columns = ("Incident", "Severity", "Status", "Date", "Users felt it for", "Owner", "Review due")
    row: tuple[Text, ...] = (
        (Name(case.window.id),),
        (Name(severity) if severity else NOT_RECORDED,),
        (given.status,),
        (case.cite("window.times", "start", "date"),),
        case.felt_for(),
        (Name(given.owner) if given.owner else TODO,),
        (_due(case, severity),),
    )
    return Section(0, "machine", (Table(columns, (row,)), _people(case), _provenance(case)))


def summary(case: Case) -> Section:
    """1: two sentences for those who read no further."""
    return Section(
        1,
        "draft",
        (
            Paragraph((*_what(case), " ", *_why(case))),
            Paragraph(_over(case)),
            Todo("Confirm or rewrite this: who was hit, and what was done about it."),
        ),
    )


def impact(case: Case) -> Section:
    """2: what users felt, what it cost of the objectives, and what was not affected."""
    blocks: list[Block] = [_no_impact(case)]
    if case.moments["impact start"].at is not None:
        blocks = [_felt_table(case), _slow_definition(case), *_budget(case)]
    blocks += [
        Heading("Not affected"),
        Paragraph(_unaffected(case)),
        Heading("Not measured here"),
        Todo(
            "Users and tenants hit, functions they could not use, support tickets, money lost, "
            "work that engineers could not do. Nothing of this is in the recorded telemetry."
        ),
    ]
    return Section(2, "mixed", tuple(blocks))


def times(case: Case) -> Section:
    """3: the moments of the incident with definitions and sources, and how long each took."""
    moments = tuple(
        (
            (name.capitalize(),),
            (case.at(name, "instant"),),
            (definition,),
            case.moments[name].source,
        )
        for name, definition in MOMENTS.items()
    )
    durations = tuple(
        ((name,), (case.at(name, "duration"),), (f"{meaning}: {start} to {end}",))
        for name, (start, end, meaning) in DURATIONS.items()
    )
    return Section(
        3,
        "machine",
        (
            Table(("Moment", "When (UTC)", "Definition", "Source"), moments),
            _onset(case),
            Table(("Metric", "How long", "Definition"), durations),
            Paragraph(("When responders had diagnosed it: ", NOT_RECORDED, ".")),
        ),
    )


def _due(case: Case, severity: str) -> Piece:
    count = ("days", 3) if severity.lower() in _URGENT else ("business days", 5)
    start = case.moments["resolved"].at or case.window.when.end
    by: Parameters = {"from": epoch(start), "count": count[0], "days": count[1]}
    return case.cite("review.due", "due", "date", by=by)


def _people(case: Case) -> Paragraph:
    authors = joined([(Name(a),) for a in case.header.authors]) or (TODO,)
    links = joined([(Quote(link),) for link in case.header.links]) or (TODO,)
    return Paragraph(("Authors: ", *authors, ". Links: ", *links, "."))


def _provenance(case: Case) -> Paragraph:
    return Paragraph(
        (
            "Written by incident-workbench ",
            Name(__version__),
            " from window ",
            Name(case.window.id),
            " with digest ",
            Name(case.ledger.digest[:12]),
            ". Times are UTC, intervals hold 95 %. Every number links to its evidence in "
            "the appendix, where it says how to compute it again.",
        )
    )


def _what(case: Case) -> Text:
    diagnosis = case.diagnosis
    unit = diagnosis.sli.unit
    subject = (_SIGNALS[diagnosis.sli.signal], " ", Name(diagnosis.sli.service))
    change = (" from ", case.compared("before", unit), " to ", case.compared("during", unit))
    if not diagnosis.moved:
        return (
            "Between ",
            case.cite("window.times", "start", "instant"),
            " and ",
            case.cite("window.times", "end", "clock"),
            ", ",
            *subject,
            " stayed in its usual range (",
            case.compared("before", unit),
            " before, ",
            case.compared("during", unit),
            " in the window).",
        )
    verb = " rose" if diagnosis.during >= diagnosis.before else " fell"
    return (
        "From ",
        case.at("impact start", "instant"),
        *_until(case),
        ", ",
        *subject,
        verb,
        *change,
        *_and_failed(case),
        ".",
    )


def _until(case: Case) -> Text:
    if case.moments["mitigated"].at is None:
        return (" on, for ", *case.felt_for())
    return (" to ", case.at("mitigated"), " (", case.at("TTM", "duration"), ")")


def _and_failed(case: Case) -> Text:
    beyond = case.ledger.figures("impact", case.impact_of()).get("failed beyond", 0.0)
    if beyond < 1:
        return ()
    return (", and ", case.impact("failed beyond", "requests"), " failed beyond the usual")


def _why(case: Case) -> Text:
    cause = case.diagnosis.cause
    if not case.diagnosis.moved:
        return ("No impact was found on it.",)
    if cause is None:
        return ("What started it is not established: not enough evidence.",)
    key, unit = f"suspect {cause.name}", case.diagnosis.sli.unit
    return (
        "It was caused by ",
        *case.prose(cause),
        ", which accounts for ",
        case.compared(f"{key}/attribution", unit),
        " of the change (",
        case.compared(f"{key}/low", unit),
        " … ",
        case.compared(f"{key}/high", unit),
        ")",
        "." if cause.change or cause.signal == "load" else "; no recorded change explains it.",
    )


def _over(case: Case) -> Text:
    if not case.diagnosis.moved:
        return ("If users reported trouble, it is not in this service level indicator.",)
    start, mitigated = case.moments["impact start"].at, case.moments["mitigated"]
    if mitigated.at is None or start is None:
        return ("When it was over: ", NOT_RECORDED, " (", *mitigated.source, ").")
    changes = case.window.changes
    undone = changes[(changes["ts"] > start) & (changes["ts"] <= mitigated.at)]
    if undone.empty:
        return (
            "It was over at ",
            case.at("mitigated"),
            "; no change is recorded between its start and its end.",
        )
    last = undone.iloc[-1]
    return (
        "It was over at ",
        case.at("mitigated"),
        "; the last change recorded before that is the ",
        *change_text(last),
        " at ",
        case.row_time("changes", int(undone.index[-1]), "ts"),
        ".",
    )


def _no_impact(case: Case) -> Paragraph:
    sli = case.diagnosis.sli
    return Paragraph(
        (
            "No impact found: ",
            Name(str(sli)),
            " was ",
            case.compared("before", sli.unit),
            " in the baseline and ",
            case.compared("during", sli.unit),
            " in the window, which is its usual range. No budget is put down to it.",
        )
    )


def _felt_table(case: Case) -> Table:
    sli = case.diagnosis.sli
    rows: list[tuple[Text, ...]] = [
        (
            (f"{_SIGNALS[sli.signal].capitalize()} ", Name(sli.service)),
            (case.compared("during", sli.unit),),
            (case.compared("before", sli.unit),),
            (case.compared("change", sli.unit),),
        ),
        (("Requests",), (case.impact("requests"),), ("–",), ("–",)),
        _counts(case, "failed"),
        _counts(case, "slow"),
        (("Visible to users for",), case.felt_for(), ("–",), ("–",)),
    ]
    return Table(("Measure", "During impact", "Usual", "Beyond the usual"), tuple(rows))


def _counts(case: Case, what: str) -> tuple[Text, ...]:
    cells = (case.impact(what), case.impact(f"{what} usual"), case.impact(f"{what} beyond"))
    return ((f"{what.capitalize()} requests",), *((cell,) for cell in cells))


def _slow_definition(case: Case) -> Paragraph:
    if not case.knows("impact", "threshold", by=case.impact_of()):
        return Paragraph(("Slow requests: ", NOT_RECORDED, " (no server spans to count them by)."))
    return Paragraph(
        (
            "Slow means slower than ",
            case.impact("threshold", "s"),
            "; counted as the share of ",
            case.impact("spans"),
            " recorded server spans, times the requests. Usual is the "
            "baseline's share of as many requests.",
        )
    )


def _budget(case: Case) -> list[Block]:
    if not case.window.slos:
        return [Paragraph(("SLO budget spent: ", NOT_RECORDED, " (no objective is declared)."))]
    units = {"objective": "ratio", "bad": "requests", "budget": "requests", "spent": "ratio"}
    rows = tuple(
        (
            (Quote(slo.name),),
            *(
                (case.cite("slo.budget", f"{slo.name}/{select}", unit, by=case.hurt),)
                for select, unit in units.items()
            ),
        )
        for slo in case.window.slos
    )
    columns = ("Objective", "Promised", "Bad requests", "Budget of the period", "Budget spent")
    return [Heading("Error budget"), Table(columns, rows)]


def _unaffected(case: Case) -> Text:
    _, felt = blast_radius(case.window, case.diagnosis)
    tables = (case.window.metrics, case.window.spans)
    measured = {str(name) for table in tables for name in table["service"].unique()}
    suspected = {s.service for s in case.diagnosis.suspects if not s.change}
    calm = sorted(measured - {*felt} - suspected)
    places = [s for s in case.diagnosis.bucket("coincidence") if not s.change]
    alone = sorted({s.service for s in places} - {*felt})
    beside: Text = (
        (" Moved beside it, by themselves: ", *joined([(Name(name),) for name in alone]), ".")
        if alone and case.diagnosis.moved
        else ()
    )
    if not calm:
        return ("No service is known to have stayed in its usual range throughout.", *beside)
    named = joined([(Name(name),) for name in calm])
    return ("No sign that these left their usual range: ", *named, ".", *beside)


def _onset(case: Case) -> Paragraph:
    if case.diagnosis.onset is None:
        return Paragraph(("Onset: none, the SLI stayed in its usual range.",))
    return Paragraph(
        (
            "Onset of ",
            Name(str(case.diagnosis.sli)),
            ": ",
            case.compared("onset", "instant"),
            ", interval ",
            case.compared("onset_low", "clock"),
            " – ",
            case.compared("onset_high", "clock"),
            ".",
        )
    )
