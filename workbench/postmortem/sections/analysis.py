"""Sections 4 to 8: detection, trigger, contributing factors, propagation, response."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.postmortem.context import audit_text, change_text, joined
from workbench.postmortem.document import (
    NOT_RECORDED,
    Bullets,
    Cited,
    Heading,
    Name,
    Paragraph,
    Section,
    Table,
    Todo,
)
from workbench.postmortem.recipes.diagnosis import affected_callers, moved, origin, suspect_key
from workbench.topology import calls_only

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.diagnose.results import Suspect
    from workbench.postmortem.context import Context
    from workbench.postmortem.document import Block, Text

__all__ = ["detection", "factors", "propagation", "response", "trigger"]

_MOST_ROWS = 25
_FACTORS = ("state change", "first failure", "undecided")


def detection(context: Context) -> Section:
    """4: which alerts fired when, which were muted, and what could have fired sooner."""
    return Section(
        4,
        "draft",
        (
            Paragraph(_detected(context)),
            *_alerts(context),
            Paragraph(_first_sign(context)),
            Todo(
                "Was it the right alert? What would have halved the time to detect? What fired "
                "and was ignored?"
            ),
        ),
    )


def trigger(context: Context) -> Section:
    """5: the state change that started it, as far as the claim ladder carries."""
    cause = context.diagnosis.cause
    if not context.diagnosis.moved:
        known = context.diagnosis.was_measured
        why = "the SLI stayed in its usual range" if known else "the SLI was not measured"
        blocks: tuple[Block, ...] = (
            Paragraph((f"No trigger: {why}.",)),
            *_would_settle(context),
        )
    elif cause is None:
        blocks = (
            Paragraph(("No trigger is named: not enough evidence.",)),
            Paragraph(
                (
                    "The diagnosis says: ",
                    *context.diagnosis_sentence("verdict", context.diagnosis.verdict),
                )
            ),
            *_candidates(context),
            *_would_settle(context),
        )
    else:
        blocks = (*_supported(context, cause), *_would_settle(context))
    return Section(5, "draft", (*blocks, Todo("Confirm the trigger, or say what is known better.")))


def factors(context: Context) -> Section:
    """6: what had to come together, each with evidence or unknown, and what was ruled out."""
    rows = [_factor(context, s) for s in context.diagnosis.suspects if s.role in _FACTORS]
    rows += list(_blind_spots(context))
    rows.append((("Other conditions that had to coincide",), ("unknown",), ("unknown",)))
    return Section(
        6,
        "draft",
        (
            Paragraph(
                (
                    "An incident has several contributing factors. Each one here carries evidence "
                    "or says unknown.",
                )
            ),
            Table(("Factor", "Claim", "Evidence"), tuple(rows)),
            Heading("Ruled out"),
            *_ruled_out(context),
            Todo(
                "Ask why of each factor until an answer can be acted on. Write about systems "
                "and conditions; what people did is never the factor."
            ),
        ),
    )


def propagation(context: Context) -> Section:
    """7: in which order services moved, and which callers it could affect."""
    rows = tuple(_moved_row(context, suspect) for suspect in moved(context.diagnosis)[:_MOST_ROWS])
    columns = ("Onset (UTC)", "Service / signal", "Role", "Called by")
    order: Block = (
        Table(columns, rows)
        if rows
        else Paragraph(("Onset order: ", NOT_RECORDED, ", nothing moved."))
    )
    return Section(7, "machine", (order, *_callers(context)))


def response(context: Context) -> Section:
    """8: what was done, by whom or what, and what helped."""
    since = context.milestones["impact start"].at or context.window.when.start
    rows = [*_changes_since(context, since), *_audited(context, since)]
    done: Block = (
        Table(("When (UTC)", "Action", "Source", "What the diagnosis says"), tuple(rows))
        if rows
        else Paragraph(("Actions: ", NOT_RECORDED, " (no change and no audit record after onset)."))
    )
    return Section(
        8,
        "draft",
        (done, Todo("What helped, what made it worse, what was rolled back, who approved it?")),
    )


def _detected(context: Context) -> Text:
    detected = context.milestones["detected"]
    if detected.at is None:
        return ("Detected: ", NOT_RECORDED, " (", *detected.source, ").")
    return (
        "First by ",
        *detected.source,
        " at ",
        context.milestone("detected"),
        ", ",
        context.milestone("TTD", "duration"),
        " after the impact started.",
    )


def _alerts(context: Context) -> Iterator[Block]:
    alerts = context.window.alerts
    inside = alerts[context.window.when.mask(alerts["starts_at"])]
    if inside.empty:
        yield Paragraph(("Alerts in the incident window: none recorded.",))
        return
    rows = tuple(
        (
            (context.row_time("alerts", int(row), "starts_at"),),
            (Name(str(alert["name"])),),
            (Name(str(alert["service"])),),
            (Name(str(alert["severity"])),),
            (_muted(alert),),
        )
        for row, alert in inside.head(_MOST_ROWS).iterrows()
    )
    yield Table(("Fired (UTC)", "Alert", "Service", "Severity", "Muted"), rows)
    yield from _more(len(inside) - len(rows), "alerts")


def _muted(alert: pd.Series) -> str:
    columns = {"silenced_by": "silenced", "inhibited_by": "inhibited", "muted_by": "muted"}
    known = [word for column, word in columns.items() if _has_text(alert.get(column))]
    return ", ".join(known) or ("no" if set(columns) & set(alert.index) else NOT_RECORDED)


def _has_text(value: object) -> bool:
    return isinstance(value, str) and value not in {"", "[]", "nan"}


def _first_sign(context: Context) -> Text:
    first = next(iter(moved(context.diagnosis)), None)
    if first is None:
        return ("First sign in the telemetry: ", NOT_RECORDED, ".")
    when = context.diagnosed(f"{suspect_key(first)}/onset", "clock")
    return ("First sign in the telemetry: ", *context.suspect_cell(first), " at ", when, ".")


def _supported(context: Context, cause: Suspect) -> Iterator[Block]:
    yield Paragraph(
        (
            "Trigger: ",
            *context.suspect_phrase(cause),
            *_when_changed(context, cause),
            " caused the change of ",
            Name(str(context.diagnosis.sli)),
            ". Claim rung: ",
            Name(cause.claim),
            ".",
        )
    )
    key = suspect_key(cause)
    yield Paragraph(("Why: ", *context.diagnosis_sentence(f"{key}/reason", cause.reason)))
    tests = tuple(
        (
            (Name(result.name),),
            (result.outcome.replace("_", " "),),
            context.diagnosis_sentence(f"{key}/test/{i}", result.figure),
        )
        for i, result in enumerate(cause.tests)
    )
    if tests:
        yield Table(("Test", "Outcome", "What it showed"), tests)


def _when_changed(context: Context, suspect: Suspect) -> Text:
    changes = context.window.changes
    rows = changes.index[changes["ref"] == suspect.change]
    if not suspect.change or rows.empty:
        return ()
    return (" at ", context.row_time("changes", int(rows[0]), "ts"))


def _candidates(context: Context) -> Iterator[Block]:
    near = [s for s in context.diagnosis.suspects if s.role in _FACTORS]
    if near:
        yield Heading("Nearest candidates")
        yield Bullets(
            tuple(
                (
                    *context.suspect_cell(s),
                    " (claim: ",
                    Name(s.claim),
                    "): ",
                    *context.diagnosis_sentence(f"{suspect_key(s)}/reason", s.reason),
                )
                for s in near[:5]
            )
        )


def _would_settle(context: Context) -> Iterator[Block]:
    if context.diagnosis.would_settle:
        yield Heading("What would settle it")
        texts = enumerate(context.diagnosis.would_settle)
        yield Bullets(
            tuple(context.diagnosis_sentence(f"would_settle/{i}", text) for i, text in texts)
        )


def _factor(context: Context, suspect: Suspect) -> tuple[Text, ...]:
    reason = context.diagnosis_sentence(f"{suspect_key(suspect)}/reason", suspect.reason)
    what = (f"{suspect.role.capitalize()}: ", *context.suspect_cell(suspect))
    share = () if any(isinstance(piece, Cited) for piece in reason) else _share(context, suspect)
    return what, (suspect.claim,), (*share, *reason) or ("unknown",)


def _share(context: Context, suspect: Suspect) -> Text:
    """Its part of the SLI's change with its interval; nothing where there is none."""
    key, unit = suspect_key(suspect), context.diagnosis.sli.unit
    if pd.isna(suspect.attribution):
        return ()
    part = (context.diagnosed(f"{key}/attribution", unit), " of the change")
    if pd.isna(suspect.low) or pd.isna(suspect.high):
        return (*part, ". ")
    ends = (context.diagnosed(f"{key}/low", unit), " … ", context.diagnosed(f"{key}/high", unit))
    return (*part, " (", *ends, "). ")


