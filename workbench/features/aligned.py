"""A window's signals on one time axis, with the bins told apart: incident, before, baseline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.errors import BadInput
from workbench.features.grid import choose_step
from workbench.features.signals import signals, signals_and_spans, span_signals
from workbench.features.trace_signals import (
    TraceSignals,
    joined_traces,
    statuses_told,
    trace_signals,
)
from workbench.stats.past_windows import Split, split_bins

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from workbench.features.signals import Signals
    from workbench.slis import SLI
    from workbench.times import TimeRange
    from workbench.window import IncidentWindow

__all__ = ["AlignedSignals", "align"]

# A baseline this many times its own and the incident's length away is read by itself:
# one grid over both would be all gap.
_FAR = 3.0
_MOSTLY = 0.6
_ENOUGH_BINS = 8


@dataclass(frozen=True, slots=True, eq=False)
class AlignedSignals:
    """Everything measured in a window and its history, made once for all that asks.

    Parameters
    ----------
    window
        The window: tables that are not series (logs, changes, events) are read there.
    whole
        Signals of the window alone, on one regular grid.
    past
        Signals of the history alone, in the same bin width; None without a history.
    nodes, edges
        Both together, as in `workbench.features.Signals`; bin starts rise, but may jump.
    asynchronous
        Calls the caller does not wait for.
    split
        Which bins are what.
    step
        Bin width.
    traced
        The same from spans alone, or None.
    notes
        What was odd, in words.
    """

    window: IncidentWindow
    whole: Signals
    past: Signals | None
    nodes: pd.DataFrame
    edges: pd.DataFrame
    asynchronous: frozenset[tuple[str, str]]
    split: Split
    step: pd.Timedelta
    traced: TraceSignals | None
    notes: tuple[str, ...]

    @property
    def index(self) -> pd.DatetimeIndex:
        """Bin starts, UTC."""
        return pd.DatetimeIndex(self.nodes.index)

    def source_for(self, sli: SLI) -> AlignedSignals | TraceSignals:
        """Choose the source to account by: spans if they cover the SLI and metrics do not.

        Metrics are complete, so they win where they have mean latency, load and calls;
        spans win where metrics have quantiles only, or no calls and the spans cover most
        of the incident.
        """
        if self.traced is None or not _covers(self.traced, sli, self.split):
            return self
        mean = (sli.service, "latency") in self.nodes and (sli.service, "load") in self.nodes
        mean &= bool(self.nodes[sli.service].get("latency", pd.Series()).notna().mean() > _MOSTLY)
        return self if mean and sli.signal != "latency" else self.traced

    @property
    def services(self) -> tuple[str, ...]:
        """Services with any signal, sorted."""
        return tuple(sorted(map(str, self.nodes.columns.get_level_values(0).unique())))


def align(window: IncidentWindow, *, step: float | pd.Timedelta | None = None) -> AlignedSignals:
    """Align the signals of a window and of its history, and tell the bins apart.

    The one door to signals: a verb calls it once and hands on what it gives.

    Parameters
    ----------
    window
        The incident window; it needs a baseline. Its history gives more past windows.
    step
        Bin width in seconds or as a Timedelta; chosen from the cadence if missing.

    Raises
    ------
    BadInput
        The window has no baseline, or nothing was measured in it or in the incident.
    """
    if window.baseline is None:
        hint = "Give one: window.with_(baseline=TimeRange(...))"
        fact = "The window has no baseline to compare with"
        raise BadInput(fact, value=window.id, hint=hint)
    cut = _parts(window)
    for part, what in zip(cut, ("incident", "baseline"), strict=False):
        if len(cut) > 1 and part.metrics.empty and part.spans.empty:
            hint = "It lies far from all that was measured"
            raise BadInput(fact=f"Nothing was measured in the {what}", value=window.id, hint=hint)
    width = _width(step, window)
    if len(cut) == 1:
        whole, spans = signals_and_spans(window, step=width)
        parts = [whole]
    else:
        parts = [signals(part, step=width) for part in cut]
        whole, spans = signals(window), span_signals(window, step=width)
    past = past_spans = None
    if window.history is not None:
        past, past_spans = signals_and_spans(window.history, step=width)
    every = sorted([*parts, *([past] if past else [])], key=lambda part: part.index[0])
    nodes = _together([part.nodes for part in every])
    edges = _together([part.edges for part in every])
    if not statuses_told(window):
        nodes, edges = (_without_guessed_errors(frame, every) for frame in (nodes, edges))
    quiet = [window.baseline, *([window.history.when] if window.history is not None else [])]
    index = pd.DatetimeIndex(nodes.index)
    split = _split(index, window.when, quiet, width)
    _check_measured(window, nodes, split)
    return AlignedSignals(
        window=window,
        whole=whole,
        past=past,
        nodes=nodes,
        edges=edges,
        asynchronous=frozenset().union(*(part.asynchronous for part in every)),
        split=split,
        step=width,
        traced=_traced(window, spans, past_spans, index),
        notes=tuple(dict.fromkeys([*_unread(window), *(n for part in every for n in part.notes)])),
    )


def _check_measured(window: IncidentWindow, nodes: pd.DataFrame, split: Split) -> None:
    """Refuse a window of which nothing was measured on one side: no data is not health.

    Raises
    ------
    BadInput
        It says from when until when there is data.
    """
    seen = nodes.notna().to_numpy().any(axis=1)
    places = np.flatnonzero(seen)
    index = pd.DatetimeIndex(nodes.index)
    for what, bins, asked in (
        ("incident", split.incident, window.when),
        ("baseline", split.baseline, window.baseline),
    ):
        if seen[bins].any():
            continue
        hint = "There is no measurement at all"
        if places.size:
            first, last = index[places[0]], index[places[-1]]
            hint = (
                f"There is data from {first:%Y-%m-%d %H:%M:%S} until {last:%Y-%m-%d %H:%M:%S} UTC"
            )
        raise BadInput(fact=f"Nothing was measured in the {what}", value=str(asked), hint=hint)


def _traced(
    window: IncidentWindow, spans: Signals, past: Signals | None, index: pd.DatetimeIndex
) -> TraceSignals | None:
    """Signals of the window's spans; the history's belong to them where there are any."""
    own = trace_signals(window, spans, index)
    if own is None or window.history is None or past is None:
        return own
    return joined_traces([own, trace_signals(window.history, past, index)])


def _unread(window: IncidentWindow) -> list[str]:
    nameless = window.logs["service"].isna() | window.logs["service"].isin([""])
    count = int(nameless.sum())
    said = [f"{count:,} log records name no service and were left out"] if count else []
    lost = window.history_id and window.history is None
    return [*said, *[f"history {window.history_id!r} is not there"] * bool(lost)]


def _together(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Frames one after another, each time once; a single one as it is."""
    if len(frames) == 1:
        return frames[0]
    frame = pd.concat(frames).sort_index(axis=1)
    return frame[~frame.index.duplicated()]


