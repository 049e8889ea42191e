"""Where the SLI's change came from: parts in the SLI's own units that sum to the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from workbench.cards import quantity
from workbench.views.axes import shorten
from workbench.views.palette import FALL, INK, MUTED, RISE, TOTAL
from workbench.views.readings import scale_of
from workbench.views.rendering import Card, Chart, message
from workbench.views.words import part_words

if TYPE_CHECKING:
    from workbench.causal import Ranking
    from workbench.views.axes import Layered

__all__ = ["waterfall"]

_MOST = 8
_LEAST = 0.005  # of the change: a smaller part is drawn with the rest
_WIDTH = 430
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
    change = quantity(ranking.during - ranking.before, unit)
    title = alt.TitleParams(
        f"Where the change of {shorten(str(ranking.sli))} came from",
        subtitle=[_moved_words(ranking, change), "each service's own work, with 95 % interval"],
    )
    return Chart(_draw(frame, axis_unit).properties(title=title), _caption(ranking, frame, change))


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
            {"name": shorten(name, 40), "start": at, "end": at + part, "low": at + low,
             "high": at + high, "kind": "raises it" if part >= 0 else "lowers it",
             "text": part_words(part, low, high, unit=unit)}
        )  # fmt: skip
        at += part
    rows.append(_total("during", ranking.during, unit))
    return pd.DataFrame(rows).assign(place=range(len(rows)))


def _total(name: str, level: float, unit: str) -> dict[str, object]:
    nothing = float("nan")
    return {"name": name, "start": 0.0, "end": level, "low": nothing, "high": nothing,
            "kind": "level of the SLI", "text": quantity(level, unit)}  # fmt: skip


def _draw(frame: pd.DataFrame, unit: str) -> Layered:
    axis = alt.Axis(title=f"SLI ({unit})" if unit else "SLI", tickCount=6, orient="bottom")
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
        x=alt.X("start:Q", axis=axis, scale=alt.Scale(nice=True)), x2="end:Q", color=colour,
        tooltip=["name:N", "text:N"],
    )  # fmt: skip
    limits = base.transform_filter("isValid(datum.low) && isValid(datum.high)")
    rules = limits.mark_rule(color=INK, strokeWidth=1.4).encode(x="low:Q", x2="high:Q")
    texts = base.mark_text(align="left", color=INK).encode(
        x=alt.value(_WIDTH + 12), text="text:N", color=alt.value(INK)
    )
    zero = alt.Chart(pd.DataFrame({"x": [0.0]})).mark_rule(color=MUTED).encode(x="x:Q")
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
