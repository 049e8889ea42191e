"""What if: the SLI as it was beside the SLI had one service stayed at its baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from workbench.cards import quantity
from workbench.views.axes import shorten
from workbench.views.palette import FALL, INK, RISE, TOTAL
from workbench.views.readings import scale_of
from workbench.views.rendering import Card, Chart, message
from workbench.views.words import part_words

if TYPE_CHECKING:
    from workbench.causal import WhatIf
    from workbench.views.axes import Layered

__all__ = ["counterfactual"]

_WIDTH = 430
_KINDS = {
    "before the incident": TOTAL,
    "as it was": RISE,
    "had it stayed at its baseline": FALL,
}


def counterfactual(what_if: WhatIf | None) -> Chart | Card:
    """Draw the SLI as it was beside what it would have been, with a 95 % interval.

    Parameters
    ----------
    what_if
        From `workbench.causal.what_if`; None where there is no hypothesis to imagine away.
    """
    if what_if is None:
        return message("Nothing to imagine away", "No suspect is left that could be a cause")
    if not np.isfinite([what_if.actual, what_if.counterfactual]).all():
        return message("No counterfactual to draw", what_if.statement)
    levels = (what_if.before, what_if.actual, what_if.counterfactual)
    factor, unit = scale_of(what_if.unit, max(abs(level) for level in levels if np.isfinite(level)))
    frame = pd.DataFrame(
        {
            "row": list(_KINDS),
            "level": [level * factor for level in levels],
            "low": [float("nan"), float("nan"), what_if.low * factor],
            "high": [float("nan"), float("nan"), what_if.high * factor],
            "text": [
                *(quantity(level, what_if.unit) for level in levels[:2]),
                part_words(levels[2], what_if.low, what_if.high, unit=what_if.unit).lstrip("+"),
            ],
        }
    )
    title = alt.TitleParams(
        f"What if: {shorten(what_if.service)} at its baseline",
        subtitle="mean of the SLI while it was away from normal, with 95 % interval",
    )
    return Chart(_draw(frame, unit).properties(title=title), f"{what_if.statement.rstrip('.')}.")


def _draw(frame: pd.DataFrame, unit: str) -> Layered:
    axis = alt.Axis(title=f"SLI ({unit})" if unit else "SLI", tickCount=6)
    y_axis = alt.Axis(title=None, ticks=False, domain=False, labelPadding=8, labelLimit=240)
    base = alt.Chart(frame).encode(y=alt.Y("row:N", sort=list(_KINDS), axis=y_axis))
    colour = alt.Color(
        "row:N", scale=alt.Scale(domain=list(_KINDS), range=list(_KINDS.values())), legend=None
    )
    bars = base.mark_bar(height=18).encode(x=alt.X("level:Q", axis=axis), color=colour)
    limits = base.transform_filter("isValid(datum.low) && isValid(datum.high)")
    rules = limits.mark_rule(color=INK, strokeWidth=1.6).encode(x="low:Q", x2="high:Q")
    texts = base.mark_text(align="left", color=INK).encode(x=alt.value(_WIDTH + 12), text="text:N")
    return alt.layer(bars, rules, texts).properties(width=_WIDTH, height=alt.Step(34))
