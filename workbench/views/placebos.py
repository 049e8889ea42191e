"""A change beside placebo changes: how often nothing at all moved the SLI as much."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from workbench.views.drawing.axes import shorten
from workbench.views.drawing.labels import share_label
from workbench.views.drawing.palette import BASELINE, FALL, INK, MUTED, RISE, TOTAL
from workbench.views.drawing.readings import scale_of
from workbench.views.drawing.rendering import Card, Chart, message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.causal import Effect
    from workbench.views.drawing.axes import Layered

__all__ = ["effect_colour", "placebos"]

_WIDTH = 400
_ROW = 52
_GOLDEN = 0.6180339887  # its multiples spread evenly: a jitter without dice
_KINDS = ("nothing was changed", "earlier change", "the change")


def placebos(effect: Effect) -> Chart | Card:
    """Draw what a change moved the SLI by over what moments without a change "moved" it by.

    Parameters
    ----------
    effect
        From `workbench.causal.effect`.

    Returns
    -------
    Chart or Card
        A strip of the placebo moments, one of earlier changes of the same service where
        there were any, and the change with its 95 % interval; a card where there was no
        quiet moment to compare with.
    """
    if not effect.placebos:
        return message(
            f"No placebo moment to set beside {effect.change}",
            "There is no quiet stretch as long as the change's own: give a longer baseline",
        )
    values = [effect.effect, effect.low, effect.high, *effect.placebo_effects]
    factor, unit = scale_of(effect.unit, float(np.abs(values).max()))
    frame, rows = _points(effect, factor), _rows(effect)
    title = alt.TitleParams(
        f"{shorten(effect.change)} beside moments without a change",
        subtitle=[
            f"{effect.placebos_as_large} of {effect.placebos} quiet moments moved "
            f"{shorten(str(effect.sli))} at least as much",
            "each mark: the step found there, by the same method; line: 95 % interval",
        ],
    )
    strip = _strip(frame, rows, unit, effect_colour(effect))
    return Chart(strip.properties(title=title), f"{effect.statement}.")


def effect_colour(effect: Effect) -> str:
    """Colour of what a change did: raised the SLI, lowered it, or nothing that can be shown."""
    if not effect.moved_it:
        return INK
    return RISE if effect.effect > 0 else FALL


def _points(effect: Effect, factor: float) -> pd.DataFrame:
    nothing = float("nan")
    quiet = [("nothing was changed", "", v, nothing, nothing) for v in effect.placebo_effects]
    before = [("earlier change", e.change, e.effect, nothing, nothing) for e in effect.earlier]
    own = ("the change", effect.change, effect.effect, effect.low, effect.high)
    frame = pd.DataFrame([*quiet, *before, own], columns=["kind", "name", "moved", "low", "high"])
    frame[["moved", "low", "high"]] *= factor
    spread = (np.arange(len(frame)) * _GOLDEN) % 1
    return frame.assign(offset=np.where(frame["kind"] == "nothing was changed", spread, 0.5))


def _rows(effect: Effect) -> pd.DataFrame:
    """One line a row of the picture: what it is, and the figure that stands beside it."""
    earlier = [e.effect for e in effect.earlier]
    own = share_label(effect.effect, effect.low, effect.high, unit=effect.unit)
    rows = [
        (
            "nothing was changed",
            f"{effect.placebos} quiet moments",
            _as_large(effect.placebo_effects, effect.effect),
        )
    ]
    if earlier:
        many = "s" * (len(earlier) > 1)
        rows.append(
            (
                "earlier change",
                f"{len(earlier)} earlier change{many}",
                _as_large(earlier, effect.effect),
            )
        )
    rows.append(("the change", shorten(effect.change, 32), own))
    return pd.DataFrame(rows, columns=["kind", "label", "text"])


def _as_large(steps: Sequence[float], value: float) -> str:
    as_large = sum(abs(other) >= abs(value) for other in steps)
    return f"{as_large} of {len(steps)} as large"


def _strip(frame: pd.DataFrame, rows: pd.DataFrame, unit: str, own: str) -> Layered:
    colours = alt.Scale(domain=list(_KINDS), range=[TOTAL, BASELINE, own])
    colour = alt.Color("kind:N", scale=colours, legend=None)
    axis = alt.Axis(title=f"step of the SLI ({unit})" if unit else "step of the SLI", tickCount=6)
    gaps = alt.Scale(paddingInner=0.35)
    y = alt.Y("kind:N", sort=list(rows["kind"]), axis=None, scale=gaps)
    x = alt.X("moved:Q", axis=axis, scale=alt.Scale(nice=True, padding=10))
    base = alt.Chart(frame).encode(x=x, y=y, color=colour, tooltip=["name:N", "moved:Q"])
    jitter = alt.YOffset("offset:Q", scale=alt.Scale(domain=[0, 1]))
    quiet, earlier, change = (base.transform_filter(f"datum.kind == '{kind}'") for kind in _KINDS)
    zero = alt.Chart(pd.DataFrame({"x": [0.0]})).mark_rule(color=MUTED, strokeDash=[4, 3])
    words = alt.Chart(rows).encode(y=y)
    layered = alt.layer(
        zero.encode(x="x:Q"),
        quiet.mark_point(filled=True, size=26, opacity=0.55).encode(yOffset=jitter),
        earlier.mark_point(filled=True, size=90, opacity=0.8, shape="triangle-up"),
        change.mark_rule(strokeWidth=2.5).encode(x="low:Q", x2="high:Q"),
        change.mark_point(filled=True, size=130, opacity=1, shape="diamond"),
        words.mark_text(align="right", color=INK).encode(x=alt.value(-10), text="label:N"),
        words.mark_text(align="left", color=INK).encode(x=alt.value(_WIDTH + 12), text="text:N"),
    )
    return layered.properties(width=_WIDTH, height=_ROW * len(rows))
