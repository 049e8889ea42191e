"""Changes put to the test: what each one did to the SLI, and which tests it passed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from workbench.cards import card, table_html
from workbench.checks import CheckId, not_run
from workbench.views.drawing.axes import shorten
from workbench.views.drawing.labels import share_label
from workbench.views.drawing.palette import INK, MUTED, RISE, TOTAL
from workbench.views.drawing.readings import scale_of
from workbench.views.drawing.rendering import Card, Chart, message

if TYPE_CHECKING:
    from workbench.diagnose import Diagnosis, Suspect
    from workbench.views.drawing.axes import Layered

__all__ = ["effects", "refutations"]

_OUTCOMES = {"passed": "yes", "failed": "NO", "not_run": "not run"}

_WIDTH = 400
_MOST = 12
_VERDICTS = {
    "supported": (RISE, "diamond"),
    "undecided": (INK, "triangle-up"),
    "ruled out": (TOTAL, "circle"),
}


def effects(diagnosis: Diagnosis) -> Chart | Card:
    """Draw the effect of each change on the SLI with its 95 % interval.

    Parameters
    ----------
    diagnosis
        From `workbench.diagnose.compare`, which tests every change in reach;
        `workbench.causal.effect` tests one.

    Returns
    -------
    Chart or Card
        A row for each change, by time; a card where no effect could be estimated.
    """
    drawn = [s for s in _changes(diagnosis) if np.isfinite(s.attribution)][:_MOST]
    if not drawn:
        return message("No effect of a change to draw", "No change lies in reach of the incident")
    unit = diagnosis.sli.unit
    largest = max(abs(v) for s in drawn for v in (s.attribution, s.low, s.high) if np.isfinite(v))
    factor, axis_unit = scale_of(unit, largest)
    frame = pd.DataFrame([_row(place, s, factor, unit=unit) for place, s in enumerate(drawn)])
    words = ["effect with 95 % interval; an interval across zero shows no effect"]
    left_out = len(_changes(diagnosis)) - len(drawn)
    words += (
        [f"{left_out} more without an estimate: the table of tests says why"] if left_out else []
    )
    title = alt.TitleParams(
        f"What each change did to {shorten(str(diagnosis.sli))}", subtitle=words
    )
    caption = f"Effect of {len(drawn)} change(s) on {diagnosis.sli}: " + "; ".join(
        f"{row['name']} {row['text']}, {row['verdict']}" for row in frame.to_dict("records")
    )
    return Chart(_forest(frame, axis_unit).properties(title=title), f"{caption}.")


def refutations(diagnosis: Diagnosis) -> Card:
    """List each test that a change was put to and how it ended, in words.

    Parameters
    ----------
    diagnosis
        From `workbench.diagnose.compare`.
    """
    rows = [
        {
            "change": s.change,
            "test": result.name,
            "passed": _OUTCOMES[result.outcome],
            "figure": result.figure,
        }
        for s in _changes(diagnosis)
        for result in s.tests or (not_run(CheckId.EFFECT_ESTIMATED, s.reason),)
    ]
    if not rows:
        return message("No change was tested", "No change lies in reach of the incident")
    note = "A change is the cause only if it passes every test."
    table = pd.DataFrame(rows)
    table["change"] = table["change"].mask(table["change"].duplicated(), "")
    html = card("Tests of each change", {}, body=table_html(table, limit=60), note=note)
    lines = [f"{r['change']} · {r['test']}: {r['passed']}, {r['figure']}" for r in rows]
    return Card(html, "\n".join([*lines, note]))


def _changes(diagnosis: Diagnosis) -> list[Suspect]:
    changes = [s for s in diagnosis.suspects if s.change]
    return sorted(changes, key=lambda s: (s.onset is None, s.onset))


def _row(place: int, suspect: Suspect, factor: float, *, unit: str) -> dict[str, object]:
    out = {"refuted": "ruled out", "supported": "supported"}
    return {
        "place": place,
        "name": shorten(suspect.change, 40),
        "effect": suspect.attribution * factor,
        "low": suspect.low * factor,
        "high": suspect.high * factor,
        "verdict": out.get(suspect.claim, "undecided"),
        "text": share_label(suspect.attribution, suspect.low, suspect.high, unit=unit),
        "reason": suspect.reason,
    }


def _forest(frame: pd.DataFrame, unit: str) -> Layered:
    axis = alt.Axis(
        title=f"effect on the SLI ({unit})" if unit else "effect on the SLI", tickCount=6
    )
    # Two changes may go by one name, so a row is a place; its name stands beside it as a mark.
    y = alt.Y("place:O", axis=None)
    base = alt.Chart(frame).encode(y=y)
    verdicts = list(_VERDICTS)
    legend = alt.Legend(title=None)
    hues = alt.Scale(domain=verdicts, range=[_VERDICTS[v][0] for v in verdicts])
    forms = alt.Scale(domain=verdicts, range=[_VERDICTS[v][1] for v in verdicts])
    colour = alt.Color("verdict:N", scale=hues, legend=legend)
    x = alt.X("low:Q", axis=axis, scale=alt.Scale(nice=True, padding=8))
    zero = alt.Chart(pd.DataFrame({"x": [0.0]})).mark_rule(color=MUTED, strokeDash=[4, 3])
    rules = base.mark_rule(strokeWidth=2.5).encode(x=x, x2="high:Q", color=colour)
    points = base.mark_point(filled=True, size=130, opacity=1).encode(
        x="effect:Q",
        color=colour,
        shape=alt.Shape("verdict:N", scale=forms, legend=legend),
        tooltip=["name:N", "text:N", "reason:N"],
    )
    names = base.mark_text(align="right", color=INK).encode(x=alt.value(-10), text="name:N")
    texts = base.mark_text(align="left", color=INK).encode(x=alt.value(_WIDTH + 12), text="text:N")
    layered = alt.layer(zero.encode(x="x:Q"), rules, points, names, texts)
    return layered.properties(width=_WIDTH, height=alt.Step(30))
