"""Reliability diagram: how often claims of each confidence were right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from workbench.errors import BadTable
from workbench.evaluate import calibration_error, wilson
from workbench.views.drawing.palette import FAINT, INK, MUTED, SLI_LINE
from workbench.views.drawing.rendering import Card, Chart, message

if TYPE_CHECKING:
    from workbench.views.drawing.axes import Layered

__all__ = ["reliability"]

_SIZE = 320
_BINS = 5
_COLUMNS = ("confidence", "right")


def reliability(cases: pd.DataFrame) -> Chart | Card:
    """Draw how often cases were right against how sure they were.

    Parameters
    ----------
    cases
        A row a case: ``confidence`` in [0, 1] and ``right`` (true or false). A case
        without a confidence is left out and counted.

    Returns
    -------
    Chart or Card
        Five bins of equal width with 95 % Wilson intervals and their number of cases,
        beside the diagonal of perfect calibration; the expected calibration error (ECE) is
        the mean distance from it, weighted by cases (Naeini et al. 2015, AAAI).

    Raises
    ------
    BadTable
        A column is missing, or a confidence lies outside [0, 1].
    """
    known = _known(cases)
    if known.empty:
        return message("No confidence to check", "No case has one")
    bins = _bins(known)
    error = calibration_error(known)
    left_out = len(cases) - len(known)
    words = [f"expected calibration error {error:.2f} over {len(known)} cases in {len(bins)} bins"]
    words += [f"{left_out} without a confidence left out"] if left_out else []
    words += ["bars: 95 % Wilson interval; below the diagonal: too sure"]
    title = alt.TitleParams(f"Reliability: ECE {error:.2f}", subtitle=words)
    caption = f"ECE {error:.2f} over {len(known)} cases: " + "; ".join(
        f"{row['confidence']:.2f} stated, {row['right']:.2f} right of {row['n']}"
        for row in bins.to_dict("records")
    )
    return Chart(_draw(bins).properties(title=title), f"{caption}.")


def _known(cases: pd.DataFrame) -> pd.DataFrame:
    missing = [column for column in _COLUMNS if column not in cases.columns]
    if missing:
        fact, hint = "Cases without these columns", "Each case needs confidence and right"
        raise BadTable(fact, value=missing, hint=hint)
    known = cases[list(_COLUMNS)].dropna().astype(float)
    outside = ~known["confidence"].between(0, 1)
    if outside.any():
        value = float(known.loc[outside, "confidence"].iloc[0])
        fact = "A confidence lies between 0 and 1"
        raise BadTable(fact, value=value, hint="A share, not percent")
    return known


def _bins(known: pd.DataFrame) -> pd.DataFrame:
    """One line a bin that has cases: mean confidence, share right, n and its interval."""
    place = np.minimum((known["confidence"] * _BINS).astype(int), _BINS - 1)
    groups = known.groupby(place)
    bins = groups.mean().assign(n=groups.size()).reset_index(drop=True)
    limits = [wilson(r * n, n) for r, n in zip(bins["right"], bins["n"], strict=True)]
    return bins.assign(
        low=[low for low, _ in limits],
        high=[high for _, high in limits],
        text=[f"n = {n}" for n in bins["n"]],
    )


def _draw(bins: pd.DataFrame) -> Layered:
    share = alt.Scale(domain=[0, 1], nice=False)
    x = alt.X(
        "confidence:Q",
        scale=share,
        axis=alt.Axis(title="stated confidence", format="%", tickCount=5),
    )
    y = alt.Y(
        "right:Q",
        scale=share,
        axis=alt.Axis(title="share that was right", format="%", tickCount=5),
    )
    diagonal = alt.Chart(pd.DataFrame({"confidence": [0.0, 1.0], "right": [0.0, 1.0]}))
    base = alt.Chart(bins).encode(x=x)
    layered = alt.layer(
        diagonal.mark_line(color=MUTED, strokeDash=[5, 4]).encode(x=x, y=y),
        base.mark_line(color=FAINT, strokeWidth=1.2).encode(y=y),
        base.mark_rule(color=SLI_LINE, strokeWidth=2).encode(
            y=alt.Y("low:Q", scale=share), y2="high:Q"
        ),
        base.mark_point(filled=True, size=110, opacity=1, color=SLI_LINE).encode(
            y=y, tooltip=["confidence:Q", "right:Q", "n:Q"]
        ),
        base.mark_text(color=INK).encode(y=alt.value(-14), text="text:N"),
    )
    return layered.properties(width=_SIZE, height=_SIZE)
