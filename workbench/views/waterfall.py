"""Where the SLI's change came from: parts in the SLI's own units that sum to the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from workbench.cards import quantity
from workbench.views.drawing.axes import shorten
from workbench.views.drawing.labels import share_label
from workbench.views.drawing.palette import FALL, INK, MUTED, RISE, TOTAL
from workbench.views.drawing.readings import scale_of
from workbench.views.drawing.rendering import Card, Chart, message

if TYPE_CHECKING:
    from workbench.causal import Ranking
    from workbench.views.drawing.axes import Layered

__all__ = ["waterfall"]

_MOST = 8
_LEAST = 0.005  # of the change: a smaller part is drawn with the rest
_WIDTH = 430
_SMALL = 0.2  # of the SLI's level: on an axis from zero a smaller change could not be seen
_PAD = 0.1
_KINDS = {"level of the SLI": TOTAL, "raises it": RISE, "lowers it": FALL}


def waterfall(ranking: Ranking) -> Chart | Card:
    """Draw the SLI from before to during as steps, one for each service's own work.

    Parameters
    ----------
    ranking
        From `workbench.causal.rank`.

    Returns
    -------
    Chart or Card
        The eight largest parts, the rest as one step and what no part explains as another:
        the steps sum to the whole change. Thin lines are 95 % intervals of the parts.
    """
    parts = _parts(ranking)
    if not np.isfinite([ranking.before, ranking.during]).all():
        return message("No attribution to draw", f"{ranking.sli} was not seen before and during")
    frame = _steps(ranking, parts)
    unit = ranking.sli.unit
    factor, axis_unit = scale_of(unit, float(frame[["start", "end"]].abs().to_numpy().max()))
    numeric = ["start", "end", "low", "high"]
    frame[numeric] = frame[numeric] * factor
    low, high = _domain(frame)
    frame["start"] = frame["start"].clip(lower=low)
    change = quantity(ranking.during - ranking.before, unit).replace("-", "−")
    title = alt.TitleParams(
        f"Where the change of {shorten(str(ranking.sli))} came from",
        subtitle=[_moved_words(ranking, change), "each service's own work, with 95 % interval"],
    )
    chart = _draw(frame, axis_unit, (low, high)).properties(title=title)
    return Chart(chart, _caption(ranking, frame, change))


def _parts(ranking: Ranking) -> list[tuple[str, float, float, float]]:
    rows = [r for r in ranking.rows if np.isfinite(r.attribution)]
    rows.sort(key=lambda r: -abs(r.attribution))
    least = _LEAST * abs(ranking.during - ranking.before)
    named = [(r.service, r.attribution, r.low, r.high) for r in rows]
    shown = [part for part in named[:_MOST] if abs(part[1]) > least]
    rest = named[len(shown) :]
    nothing = float("nan")
    if rest:
        shown.append(
            (
                f"{len(rest)} smaller part{'s' * (len(rest) > 1)}",
                sum(r[1] for r in rest),
                nothing,
                nothing,
            )
        )
    left = (ranking.during - ranking.before) - sum(part for _, part, _, _ in shown)
    if abs(left) > max(least, 1e-12):
        shown.append(("not explained", left, nothing, nothing))
    return shown


def _steps(ranking: Ranking, parts: list[tuple[str, float, float, float]]) -> pd.DataFrame:
    unit, at = ranking.sli.unit, ranking.before
    rows = [_total("before", ranking.before, unit)]
    for name, part, low, high in parts:
        rows.append(
            {
                "name": shorten(name, 40),
                "start": at,
                "end": at + part,
                "low": at + low,
                "high": at + high,
                "kind": "raises it" if part >= 0 else "lowers it",
                "text": share_label(part, low, high, unit=unit),
            }
        )
        at += part
    rows.append(_total("during", ranking.during, unit))
    return pd.DataFrame(rows).assign(place=range(len(rows)))


def _total(name: str, level: float, unit: str) -> dict[str, object]:
    nothing = float("nan")
    return {
        "name": name,
        "start": 0.0,
        "end": level,
        "low": nothing,
        "high": nothing,
        "kind": "level of the SLI",
        "text": quantity(level, unit),
    }


def _domain(frame: pd.DataFrame) -> tuple[float, float]:
    """Range of the axis: from zero unless the change is small beside the SLI's level.

    Intervals are drawn as far as they fit: one that is far wider than the whole change would
    press every step to a line. Their figures stand beside them.
    """
    steps = frame.loc[frame["kind"] != "level of the SLI", ["start", "end"]].to_numpy()
    levels = frame.loc[frame["kind"] == "level of the SLI", "end"]
    ends = np.append(steps.ravel(), levels)
    span = float(np.ptp(ends)) or float(np.abs(ends).max()) or 1.0
    limits = frame[["low", "high"]].clip(ends.min() - span, ends.max() + span)
    low = float(np.nanmin([*ends, *limits["low"]])) - _PAD * span
    high = float(np.nanmax([*ends, *limits["high"]])) + _PAD * span
    if span >= _SMALL * float(np.abs(levels).max()):
        return min(0.0, low if low < -_PAD * span else 0.0), high
    return low, high


def _draw(frame: pd.DataFrame, unit: str, domain: tuple[float, float]) -> Layered:
    name = f"SLI ({unit})" if unit else "SLI"
    cut = " – the axis does not begin at zero" if domain[0] > 0 else ""
    axis = alt.Axis(title=f"{name}{cut}", tickCount=6, orient="bottom")
    y = alt.Y(
        "name:N",
        sort=list(frame["name"]),
        axis=alt.Axis(title=None, ticks=False, domain=False, labelLimit=280, labelPadding=8),
    )
    base = alt.Chart(frame).encode(y=y)
    colour = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=list(_KINDS), range=list(_KINDS.values())),
        legend=alt.Legend(title=None),
    )
    bars = base.mark_bar(height=16).encode(
        x=alt.X("start:Q", axis=axis, scale=alt.Scale(domain=list(domain), nice=False)),
        x2="end:Q",
        color=colour,
        tooltip=["name:N", "text:N"],
    )
    limits = base.transform_filter("isValid(datum.low) && isValid(datum.high)")
    rules = limits.mark_rule(color=INK, strokeWidth=1.4, clip=True).encode(x="low:Q", x2="high:Q")
    texts = base.mark_text(align="left", color=INK).encode(
        x=alt.value(_WIDTH + 12), text="text:N", color=alt.value(INK)
    )
    origin = pd.DataFrame({"x": [max(0.0, domain[0])]})
    zero = alt.Chart(origin).mark_rule(color=MUTED).encode(x="x:Q")
    layered = alt.layer(zero, bars, rules, texts)
    return layered.properties(width=_WIDTH, height=alt.Step(28))


def _moved_words(ranking: Ranking, change: str) -> str:
    before, during = (quantity(v, ranking.sli.unit) for v in (ranking.before, ranking.during))
    words = f"{before} before, {during} during: a change of {change}"
    return words if ranking.moved else f"{words}, within the SLI's normal range"


def _caption(ranking: Ranking, frame: pd.DataFrame, change: str) -> str:
    steps = frame[frame["kind"] != "level of the SLI"]
    if steps.empty:
        return f"{ranking.sli} changed by {change}; no place has a part in it."
    first = steps.iloc[0]
    return (
        f"{ranking.sli} changed by {change}; the largest part is {first['name']}: {first['text']}."
    )
