"""Series as servers hold them, made one thing each: HA pairs joined, ``vmrange`` read as ``le``.

Two Prometheis that scrape the same targets write each series twice, apart in a replica label
alone, unless the store deduplicates (Thanos, VictoriaMetrics, Mimir: an option each).
VictoriaMetrics' own client writes buckets that count a range each and have no ``le``
(github.com/VictoriaMetrics/metrics, "Histogram").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.connectors.sources.prometheus.payload import Samples
from workbench.semconv import WRITER_LABELS
from workbench.stats.counters import falls
from workbench.tables import labels_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["bounded", "unreplicated", "without_bounds"]

_PLAIN = "replica"
_RANGE = "vmrange"
_BETWEEN = "..."


def unreplicated(
    samples: Samples, labels: Sequence[str], *, always: bool = False
) -> tuple[Samples, dict[str, int]]:
    """Join series that differ in a replica label alone and count the same thing.

    Parameters
    ----------
    samples
        Of any number of series.
    labels
        Labels that name a replica of the monitoring; others whose name says replica are tried
        too.
    always
        Join them whatever their values, but not those that a plain ``replica`` alone tells
        apart: it may be the service's. Otherwise only where they count on from each other:
        replicas of a service have counters of their own, which do not.

    Returns
    -------
    samples, joined
        The series without that label; and how many were one too many, by label.
    """
    joined: dict[str, int] = {}
    met = {name for known in samples.series for name in known if "replica" in name.lower()}
    for label in dict.fromkeys([*labels, *sorted(met)]):
        groups: dict[str, list[int]] = {}
        for place, known in enumerate(samples.series):
            if label in known and not (always and _may_be_the_service_s(label, known)):
                rest = labels_text({k: v for k, v in known.items() if k != label})
                groups.setdefault(rest, []).append(place)
        same = [one for one in groups.values() if len(one) > 1]
        same = [one for one in same if always or _counts_on(samples, one)]
        if same:
            samples = _joined(samples, same, label)
            joined[label] = sum(len(one) - 1 for one in same)
    return samples, joined


def _may_be_the_service_s(label: str, known: dict[str, str]) -> bool:
    return label == _PLAIN and not any(known.get(name) for name in WRITER_LABELS if name != label)


def bounded(samples: Samples) -> tuple[Samples, int]:
    """Read buckets with ``vmrange`` as cumulative ones with ``le``.

    Returns
    -------
    samples, read
        All series, those of a range replaced; and how many of these there were.
    """
    groups: dict[str, list[int]] = {}
    for place, known in enumerate(samples.series):
        if _edges(known) is not None:
            rest = labels_text({k: v for k, v in known.items() if k != _RANGE})
            groups.setdefault(rest, []).append(place)
    if not groups:
        return samples, 0
    ranged = np.isin(samples.index, [place for one in groups.values() for place in one])
    parts = [_plain(samples, np.flatnonzero(~ranged))]
    for places in groups.values():
        parts += _cumulative(samples, places)
    return _stacked(parts, samples.histograms), sum(map(len, groups.values()))


def without_bounds(samples: Samples) -> int:
    """Count bucket series that have neither ``le`` nor a range that can be read."""
    return sum(
        known.get("__name__", "").endswith("_bucket") and not known.get("le")
        for known in samples.series
    )


def _counts_on(samples: Samples, places: list[int]) -> bool:
    """Whether series, taken together in order of time, fall no more often than one of them."""
    own = [_rows(samples, place) for place in places]
    together = np.concatenate([np.arange(rows.start, rows.stop) for rows in own])
    together = together[np.argsort(samples.ts_ms[together], kind="stable")]
    most = max(int(falls(samples.value[rows]).all.sum()) for rows in own)
    return int(falls(samples.value[together]).all.sum()) <= most


def _rows(samples: Samples, place: int) -> slice:
    """Where the samples of a series lie: they stand series by series."""
    start, stop = np.searchsorted(samples.index, [place, place + 1])
    return slice(int(start), int(stop))


def _joined(samples: Samples, groups: list[list[int]], label: str) -> Samples:
    series = list(samples.series)
    index = samples.index.copy()
    for places in groups:
        series[places[0]] = {k: v for k, v in series[places[0]].items() if k != label}
        for place in places:
            index[_rows(samples, place)] = places[0]
    order = np.lexsort((samples.ts_ms, index))
    index, ts_ms, value = index[order], samples.ts_ms[order], samples.value[order]
    first = np.ones(len(index), dtype=bool)
    first[1:] = (np.diff(index) != 0) | (np.diff(ts_ms) != 0)
    gone = {place for places in groups for place in places[1:]}
    kept = [place for place in range(len(series)) if place not in gone]
    places_now = np.full(len(series), -1, dtype=np.int64)
    places_now[kept] = np.arange(len(kept))
    return Samples(
        tuple(series[place] for place in kept),
        places_now[index[first]],
        ts_ms[first],
        value[first],
        samples.histograms,
    )


def _edges(known: dict[str, str]) -> tuple[float, float] | None:
    lower, between, upper = known.get(_RANGE, "").partition(_BETWEEN)
    try:
        return (float(lower), float(upper)) if between and "le" not in known else None
    except ValueError:
        return None


def _cumulative(samples: Samples, places: list[int]) -> Iterator[Samples]:
    """Write the counts of ranges as counts up to each of their edges."""
    ranges = [_edges(samples.series[place]) or (np.nan, np.nan) for place in places]
    columns = {}
    for place in places:
        own = _rows(samples, place)
        columns[place] = pd.Series(samples.value[own], index=samples.ts_ms[own])
    # A range that counted nothing yet is not there: it stands at zero.
    counts = pd.DataFrame(columns).sort_index().ffill().fillna(0.0)
    known = {k: v for k, v in samples.series[places[0]].items() if k != _RANGE}
    for edge in sorted({edge for pair in ranges for edge in pair} | {np.inf}):
        below = [place for place, (_, upper) in zip(places, ranges, strict=True) if upper <= edge]
        total = counts[below].sum(axis=1).to_numpy(dtype=np.float64)
        text = "+Inf" if np.isposinf(edge) else f"{edge:g}"
        times = counts.index.to_numpy(dtype=np.int64)
        yield Samples(({**known, "le": text},), np.zeros(len(times), dtype=np.int64), times, total)


def _plain(samples: Samples, rows: np.ndarray) -> Samples:
    kept = sorted(set(samples.index[rows].tolist()))
    places = np.full(len(samples.series), -1, dtype=np.int64)
    places[kept] = np.arange(len(kept))
    return Samples(
        tuple(samples.series[place] for place in kept),
        places[samples.index[rows]],
        samples.ts_ms[rows],
        samples.value[rows],
    )


def _stacked(parts: list[Samples], histograms: int) -> Samples:
    offsets = np.cumsum([0, *(len(part.series) for part in parts)])
    return Samples(
        tuple(known for part in parts for known in part.series),
        np.concatenate(
            [part.index + offset for part, offset in zip(parts, offsets[:-1], strict=True)]
        ).astype(np.int64),
        np.concatenate([part.ts_ms for part in parts]),
        np.concatenate([part.value for part in parts]),
        histograms,
    )
