"""Everything that happened on one time axis: SLI, traffic, changes, alerts, first movements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import altair as alt
import numpy as np
import pandas as pd

from workbench.cards import quantity
from workbench.views.drawing.axes import (
    bands,
    line_frame,
    picture_range,
    shading,
    shorten,
    time_axis,
    time_words,
)
from workbench.views.drawing.decimate import decimate
from workbench.views.drawing.event_marks import event_rows, lanes
from workbench.views.drawing.palette import INK, MUTED, ONSET, RISE, SLI_LINE
from workbench.views.drawing.readings import milliseconds, reading, scale_of
from workbench.views.drawing.rendering import Chart

if TYPE_CHECKING:
    from workbench.diagnose import Diagnosis
    from workbench.features import Signals
    from workbench.slis import SLI
    from workbench.views.drawing.axes import Layered
    from workbench.views.drawing.readings import Reading
    from workbench.window import IncidentWindow

__all__ = ["timeline"]

WIDTH = 620
_MOST_LANES = 16
_KINDS = {
    "change": (RISE, "triangle-up"),
    "alert": ("#8f1d3f", "square"),
    "first moved": (ONSET, "diamond"),
}


def timeline(
    window: IncidentWindow,
    diagnosis: Diagnosis | None = None,
    *,
    sli: SLI | None = None,
    signals: Signals | None = None,
) -> Chart:
    """Draw SLI, traffic, changes, alerts and first movements on one UTC axis.

    Parameters
    ----------
    window
        The incident.
    diagnosis
        Adds onset and first movements.
    sli
        Which SLI; the diagnosis's, else the window's first.
    signals
        Computed from the window if not handed in.

    Returns
    -------
    Chart
        Baseline and incident shaded; long series thinned, and the picture says by how much.

    Raises
    ------
    UnknownName
        No SLI is given and the window has no SLO.
    """
    chosen = sli or (diagnosis.sli if diagnosis else window.sli())
    known = signals or _signals_of(window)
    scene = _Scene(window, diagnosis, picture_range(window))
    names = dict.fromkeys([str(chosen.signal), "load"])
    drawn = [
        _line_panel(scene, reading(known, chosen.service, name), first=place == 0)
        for place, name in enumerate(names)
    ]
    rows = event_rows(window, diagnosis, scene.span)
    kept, dropped = lanes(rows, window.when, most=_MOST_LANES)
    parts = [panel for panel, _ in drawn]
    parts.append(_lane_chart(scene, kept) if len(kept) else _time_strip(scene))
    notes = [note for _, note in drawn if note]
    subtitle = [_range_label(diagnosis, scene.span), *notes, *_dropped_words(dropped)]
    title = alt.TitleParams(f"{shorten(str(chosen), 60)}: what happened when", subtitle=subtitle)
    chart = alt.vconcat(*parts, spacing=8, title=title)
    chart = chart.resolve_scale(color="independent", shape="independent")
    return Chart(chart, _caption(window, diagnosis, chosen, rows))


def _signals_of(window: IncidentWindow) -> Signals:
    from workbench.features import signals

    return signals(window)


@dataclass(frozen=True, slots=True)
class _Scene:
    """What every panel of one timeline shares."""

    window: IncidentWindow
    diagnosis: Diagnosis | None
    span: tuple[pd.Timestamp, pd.Timestamp]

    def shade(self, x: alt.X, *, legend: bool) -> alt.Chart:
        return shading(bands(self.window, self.diagnosis, self.span), x, legend=legend)

    def onset(self, *, named: bool = False) -> list[alt.Chart]:
        if self.diagnosis is None or self.diagnosis.onset is None:
            return []
        frame = pd.DataFrame({"t": [milliseconds(self.diagnosis.onset)]})
        rule = alt.Chart(frame).mark_rule(color=ONSET, strokeWidth=1.5, clip=True)
        name = alt.Chart(frame).mark_text(
            text="onset", align="right", baseline="top", dx=-5, color=ONSET, fontWeight=600
        )
        shown = [rule.encode(x="t:T")]
        return [*shown, name.encode(x="t:T", y=alt.value(4))] if named else shown


def _line_panel(scene: _Scene, line: Reading, *, first: bool) -> tuple[Layered, str]:
    """Draw one reading, the first one tall; and say what was thinned."""
    inside = line.within(*scene.span)
    scaled, unit = inside.scaled()
    thin = decimate(scaled, WIDTH)
    x = time_axis(*scene.span, labels=False)
    name = shorten(line.name, 34)
    title = [name, f"({unit})"] if unit else [name]
    axis = alt.Axis(title=title, titleAngle=0, titleAlign="right", titleX=-52, tickCount=4)
    marks = alt.Chart(line_frame(thin.series)).mark_line(
        color=SLI_LINE if first else MUTED, strokeWidth=1.6, clip=True
    )
    layers = [scene.shade(x, legend=first)]
    layers.append(marks.encode(x=x, y=alt.Y("y:Q", axis=axis, scale=alt.Scale(zero=True))))
    layers += _threshold_layers(scene, inside) if first else []
    layers += scene.onset(named=first) if inside.seen else [_nothing_seen(line.name)]
    panel = alt.layer(*layers).properties(width=WIDTH, height=170 if first else 64)
    return panel, f"{line.name}: {thin.note}" if thin.note else ""


def _threshold(window: IncidentWindow, line: Reading) -> float | None:
    """Level of the objective in the reading's unit, if the window declares one."""
    for slo in window.slos:
        if (slo.service, slo.signal) == (line.service, line.signal):
            return slo.threshold if slo.signal == "latency" else 1 - slo.objective
    return None