def _without_guessed_errors(frame: pd.DataFrame, parts: list[Signals]) -> pd.DataFrame:
    """Spans that never say whether they failed make errors unknown, not zero."""
    guessed = {
        column
        for part in parts
        for column, source in part.sources.items()
        if source.endswith("spans") and "errors" in column[-1]
    }
    return frame[[column for column in frame.columns if column not in guessed]]


def _covers(breakdown: TraceSignals, sli: SLI, split: Split) -> bool:
    if (sli.service, sli.signal) not in breakdown.nodes:
        return False
    seen = breakdown.nodes[sli.service, sli.signal].notna().to_numpy()
    return bool(seen[split.incident].any() and seen[split.baseline].sum() >= _ENOUGH_BINS)


def _width(step: float | pd.Timedelta | None, window: IncidentWindow) -> pd.Timedelta:
    if step is not None:
        return step if isinstance(step, pd.Timedelta) else pd.Timedelta(step, "s")
    return choose_step(_parts(window)[-1])


def _parts(window: IncidentWindow) -> list[IncidentWindow]:
    """Read a far-away baseline apart from the incident; otherwise all in one."""
    baseline, when = window.baseline, window.when
    assert baseline is not None  # noqa: S101 - checked by the caller
    gap = max(when.start - baseline.end, baseline.start - when.end)
    if gap <= _FAR * (baseline.duration + when.duration):
        return [window]
    return [_cut(window, baseline, inside=False), _cut(window, baseline, inside=True)]


def _cut(window: IncidentWindow, part: TimeRange, *, inside: bool) -> IncidentWindow:
    tables = {
        name: frame[part.mask(frame["ts"]) == inside]
        for name, frame in window.tables.items()
        if name in {"metrics", "spans"}
    }
    return window.with_(tables={name: frame for name, frame in tables.items() if len(frame)})


def _split(
    index: pd.DatetimeIndex, when: TimeRange, quiet: list[TimeRange], step: pd.Timedelta
) -> Split:
    """Give a bin to the incident from half of it on, and a smaller part to nobody."""
    middle = index + step / 2
    incident = (middle >= when.start) & (middle < when.end)
    if not incident.any():
        incident = (index < when.end) & (index + step > when.start)
    recovery = (index < when.end + when.duration) & (index + step > when.start)
    baseline = np.zeros(len(index), dtype=bool)
    for part in quiet:
        baseline |= np.asarray((index >= part.start) & (index + step <= part.end))
    before = np.asarray(index + step <= when.start)
    return split_bins(_mask(incident), baseline & ~_mask(recovery), before)


def _mask(values: object) -> NDArray[np.bool_]:
    return np.asarray(values, dtype=bool)
