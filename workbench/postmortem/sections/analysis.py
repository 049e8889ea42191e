"""Sections 4 to 8: detection, trigger, contributing factors, propagation, response."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.postmortem.context import change_text, joined
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
from workbench.postmortem.recipes.diagnosis import blast_radius, moved, origin, suspect_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.diagnose.results import Suspect
    from workbench.postmortem.context import Case
    from workbench.postmortem.document import Block, Text

__all__ = ["detection", "factors", "propagation", "response", "trigger"]

_MOST_ROWS = 25
_FACTORS = ("state change", "first failure", "undecided")


def detection(case: Case) -> Section:
    """4: which alerts fired when, which were muted, and what would have told sooner."""
    return Section(
        4,
        "draft",
        (
            Paragraph(_detected(case)),
            *_alerts(case),
            Paragraph(_first_sign(case)),
            Todo(
                "Was it the right alert? What would have halved the time to detect? What fired "
                "and was ignored?"
            ),
        ),
    )


def trigger(case: Case) -> Section:
    """5: the state change that started it, as far as the claim ladder carries."""
    cause = case.diagnosis.cause
    if not case.diagnosis.moved:
        blocks: tuple[Block, ...] = (
            Paragraph(("No trigger: the SLI stayed in its usual range.",)),
            *_settle(case),
        )
    elif cause is None:
        blocks = (
            Paragraph(("No trigger is named: not enough evidence.",)),
            Paragraph(("The diagnosis says: ", *case.said("verdict", case.diagnosis.verdict))),
            *_candidates(case),
            *_settle(case),
        )
    else:
        blocks = (*_supported(case, cause), *_settle(case))
    return Section(5, "draft", (*blocks, Todo("Confirm the trigger, or say what is known better.")))


def factors(case: Case) -> Section:
    """6: what had to come together, each with evidence or unknown, and what was ruled out."""
    rows = [_factor(case, s) for s in case.diagnosis.suspects if s.role in _FACTORS]
    rows += list(_blind_spots(case))
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
            *_ruled_out(case),
            Todo(
                "Ask why of each factor until an answer can be acted on. Write about systems "
                "and conditions; what people did is never the factor."
            ),
        ),
    )


def propagation(case: Case) -> Section:
    """7: in which order services moved, and how far it was expected to spread."""
    rows = tuple(_spread(case, suspect) for suspect in moved(case.diagnosis)[:_MOST_ROWS])
    columns = ("Onset (UTC)", "Service / signal", "Role", "Called by")
    order: Block = (
        Table(columns, rows)
        if rows
        else Paragraph(("Onset order: ", NOT_RECORDED, ", nothing moved."))
    )
    return Section(7, "machine", (order, *_radius(case)))


def response(case: Case) -> Section:
    """8: what was done, by whom or what, and what helped."""
    since = case.moments["impact start"].at or case.window.when.start
    rows = [*_changes_since(case, since), *_audited(case, since)]
    done: Block = (
        Table(("When (UTC)", "Action", "Source", "What the diagnosis says"), tuple(rows))
        if rows
        else Paragraph(("Actions: ", NOT_RECORDED, " (no change and no audit record after onset)."))
    )
    return Section(
        8,
        "draft",
        (done, Todo("What helped, what hurt, what was rolled back, who approved it?")),
    )


def _detected(case: Case) -> Text:
    moment = case.moments["detected"]
    if moment.at is None:
        return ("Detected: ", NOT_RECORDED, " (", *moment.source, ").")
    return (
        "First by ",
        *moment.source,
        " at ",
        case.at("detected"),
        ", ",
        case.at("TTD", "duration"),
        " after the impact started.",
    )


def _alerts(case: Case) -> Iterator[Block]:
    alerts = case.window.alerts
    inside = alerts[case.window.when.mask(alerts["starts_at"])]
    if inside.empty:
        yield Paragraph(("Alerts in the incident window: none recorded.",))
        return
    rows = tuple(
        (
            (case.row_time("alerts", int(row), "starts_at"),),
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


def _first_sign(case: Case) -> Text:
    first = next(iter(moved(case.diagnosis)), None)
    if first is None:
        return ("First sign in the telemetry: ", NOT_RECORDED, ".")
    when = case.compared(f"{suspect_key(first)}/onset", "clock")
    return ("First sign in the telemetry: ", *case.place(first), " at ", when, ".")


def _supported(case: Case, cause: Suspect) -> Iterator[Block]:
    yield Paragraph(
        (
            "Trigger: ",
            *case.prose(cause),
            *_when_changed(case, cause),
            " caused the change of ",
            Name(str(case.diagnosis.sli)),
            ". Claim rung: ",
            Name(cause.claim),
            ".",
        )
    )
    key = suspect_key(cause)
    yield Paragraph(("Why: ", *case.said(f"{key}/reason", cause.reason)))
    tests = tuple(
        (
            (Name(result.name),),
            (result.outcome.replace("_", " "),),
            case.said(f"{key}/test/{i}", result.figure),
        )
        for i, result in enumerate(cause.tests)
    )
    if tests:
        yield Table(("Test", "Outcome", "What it showed"), tests)


def _when_changed(case: Case, suspect: Suspect) -> Text:
    changes = case.window.changes
    rows = changes.index[changes["ref"] == suspect.change]
    if not suspect.change or rows.empty:
        return ()
    return (" at ", case.row_time("changes", int(rows[0]), "ts"))


def _candidates(case: Case) -> Iterator[Block]:
    near = [s for s in case.diagnosis.suspects if s.role in _FACTORS]
    if near:
        yield Heading("Nearest candidates")
        yield Bullets(
            tuple(
                (
                    *case.place(s),
                    " (claim: ",
                    Name(s.claim),
                    "): ",
                    *case.said(f"{suspect_key(s)}/reason", s.reason),
                )
                for s in near[:5]
            )
        )


def _settle(case: Case) -> Iterator[Block]:
    if case.diagnosis.would_settle:
        yield Heading("What would settle it")
        texts = enumerate(case.diagnosis.would_settle)
        yield Bullets(tuple(case.said(f"would_settle/{i}", text) for i, text in texts))


def _factor(case: Case, suspect: Suspect) -> tuple[Text, ...]:
    reason = case.said(f"{suspect_key(suspect)}/reason", suspect.reason)
    what = (f"{suspect.role.capitalize()}: ", *case.place(suspect))
    share = () if any(isinstance(piece, Cited) for piece in reason) else _share(case, suspect)
    return what, (suspect.claim,), (*share, *reason) or ("unknown",)


def _share(case: Case, suspect: Suspect) -> Text:
    """Its part of the SLI's change with its interval; nothing where there is none."""
    key, unit = suspect_key(suspect), case.diagnosis.sli.unit
    if pd.isna(suspect.attribution):
        return ()
    part = (case.compared(f"{key}/attribution", unit), " of the change")
    if pd.isna(suspect.low) or pd.isna(suspect.high):
        return (*part, ". ")
    ends = (case.compared(f"{key}/low", unit), " … ", case.compared(f"{key}/high", unit))
    return (*part, " (", *ends, "). ")


