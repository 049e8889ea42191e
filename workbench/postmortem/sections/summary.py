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
from workbench.postmortem.recipes.diagnosis import affected_callers
from workbench.postmortem.recipes.milestones import DURATIONS, MILESTONES
from workbench.version import __version__

if TYPE_CHECKING:
    from workbench.postmortem.context import Context
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


def header(context: Context) -> Section:
    """0: whose postmortem this is, where it stands and what it was written from."""
    record, given = context.record, context.header
    severity = given.severity or str(record.get("severity", ""))
    columns = ("Incident", "Severity", "Status", "Date", "Impact lasted", "Owner", "Review due")
    row: tuple[Text, ...] = (
        (Name(context.window.id),),
        (Name(severity) if severity else NOT_RECORDED,),
        (given.status,),
        (context.cite("window.times", "start", "date"),),
        context.impact_duration(),
        (Name(given.owner) if given.owner else TODO,),
        (_due(context, severity),),
    )
    return Section(0, "machine", (Table(columns, (row,)), _people(context), _provenance(context)))


def summary(context: Context) -> Section:
    """1: two sentences for those who read no further."""
    return Section(
        1,
        "draft",
        (
            Paragraph((*_what_happened(context), " ", *_trigger(context))),
            Paragraph(_how_it_ended(context)),
            Todo("Confirm or rewrite this: who was affected, and what was done about it."),
        ),
    )


def impact(context: Context) -> Section:
    """2: what users were affected by, what it cost of the objectives, and what was not affected."""
    blocks: list[Block] = [_no_impact(context)]
    if context.milestones["impact start"].at is not None:
        blocks = [_impact_table(context), _slow_definition(context), *_budget(context)]
    blocks += [
        Heading("Not affected"),
        Paragraph(_unaffected(context)),
        Heading("Not measured here"),
        Todo(
            "Users and tenants affected, functions they could not use, support tickets, money "
            "lost, engineering work not done. The recorded telemetry holds nothing of this."
        ),
    ]
    return Section(2, "mixed", tuple(blocks))


def times(context: Context) -> Section:
    """3: the milestones of the incident with definitions and sources, and how long each took."""
    milestones = tuple(
        (
            (name.capitalize(),),
            (context.milestone(name, "instant"),),
            (definition,),
            context.milestones[name].source,
        )
        for name, definition in MILESTONES.items()
    )
    durations = tuple(
        ((name,), (context.milestone(name, "duration"),), (f"{meaning}: {start} to {end}",))
        for name, (start, end, meaning) in DURATIONS.items()
    )
    return Section(
        3,
        "machine",
        (
            Table(("Milestone", "When (UTC)", "Definition", "Source"), milestones),
            _onset(context),
            Table(("Metric", "How long", "Definition"), durations),
            Paragraph(("When responders had diagnosed it: ", NOT_RECORDED, ".")),
        ),
    )


def _due(context: Context, severity: str) -> Piece:
    count = ("days", 3) if severity.lower() in _URGENT else ("business days", 5)
    start = context.milestones["resolved"].at or context.window.when.end
    by: Parameters = {"from": epoch(start), "count": count[0], "days": count[1]}
    return context.cite("review.due", "due", "date", by=by)


def _people(context: Context) -> Paragraph:
    authors = joined([(Name(a),) for a in context.header.authors]) or (TODO,)
    links = joined([(Quote(link),) for link in context.header.links]) or (TODO,)
    return Paragraph(("Authors: ", *authors, ". Links: ", *links, "."))


def _provenance(context: Context) -> Paragraph:
    return Paragraph(
        (
            "Written by incident-workbench ",
            Name(__version__),
            " from window ",
            Name(context.window.id),
            " with digest ",
            Name(context.citations.digest[:12]),
            ". Times are UTC, intervals hold 95 %. Every number links to its evidence in "
            "the appendix, where it says how to compute it again.",
        )
    )


def _what_happened(context: Context) -> Text:
    diagnosis = context.diagnosis
    unit = diagnosis.sli.unit
    subject = (_SIGNALS[diagnosis.sli.signal], " ", Name(diagnosis.sli.service))
    change = (
        " from ",
        context.diagnosed("before", unit),
        " to ",
        context.diagnosed("during", unit),
    )
    if not diagnosis.was_measured:
        return (
            *subject,
            " was not measured between ",
            context.cite("window.times", "start", "instant"),
            " and ",
            context.cite("window.times", "end", "clock"),
            ", or not before: what users felt is not known.",
        )
    if not diagnosis.moved:
        return (
            "Between ",
            context.cite("window.times", "start", "instant"),
            " and ",
            context.cite("window.times", "end", "clock"),
            ", ",
            *subject,
            " stayed in its usual range (",
            context.diagnosed("before", unit),
            " before, ",
            context.diagnosed("during", unit),
            " in the window).",
        )
    verb = " rose" if diagnosis.during >= diagnosis.before else " fell"
    return (
        "From ",
        context.milestone("impact start", "instant"),
        *_until(context),
        ", ",
        *subject,
        verb,
        *change,
        *_and_failed(context),
        ".",
    )


def _until(context: Context) -> Text:
    if context.milestones["mitigated"].at is None:
        return (" on, for ", *context.impact_duration())
    return (" to ", context.milestone("mitigated"), " (", context.milestone("TTM", "duration"), ")")


def _and_failed(context: Context) -> Text:
    beyond = context.citations.figures("impact", context.impact_params()).get("failed beyond", 0.0)
    if beyond < 1:
        return ()
    return (", and ", context.impact("failed beyond", "requests"), " failed beyond the usual")


