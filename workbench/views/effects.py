"""Changes put to the test: what each one did to the SLI, with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from workbench.cards import card, table_html
from workbench.views.axes import shorten
from workbench.views.palette import INK, MUTED, RISE, TOTAL
from workbench.views.readings import scale_of
from workbench.views.rendering import Card, Chart, message
from workbench.views.words import part_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.causal import Effect
    from workbench.views.axes import Layered

__all__ = ["effects", "refutations"]

_WIDTH = 400
_VERDICTS = {"moved the SLI": RISE, "no effect shown": TOTAL}


def effects(tested: Sequence[Effect]) -> Chart | Card:
    """Draw the effect of each change on the SLI with its 95 % interval.

    Parameters
    ----------
    tested
        Results of `workbench.causal.effect`, one a change.

    Returns
    -------
    Chart or Card
        A row for each change in the order given; a card where no change was tested.
    """
    seen = [one for one in tested if np.isfinite(one.effect)]
    if not seen:
        return message("No change was tested", "None lies in the window, or none has data")
    unit = seen[0].sli.unit
    largest = max(np.nanmax(np.abs([e.effect, e.low, e.high])) for e in seen)
    factor, axis_unit = scale_of(unit, float(largest))
    frame = pd.DataFrame([_row(place, e, factor) for place, e in enumerate(seen)])
    title = alt.TitleParams(
        f"What each change did to {shorten(str(seen[0].sli))}",
        subtitle="effect with 95 % interval; an interval across zero shows no effect",
    )
    chart = _forest(frame, axis_unit).properties(title=title)
    return Chart(chart, " ".join(f"{e.statement.rstrip('.')}." for e in seen))


def refutations(tested: Sequence[Effect]) -> Card:
    """List what was tried to refute each effect, and how it ended, in words.

    Parameters
    ----------
    tested
        Results of `workbench.causal.effect`, one a change.
    """
    rows = [
        {"change": one.change, "refuter": r.name, "survived": "yes" if r.passed else "NO",
         "outcome": r.statement}
        for one in tested
        for r in one.refutations
    ]  # fmt: skip
    if not rows:
        return message("No refuter was run", "There is no tested change to refute")
    frame = pd.DataFrame(rows)
    adjusted = {e.change: ", ".join(e.adjusted_for) or "nothing" for e in tested}
    facts = {"adjusted for": "; ".join(f"{name}: {what}" for name, what in adjusted.items())}
    html = card("What was tried to refute it", facts, body=table_html(frame, limit=40))
    text = "\n".join(f"{r['change']} · {r['refuter']}: {r['outcome']}" for r in rows)
    return Card(html, text)


def _row(place: int, one: Effect, factor: float) -> dict[str, object]:
    return {
        "row": f"{place + 1}. {shorten(one.change, 40)}",
        "effect": one.effect * factor,
        "low": one.low * factor,
        "high": one.high * factor,
        "verdict": "moved the SLI" if one.moved_it else "no effect shown",
        "text": part_words(one.effect, one.low, one.high, unit=one.sli.unit),
        "said": one.statement,
    }


def _forest(frame: pd.DataFrame, unit: str) -> Layered:
    axis = alt.Axis(title=f"effect on the SLI ({unit})" if unit else "effect on the SLI")
    y_axis = alt.Axis(title=None, ticks=False, domain=False, labelLimit=300, labelPadding=8)
    base = alt.Chart(frame).encode(y=alt.Y("row:N", sort=list(frame["row"]), axis=y_axis))
    colour = alt.Color(
        "verdict:N",
        scale=alt.Scale(domain=list(_VERDICTS), range=list(_VERDICTS.values())),
        legend=alt.Legend(title=None),
    )
    shape = alt.Shape(
        "verdict:N",
        scale=alt.Scale(domain=list(_VERDICTS), range=["diamond", "circle"]),
        legend=alt.Legend(title=None),
    )
    zero = alt.Chart(pd.DataFrame({"x": [0.0]})).mark_rule(color=MUTED, strokeDash=[4, 3])
    rules = base.mark_rule(strokeWidth=2.5).encode(
        x=alt.X("low:Q", axis=axis, scale=alt.Scale(nice=True, padding=8)), x2="high:Q",
        color=colour,
    )  # fmt: skip
    points = base.mark_point(filled=True, size=130, opacity=1).encode(
        x="effect:Q", color=colour, shape=shape, tooltip=["row:N", "text:N", "said:N"]
    )
    texts = base.mark_text(align="left", color=INK).encode(x=alt.value(_WIDTH + 12), text="text:N")
    layered = alt.layer(zero.encode(x="x:Q"), rules, points, texts)
    return layered.properties(width=_WIDTH, height=alt.Step(30))
