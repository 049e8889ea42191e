"""Axes and shadings that several charts share, so that one look at one explains all."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import altair as alt
import pandas as pd

from workbench.views.drawing.palette import BASELINE, INCIDENT, ONSET
from workbench.views.drawing.readings import milliseconds

if TYPE_CHECKING:
    from workbench.diagnose import Diagnosis
    from workbench.times import TimeRange
    from workbench.window import IncidentWindow

__all__ = ["bands", "line_frame", "picture_range", "shading", "shorten", "time_axis", "time_words"]

Layered: TypeAlias = "alt.LayerChart | alt.FacetChart"
"""What altair says that layers with properties are."""

_SHADES = {
    "baseline": BASELINE,
    "incident": INCIDENT,
    "onset, 95 % interval": ONSET,
}
_LONG_BEFORE = 3.0
_LONG_AFTER = 1.0


def picture_range(window: IncidentWindow) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Range worth drawing: the incident, up to three of its lengths before and one after.

    Never beyond what was recorded, and always the whole incident.
    """
    duration = window.when.duration
    stamps = [f[c] for f, c in ((window.metrics, "ts"), (window.spans, "ts")) if len(f)]
    first = min([s.iloc[0] for s in stamps], default=window.when.start)
    last = max([s.iloc[-1] for s in stamps], default=window.when.end)
    start = min(max(first, window.when.start - _LONG_BEFORE * duration), window.when.start)
    end = max(min(last, window.when.end + _LONG_AFTER * duration), window.when.end)
    return start, end


def time_axis(
    start: pd.Timestamp,
    end: pd.Timestamp,
    *,
    labels: bool = True,
    ticks: int = 8,
    title: str | None = "time (UTC)",
) -> alt.X:
    """Horizontal UTC axis from `start` to `end` over a field ``t`` of milliseconds."""
    axis = alt.Axis(
        title=title if labels else None,
        format=_clock(end - start),
        labels=labels,
        ticks=labels,
        grid=True,
        tickCount=ticks,
        labelOverlap="greedy",
        labelFlush=True,
    )
    scale = alt.Scale(type="utc", domain=[milliseconds(start), milliseconds(end)], nice=False)
    return alt.X("t:T", scale=scale, axis=axis)


def time_words(start: pd.Timestamp, end: pd.Timestamp) -> str:
    """Say the day once and the zone: ``2026-01-31, times in UTC``."""
    days = sorted({start.strftime("%Y-%m-%d"), end.strftime("%Y-%m-%d")})
    return f"{' – '.join(days)}, times in UTC"


def bands(
    window: IncidentWindow,
    diagnosis: Diagnosis | None,
    span: tuple[pd.Timestamp, pd.Timestamp],
) -> pd.DataFrame:
    """Stretches to shade, clipped to `span`: baseline, incident and the onset's interval."""
    ranges: list[tuple[str, pd.Timestamp, pd.Timestamp]] = []
    if window.baseline is not None:
        ranges.append(_named("baseline", window.baseline))
    ranges.append(_named("incident", window.when))
    if diagnosis is not None and diagnosis.onset is not None:
        low, high = diagnosis.onset_low, diagnosis.onset_high
    else:
        low = high = None
    if low is not None and high is not None:
        ranges.append(("onset, 95 % interval", low, high))
    rows = [
        {"what": name, "t": milliseconds(max(a, span[0])), "t2": milliseconds(min(b, span[1]))}
        for name, a, b in ranges
        if max(a, span[0]) < min(b, span[1])
    ]
    return pd.DataFrame(rows, columns=["what", "t", "t2"])


def shading(frame: pd.DataFrame, x: alt.X, *, legend: bool = True) -> alt.Chart:
    """Draw the stretches of `bands` behind everything else."""
    present = [name for name in _SHADES if name in set(frame["what"])]
    colour = alt.Color(
        "what:N",
        scale=alt.Scale(domain=present, range=[_SHADES[name] for name in present]),
        legend=alt.Legend(title=None, symbolOpacity=0.5) if legend else None,
    )
    marks = alt.Chart(frame).mark_rect(opacity=0.16, clip=True)
    shaded: alt.Chart = marks.encode(x=x, x2="t2:T", color=colour)
    return shaded


def line_frame(series: pd.Series) -> pd.DataFrame:
    """Columns ``t`` and ``y`` for a line; a missing value breaks it."""
    index = pd.DatetimeIndex(series.index)
    return pd.DataFrame({"t": index.as_unit("ms").asi8, "y": series.to_numpy(dtype=float)})


def shorten(text: str, longest: int = 44) -> str:
    """Cut a long name in the middle: both ends tell such names apart."""
    if len(text) <= longest:
        return text
    head = (longest - 1) // 2
    return f"{text[:head]}…{text[len(text) - (longest - 1 - head) :]}"


def _named(name: str, span: TimeRange) -> tuple[str, pd.Timestamp, pd.Timestamp]:
    return name, span.start, span.end


def _clock(length: pd.Timedelta) -> str:
    if length < pd.Timedelta(5, "min"):
        return "%H:%M:%S"
    return "%H:%M" if length <= pd.Timedelta(1, "D") else "%d %b %H:%M"
