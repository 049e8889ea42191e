"""Rules a good postmortem keeps, each a small function over the text as a reader sees it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Literal

from workbench.postmortem.document import TITLES, TODO
from workbench.postmortem.numbers import numbers_in
from workbench.postmortem.private import private_parts
from workbench.postmortem.verification import loose_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from workbench.findings import Evidence
    from workbench.postmortem.reading import Passage, Reading, ReadSection

__all__ = [
    "RULES",
    "LintRow",
    "Text",
    "actions_have_owner_and_date",
    "caused_by_is_supported",
    "every_factor_has_evidence",
    "every_number_has_evidence",
    "impact_ends_after_it_starts",
    "no_human_error",
    "no_person_in_factors",
    "no_private_data",
    "timeline_begins_before_trigger",
    "timeline_is_ordered",
    "unfinished_is_visible",
]

Level = Literal["error", "to do"]

_FACTORS, _TRIGGER, _TIMELINE, _TIMES, _ACTIONS = 6, 5, 9, 3, 14
_EVIDENCE_CELL = 2  # of a row of factors
_LONGEST_EXCERPT = 80  # characters
_DAY = 86_400.0  # s
_BLAME = re.compile(
    r"(?i)\b(human error|operator error|user error|careless\w*|negligen\w*|incompeten\w*"
    r"|should have (known|noticed|checked)|failed to (follow|notice|check|test|read)"
    r"|(his|her|their) (fault|mistake)|forgot to)\b"
)
_HUMAN_CAUSE = re.compile(r"(?i)root cause\W{0,5}(is|was)?\W{0,3}(human|operator|user) error")
_CAUSED = re.compile(r"(?i)\bcaused by\b|\broot cause\b|\btrigger\b[^.]{0,80}\bcaused\b")


@dataclass(frozen=True, slots=True)
class LintRow:
    """One thing to mend.

    Parameters
    ----------
    rule
        Name of the rule.
    section
        Title of the section.
    text
        What it is about.
    hint
        What to do.
    level
        ``error``, or ``to do`` for what a draft may still lack.
    """

    rule: str
    section: str
    text: str
    hint: str
    level: Level = "error"


@dataclass(frozen=True, slots=True)
class Text:
    """What rules look at.

    Parameters
    ----------
    reading
        The postmortem as read.
    supported
        Whether a state change reached the rung *supported*.
    status
        Where its review stands.
    people
        Names that must not appear among the factors.
    evidence
        Evidence by id, for the times that are cited.
    """

    reading: Reading
    supported: bool
    status: str
    people: tuple[str, ...] = ()
    evidence: Mapping[str, Evidence] = field(default_factory=dict)


def no_person_in_factors(text: Text) -> Iterator[LintRow]:
    """Refuse people among the factors: an individual's action is never one."""
    hint = "Write about the system and the conditions, not about who"
    for number in (_TRIGGER, _FACTORS):
        for section, passage in _passages(text, number):
            for name in text.people:
                if re.search(rf"(?i)(?<!\w){re.escape(name)}(?!\w)", passage.text):
                    yield LintRow("no person in factors", section.title, "a person's name", hint)
            for found in _BLAME.finditer(passage.text):
                yield LintRow("no person in factors", section.title, found.group(), hint)


def every_number_has_evidence(text: Text) -> Iterator[LintRow]:
    """Ask evidence of each number in text that a machine filled."""
    hint = "Cite its evidence, or take it out"
    for row in loose_numbers(text.reading):
        yield LintRow("every number has evidence", row.section, row.shown, hint)


def every_factor_has_evidence(text: Text) -> Iterator[LintRow]:
    """Ask each factor to carry evidence or to say unknown."""
    hint = "Cite evidence, or write unknown"
    for section, row in _rows(text, _FACTORS, "Factor"):
        whole = " ".join(passage.text for passage in row).lower()
        cited = any(passage.cited for passage in row)
        named = len(row) > _EVIDENCE_CELL and bool(row[_EVIDENCE_CELL].text.strip())
        if not (cited or named or "unknown" in whole or TODO.lower() in whole):
            yield LintRow("every factor has evidence", section.title, _short(row[0].text), hint)


def no_human_error(text: Text) -> Iterator[LintRow]:
    """Refuse human error as a finding: it is where an investigation starts."""
    hint = "Ask what made the action reasonable at the time"
    for section, passage in _passages(text):
        if _HUMAN_CAUSE.search(passage.text):
            yield LintRow("no root cause: human error", section.title, _short(passage.text), hint)


def timeline_is_ordered(text: Text) -> Iterator[LintRow]:
    """Ask the rows of the timeline to follow each other in time."""
    hint = "Sort the rows by time"
    times = list(_timeline(text))
    for (_, earlier), (what, later) in pairwise(times):
        if later < earlier:
            yield LintRow("timeline is ordered", TITLES[_TIMELINE], what, hint)


def timeline_begins_before_trigger(text: Text) -> Iterator[LintRow]:
    """Ask the first row to lie before the impact and before the trigger."""
    first = next((at for _, at in _timeline(text)), None)
    starts = [at for at in (_milestone(text, "Impact start"), _triggered(text)) if at is not None]
    if starts and (first is None or first >= min(starts)):
        hint = "Begin with normal operation"
        what = "the first row is not before the trigger"
        yield LintRow("timeline begins before the trigger", TITLES[_TIMELINE], what, hint)


