"""The metrics table seen as series: one entry a metric, service, label set and bucket."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from workbench.features.series import FEWEST_SAMPLES, GAP_FACTOR, cumulative, edge_values
from workbench.semconv import COUNTER_ENDINGS, WRITER_LABELS, plain_name
from workbench.stats.counters import falls
from workbench.tables import labels_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.features.grid import Grid
    from workbench.stats.counters import Falls

__all__ = ["MetricSeries", "Pooled", "Series", "split_series"]


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its names, and where its samples lie in the sorted arrays."""

    metric: str
    service: str
    labels: dict[str, object]
    le: float
    counter: bool
    guessed: bool
    delta: bool
    start: int
    stop: int

    @property
    def target(self) -> tuple[str, ...]:
        """What was scraped to get it: a metric of an instance of a service."""
        writer = (str(self.labels.get(name, "")) for name in WRITER_LABELS)
        return self.service, self.metric, *writer


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """All series over common arrays, sorted by series and time.

    Parameters
    ----------
    entries
        The series.
    ts, values
        Times (ns) and values; finite, one a time and series.
    scrapes
        Distinct sample times of each series' writer, by where the series starts.
    duplicates
        Samples dropped because a later one had the same time.
    notes
        What was odd and how it was treated, in words.
    """

    entries: tuple[Series, ...]
    ts: np.ndarray
    values: np.ndarray
    scrapes: dict[int, np.ndarray]
    duplicates: int
    notes: tuple[str, ...] = ()

    def increases(self, series: Series, grid: Grid) -> np.ndarray:
        """Increase of a counter in each bin; NaN in bins it does not cover.

        A label set that first appears while others of its metric were already scraped
        stood at zero until then: clients create a label set with its first event.
        """
        times, values = self.ts[series.start : series.stop], self.values[series.start : series.stop]
        totals = np.cumsum(values) if series.delta else cumulative(values)
        scrapes = self.scrapes[series.start]
        usual = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
        early = scrapes[scrapes < times[0]] if not series.delta else scrapes[:0]
        if len(early):
            totals = np.concatenate([np.zeros(len(early)), totals + values[0]])
            times = np.concatenate([early, times])
        if len(times) < FEWEST_SAMPLES:
            return np.full(grid.size, np.nan)
        if len(scrapes) > 1:
            usual = max(usual, float(np.median(np.diff(scrapes))))
        max_gap = GAP_FACTOR * (usual or float(np.median(np.diff(times))))
        return np.diff(edge_values(times, totals, edges=grid.edges, max_gap=max_gap))


@dataclass(slots=True)
class Pooled:
    """Sums of increases over the series of a group, and where any of them was seen."""

    size: int
    total: dict[tuple[object, ...], np.ndarray] = field(default_factory=dict)
    seen: dict[tuple[object, ...], np.ndarray] = field(default_factory=dict)

    def add(self, key: tuple[object, ...], values: np.ndarray) -> int:
        """Add one series to a group; return the number of bins it covers."""
        known = np.isfinite(values)
        if key not in self.total:
            self.total[key] = np.zeros(self.size)
            self.seen[key] = np.zeros(self.size, dtype=bool)
        self.total[key] += np.where(known, values, 0.0)
        self.seen[key] |= known
        return int(known.sum())

    def read(
        self, key: tuple[object, ...], *, seen: tuple[object, ...] | None = None
    ) -> np.ndarray:
        """Sum of a group; NaN where nothing of it (or of the group `seen`) was seen.

        A group nobody ever added to is zero wherever `seen` was seen.
        """
        where = self.seen.get(seen or key, np.zeros(self.size, dtype=bool))
        return np.where(where, self.total.get(key, np.zeros(self.size)), np.nan)


def split_series(metrics: pd.DataFrame) -> MetricSeries:
    """Split a conformed metrics table into series.

    Values that are not finite are gaps, and rows without a service belong to nobody. Of
    several samples of a series at one time the last counts.
    """
    finite = metrics[np.isfinite(metrics["value"].to_numpy()) & metrics["service"].notna()]
    code, heads = _series_codes(finite)
    row = np.argsort(code, kind="stable")  # rows are in time order already
    code, ts = code[row], finite["ts"].array.asi8[row]
    last = np.ones(len(ts), dtype=bool)
    last[:-1] = (np.diff(code) != 0) | (np.diff(ts) != 0)
    code, ts, row = code[last], ts[last], row[last]
    starts = np.searchsorted(code, np.arange(len(heads) + 1))
    values = finite["value"].to_numpy()[row]
    steps = np.diff(ts)
    forward = steps[steps > 0]
    # Over a gap a counter may have begun anew and come far.
    near = steps <= GAP_FACTOR * np.median(forward) if len(forward) else steps > 0
    fallen = falls(values, series=code, among=near)
    entries = tuple(_entries(finite.iloc[heads], starts))
    for entry in entries:
        if entry.delta and not entry.counter:  # changes of a level: added up they are the level
            own = slice(entry.start, entry.stop)
            values[own] = np.cumsum(values[own])
    entries, notes = _checked(entries, fallen, _told_both(finite))
    return MetricSeries(
        entries=entries,
        ts=ts,
        values=values,
        scrapes=_scrapes(entries, ts),
        duplicates=int((~last).sum()),
        notes=notes,
    )