def _blind_spots(context: Context) -> Iterator[tuple[Text, ...]]:
    for i, text in enumerate(context.diagnosis.missing):
        source = context.diagnosis_sentence(f"missing/{i}", text)
        yield (("Not seen: ", *source), ("observed",), ("This source was not available.",))


def _ruled_out(context: Context) -> Iterator[Block]:
    out = context.diagnosis.ruled_out
    if not out:
        yield Paragraph(("Nothing was ruled out by a named test.",))
        return
    rows = tuple(
        (
            context.suspect_cell(s),
            (s.role if s.claim != "refuted" else f"{s.role}, refuted",),
            context.diagnosis_sentence(f"{suspect_key(s)}/reason", s.reason),
        )
        for s in out[:_MOST_ROWS]
    )
    yield Table(("Suspect", "Role", "Why it was ruled out"), rows)
    yield from _more(len(out) - len(rows), "suspects")


def _moved_row(context: Context, suspect: Suspect) -> tuple[Text, ...]:
    graph = calls_only(context.window.topology)
    callers = sorted(graph.predecessors(suspect.service)) if suspect.service in graph else []
    return (
        (context.diagnosed(f"{suspect_key(suspect)}/onset", "clock"),),
        context.suspect_cell(suspect),
        (suspect.role,),
        joined([(Name(str(c)),) for c in callers]) or ("no caller in the recorded topology",),
    )


