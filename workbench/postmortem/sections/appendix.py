"""Sections 17 and 18: what every number rests on, what was covered, labels."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from workbench.postmortem.document import (
    NOT_RECORDED,
    Bullets,
    Cited,
    Heading,
    Name,
    Paragraph,
    Section,
    Table,
)

if TYPE_CHECKING:
    from workbench.findings import Evidence
    from workbench.postmortem.context import Context
    from workbench.postmortem.document import Text

__all__ = ["EVIDENCE_COLUMNS", "appendix", "labels"]

EVIDENCE_COLUMNS = ("Id", "Shown as", "Recipe", "Figure", "Parameters")
"""Columns of the evidence table."""


def appendix(context: Context) -> Section:
    """17: coverage, provenance, and a row for each evidence cited anywhere before.

    Written last: its own coverage table cites figures too.
    """
    coverage = _coverage(context)
    window = context.window
    reason = f" ({window.baseline_reason})" if not window.baseline else ""
    provenance: Text = (
        "Window digest: ",
        Name(context.citations.digest),
        ". Baseline: ",
        context.cite("window.times", "baseline start", "instant"),
        " to ",
        context.cite("window.times", "baseline end", "clock"),
        reason,
        ". Masked fields: ",
        NOT_RECORDED,
        ".",
    )
    notes = tuple(
        context.diagnosis_sentence(f"notes/{i}", n) for i, n in enumerate(context.diagnosis.notes)
    )
    rows = tuple(_row(evidence) for evidence in context.citations.cited.values())
    how = (
        "To compute all of it again: ",
        Name(f"workbench verify-postmortem {window.id}"),
        ". A recipe is a function of the incident window and its parameters.",
    )
    return Section(
        17,
        "machine",
        (
            Paragraph(provenance),
            Heading("Coverage"),
            coverage,
            *((Heading("Notes of the diagnosis"), Bullets(notes)) if notes else ()),
            Heading("Evidence"),
            Paragraph(how),
            Table(EVIDENCE_COLUMNS, rows),
        ),
    )


def labels(context: Context) -> Section:
    """18: labels given and by whom; no label store is part of a window."""
    return Section(18, "machine", (Paragraph(("Labels: ", NOT_RECORDED, ".")),))


def _coverage(context: Context) -> Table:
    rows = tuple(
        (
            (Name(f"{row.table}/{row.service}"),),
            (row.status,),
            (context.cite("window.counts", f"coverage/{place}/rows"),),
            *_regularity(context, place, row.cadence_s),
            context.sentence("window.counts", f"coverage/{place}/reason", row.reason) or ("–",),
        )
        for place, row in enumerate(context.window.coverage)
    )
    return Table(("Place", "Status", "Rows", "Cadence", "Gaps", "Remark"), rows)


def _regularity(context: Context, place: int, seconds: float) -> tuple[Text, Text]:
    """Usual interval between samples, and gaps; tables of events have neither."""
    if math.isnan(seconds):
        return ("–",), ("–",)
    cadence = context.cite("window.counts", f"coverage/{place}/cadence", "s")
    return (cadence,), (context.cite("window.counts", f"coverage/{place}/gaps"),)


def _row(evidence: Evidence) -> tuple[Text, ...]:
    parameters = json.dumps(dict(evidence.parameters), sort_keys=True, ensure_ascii=False)
    return (
        (Name(evidence.id),),
        (Cited(evidence),),
        (Name(evidence.query),),
        (Name(evidence.select),),
        (Name(parameters),) if evidence.parameters else ("–",),
    )
