"""Evidence of one hypothesis: the service's own series, baseline against incident."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt
import pandas as pd

from workbench.views.deviation import deviations, troubled_range
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
from workbench.views.drawing.labels import movement_label
from workbench.views.drawing.palette import BASELINE, INK, SLI_LINE
from workbench.views.drawing.readings import REQUEST_SIGNALS, reading
from workbench.views.drawing.rendering import Card, Chart, message

if TYPE_CHECKING:
    from workbench.diagnose import Diagnosis, Suspect
    from workbench.features import Signals
    from workbench.views.drawing.axes import Layered
    from workbench.views.drawing.readings import Reading
    from workbench.window import IncidentWindow

__all__ = ["evidence", "leading"]

_MOST = 6
_SIZE = (330, 105)


def leading(diagnosis: Diagnosis) -> Suspect | None:
    """Return the cause, else the most causal suspect not ruled out, else None.

    Parameters
    ----------
    diagnosis
        From `workbench.diagnose.compare`.
    """
    if diagnosis.cause is not None:
        return diagnosis.cause
    out = set(diagnosis.ruled_out)
    order: tuple[str, ...] = ("state change", "first failure", "undecided")
    open_ones = [s for s in diagnosis.suspects if s not in out and s.role in order]
    return min(open_ones, key=lambda s: order.index(s.role), default=None)


def evidence(
    window: IncidentWindow,
    diagnosis: Diagnosis,
    *,
    service: str | None = None,
    signals: Signals | None = None,
) -> Chart | Card:
    """Draw a service's own signals beside the SLI, with the baseline's usual band.

    Parameters
    ----------
    window, diagnosis
        The incident and what was found.
    service
        Whose signals; those of the leading hypothesis if left out.
    signals
        Computed from the window if not handed in.

    Raises
    ------
    UnknownName
        A service that the window does not know.
    """
    suspect = leading(diagnosis)
    if service is None and suspect is None:
        return message("No hypothesis to show evidence for", diagnosis.verdict)
    name = window.check_service(service) if service else suspect.service if suspect else ""
    if signals is None:
        from workbench.features import signals as compute

        signals = compute(window)
    shown = _readings(window, signals, diagnosis, name)
    if not shown:
        return message(f"No telemetry of {name} to show", "Its signals were not recorded")
    panels = [_panel(window, diagnosis, read, first=i == 0) for i, read in enumerate(shown)]
    span = picture_range(window)
    title = alt.TitleParams(
        f"{shorten(name, 60)}: its own signals beside the SLI",
        subtitle=[
            f"{time_words(*span)} · figures: mean of the baseline → mean after onset",
            "shaded: baseline (green), incident (amber), onset (purple) · level band: "
            "5th to 95th percentile of the baseline",
        ],
    )
    chart = alt.concat(*panels, columns=2, spacing={"row": 18, "column": 46}, title=title)
    return Chart(chart.resolve_scale(y="independent"), _caption(diagnosis, name, service, suspect))


def _readings(
    window: IncidentWindow, signals: Signals, diagnosis: Diagnosis, name: str
) -> list[Reading]:
    """Read the SLI first, then suspected signals, then those of requests, then gauges."""
    sli = diagnosis.sli
    moved = deviations(signals, window.baseline, troubled_range(window, diagnosis))
    rows = moved[moved["service"] == name]
    gauge = ~rows["signal"].isin(REQUEST_SIGNALS)
    order = rows.assign(gauge=gauge, size=rows["score"].abs())
    order = order.sort_values(["gauge", "size"], ascending=[True, False], kind="stable")
    mine = [s.signal for s in diagnosis.suspects if s.service == name]
    signal_names = dict.fromkeys([*mine, *map(str, order["signal"])])
    wanted = [(name, signal) for signal in signal_names if not _is_quantile(signal)]
    keys = [(sli.service, str(sli.signal)), *(k for k in wanted if k != (sli.service, sli.signal))]
    read = [reading(signals, *key) for key in keys]
    measured = [r for r in read if r.seen]
    return measured[:1] + [r for r in measured[1:] if r.varies][: _MOST - 1]


def _is_quantile(signal: str) -> bool:
    return signal.startswith("latency_p")


def _panel(window: IncidentWindow, diagnosis: Diagnosis, read: Reading, *, first: bool) -> Layered:
    span = picture_range(window)
    scaled, unit = read.within(*span).scaled()
    x = time_axis(*span, ticks=4, title=None)
    axis = alt.Axis(title=unit or None, tickCount=4)
    y = alt.Y("y:Q", axis=axis, scale=alt.Scale(zero=True))
    thin = decimate(scaled, _SIZE[0])
    line = alt.Chart(line_frame(thin.series)).mark_line(
        color=SLI_LINE if first else INK, strokeWidth=1.4, clip=True
    )
    layers = [shading(bands(window, diagnosis, span), x, legend=False)]
    layers += _usual_band(window, scaled)
    heading = _heading(window, diagnosis, read, first=first)
    chart = alt.layer(*layers, line.encode(x=x, y=y))
    return chart.properties(width=_SIZE[0], height=_SIZE[1], title=heading)


def _usual_band(window: IncidentWindow, series: pd.Series) -> list[alt.Chart]:
    if window.baseline is None:
        return []
    times = pd.Series(series.index, index=series.index)
    usual = series[window.baseline.mask(times)].dropna()
    if usual.empty:
        return []
    frame = pd.DataFrame({"y": [usual.quantile(0.05)], "y2": [usual.quantile(0.95)]})
    return [alt.Chart(frame).mark_rect(color=BASELINE, opacity=0.25).encode(y="y:Q", y2="y2:Q")]


def _heading(
    window: IncidentWindow, diagnosis: Diagnosis, read: Reading, *, first: bool
) -> alt.TitleParams:
    times = pd.Series(read.series.index, index=read.series.index)
    means = [
        float(read.series[part.mask(times)].mean()) if part else float("nan")
        for part in (window.baseline, troubled_range(window, diagnosis))
    ]
    who = shorten(f"{'SLI: ' if first else ''}{read.service}", 24)
    left = 45 - len(who)
    words = movement_label(read.signal, means[0], means[1], unit=read.unit, longest=left)
    text = f"{who} {words}"
    return alt.TitleParams(text, fontSize=12, fontWeight=600, offset=8, frame="group")


def _caption(diagnosis: Diagnosis, name: str, asked: str | None, suspect: Suspect | None) -> str:
    text = f"Signals of {name} beside {diagnosis.sli}, baseline against incident."
    if asked is None and suspect is not None:
        return f"{text} It is the leading hypothesis ({suspect.claim}): {suspect.reason}."
    return text