def _callers(context: Context) -> Iterator[Block]:
    callers, affected = affected_callers(context.window, context.diagnosis)
    start = origin(context.diagnosis)
    if start is None:
        yield Paragraph(
            ("Callers that could be affected: ", NOT_RECORDED, ", no first failure is known.")
        )
        return
    yield Paragraph(
        (
            "Could be affected by ",
            Name(start.service),
            ": it and all that call it, ",
            context.diagnosed("predicted services"),
            " services (",
            *_names(callers),
            "). Moved: ",
            context.diagnosed("moved services"),
            " (",
            *_names(affected),
            "). Both: ",
            context.diagnosed("predicted and moved"),
            ".",
        )
    )


def _names(services: tuple[str, ...]) -> Text:
    return joined([(Name(name),) for name in services]) or ("none",)


def _changes_since(context: Context, since: pd.Timestamp) -> Iterator[tuple[Text, ...]]:
    changes = context.window.changes
    for row, change in changes[changes["ts"] >= since].head(_MOST_ROWS).iterrows():
        when = context.row_time("changes", int(row), "ts")
        yield (when,), change_text(change), ("changes",), _assessment(context, str(change["ref"]))


def _assessment(context: Context, ref: str) -> Text:
    """Write what the diagnosis says of a change, or that it was not examined."""
    suspect = next((s for s in context.diagnosis.suspects if s.change == ref), None)
    if suspect is None:
        return ("not examined",)
    return context.diagnosis_sentence(f"{suspect_key(suspect)}/reason", suspect.reason)


def _audited(context: Context, since: pd.Timestamp) -> Iterator[tuple[Text, ...]]:
    audits = context.window.audits
    for row, audit in audits[audits["ts"] >= since].head(_MOST_ROWS).iterrows():
        when = context.row_time("audits", int(row), "ts")
        yield (when,), audit_text(audit), ("audits",), ("–",)


def _more(count: int, what: str) -> Iterator[Block]:
    if count > 0:
        yield Paragraph((f"More {what} are in the incident bundle.",))
