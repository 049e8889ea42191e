"""What if: the SLI as it was beside the SLI had one service stayed at its baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import networkx as nx
import numpy as np
import pandas as pd

from workbench.cards import quantity
from workbench.errors import WorkbenchError
from workbench.topology import calls_only
from workbench.views.drawing.axes import shorten
from workbench.views.drawing.labels import share_label
from workbench.views.drawing.palette import FALL, INK, RISE, TOTAL
from workbench.views.drawing.readings import scale_of
from workbench.views.drawing.rendering import Card, Chart, message, problem

if TYPE_CHECKING:
    from workbench.causal import WhatIf
    from workbench.diagnose import Diagnosis, Role
    from workbench.views.drawing.axes import Layered
    from workbench.window import IncidentWindow

__all__ = ["counterfactual", "imaginable", "what_if"]

_WIDTH = 430
_KINDS = {
    "before the incident": TOTAL,
    "as it was": RISE,
    "had it stayed at its baseline": FALL,
}


def what_if(window: IncidentWindow, diagnosis: Diagnosis) -> Chart | Card:
    """Draw the SLI as it would have been without the leading suspect's contribution.

    Parameters
    ----------
    window, diagnosis
        The incident and what was found. For another service ask
        `workbench.causal.what_if` and show the answer with `counterfactual`.

    Returns
    -------
    Chart or Card
        A card where no suspect is left, or where the model does not reach it.
    """
    from workbench.causal import what_if as imagine

    service = imaginable(window, diagnosis)
    if service is None:
        return message("No counterfactual to draw", "No suspect contributes to the SLI by itself")
    try:
        return counterfactual(imagine(window, service, diagnosis.sli))
    except WorkbenchError as error:
        return problem(error)


def imaginable(window: IncidentWindow, diagnosis: Diagnosis) -> str | None:
    """Name the service whose contribution to remove: the leading suspect's, else the next one's.

    A surge of load is no service's contribution, and a caller of the SLI's service has none in it:
    then the first failure is asked about.

    Parameters
    ----------
    window, diagnosis
        The incident and what was found.
    """
    out = set(diagnosis.ruled_out)
    order: tuple[Role, ...] = ("state change", "first failure", "undecided")
    sli, graph = diagnosis.sli.service, calls_only(window.topology)
    reached = {sli, *(nx.descendants(graph, sli) if sli in graph else ())}
    for role in order:
        for suspect in diagnosis.bucket(role):
            contributes = suspect.signal != "load" and suspect not in out
            if contributes and suspect.service in reached:
                return suspect.service
    return None


def counterfactual(answer: WhatIf) -> Chart | Card:
    """Draw the SLI as it was beside what it would have been, with a 95 % interval.

    Parameters
    ----------
    answer
        From `workbench.causal.what_if`.
    """
    if not np.isfinite([answer.actual, answer.counterfactual]).all():
        return message("No counterfactual to draw", answer.statement)
    levels = (answer.before, answer.actual, answer.counterfactual)
    factor, unit = scale_of(answer.unit, max(abs(level) for level in levels if np.isfinite(level)))
    frame = pd.DataFrame(
        {
            "row": list(_KINDS),
            "level": [level * factor for level in levels],
            "low": [float("nan"), float("nan"), answer.low * factor],
            "high": [float("nan"), float("nan"), answer.high * factor],
            "text": [
                *(quantity(level, answer.unit) for level in levels[:2]),
                share_label(levels[2], answer.low, answer.high, unit=answer.unit).lstrip("+"),
            ],
        }
    )
    title = alt.TitleParams(
        f"What if: {shorten(answer.service)} at its baseline",
        subtitle="mean of the SLI while it was away from normal, with 95 % interval",
    )
    return Chart(_draw(frame, unit).properties(title=title), f"{answer.statement.rstrip('.')}.")


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
