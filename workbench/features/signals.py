"""Aligned signals of every service and every call: what the analysis eats.

Which metric names are understood stands in `workbench.semconv`. Complete metrics give
load, errors and latency; spans, which may be sampled, give what metrics do not have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.cards import ResultCard, table_html
from workbench.errors import BadInput, unknown_name
from workbench.features.aggregates import aggregate_columns
from workbench.features.columns import fill, frame_of, sources_of
from workbench.features.grid import grid_of
from workbench.features.metric_series import split_series
from workbench.features.nearest import nearest_columns
from workbench.features.red import call_columns, peer_columns, request_span_columns
from workbench.features.request_metrics import request_columns
from workbench.features.saturation import saturation_columns
from workbench.features.self_time import self_time, self_time_columns
from workbench.features.units import in_plain_units, unit_doubts
from workbench.semconv import EDGE_METRICS, NODE_METRICS
from workbench.topology.calls import pair_spans

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TypeAlias

    from workbench.features.columns import Columns
    from workbench.features.grid import Grid
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

    _Metrics: TypeAlias = tuple[Columns, Columns, tuple[str, ...]]
    _Spans: TypeAlias = tuple[Columns, Columns, frozenset[tuple[str, str]], tuple[str, ...]]

__all__ = ["Signals", "signals", "signals_and_spans", "sli_series", "span_signals"]

_NODE_LEVELS = ["service", "signal"]
_EDGE_LEVELS = ["caller", "callee", "signal"]
_ANY_CALL = 0.5  # calls a bin: less is what interpolation leaves of none


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Signals(ResultCard):
    """Signals on one regular grid; NaN is a gap, never zero and never the last value.

    Parameters
    ----------
    nodes
        Index of bin starts (UTC, fixed frequency), columns (service, signal): ``load``
        (requests a bin), ``latency`` (mean seconds), ``errors`` (failed requests a bin),
        ``latency_p50/p90/p95/p99`` (s), ``self_time`` (own seconds a request) and
        ``self_errors`` (failures no callee caused) where spans are there, and
        ``saturation:<metric>``.
    edges
        The same index, columns (caller, callee, signal): ``calls``, ``errors``,
        ``latency`` (mean seconds as the caller sees it), ``latency_callee``.
    sources
        Where each column comes from: ``spans``, ``metric:<name>`` or, for callees that
        report nothing themselves, ``callers:<source>``.
    asynchronous
        (caller, callee) of calls the caller does not wait for.
    notes
        What was odd and how it was treated, in words.
    """

    nodes: pd.DataFrame
    edges: pd.DataFrame
    sources: Mapping[tuple[str, ...], str]
    asynchronous: frozenset[tuple[str, str]] = frozenset()
    notes: tuple[str, ...] = ()

    @property
    def index(self) -> pd.DatetimeIndex:
        """Bin starts, UTC."""
        return pd.DatetimeIndex(self.nodes.index)

    @property
    def step_s(self) -> float:
        """Bin width in seconds."""
        return float(pd.Timedelta(self.index.freq).total_seconds())

    @property
    def services(self) -> tuple[str, ...]:
        """Services with at least one signal, sorted."""
        return tuple(sorted(self.nodes.columns.get_level_values(0).unique()))

    @property
    def calls(self) -> tuple[tuple[str, str], ...]:
        """(caller, callee) of every edge with a signal, sorted."""
        return tuple(sorted({(str(c[0]), str(c[1])) for c in self.edges.columns}))

    def node(self, service: str, signal: str) -> pd.Series:
        """One node column; all NaN where nobody measured it."""
        if (service, signal) in self.nodes.columns:
            return self.nodes[(service, signal)]
        return pd.Series(np.nan, index=self.nodes.index, name=(service, signal))

    def edge(self, caller: str, callee: str, signal: str) -> pd.Series:
        """One edge column; all NaN where nobody measured it."""
        if (caller, callee, signal) in self.edges.columns:
            return self.edges[(caller, callee, signal)]
        return pd.Series(np.nan, index=self.edges.index, name=(caller, callee, signal))

    def to_frame(self) -> pd.DataFrame:
        """One row a column: place, signal, source, share of bins seen, mean."""
        rows = [
            (*_padded(key), self.sources[key], float(column.notna().mean()), float(column.mean()))
            for frame in (self.nodes, self.edges)
            for key, column in frame.items()
        ]
        names = ["service", "callee", "signal", "source", "seen", "mean"]
        return pd.DataFrame(rows, columns=names)

    def _facts(self) -> dict[str, str]:
        index = self.index
        return {
            "bins": f"{len(index):,} of {self.step_s:g} s from {index[0]:%Y-%m-%d %H:%M:%S} UTC",
            "services": f"{len(self.services)}",
            "node signals": f"{self.nodes.shape[1]}, {_seen(self.nodes)}",
            "edge signals": f"{self.edges.shape[1]}, {_seen(self.edges)}",
            "notes": "; ".join(self.notes) or "none",
        }

    def __repr__(self) -> str:
        """Facts a line each, gaps included."""
        return "\n".join(["Signals", *(f"{k:>13}: {v}" for k, v in self._facts().items())])

    def _headline(self) -> str:
        return "Signals"

    def _body(self) -> str:
        """List the columns with the most gaps."""
        return table_html(self.to_frame().sort_values("seen", kind="stable"), limit=8)


def signals(window: IncidentWindow, *, step: float | pd.Timedelta | None = None) -> Signals:
    """Align everything that was measured on one regular grid.

    Parameters
    ----------
    window
        The incident window; its metrics and spans are read, before the incident too.
    step
        Bin width in seconds or as a Timedelta; chosen from cadence and length if missing.

    Returns
    -------
    Signals
        Aligned node and edge signals.

    Raises
    ------
    BadInput
        The window has neither metrics nor spans.

    Examples
    --------
    >>> import pandas as pd
    >>> from workbench import IncidentWindow, TimeRange
    >>> stamps = pd.date_range("2026-01-31T12:00Z", periods=20, freq="1min")
    >>> latency = pd.DataFrame(
    ...     {"ts": stamps, "metric": "service.latency", "value": 0.2, "service": "cart",
    ...      "labels": "{}"})
    >>> when = TimeRange("2026-01-31T12:15Z", "2026-01-31T12:20Z")
    >>> found = signals(IncidentWindow.from_frames(when=when, metrics=latency))
    >>> found.step_s, list(found.nodes.columns)
    (60.0, [('cart', 'latency')])
    """
    return signals_and_spans(window, step=step)[0]


def signals_and_spans(
    window: IncidentWindow, *, step: float | pd.Timedelta | None = None
) -> tuple[Signals, Signals]:
    """Align everything that was measured, and what spans alone tell, reading spans once.

    Parameters
    ----------
    window, step
        As for `signals`.

    Returns
    -------
    everything, spans
        As from `signals` and from `span_signals`.

    Raises
    ------
    BadInput
        The window has neither metrics nor spans.
    """
    grid = grid_of(window, step)
    spans = _from_spans(window.spans, grid)
    everything = _assembled(_from_metrics(window.metrics, grid), spans, grid)
    return everything, _assembled(({}, {}, ()), spans, grid)


def span_signals(window: IncidentWindow, *, step: float | pd.Timedelta | None = None) -> Signals:
    """Align what spans alone tell, as `signals` does for everything that was measured.

    Parameters
    ----------
    window, step
        As for `signals`.

    Raises
    ------
    BadInput
        The window has neither metrics nor spans.
    """
    grid = grid_of(window, step)
    return _assembled(({}, {}, ()), _from_spans(window.spans, grid), grid)


def _assembled(metrics: _Metrics, spans: _Spans, grid: Grid) -> Signals:
    nodes, edges, notes = metrics
    span_nodes, span_edges, asynchronous, told = spans
    edges = fill(edges, span_edges)
    nodes = fill(nodes, _without_silence(span_nodes, edges))
    known = {place[0] for place in nodes if place[1] == "load"}
    nodes = fill(nodes, peer_columns(edges, known))
    return Signals(
        nodes=frame_of(nodes, grid, _NODE_LEVELS),
        edges=frame_of(edges, grid, _EDGE_LEVELS),
        sources=sources_of(nodes, edges),
        asynchronous=asynchronous,
        notes=(*notes, *told),
    )


def sli_series(of: IncidentWindow | Signals, sli: SLI) -> pd.Series:
    """Series of an SLI: mean seconds a request, failed share of requests, or requests/s.

    Where the mean is not measured it is read from several quantiles; of a single one, its own
    values are taken (`workbench.features.nearest`).

    Parameters
    ----------
    of
        A window, or its signals where they are already made.
    sli
        Service and signal.

    Returns
    -------
    pandas.Series
        Values a bin, in the SLI's unit, named like the SLI; NaN where not seen, and where
        there was no request to have a latency or to fail.

    Raises
    ------
    UnknownName
        The service has no such signal.
    BadInput
        It has, and no bin of it has a value.
    """
    found = of if isinstance(of, Signals) else signals(of)
    if sli.service not in found.services:
        kind = "service"
        raise unknown_name(kind, sli.service, found.services)
    if sli.signal == "errors":
        series = _error_ratio(found, sli.service)
    elif sli.signal == "load":
        series = found.node(sli.service, "load") / found.step_s
    else:
        (series,) = nearest_columns(found.nodes, [sli.service], "latency")[0].T
        series = pd.Series(series, found.index)
    if series.isna().all():
        known = found.nodes[sli.service]
        there = [str(s) for s in known.columns if known[s].notna().any()]
        lost = [note for note in found.notes if "left out" in note and "name no" not in note]
        if lost or (sli.signal in known.columns and sli.signal not in there):
            hint = "; ".join(lost) or f"Measured of it: {', '.join(there) or 'nothing'}"
            raise BadInput(fact="An SLI with samples and no value", value=str(sli), hint=hint)
        kind = f"signal of {sli.service!r}"
        raise unknown_name(kind, sli.signal, there)
    return series.rename(str(sli))


def _error_ratio(found: Signals, service: str) -> pd.Series:
    ratio = found.node(service, "error_ratio")
    if ratio.notna().any():
        return ratio
    load = found.node(service, "load")
    return found.node(service, "errors") / load.where(load > 0)


def _from_metrics(metrics: pd.DataFrame, grid: Grid) -> _Metrics:
    if metrics.empty:
        return {}, {}, ()
    unnamed = int(metrics["metric"].isna().sum())
    metrics = metrics[metrics["metric"].notna()] if unnamed else metrics
    if metrics.empty:
        return {}, {}, (f"{unnamed:,} samples name no metric and were left out",)
    metrics, told = in_plain_units(_named(metrics))
    nodes, edges = aggregate_columns(metrics, grid)
    names = metrics["metric"].cat
    aggregated = names.categories.isin([*NODE_METRICS, *EDGE_METRICS])
    series = split_series(metrics[~aggregated[names.codes]])
    measured_nodes, measured_edges, notes = request_columns(series, grid)
    nodes = fill(fill(nodes, measured_nodes), saturation_columns(series, grid))
    notes = (*notes, *told, *unit_doubts(nodes, edges), *_nameless(metrics, "metric samples"))
    notes = (*notes, *series.notes)
    if unnamed:
        notes = (*notes, f"{unnamed:,} samples name no metric and were left out")
    if series.duplicates:
        notes = (*notes, f"{series.duplicates:,} metric samples share a time: the last was kept")
    return nodes, fill(edges, measured_edges), notes


def _from_spans(spans: pd.DataFrame, grid: Grid) -> _Spans:
    if spans.empty:
        return {}, {}, frozenset(), ()
    spans = _named(spans)
    spent = self_time(spans)
    calls = pair_spans(spans)
    nodes = {**request_span_columns(spans, spent, grid), **self_time_columns(spent, grid)}
    late = calls.frame[calls.frame["asynchronous"].to_numpy(dtype=bool)]
    asynchronous = frozenset(zip(late["caller"], late["callee"], strict=True))
    notes = _nameless(spans, "spans")
    if spent.clamped:
        notes.append(f"{spent.clamped:,} spans reach beyond their parent and were cut to it")
    if spent.missing_parents:
        notes.append(f"{spent.missing_parents:,} spans name a parent that is not there")
    return nodes, call_columns(calls, spans, grid), asynchronous, tuple(notes)


def _named(frame: pd.DataFrame) -> pd.DataFrame:
    """Make an empty name of a service none: its rows belong to nobody."""
    if "" not in frame["service"].cat.categories:
        return frame
    return frame.assign(service=frame["service"].cat.remove_categories([""]))


def _nameless(frame: pd.DataFrame, what: str) -> list[str]:
    count = int(frame["service"].isna().sum())
    return [f"{count:,} {what} name no service and were left out"] if count else []


def _without_silence(nodes: Columns, edges: Columns) -> Columns:
    """Unknown instead of zero where a service sent no span while others called it."""
    called: dict[str, np.ndarray] = {}
    for (_, callee, signal), (values, _) in edges.items():
        if signal == "calls":
            called[callee] = called.get(callee, False) | (np.nan_to_num(values) > _ANY_CALL)
    result = dict(nodes)
    for (service, signal), (values, source) in nodes.items():
        load = nodes.get((service, "load"))
        if signal in {"load", "errors", "self_errors"} and service in called and load is not None:
            silent = called[service] & (load[0] == 0)
            result[(service, signal)] = (np.where(silent, np.nan, values), source)
    return result


def _padded(key: tuple[str, ...]) -> tuple[str, str, str]:
    return (key[0], "", key[1]) if len(key) == len(_NODE_LEVELS) else (key[0], key[1], key[2])


def _seen(frame: pd.DataFrame) -> str:
    if frame.empty or not frame.shape[1]:
        return "none"
    return f"{100 * float(frame.notna().to_numpy().mean()):.0f} % of bins seen"
