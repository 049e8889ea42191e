"""Draft a postmortem: nineteen sections from a window and its diagnosis."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from workbench.errors import BadInput
from workbench.postmortem.context import Header, open_context
from workbench.postmortem.document import Postmortem
from workbench.postmortem.recipes.registry import RECIPES
from workbench.postmortem.sections import analysis, appendix, review, summary, timeline
from workbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.diagnose.results import Diagnosis
    from workbench.postmortem.document import Figure
    from workbench.postmortem.recipes.contract import Recipe
    from workbench.window import IncidentWindow

__all__ = ["draft", "people_of"]

_WRITERS = (
    summary.header,
    summary.summary,
    summary.impact,
    summary.times,
    analysis.detection,
    analysis.trigger,
    analysis.factors,
    analysis.propagation,
    analysis.response,
    timeline.timeline,
    review.lessons,
    review.coordination,
    review.aiops,
    review.similar,
    review.actions,
    review.questions,
    review.external,
    appendix.appendix,
    appendix.labels,
)
_AUTOMATIC = re.compile(
    r"(?i)bot\b|on-?call|^ci\b|^cd\b|argo|flux|pipeline|system|automat|deployer|service"
)


def draft(
    window: IncidentWindow,
    diagnosis: Diagnosis,
    *,
    figures: tuple[Figure, ...] = (),
    header: Header | None = None,
    recipes: Mapping[str, Recipe] = RECIPES,
) -> Postmortem:
    """Write what evidence can say, and mark what only people can.

    Parameters
    ----------
    window
        The incident.
    diagnosis
        Of this window, from `workbench.diagnose.compare`.
    figures
        Pictures drawn by the caller.
    header
        Status, severity, owner, authors and links; empty fields are shown as TO DO.
    recipes
        How figures are computed, by name.

    Raises
    ------
    BadInput
        The diagnosis is of another window.

    Notes
    -----
    Sections and who writes them follow the merged template of Google's SRE book,
    PagerDuty, Atlassian, Etsy's Morgue and the Howie guide: telemetry fills 0, 3, 7, 13,
    17 and 18, half of 2, 9 and 12, drafts 1, 4, 5, 6, 8, 14 and 15, and leaves 10, 11
    and 16 to people.
    """
    if (diagnosis.window_id, diagnosis.when) != (window.id, window.when):
        fact = "The diagnosis is of another window"
        hint = f"Compare {window.id!r} over {window.when} and draft from that"
        raise BadInput(fact, value=f"{diagnosis.window_id} {diagnosis.when}", hint=hint)
    given = header or Header()
    context = open_context(window, diagnosis, given, table=recipes)
    sections = tuple(write(context) for write in _WRITERS)
    return Postmortem(
        incident=window.id,
        title=window.title,
        status=given.status,
        sections=sections,
        evidence=context.citations.cited,
        window=context.citations.digest,
        version=__version__,
        figures=tuple(figures),
        supported=diagnosis.cause is not None,
        people=people_of(window),
    )


def people_of(window: IncidentWindow) -> tuple[str, ...]:
    """Names of people in the window's tables: responders and actors, robots left out."""
    named = {str(a) for a in window.changes.get("actor", ())}
    named |= {str(a) for a in window.audits["actor"]}
    for text in window.incidents.get("responders", ()):
        named |= _responders(str(text))
    kept = {n.strip() for n in named} - {"", "nan", "None"}
    return tuple(sorted(n for n in kept if not _AUTOMATIC.search(n)))


def _responders(text: str) -> set[str]:
    try:
        plain = json.loads(text)
    except ValueError:
        return set()
    names = plain.values() if isinstance(plain, dict) else plain
    return {str(name) for name in names} if isinstance(names, Iterable) else {str(names)}