def _threshold_layers(scene: _Scene, line: Reading) -> list[alt.Chart]:
    """Draw the objective, unless it lies so far above the data that they would be flat."""
    level = _threshold(scene.window, line)
    if level is None or level > 2 * line.largest:
        return []
    factor, _ = scale_of(line.unit, line.largest)
    frame = pd.DataFrame(
        {"y": [level * factor], "t": [milliseconds(scene.span[0])], "text": ["objective"]}
    )
    rule = alt.Chart(frame).mark_rule(color=INK, strokeDash=[5, 4]).encode(y="y:Q")
    text = alt.Chart(frame).mark_text(align="left", baseline="top", dx=4, dy=3, color=MUTED)
    return [rule, text.encode(x="t:T", y="y:Q", text="text:N")]


def _nothing_seen(name: str) -> alt.Chart:
    frame = pd.DataFrame({"text": [f"no samples of {name} were recorded"]})
    text = alt.Chart(frame).mark_text(color=MUTED, fontSize=13)
    centred: alt.Chart = text.encode(x=alt.value(WIDTH / 2), y=alt.value(24), text="text:N")
    return centred


def _lane_chart(scene: _Scene, rows: pd.DataFrame) -> Layered:
    """Draw a lane for each thing that happened; its name stands left, so nothing overlaps."""
    x = time_axis(*scene.span)
    axis = alt.Axis(title=None, labelLimit=330, ticks=False, domain=False, labelPadding=8)
    y = alt.Y("lane:N", sort=list(dict.fromkeys(rows["lane"])), axis=axis)
    kinds = list(_KINDS)
    legend = alt.Legend(title=None, orient="bottom", offset=6)
    hues = alt.Scale(domain=kinds, range=[_KINDS[kind][0] for kind in kinds])
    forms = alt.Scale(domain=kinds, range=[_KINDS[kind][1] for kind in kinds])
    base = alt.Chart(rows).encode(x=x, y=y, tooltip=["lane:N", "time:N"])
    bars = base.mark_bar(height=7, opacity=0.55, clip=True).encode(
        x2="t2:T", color=alt.Color("kind:N", scale=hues, legend=None)
    )
    points = base.mark_point(filled=True, size=85, opacity=1, clip=True).encode(
        color=alt.Color("kind:N", scale=hues, legend=legend),
        shape=alt.Shape("kind:N", scale=forms, legend=legend),
    )
    layers = [scene.shade(x, legend=False), bars, points, *scene.onset()]
    chart = alt.layer(*layers).properties(width=WIDTH, height=alt.Step(21))
    lanes_apart: Layered = chart.resolve_scale(color="independent", shape="independent")
    return lanes_apart


def _time_strip(scene: _Scene) -> Layered:
    """Draw the time axis alone, for where nothing happened that would carry it."""
    frame = pd.DataFrame({"t": [milliseconds(scene.span[0])]})
    none = alt.Chart(frame).mark_point(opacity=0).encode(x=time_axis(*scene.span))
    return alt.layer(none).properties(width=WIDTH, height=1)


def _range_label(diagnosis: Diagnosis | None, span: tuple[pd.Timestamp, pd.Timestamp]) -> str:
    words = time_words(*span)
    if diagnosis is None:
        return words
    if not diagnosis.was_measured:
        return f"{words} · the SLI was not measured"
    if diagnosis.onset is None:
        return f"{words} · the SLI stayed in its normal range"
    text = f"{words} · onset {diagnosis.onset:%H:%M:%S}"
    if diagnosis.onset_low is None or diagnosis.onset_high is None:
        return text
    return f"{text} (95 %: {diagnosis.onset_low:%H:%M:%S} – {diagnosis.onset_high:%H:%M:%S})"


def _dropped_words(dropped: int) -> list[str]:
    return [f"{dropped} more lanes are not drawn: later movements and alerts"] if dropped else []


def _caption(
    window: IncidentWindow, diagnosis: Diagnosis | None, sli: SLI, rows: pd.DataFrame
) -> str:
    counts = rows["kind"].value_counts() if len(rows) else {}
    listed = ", ".join(f"{n} × {kind}" for kind, n in counts.items()) or "no change and no alert"
    text = f"{sli} from baseline to incident ({window.when}), with {listed}."
    if diagnosis is not None and np.isfinite(diagnosis.before) and np.isfinite(diagnosis.during):
        unit = diagnosis.sli.unit
        levels = f"{quantity(diagnosis.before, unit)} before, {quantity(diagnosis.during, unit)}"
        return f"{text} Mean {levels} during."
    return text