def _trigger(context: Context) -> Text:
    cause = context.diagnosis.cause
    if not context.diagnosis.was_measured:
        return ("Nothing is claimed of what started it.",)
    if not context.diagnosis.moved:
        return ("No impact was found on it.",)
    if cause is None:
        return ("What started it is not established: not enough evidence.",)
    key, unit = f"suspect {cause.name}", context.diagnosis.sli.unit
    return (
        "It was caused by ",
        *context.suspect_phrase(cause),
        ", which accounts for ",
        context.diagnosed(f"{key}/attribution", unit),
        " of the change (",
        context.diagnosed(f"{key}/low", unit),
        " … ",
        context.diagnosed(f"{key}/high", unit),
        ")",
        "." if cause.change or cause.signal == "load" else "; no recorded change explains it.",
    )


def _how_it_ended(context: Context) -> Text:
    if not context.diagnosis.moved:
        return ("If users reported trouble, it is not in this service level indicator.",)
    start, mitigated = context.milestones["impact start"].at, context.milestones["mitigated"]
    if mitigated.at is None or start is None:
        return ("When it was over: ", NOT_RECORDED, " (", *mitigated.source, ").")
    changes = context.window.changes
    undone = changes[(changes["ts"] > start) & (changes["ts"] <= mitigated.at)]
    if undone.empty:
        return (
            "It was over at ",
            context.milestone("mitigated"),
            "; no change is recorded between its start and its end.",
        )
    last = undone.iloc[-1]
    return (
        "It was over at ",
        context.milestone("mitigated"),
        "; the last change recorded before that is the ",
        *change_text(last),
        " at ",
        context.row_time("changes", int(undone.index[-1]), "ts"),
        ".",
    )


def _no_impact(context: Context) -> Paragraph:
    sli = context.diagnosis.sli
    if not context.diagnosis.was_measured:
        told = (Name(str(sli)), " was not measured in the window, or not before it")
        return Paragraph(("Impact is not known: ", *told, ". No budget is put down to it."))
    return Paragraph(
        (
            "No impact found: ",
            Name(str(sli)),
            " was ",
            context.diagnosed("before", sli.unit),
            " in the baseline and ",
            context.diagnosed("during", sli.unit),
            " in the window, which is its usual range. No budget is put down to it.",
        )
    )


def _impact_table(context: Context) -> Table:
    sli = context.diagnosis.sli
    rows: list[tuple[Text, ...]] = [
        (
            (f"{_SIGNALS[sli.signal].capitalize()} ", Name(sli.service)),
            (context.diagnosed("during", sli.unit),),
            (context.diagnosed("before", sli.unit),),
            (context.diagnosed("change", sli.unit),),
        ),
        (("Requests",), (context.impact("requests"),), ("–",), ("–",)),
        _counts(context, "failed"),
        _counts(context, "slow"),
        (("Impact lasted",), context.impact_duration(), ("–",), ("–",)),
    ]
    return Table(("Measure", "During impact", "Usual", "Beyond the usual"), tuple(rows))


def _counts(context: Context, what: str) -> tuple[Text, ...]:
    cells = (
        context.impact(what),
        context.impact(f"{what} usual"),
        context.impact(f"{what} beyond"),
    )
    return ((f"{what.capitalize()} requests",), *((cell,) for cell in cells))


def _slow_definition(context: Context) -> Paragraph:
    if not context.has_figure("impact", "threshold", by=context.impact_params()):
        return Paragraph(("Slow requests: ", NOT_RECORDED, " (no server spans to count them by)."))
    return Paragraph(
        (
            "Slow means slower than ",
            context.impact("threshold", "s"),
            "; counted as the share of ",
            context.impact("spans"),
            " recorded server spans, times the requests. Usual is the "
            "baseline's share of as many requests.",
        )
    )


def _budget(context: Context) -> list[Block]:
    if not context.window.slos:
        return [Paragraph(("SLO budget spent: ", NOT_RECORDED, " (no objective is declared)."))]
    units = {"objective": "ratio", "bad": "requests", "budget": "requests", "spent": "ratio"}
    rows = tuple(
        (
            (Quote(slo.name),),
            *(
                (context.cite("slo.budget", f"{slo.name}/{select}", unit, by=context.impact_range),)
                for select, unit in units.items()
            ),
        )
        for slo in context.window.slos
    )
    columns = ("Objective", "Promised", "Bad requests", "Budget of the period", "Budget spent")
    return [Heading("Error budget"), Table(columns, rows)]


def _unaffected(context: Context) -> Text:
    _, affected = affected_callers(context.window, context.diagnosis)
    tables = (context.window.metrics, context.window.spans)
    measured = {str(name) for table in tables for name in table["service"].unique()}
    suspected = {s.service for s in context.diagnosis.suspects if not s.change}
    calm = sorted(measured - {*affected} - suspected)
    places = [s for s in context.diagnosis.bucket("coincidence") if not s.change]
    alone = sorted({s.service for s in places} - {*affected})
    beside: Text = (
        (" Moved independently: ", *joined([(Name(name),) for name in alone]), ".")
        if alone and context.diagnosis.moved
        else ()
    )
    if not calm:
        return ("No service is known to have stayed in its usual range throughout.", *beside)
    named = joined([(Name(name),) for name in calm])
    return ("No sign that these left their usual range: ", *named, ".", *beside)


def _onset(context: Context) -> Paragraph:
    if not context.diagnosis.was_measured:
        return Paragraph(("Onset: not known, the SLI was not measured.",))
    if context.diagnosis.onset is None:
        return Paragraph(("Onset: none, the SLI stayed in its usual range.",))
    return Paragraph(
        (
            "Onset of ",
            Name(str(context.diagnosis.sli)),
            ": ",
            context.diagnosed("onset", "instant"),
            ", interval ",
            context.diagnosed("onset_low", "clock"),
            " – ",
            context.diagnosed("onset_high", "clock"),
            ".",
        )
    )
