"""Every signal as a ratio of two sums, so that a window of any length has one value of it.

Mean latency is seconds over requests, an error ratio failures over requests, a log template
lines over requests, a gauge its sum over the bins in which it was seen. Summed over a window
they need no mean of means, and counts stay counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from workbench.causal.thresholds import LONGEST_TEMPLATE, MOSTLY_TRACED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from workbench.features.aligned import AlignedSignals

__all__ = ["Family", "Measure", "families"]

Measure = Literal["duration", "level", "count"]

_GAUGE = "saturation:"
_FAILURE_WORDS = r"(error|errors|exception|exceptions|fail|failed|failure|failures|5xx|panic)"
_DURATION_WORDS = r"(latency|duration|response_time)"
_FAILURES = re.compile(rf"(^|[_.:-]){_FAILURE_WORDS}([_.:-]|$)", re.IGNORECASE)
_DURATIONS = re.compile(_DURATION_WORDS, re.IGNORECASE)
_OTHERS = re.compile(
    rf"^(?!.*((^|[_.:-]){_FAILURE_WORDS}([_.:-]|$)|{_DURATION_WORDS}))", re.IGNORECASE
)
_NUMBERS = r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8,}(?:-[0-9a-fA-F]{4,})*|\d+"


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """Signals of one kind, over all services.

    Parameters
    ----------
    name
        ``latency``, ``call latency``, ``own time``, ``errors``, ``call errors``,
        ``failure gauge``, ``duration gauge``, ``gauge``, ``gauge a request``, ``log`` or ``load``.
    measure
        How it varies: durations over counted requests, levels over bins, or counts.
    rises
        Whether only a rise speaks for a fault.
    services
        Whom each signal speaks for, shape (signals,).
    keys
        Which signal of the service: a metric's name, a caller, a log template.
    above, below
        Numerator and denominator, shape (signals, bins).
    counted
        Whether the denominator counts requests; else it counts bins.
    """

    name: str
    measure: Measure
    rises: bool
    services: tuple[str, ...]
    keys: tuple[str, ...]
    above: NDArray[np.float64]
    below: NDArray[np.float64]
    counted: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class _Signal:
    service: str
    key: str
    above: NDArray[np.float64]
    below: NDArray[np.float64]
    counted: bool


def families(aligned: AlignedSignals) -> tuple[Family, ...]:
    """Collect every signal that is measured, one family a kind.

    Parameters
    ----------
    aligned
        The window's signals with its history.

    Returns
    -------
    tuple of Family
        Those that have a signal at all.

    Notes
    -----
    Where a service's requests are not counted, each bin weighs alike. Latency and errors of a
    call, as its caller sees them, speak for the callee.
    """
    load = _load(aligned)
    made = [
        _family("latency", "duration", _latencies(aligned, load, own=False)),
        _family("call latency", "duration", _calls(aligned, "latency")),
        _family("own time", "duration", _latencies(aligned, load, own=True)),
        _family("errors", "count", _errors(aligned, load)),
        _family("call errors", "count", _calls(aligned, "errors")),
        _family("failure gauge", "level", _gauges(aligned, _FAILURES)),
        _family("duration gauge", "level", _gauges(aligned, _DURATIONS)),
        _family("gauge", "level", _gauges(aligned, _OTHERS), rises=False),
        _family("gauge a request", "level", _per_request(aligned, load), rises=False),
        _family("log", "count", _lines(aligned, _traced_load(aligned, load)), rises=False),
        _family("load", "level", _levels(aligned, "load")),
    ]
    return tuple(family for family in made if family is not None)


def _family(
    name: str, measure: Measure, signals: Iterator[_Signal], *, rises: bool = True
) -> Family | None:
    found = list(signals)
    if not found:
        return None
    return Family(
        name=name,
        measure=measure,
        rises=rises,
        services=tuple(signal.service for signal in found),
        keys=tuple(signal.key for signal in found),
        above=np.array([signal.above for signal in found]),
        below=np.array([signal.below for signal in found]),
        counted=np.array([signal.counted for signal in found], dtype=bool),
    )


def _load(aligned: AlignedSignals) -> Mapping[str, NDArray[np.float64]]:
    """Count requests a bin of each service that counts them."""
    counts = {
        service: np.nan_to_num(values)
        for (service, signal), values in _columns(aligned.nodes).items()
        if signal == "load"
    }
    return {name: count for name, count in counts.items() if count.any()}


def _columns(frame: pd.DataFrame) -> dict[tuple[str, ...], NDArray[np.float64]]:
    """All columns by their names, read at once."""
    names = [tuple(map(str, place)) for place in frame.columns]
    return dict(zip(names, frame.to_numpy(float).T, strict=True))


def _traced_load(
    aligned: AlignedSignals, load: Mapping[str, NDArray[np.float64]]
) -> Mapping[str, NDArray[np.float64]]:
    """Take the requests that spans tell, where they tell most: lines are written beside them.

    Another source may count other requests, at other times.
    """
    if aligned.traced is None:
        return load
    result = dict(load)
    quiet = aligned.split.baseline
    for (name, signal), values in _columns(aligned.traced.nodes).items():
        if signal != "load":
            continue
        counts = np.nan_to_num(values)
        other = load.get(name, np.ones(counts.size))
        if (counts[quiet] > 0).sum() >= MOSTLY_TRACED * (other[quiet] > 0).sum() > 0:
            result[name] = counts
    return result


def _ratio(
    service: str, key: str, values: NDArray[np.float64], weight: NDArray[np.float64] | None
) -> _Signal:
    seen = np.isfinite(values)
    below = seen * (np.ones(values.size) if weight is None else weight)
    return _Signal(service, key, np.nan_to_num(values) * below, below, weight is not None)


def _latencies(
    aligned: AlignedSignals, load: Mapping[str, NDArray[np.float64]], *, own: bool
) -> Iterator[_Signal]:
    for (service, signal), values in _columns(aligned.nodes).items():
        if signal == "self_time" if own else signal.startswith("latency"):
            yield _ratio(service, signal, values, load.get(service))


def _errors(aligned: AlignedSignals, load: Mapping[str, NDArray[np.float64]]) -> Iterator[_Signal]:
    there = _columns(aligned.nodes)
    for (service, signal), values in there.items():
        requests = load.get(service)
        if signal == "error_ratio" and (service, "errors") not in there:
            yield _ratio(service, signal, values, requests)
        if signal == "errors":
            weight = np.ones(values.size) if requests is None else requests
            below = weight * np.isfinite(values)
            yield _Signal(service, signal, np.nan_to_num(values), below, requests is not None)


def _calls(aligned: AlignedSignals, wanted: str) -> Iterator[_Signal]:
    there = _columns(aligned.edges)
    for (caller, callee, signal), values in there.items():
        if signal != wanted:
            continue
        counted = (caller, callee, "calls") in there
        calls = np.nan_to_num(there[caller, callee, "calls"]) if counted else None
        if signal == "latency":
            yield _ratio(callee, caller, values, calls)
        else:
            below = np.isfinite(values) * (np.ones(values.size) if calls is None else calls)
            yield _Signal(callee, caller, np.nan_to_num(values), below, counted)


def _gauges(aligned: AlignedSignals, named: re.Pattern[str]) -> Iterator[_Signal]:
    """Gauges whose name, without the prefix, says what they tell."""
    for signal in _levels(aligned, _GAUGE):
        if named.search(signal.key.removeprefix(_GAUGE)):
            yield signal


def _per_request(
    aligned: AlignedSignals, load: Mapping[str, NDArray[np.float64]]
) -> Iterator[_Signal]:
    """Hold gauges against the load of their service: what merely follows it says nothing."""
    for signal in _gauges(aligned, _OTHERS):
        requests = load.get(signal.service)
        if requests is not None:
            seen = (signal.below > 0) & (requests > 0)
            yield _Signal(
                signal.service, signal.key, signal.above * seen, requests * seen, counted=False
            )


def _levels(aligned: AlignedSignals, prefix: str) -> Iterator[_Signal]:
    for (service, signal), values in _columns(aligned.nodes).items():
        if signal.startswith(prefix):
            yield _ratio(service, signal, values, None)


def _lines(aligned: AlignedSignals, load: Mapping[str, NDArray[np.float64]]) -> Iterator[_Signal]:
    window = aligned.window
    tables = [window.logs] + ([window.history.logs] if window.history is not None else [])
    # Lines of nobody blame nobody.
    named = [table[table["service"].notna() & ~table["service"].isin([""])] for table in tables]
    parts = [_templates(table) for table in named if len(table)]
    if not parts:
        return
    lines = pd.concat(parts, ignore_index=True)
    index = aligned.index.asi8
    at = np.searchsorted(index, lines["ts"].array.asi8, side="right") - 1
    inside = (at >= 0) & (lines["ts"].array.asi8 < index[at] + aligned.step.value)
    lines, at = lines[inside], at[inside]
    group = lines.groupby(["service", "template"], sort=True)
    size = index.size
    flat = np.bincount(
        group.ngroup().to_numpy(np.int64) * size + at, minlength=group.ngroups * size
    )
    counts = flat.reshape(group.ngroups, size).astype(float)
    for (service, template), row in zip(group.size().index, counts, strict=True):
        requests = load.get(service)
        below = np.ones(size) if requests is None else requests
        yield _Signal(service, template, row, below, requests is not None)


def _templates(logs: pd.DataFrame) -> pd.DataFrame:
    """Give each line its template: the one it came with, else its text without numbers and ids."""
    if "template_id" in logs and logs["template_id"].notna().all():
        template = logs["template_id"].astype(str)
    else:
        text = logs["body"].fillna("").astype(str).str.slice(0, LONGEST_TEMPLATE)
        template = text.str.replace(_NUMBERS, "#", regex=True)
    service = logs["service"].astype(str)
    return pd.DataFrame({"ts": logs["ts"], "service": service, "template": template})
