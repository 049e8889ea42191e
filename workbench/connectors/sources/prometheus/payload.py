"""Answers of the Prometheus HTTP API as columns: samples, series, and what the server warned of.

Values are text there (``"NaN"``, ``"+Inf"``), times are seconds with milliseconds behind the
point, and native histograms come under a key of their own (Prometheus, "HTTP API").
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.connectors.reading.rows import text_of
from workbench.errors import SourceGarbled
from workbench.moved import renamed
from workbench.tables import labels_text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Samples", "gaps_of", "merged", "read_samples"]

if not TYPE_CHECKING:
    __getattr__ = renamed(
        __name__, {"read_answer": "workbench.connectors.reading.prometheus_answer:read_answer"}
    )

_MS = 1_000_000
_KINDS = ("matrix", "vector")


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of many series.

    Parameters
    ----------
    series
        Labels of each series, ``__name__`` among them.
    index
        Which series each sample belongs to, shape ``(n,)``.
    ts_ms
        Milliseconds since 1970, shape ``(n,)``.
    value
        Shape ``(n,)``; NaN and infinities as they came.
    histograms
        Native histogram samples that were not read.
    """

    series: tuple[dict[str, str], ...]
    index: np.ndarray
    ts_ms: np.ndarray
    value: np.ndarray
    histograms: int = 0

    def __len__(self) -> int:
        """Count the samples."""
        return len(self.ts_ms)

    def where(self, kept: np.ndarray) -> Samples:
        """Return the samples of a boolean mask, all series kept."""
        return Samples(
            self.series, self.index[kept], self.ts_ms[kept], self.value[kept], self.histograms
        )

    def earlier(self, by_ms: int) -> Samples:
        """Return the same samples at earlier times."""
        return dataclasses.replace(self, ts_ms=self.ts_ms - by_ms)


def read_samples(data: object) -> Samples:
    """Read a vector or a matrix.

    Raises
    ------
    SourceGarbled
        Another shape, a time or a value that is not a number.
    """
    results = data.get("result") if isinstance(data, dict) else None
    kind = data.get("resultType") if isinstance(data, dict) else None
    if not isinstance(results, list) or kind not in _KINDS:
        raise SourceGarbled(fact="Neither a vector nor a matrix", value=text_of(kind))
    series, index, times, values, histograms = [], [], [], [], 0
    read = [(*_series(one, kind), _count_histograms(one)) for one in results]
    read.sort(key=lambda one: labels_text(one[0]))  # servers send them in any order
    for place, (labels, pairs, others) in enumerate(read):
        histograms += others
        series.append(labels)
        if pairs:
            stamps, numbers = _columns(pairs)
            index.append(np.full(len(stamps), place))
            times.append(stamps)
            values.append(numbers)
    return Samples(
        tuple(series),
        np.concatenate(index) if index else np.empty(0, dtype=np.int64),
        np.concatenate(times) if times else np.empty(0, dtype=np.int64),
        np.concatenate(values) if values else np.empty(0),
        histograms,
    )


def merged(parts: Sequence[Samples]) -> tuple[Samples, int, int]:
    """Join answers for parts of a range, series by series, in order of time.

    Returns
    -------
    tuple
        The samples, how many came twice (dropped), and how many came out of order (sorted).
    """
    places: dict[str, int] = {}
    series: list[dict[str, str]] = []
    index = []
    for part in parts:
        own = np.empty(len(part.series), dtype=np.int64)
        for place, labels in enumerate(part.series):
            key = labels_text(labels)
            if key not in places:
                places[key] = len(series)
                series.append(labels)
            own[place] = places[key]
        index.append(own[part.index] if len(part) else np.empty(0, dtype=np.int64))
    if not parts:
        return read_samples({"resultType": "matrix", "result": []}), 0, 0
    ranks = np.argsort(sorted(range(len(series)), key=lambda n: labels_text(series[n])))
    series = [series[n] for n in np.argsort(ranks)]
    index = [ranks[own] if len(own) else own for own in index]
    ids, times = np.concatenate(index), np.concatenate([part.ts_ms for part in parts])
    values = np.concatenate([part.value for part in parts])
    disorder = int(((np.diff(times) < 0) & (np.diff(ids) == 0)).sum())
    order = np.lexsort((times, ids))
    ids, times, values = ids[order], times[order], values[order]
    first = np.ones(len(ids), dtype=bool)
    first[1:] = (np.diff(ids) != 0) | (np.diff(times) != 0)
    whole = Samples(
        tuple(series), ids, times, values, sum(part.histograms for part in parts)
    ).where(first)
    return whole, int((~first).sum()), disorder


def gaps_of(
    ts_ms: np.ndarray, start_ms: int, end_ms: int, *, cadence_ms: float | None = None
) -> tuple[list[tuple[int, int]], float]:
    """Find the stretches in which scrapes are missing.

    Parameters
    ----------
    ts_ms
        Times of one series' samples, ascending.
    start_ms, end_ms
        Half-open range that was asked for: its ends count as well.
    cadence_ms
        Interval of scrapes; else the median distance of the samples.

    Returns
    -------
    tuple
        ``(last sample before, first sample after)`` of every gap of two intervals or more, the
        range's ends standing in where there is no sample; and the interval used (NaN unknown).
    """
    steps = np.diff(ts_ms)
    cadence = cadence_ms if cadence_ms else float(np.median(steps)) if len(steps) else np.nan
    if not len(ts_ms):
        return [(start_ms, end_ms)], cadence
    if np.isnan(cadence):
        return [], cadence
    # Scrapes come with jitter: a missing one makes two intervals, give or take a tenth.
    long = np.flatnonzero(steps >= 1.9 * cadence)
    found = [(int(ts_ms[n]), int(ts_ms[n + 1])) for n in long]
    if ts_ms[0] - start_ms >= 1.9 * cadence:
        found.insert(0, (start_ms, int(ts_ms[0])))
    if end_ms - ts_ms[-1] >= 1.9 * cadence:
        found.append((int(ts_ms[-1]), end_ms))
    return found, cadence


def _series(one: object, kind: str) -> tuple[dict[str, str], list[Any]]:
    labels = one.get("metric") if isinstance(one, dict) else None
    if not isinstance(one, dict) or not isinstance(labels, dict):
        raise SourceGarbled(fact="A series without labels", value=str(one)[:100])
    pairs = one.get("values", []) if kind == "matrix" else [one["value"]] if "value" in one else []
    if not isinstance(pairs, list):
        raise SourceGarbled(fact="A series without samples", value=str(one)[:100])
    return {text_of(name): text_of(value) for name, value in labels.items()}, pairs


def _columns(pairs: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    try:
        stamps = np.array([pair[0] for pair in pairs], dtype=np.float64)
        values = np.array([float(pair[1]) for pair in pairs], dtype=np.float64)
    except (TypeError, ValueError, LookupError, OverflowError) as error:
        raise SourceGarbled(fact="A sample that is not a time and a number") from error
    if not (np.abs(stamps) < 2**63 / _MS / 1000).all():  # false for NaN too
        raise SourceGarbled(fact="A sample at a time that nanoseconds cannot hold")
    return np.rint(stamps * 1000).astype(np.int64), values


def _count_histograms(one: dict[str, Any]) -> int:
    several = one.get("histograms")
    return len(several) if isinstance(several, list) else int("histogram" in one)
