"""Correlation against causation: rank against rank, and the claim ladder as a table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from workbench.cards import card, table_html
from workbench.findings import CLAIMS
from workbench.views.drawing.axes import shorten
from workbench.views.drawing.labels import plain_signal, share_label
from workbench.views.drawing.palette import CARD, FAINT, INK, MUTED, ROLE_COLOURS, ROLE_WORDS
from workbench.views.drawing.rendering import Card, Chart, message

if TYPE_CHECKING:
    from workbench.diagnose import Diagnosis, Suspect
    from workbench.views.drawing.axes import Layered

__all__ = ["ladder", "ranks"]

_MOST = 16
_RANKS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
_WIDTH = 420
_SHAPES = ("circle", "diamond", "square", "triangle-up", "cross")
_COLOURS = {
    "state change": ROLE_COLOURS["state change"],
    "first failure": ROLE_COLOURS["first failure"],
    "impact": ROLE_COLOURS["impact"],
    "ruled out": ROLE_COLOURS["symptom"],
    "undecided": ROLE_COLOURS["undecided"],
}


def ranks(diagnosis: Diagnosis) -> Chart | Card:
    """Scatter each suspect's place by correlation against its place by causation.

    Parameters
    ----------
    diagnosis
        From `workbench.diagnose.compare`.

    Returns
    -------
    Chart or Card
        A row for each suspect, most causal on top, so that no label can cover another; a
        card where nothing was ranked. The farther right a suspect of the top rows stands,
        the more correlation alone would have misled.
    """
    if not diagnosis.suspects:
        return message("No suspect to rank", diagnosis.verdict)
    order = sorted(diagnosis.suspects, key=lambda s: s.causal_rank or len(diagnosis.suspects) + 1)
    shown = order[:_MOST]
    frame = pd.DataFrame([_point(place, s) for place, s in enumerate(shown)])
    nobody = bool(frame["x"].isna().all())
    unranked = int(frame["x"].max(skipna=True) if frame["x"].notna().any() else 0) + 1
    unranked = max(unranked, round(unranked * 1.2))
    frame["x"] = frame["x"].fillna(unranked)
    more = len(diagnosis.suspects) - len(shown)
    lines = ["top: most causal · left: most correlated"]
    lines += ["nothing here could be ranked by correlation: the notes say why"] if nobody else []
    lines += [f"{more} weaker suspects are not drawn"] if more else []
    title = alt.TitleParams("Correlation rank against causation rank", subtitle=lines)
    chart = _scatter(frame, unranked).properties(title=title)
    return Chart(chart, _ranks_caption(diagnosis))


def ladder(diagnosis: Diagnosis) -> Card:
    """Write the claim ladder as a table: each suspect's rung, part of the change, and why.

    Parameters
    ----------
    diagnosis
        From `workbench.diagnose.compare`.
    """
    if not diagnosis.suspects:
        return message(diagnosis.verdict, "; ".join(diagnosis.would_settle))
    frame = pd.DataFrame([_line(s, diagnosis.sli.unit) for s in diagnosis.suspects])
    facts = {"lowest to highest": " → ".join(CLAIMS[:-1]), "its way down": CLAIMS[-1]}
    note = _note(diagnosis)
    html = card(diagnosis.verdict, facts, body=table_html(frame, limit=_MOST), note=note)
    return Card(html, repr(diagnosis))


def _point(place: int, suspect: Suspect) -> dict[str, object]:
    role = ROLE_WORDS[suspect.role]
    refuted = suspect.claim == "refuted"
    return {
        "place": place,
        "rank": f"{suspect.causal_rank}." if suspect.causal_rank else "–",
        "x": suspect.correlation_rank or float("nan"),
        "label": f"{shorten(_plain(suspect), 40)} · {role.removeprefix('ruled out: ')}",
        "role": "ruled out" if refuted or role.startswith("ruled out") else role,
        "claim": suspect.claim,
        "why": suspect.reason,
    }


def _plain(suspect: Suspect) -> str:
    return plain_signal(suspect.name)


def _scatter(frame: pd.DataFrame, unranked: int) -> Layered:
    x, y = _correlation_axis(frame, unranked), _causation_axis(frame)
    base = alt.Chart(frame).encode(x=x, y=y)
    points = base.mark_point(filled=True, size=130, opacity=1).encode(
        color=alt.Color("role:N", scale=_scale(_COLOURS), legend=_legend("role")),
        shape=alt.Shape("claim:N", scale=_shape_scale(), legend=_legend("rung")),
        tooltip=["label:N", "claim:N", "why:N"],
    )
    labels = (
        alt.Chart(frame)
        .mark_text(align="left", color=INK)
        .encode(x=alt.value(_WIDTH + 14), y=y, text="label:N")
    )
    height = max(90, 26 * len(frame))
    leaders = base.mark_rule(color=FAINT, strokeDash=[1, 4]).encode(x2=alt.value(_WIDTH + 8))
    return alt.layer(leaders, points, labels).properties(width=_WIDTH, height=height)


def _correlation_axis(frame: pd.DataFrame, unranked: int) -> alt.X:
    last = 0.85 * unranked if (frame["x"] == unranked).any() else unranked
    ticks = [rank for rank in _RANKS if rank <= last]
    expression = f"datum.value >= {unranked} ? 'none' : format(datum.value, 'd')"
    has_unranked = bool((frame["x"] == unranked).any())
    axis = alt.Axis(
        title="rank by correlation with the SLI",
        values=[*ticks, *[unranked] * has_unranked],
        labelExpr=expression,
        labelOverlap="greedy",
        grid=True,
        orient="top",
    )
    # The first ranks matter most, and there may be a hundred: a log axis keeps them apart.
    last = unranked * 1.15 if has_unranked else unranked
    scale = alt.Scale(type="log", domain=[0.8, last], nice=False)
    return alt.X("x:Q", axis=axis, scale=scale)


def _causation_axis(frame: pd.DataFrame) -> alt.Y:
    names = json.dumps(list(frame["rank"]))  # ranks as text, made here: nothing from outside
    return alt.Y(
        "place:O",
        axis=alt.Axis(
            labelExpr=f"{names}[datum.value]",
            title=["rank by", "causation"],
            titleAngle=0,
            titleAlign="right",
            titleX=-30,
            titleY=4,
            ticks=False,
            domain=False,
            grid=True,
        ),
    )


def _scale(colours: dict[str, str]) -> alt.Scale:
    return alt.Scale(domain=list(colours), range=list(colours.values()))


def _shape_scale() -> alt.Scale:
    return alt.Scale(domain=list(CLAIMS), range=list(_SHAPES))


def _legend(title: str) -> alt.Legend:
    return alt.Legend(
        title=title,
        orient="bottom",
        direction="horizontal",
        symbolStrokeColor=CARD,
        symbolFillColor=MUTED if title == "rung" else alt.Undefined,
        titleOrient="left",
        titleAnchor="middle",
        offset=10,
    )


def _line(suspect: Suspect, unit: str) -> dict[str, str]:
    return {
        "suspect": shorten(_plain(suspect), 40),
        "rung": suspect.claim,
        "role": ROLE_WORDS[suspect.role],
        "part of the change (95 %)": share_label(
            suspect.attribution, suspect.low, suspect.high, unit=unit
        ),
        "rank: causal / correlation": f"{suspect.causal_rank or '–'} / "
        f"{suspect.correlation_rank or '–'}",
        "why": suspect.reason,
    }


def _note(diagnosis: Diagnosis) -> str:
    parts = []
    if diagnosis.missing:
        parts.append(f"Not seen: {', '.join(diagnosis.missing)}.")
    if diagnosis.would_settle:
        parts.append(f"Would settle it: {'; '.join(diagnosis.would_settle)}.")
    return " ".join(parts)


def _ranks_caption(diagnosis: Diagnosis) -> str:
    most = next((s for s in diagnosis.suspects if s.correlation_rank == 1), None)
    text = f"{diagnosis.verdict.rstrip('.')}."
    if most is None:
        return text
    return f"{text} The strongest correlation is {_plain(most)}: {ROLE_WORDS[most.role]}."