def _told_both(metrics: pd.DataFrame) -> set[str]:
    """Metrics told as a gauge in some rows and as a counter in others: parts were told apart."""
    if "kind" not in metrics:
        return set()
    pairs = metrics[["metric", "kind"]].drop_duplicates().astype("str")
    gauges = set(pairs["metric"][pairs["kind"] == "gauge"])
    return gauges & set(pairs["metric"][pairs["kind"] == "counter"])


def _checked(
    entries: tuple[Series, ...], fallen: Falls, levels: set[str]
) -> tuple[tuple[Series, ...], tuple[str, ...]]:
    """Read as levels what only its name made a counter, and leave out counters that are none.

    Returns
    -------
    entries, notes
        The series that are read, and what was done, in words.
    """
    is_level, is_mixed = fallen.is_level, fallen.is_mixed
    levels = levels | {
        entry.metric
        for i, entry in enumerate(entries)
        if entry.guessed and entry.counter and is_level[i]
    }
    kept, mixed = [], Counter[str]()
    for i, entry in enumerate(entries):
        if entry.metric in levels:
            kept.append(replace(entry, counter=False))
        elif entry.counter and is_mixed[i] and not (entry.delta or entry.metric.endswith("_sum")):
            mixed[entry.metric] += 1
        else:
            kept.append(entry)
    notes = [
        f"{name} is named like a counter and falls: read as a level" for name in sorted(levels)
    ]
    notes += [
        f"{count:,} series of {name} left out: each falls too often to be one counter; several "
        "writers without an identity, or a level"
        for name, count in sorted(mixed.items())
    ]
    return tuple(kept), tuple(notes)


def _series_codes(metrics: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Series number of every row, and the row a series is first met in."""
    code = np.zeros(len(metrics), dtype=np.int64)
    for name in ("metric", "service", "labels"):
        column = metrics[name].cat
        code = code * (len(column.categories) + 1) + column.codes.to_numpy() + 1
    if "le" in metrics:
        bucket, bounds = pd.factorize(metrics["le"])
        code = code * (len(bounds) + 1) + bucket + 1
    numbers, found = pd.factorize(code)
    order = np.argsort(found)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    heads = np.flatnonzero(~pd.Series(code).duplicated().to_numpy())
    return place[numbers], heads[order]


def _entries(heads: pd.DataFrame, starts: np.ndarray) -> Iterator[Series]:
    kinds = heads["kind"].astype("object") if "kind" in heads else None
    temporal = heads["temporality"].astype("object") if "temporality" in heads else None
    bounds = heads["le"].to_numpy() if "le" in heads else np.full(len(heads), np.nan)
    columns = zip(heads["metric"], heads["service"], heads["labels"], bounds, strict=True)
    for i, (metric, service, text, le) in enumerate(columns):
        labels = {plain_name(name): value for name, value in labels_of(str(text)).items()}
        kind = kinds.iloc[i] if kinds is not None else None
        yield Series(
            metric=str(metric),
            service=str(service),
            labels=labels,
            le=float(labels.get("le", le)),  # type: ignore[arg-type]
            counter=_is_counter(str(metric), kind),
            guessed=not (isinstance(kind, str) and kind),
            delta=temporal is not None and temporal.iloc[i] == "delta",
            start=int(starts[i]),
            stop=int(starts[i + 1]),
        )


def _is_counter(metric: str, kind: object) -> bool:
    if isinstance(kind, str) and kind:
        return kind in {"counter", "histogram"}
    return metric.endswith(COUNTER_ENDINGS)


def _scrapes(entries: tuple[Series, ...], ts: np.ndarray) -> dict[int, np.ndarray]:
    targets: dict[tuple[str, ...], list[Series]] = {}
    for entry in entries:
        targets.setdefault(entry.target, []).append(entry)
    result: dict[int, np.ndarray] = {}
    for several in targets.values():
        for group in _sampled_together(several, ts):
            parts = [ts[entry.start : entry.stop] for entry in group]
            # The times of one series are distinct and in order already.
            times = parts[0] if len(parts) == 1 else np.unique(np.concatenate(parts))
            result |= {entry.start: times for entry in group}
    return result


def _sampled_together(entries: list[Series], ts: np.ndarray) -> list[list[Series]]:
    """Group series that share sample times: what one writer writes, it writes at once.

    No label may tell writers apart that one knows by name; their times do.
    """
    if len(entries) == 1:
        return [entries]
    times = np.concatenate([ts[entry.start : entry.stop] for entry in entries])
    code = np.repeat(np.arange(len(entries)), [entry.stop - entry.start for entry in entries])
    order = np.argsort(times, kind="stable")
    same = np.flatnonzero(np.diff(times[order]) == 0)
    pairs = (code[order[same]], code[order[same + 1]])
    links = coo_array((np.ones(len(same)), pairs), shape=(len(entries), len(entries)))
    number, group = connected_components(links, directed=False)
    return [[entries[i] for i in np.flatnonzero(group == n)] for n in range(number)]
