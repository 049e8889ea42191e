"""The metrics table seen as series: one entry a metric, service, label set and bucket."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.features.series import FEWEST_SAMPLES, GAP_FACTOR, cumulative, edge_values
from workbench.semconv import COUNTER_ENDINGS
from workbench.tables import labels_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.features.grid import Grid

__all__ = ["MetricSeries", "Pooled", "Series", "split_series"]


@dataclass(frozen=True, slots=True)
class Series:
    """One series: its names, and where its samples lie in the sorted arrays."""

    metric: str
    service: str
    labels: dict[str, object]
    le: float
    counter: bool
    delta: bool
    start: int
    stop: int

    @property
    def target(self) -> tuple[str, str, str]:
        """What was scraped to get it: a metric of an instance of a service."""
        return self.service, str(self.labels.get("instance", "")), self.metric


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
        Distinct sample times of each target.
    duplicates
        Samples dropped because a later one had the same time.
    """

    entries: tuple[Series, ...]
    ts: np.ndarray
    values: np.ndarray
    scrapes: dict[tuple[str, str, str], np.ndarray]
    duplicates: int

    def increases(self, series: Series, grid: Grid) -> np.ndarray:
        """Increase of a counter in each bin; NaN in bins it does not cover.

        A label set that first appears while others of its metric were already scraped
        stood at zero until then: clients create a label set with its first event.
        """
        times, values = self.ts[series.start : series.stop], self.values[series.start : series.stop]
        totals = np.cumsum(values) if series.delta else cumulative(values)
        scrapes = self.scrapes[series.target]
        early = scrapes[scrapes < times[0]] if not series.delta else scrapes[:0]
        if len(early):
            totals = np.concatenate([np.zeros(len(early)), totals + values[0]])
            times = np.concatenate([early, times])
        if len(times) < FEWEST_SAMPLES:
            return np.full(grid.size, np.nan)
        max_gap = GAP_FACTOR * float(np.median(np.diff(scrapes if len(scrapes) > 1 else times)))
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
    entries = tuple(_entries(finite.iloc[heads], starts))
    return MetricSeries(
        entries=entries,
        ts=ts,
        values=finite["value"].to_numpy()[row],
        scrapes=_scrapes(entries, ts),
        duplicates=int((~last).sum()),
    )


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
        labels = labels_of(str(text))
        kind = kinds.iloc[i] if kinds is not None else None
        yield Series(
            metric=str(metric),
            service=str(service),
            labels=labels,
            le=float(labels.get("le", le)),  # type: ignore[arg-type]
            counter=_is_counter(str(metric), kind),
            delta=temporal is not None and temporal.iloc[i] == "delta",
            start=int(starts[i]),
            stop=int(starts[i + 1]),
        )


def _is_counter(metric: str, kind: object) -> bool:
    if isinstance(kind, str) and kind:
        return kind in {"counter", "histogram"}
    return metric.endswith(COUNTER_ENDINGS)


def _scrapes(entries: tuple[Series, ...], ts: np.ndarray) -> dict[tuple[str, str, str], np.ndarray]:
    parts: dict[tuple[str, str, str], list[np.ndarray]] = {}
    for entry in entries:
        parts.setdefault(entry.target, []).append(ts[entry.start : entry.stop])
    # The times of one series are distinct and in order already.
    return {
        target: several[0] if len(several) == 1 else np.unique(np.concatenate(several))
        for target, several in parts.items()
    }
