"""An interrupted series: a service's own part of the SLI before and after a change of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from workbench.views.drawing.axes import line_frame, shorten, time_axis, time_words
from workbench.views.drawing.labels import share_label
from workbench.views.drawing.palette import INK, SLI_LINE
from workbench.views.drawing.readings import milliseconds, reading, scale_of
from workbench.views.drawing.rendering import Chart
from workbench.views.placebos import effect_colour

if TYPE_CHECKING:
    from workbench.causal import Effect
    from workbench.features import Signals
    from workbench.views.drawing.axes import Layered
    from workbench.window import IncidentWindow

__all__ = ["interrupted"]

_SIZE = (560, 190)
_LINES = {"the SLI": SLI_LINE, "own part of the changed service": INK}


def interrupted(window: IncidentWindow, effect: Effect, *, signals: Signals | None = None) -> Chart:
    """Draw the SLI and the changed service's own part of it around the change.

    Parameters
    ----------
    window
        The window the effect was estimated in.
    effect
        From `workbench.causal.effect`.
    signals
        Computed from the window if not handed in.

    Returns
    -------
    Chart
        Dashed lines are the own part's mean before the change, and that mean plus the
        effect after it: the step that the effect is.
    """
    from workbench.causal.change_effects.self_series import self_series

    if signals is None:
        from workbench.features import signals as compute

        signals = compute(window)
    start, end = _range(effect)
    sli = reading(signals, effect.sli.service, effect.sli.signal).within(start, end).series
    own = self_series(signals, window.topology, effect.service, sli=effect.sli)[start:end]
    factor, unit = scale_of(effect.unit, float(max(sli.abs().max(), own.abs().max())))
    lines = pd.concat(
        [line_frame(s * factor).assign(what=w) for w, s in zip(_LINES, (sli, own), strict=True)]
    )
    level = float(own[own.index < effect.at].mean())
    steps = _steps(effect, start, end).assign(y=[level * factor, (level + effect.effect) * factor])
    step = share_label(effect.effect, effect.low, effect.high, unit=effect.unit)
    title = alt.TitleParams(
        f"{shorten(effect.change)}: a step of {step}",
        subtitle=[f"{time_words(start, end)} · dashed: mean before, and with the step after"],
    )
    chart = _draw(lines, steps, effect, (start, end), unit).properties(title=title)
    return Chart(chart, f"{effect.statement}.")


def _range(effect: Effect) -> tuple[pd.Timestamp, pd.Timestamp]:
    step = pd.Timedelta(effect.step_s, "s")
    return effect.at - effect.bins_before * step, effect.at + effect.bins_after * step


def _steps(effect: Effect, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    at = milliseconds(effect.at)
    return pd.DataFrame({"t": [milliseconds(start), at], "t2": [at, milliseconds(end)]})


def _draw(
    lines: pd.DataFrame,
    steps: pd.DataFrame,
    effect: Effect,
    span: tuple[pd.Timestamp, pd.Timestamp],
    unit: str,
) -> Layered:
    x = time_axis(*span, ticks=6)
    axis = alt.Axis(title=f"a request ({unit})" if unit else "a request", tickCount=5)
    y = alt.Y("y:Q", axis=axis, scale=alt.Scale(zero=True))
    colours = alt.Scale(domain=list(_LINES), range=list(_LINES.values()))
    colour = alt.Color("what:N", scale=colours, legend=alt.Legend(title=None))
    moment = pd.DataFrame({"t": [milliseconds(effect.at)], "text": [shorten(effect.change, 30)]})
    own = effect_colour(effect)
    rule = alt.Chart(moment).encode(x=x)
    layered = alt.layer(
        rule.mark_rule(color=own, strokeWidth=1.6),
        rule.mark_text(align="right", dx=-6, color=INK).encode(y=alt.value(8), text="text:N"),
        alt.Chart(lines).mark_line(strokeWidth=1.5, clip=True).encode(x=x, y=y, color=colour),
        alt.Chart(steps)
        .mark_rule(color=own, strokeDash=[6, 4], strokeWidth=1.8)
        .encode(x=x, x2="t2:T", y=y),
    )
    return layered.properties(width=_SIZE[0], height=_SIZE[1])