def impact_ends_after_it_starts(text: Text) -> Iterator[LintRow]:
    """Refuse an impact that ends before it starts."""
    start, end = _milestone(text, "Impact start"), _milestone(text, "Mitigated")
    if start is not None and end is not None and end < start:
        hint = "Check both times against their sources"
        yield LintRow("impact ends after it starts", TITLES[_TIMES], "end before start", hint)


def actions_have_owner_and_date(text: Text) -> Iterator[LintRow]:
    """Ask each action item for an owner and a due date, at the latest in review."""
    level: Level = "to do" if text.status == "draft" else "error"
    for section, row in _rows(text, _ACTIONS, "Action"):
        cells = dict(zip(("Action", "Type", "Owner", "Priority", "Due"), row, strict=False))
        lacking = [
            name
            for name in ("Action", "Owner", "Due")
            if name not in cells or cells[name].text.strip() in {"", "–", TODO}
        ]
        if lacking:
            what = f"{' and '.join(lacking).lower()} missing: {_short(row[-1].text)}"
            hint = "Fill the row before the review"
            yield LintRow("actions have owner and date", section.title, what, hint, level)


def caused_by_is_supported(text: Text) -> Iterator[LintRow]:
    """Refuse causal words unless a state change reached the rung supported."""
    if text.supported:
        return
    hint = "Say what was observed; nothing reached the rung supported"
    for section, passage in _passages(text):
        found = _CAUSED.search(passage.own)
        if found:
            yield LintRow("caused by is supported", section.title, found.group(), hint)


def no_private_data(text: Text) -> Iterator[LintRow]:
    """Refuse e-mail addresses, outside addresses and credentials."""
    hint = "Take it out, and out of the source if it should not be there either"
    for section, passage in _passages(text):
        for what in private_parts(passage.text):
            yield LintRow("no private data", section.title, what, hint)


def unfinished_is_visible(text: Text) -> Iterator[LintRow]:
    """Ask an unfinished section to say TO DO; none may be missing or empty."""
    there = {section.number: section for section in text.reading.sections}
    for number, title in enumerate(TITLES):
        section = there.get(number)
        if section is None:
            hint = "Put it back; an unfinished section stays visible"
            yield LintRow("unfinished is visible", title, "the section is missing", hint)
        elif not any(p.tag != "h3" for p in section.passages):
            hint = f"Write it, or leave {TODO} standing"
            yield LintRow("unfinished is visible", section.title, "the section is empty", hint)
        elif section.is_todo:
            hint = "Fill it in"
            yield LintRow("unfinished is visible", section.title, TODO, hint, "to do")


RULES: tuple[Callable[[Text], Iterator[LintRow]], ...] = (
    no_person_in_factors,
    every_number_has_evidence,
    every_factor_has_evidence,
    no_human_error,
    timeline_is_ordered,
    timeline_begins_before_trigger,
    impact_ends_after_it_starts,
    actions_have_owner_and_date,
    caused_by_is_supported,
    no_private_data,
    unfinished_is_visible,
)
"""Every rule, in the order of its rows."""


def _passages(text: Text, number: int | None = None) -> Iterator[tuple[ReadSection, Passage]]:
    for section in text.reading.sections:
        if number is None or section.number == number:
            yield from ((section, passage) for passage in section.passages)


def _rows(text: Text, number: int, first: str) -> Iterator[tuple[ReadSection, tuple[Passage, ...]]]:
    """Rows of the table of a section whose first column has this name."""
    section = text.reading.section(number)
    inside = False
    for row in section.rows if section else ():
        if row[0].tag == "th":
            inside = row[0].text == first
        elif inside and section is not None:
            yield section, row


def _timeline(text: Text) -> Iterator[tuple[str, float]]:
    """Rows of the timeline that have a time, as (what, seconds since 1970)."""
    last: float | None = None
    for _, row in _rows(text, _TIMELINE, "When (UTC)"):
        at = _time(text, row[0])
        if at is not None and last is not None and at < _DAY:
            # Only a time of day was written: the day nearest to the row before.
            at += _DAY * round((last - at) / _DAY)
        if at is not None:
            last = at
            yield _short(" ".join(p.text for p in row[:2])), at


def _time(text: Text, cell: Passage) -> float | None:
    """Time of a cell: from its evidence, else as written."""
    for _, name in cell.cited:
        if name in text.evidence:
            return text.evidence[name].value
    values = [number.value for number in numbers_in(cell.text)]
    return values[0] if len(values) == 1 else None


def _milestone(text: Text, name: str) -> float | None:
    # Saved postmortems may call the column "Moment", as it once was.
    rows = chain.from_iterable(_rows(text, _TIMES, head) for head in ("Milestone", "Moment"))
    return next((_time(text, row[1]) for _, row in rows if row[0].text == name), None)


def _triggered(text: Text) -> float | None:
    stated = (p for _, p in _passages(text, _TRIGGER) if p.text.startswith("Trigger:") and p.cited)
    return next((_time(text, passage) for passage in stated), None)


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_EXCERPT else text[:_LONGEST_EXCERPT] + "…"