def _blind_spots(case: Case) -> Iterator[tuple[Text, ...]]:
    for i, text in enumerate(case.diagnosis.missing):
        said = case.said(f"missing/{i}", text)
        yield (("Not seen: ", *said), ("observed",), ("A source that was not there to be asked.",))


def _ruled_out(case: Case) -> Iterator[Block]:
    out = case.diagnosis.ruled_out
    if not out:
        yield Paragraph(("Nothing was ruled out by a named test.",))
        return
    rows = tuple(
        (
            case.place(s),
            (s.role if s.claim != "refuted" else f"{s.role}, refuted",),
            case.said(f"{suspect_key(s)}/reason", s.reason),
        )
        for s in out[:_MOST_ROWS]
    )
    yield Table(("Suspect", "Told as", "Why it was ruled out"), rows)
    yield from _more(len(out) - len(rows), "suspects")


def _spread(case: Case, suspect: Suspect) -> tuple[Text, ...]:
    graph = case.window.topology
    callers = sorted(graph.predecessors(suspect.service)) if suspect.service in graph else []
    return (
        (case.compared(f"{suspect_key(suspect)}/onset", "clock"),),
        case.place(suspect),
        (suspect.role,),
        joined([(Name(str(c)),) for c in callers]) or ("nobody in the recorded topology",),
    )


def _radius(case: Case) -> Iterator[Block]:
    predicted, felt = blast_radius(case.window, case.diagnosis)
    start = origin(case.diagnosis)
    if start is None:
        yield Paragraph(("Expected blast radius: ", NOT_RECORDED, ", no first failure is known."))
        return
    yield Paragraph(
        (
            "Expected to feel ",
            Name(start.service),
            ": it and its callers, ",
            case.compared("predicted services"),
            " services (",
            *_names(predicted),
            "). Moved: ",
            case.compared("moved services"),
            " (",
            *_names(felt),
            "). Both: ",
            case.compared("predicted and moved"),
            ".",
        )
    )


def _names(services: tuple[str, ...]) -> Text:
    return joined([(Name(name),) for name in services]) or ("none",)


def _changes_since(case: Case, since: pd.Timestamp) -> Iterator[tuple[Text, ...]]:
    changes = case.window.changes
    for row, change in changes[changes["ts"] >= since].head(_MOST_ROWS).iterrows():
        when = case.row_time("changes", int(row), "ts")
        yield (when,), change_text(change), ("changes",), _judged(case, str(change["ref"]))


def _judged(case: Case, ref: str) -> Text:
    """Tell what the diagnosis says of a change, or that it never looked at it."""
    suspect = next((s for s in case.diagnosis.suspects if s.change == ref), None)
    if suspect is None:
        return ("not looked at",)
    return case.said(f"{suspect_key(suspect)}/reason", suspect.reason)


def _audited(case: Case, since: pd.Timestamp) -> Iterator[tuple[Text, ...]]:
    audits = case.window.audits
    for row, audit in audits[audits["ts"] >= since].head(_MOST_ROWS).iterrows():
        what = (
            Name(str(audit["action"])),
            " on ",
            Name(str(audit["target"])),
            ": ",
            Name(str(audit["decision"])),
        )
        yield (case.row_time("audits", int(row), "ts"),), what, ("audits",), ("–",)


def _more(count: int, what: str) -> Iterator[Block]:
    if count > 0:
        yield Paragraph((f"More {what} are in the incident bundle.",))
