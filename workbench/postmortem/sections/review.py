"""Sections 10 to 16: what people have to say, with the facts that may help them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.postmortem.context import joined
from workbench.postmortem.document import (
    NOT_RECORDED,
    TODO,
    Bullets,
    Name,
    Paragraph,
    Quote,
    Section,
    Table,
    Todo,
)
from workbench.postmortem.recipes.diagnosis import suspect_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.postmortem.context import Context
    from workbench.postmortem.document import Block, Text

__all__ = [
    "ACTION_COLUMNS",
    "actions",
    "aiops",
    "coordination",
    "external",
    "lessons",
    "questions",
    "similar",
]

ACTION_COLUMNS = ("Action", "Type", "Owner", "Priority", "Due", "Tracker", "Addresses")
"""Columns of the action items; lint reads them by name."""


def lessons(context: Context) -> Section:
    """10: what went well, badly and by luck; the facts are offered, the answers are not."""
    facts: list[Text] = []
    if context.milestones["detected"].at is not None:
        facts.append(("Detection took ", context.milestone("TTD", "duration"), "."))
    if context.milestones["mitigated"].at is not None:
        facts.append(("The impact lasted ", context.milestone("TTM", "duration"), "."))
    if context.diagnosis.ruled_out:
        facts.append(("Suspects ruled out by named tests: ", context.diagnosed("ruled out"), "."))
    offered: tuple[Block, ...] = (
        (Paragraph(("Facts that may help:",)), Bullets(tuple(facts))) if facts else ()
    )
    return Section(
        10,
        "human",
        (
            *offered,
            Todo("What went well?"),
            Todo("What went badly?"),
            Todo("Where were we lucky?"),
            Todo("What surprised us?"),
        ),
    )


def coordination(context: Context) -> Section:
    """11: who knew what; no recorded source says."""
    prompt = (
        "Who knew what, and when? Which handoffs happened? Which documents were missing? "
        "What made it hard? Whom should we interview?"
    )
    return Section(11, "human", (Todo(prompt),))


def aiops(context: Context) -> Section:
    """12: five questions about alerts, automation, explanations, telemetry and follow-up."""
    return Section(
        12,
        "mixed",
        (
            Table(("Question", "What the record says"), tuple(_answers(context))),
            Todo(
                "Which telemetry was noisy? Did people trust the explanations? Which "
                "instrumentation, policy or retraining follows from this?"
            ),
        ),
    )


def similar(context: Context) -> Section:
    """13: other incidents the window knows about."""
    incidents = context.window.incidents
    own = context.record.get("id")
    others = incidents[incidents["id"] != own] if own else incidents
    if others.empty:
        none = ("Similar incidents: ", NOT_RECORDED, " (the window knows no other incident).")
        return Section(13, "machine", (Paragraph(none),))
    rows = tuple(
        (
            (
                context.cite(
                    "table.times", f"{row}/created_at", "instant", by={"table": "incidents"}
                ),
            ),
            (Name(str(record["id"])),),
            (Quote(str(record["title"])),),
            (Name(str(record["severity"])),),
        )
        for row, record in others.head(20).iterrows()
    )
    return Section(
        13,
        "machine",
        (
            Table(("Opened", "Incident", "Title", "Severity"), rows),
            Paragraph(("How alike they are, and what was promised then: ", NOT_RECORDED, ".")),
        ),
    )


def actions(context: Context) -> Section:
    """14: a row for each factor that has no action yet; a person fills them."""
    rows = tuple((*((TODO,),) * 6, text) for text in _needing_action(context))
    return Section(
        14,
        "draft",
        (
            Table(ACTION_COLUMNS, rows),
            Todo(
                "Types: mitigate, prevent, detect, process, instrument, retrain. Every action "
                "needs an owner and a due date before review; factors without an action stay "
                "listed."
            ),
        ),
    )


def questions(context: Context) -> Section:
    """15: what the diagnosis could not decide."""
    open_ = [s for s in context.diagnosis.suspects if s.role == "undecided"]
    rows = [
        (
            (
                "What part did ",
                *context.suspect_cell(s),
                " play? ",
                *context.diagnosis_sentence(f"{suspect_key(s)}/reason", s.reason),
            ),
            (TODO,),
            (TODO,),
        )
        for s in open_[:10]
    ]
    rows += [
        ((*context.diagnosis_sentence(f"would_settle/{i}", text),), (TODO,), (TODO,))
        for i, text in enumerate(context.diagnosis.would_settle)
    ]
    blocks: tuple[Block, ...] = (
        (Table(("Question", "Who", "Answer"), tuple(rows)),)
        if rows
        else (Paragraph(("The diagnosis left nothing undecided.",)),)
    )
    return Section(15, "draft", (*blocks, Todo("What else do we not know?")))


def external(context: Context) -> Section:
    """16: the message to customers; written by a person alone."""
    prompt = (
        "Write what customers are told: what they saw, from when to when, what was done, what "
        "follows. No internals, no names."
    )
    return Section(16, "human", (Todo(prompt),))


def _answers(context: Context) -> Iterator[tuple[Text, ...]]:
    detected = context.milestones["detected"]
    alerted: Text = (
        ("Missed, or not recorded: ", *detected.source, ".")
        if detected.at is None
        else (
            "Yes, ",
            *detected.source,
            ", ",
            context.milestone("TTD", "duration"),
            " after the start.",
        )
    )
    yield ("Did AIOps alert or miss it?",), alerted
    audits = context.window.audits
    acted: Text = (
        (NOT_RECORDED, " (no audit records).")
        if audits.empty
        else (context.cite("window.counts", "audits rows"), " audited actions; see the response.")
    )
    yield ("Did automation help or harm?",), acted
    yield ("Were confidence and explanations accurate?",), _confidence(context)
    yield ("What telemetry was missing?",), _missing(context)
    yield ("What follows?",), (TODO,)


def _confidence(context: Context) -> Text:
    cause = context.diagnosis.cause
    if cause is None:
        return ("Nothing was claimed, so nothing can be checked.",)
    if pd.isna(cause.confidence):
        return ("Calibrated confidence: ", NOT_RECORDED, ". ", TODO, " once the trigger is known.")
    key = f"{suspect_key(cause)}/confidence"
    return (
        "Claimed with confidence ",
        context.diagnosed(key, "ratio"),
        ". ",
        TODO,
        " once reviewed.",
    )


def _missing(context: Context) -> Text:
    troubles = context.window.coverage.problems
    places = joined([(Name(f"{r.table}/{r.service}"), f" ({r.status})") for r in troubles[:12]])
    missing = joined(
        [
            context.diagnosis_sentence(f"missing/{i}", t)
            for i, t in enumerate(context.diagnosis.missing)
        ]
    )
    if not troubles and not missing:
        return ("Every source that was asked answered completely.",)
    return (*places, *(("; the diagnosis missed: ", *missing) if missing else ()), ".")


def _needing_action(context: Context) -> Iterator[Text]:
    factors = [s for s in context.diagnosis.suspects if s.role in {"state change", "first failure"}]
    for suspect in factors:
        yield (f"{suspect.role}: ", *context.suspect_cell(suspect))
    for i, text in enumerate(context.diagnosis.missing):
        yield ("not seen: ", *context.diagnosis_sentence(f"missing/{i}", text))
    yield ("other conditions: unknown",)
