"""Every other metric: gauges as they are, counters as rates, other histograms as means."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from workbench.features.metric_series import Pooled
from workbench.features.request_metrics import is_request_metric
from workbench.features.series import NO_COUNT
from workbench.semconv import EDGE_METRICS, INSTANCE_LABELS, NODE_METRICS

if TYPE_CHECKING:
    from workbench.features.columns import Columns
    from workbench.features.grid import Grid
    from workbench.features.metric_series import MetricSeries, Series

__all__ = ["saturation_columns"]

_PREFIX = "saturation:"
_MOST_LABEL_SETS = 12
_IGNORED_ENDINGS = ("_created", "_info")


def saturation_columns(series: MetricSeries, grid: Grid) -> Columns:
    """Read all metrics that are not about requests into ``saturation:<metric>`` columns.

    A metric with several label sets in one service gives a column each,
    ``saturation:<metric>{label=value}``; more than twelve are pooled (counters added,
    gauges averaged), and so are copies of one thing (instances, pods).
    """
    others = [entry for entry in series.entries if _is_other(entry)]
    means = _histogram_bases(others)
    columns = _means(series, grid, [e for e in others if _base(e.metric) in means])
    rest = [e for e in others if _base(e.metric) not in means]
    names = _names(rest)
    columns |= _rates(series, grid, [e for e in rest if e.counter], names)
    return columns | _gauges(series, grid, [e for e in rest if not e.counter], names)


def _is_other(entry: Series) -> bool:
    known = entry.metric in NODE_METRICS or entry.metric in EDGE_METRICS
    return not (known or is_request_metric(entry.metric) or entry.metric.endswith(_IGNORED_ENDINGS))


def _base(metric: str) -> str:
    for ending in ("_bucket", "_sum", "_count"):
        if metric.endswith(ending):
            return metric.removesuffix(ending)
    return metric


def _histogram_bases(entries: list[Series]) -> set[str]:
    names = {entry.metric for entry in entries if entry.counter}
    return {_base(n) for n in names if n.endswith("_sum") and f"{_base(n)}_count" in names}


def _means(series: MetricSeries, grid: Grid, entries: list[Series]) -> Columns:
    pooled = Pooled(grid.size)
    for entry in entries:
        if not entry.metric.endswith("_bucket"):
            part = entry.metric.removeprefix(_base(entry.metric))
            pooled.add((entry.service, _base(entry.metric), part), series.increases(entry, grid))
    result: Columns = {}
    for service, base, ending in pooled.total:
        if ending == "_count":
            count = pooled.read((service, base, "_count"))
            with np.errstate(invalid="ignore", divide="ignore"):
                mean = np.where(
                    count > NO_COUNT, pooled.read((service, base, "_sum")) / count, np.nan
                )
            result[(str(service), f"{_PREFIX}{base}")] = (mean, f"metric:{base}")
    return result


def _rates(
    series: MetricSeries, grid: Grid, entries: list[Series], names: dict[int, str]
) -> Columns:
    pooled = Pooled(grid.size)
    for entry in entries:
        key = (entry.service, names[entry.start], entry.metric)
        pooled.add(key, series.increases(entry, grid) / grid.step_s)
    return {
        (str(key[0]), f"{_PREFIX}{key[1]}"): (pooled.read(key), f"metric:{key[2]}")
        for key in pooled.total
    }


def _gauges(
    series: MetricSeries, grid: Grid, entries: list[Series], names: dict[int, str]
) -> Columns:
    """Mean of each gauge's samples in each bin, then over its instances."""
    if not entries:
        return {}
    places: dict[tuple[str, str, str], int] = {}
    code = np.full(len(series.ts), -1, dtype=np.int64)
    for entry in entries:
        place = (entry.service, names[entry.start], entry.metric)
        code[entry.start : entry.stop] = places.setdefault(place, len(places))
    mean = grid.means(series.ts, series.values, code=code, codes=len(places))
    return {
        (service, f"{_PREFIX}{name}"): (mean[i], f"metric:{metric}")
        for (service, name, metric), i in places.items()
    }


def _names(entries: list[Series]) -> dict[int, str]:
    """Column name of each series, by where its samples start."""
    groups: dict[tuple[str, str], list[Series]] = defaultdict(list)
    for entry in entries:
        groups[entry.service, entry.metric].append(entry)
    return {
        entry.start: entry.metric + suffix
        for group in groups.values()
        for entry, suffix in zip(group, _suffixes(group), strict=True)
    }


def _suffixes(group: list[Series]) -> list[str]:
    own = [
        {k: str(v) for k, v in e.labels.items() if k not in INSTANCE_LABELS and k != "le"}
        for e in group
    ]
    names = sorted({name for labels in own for name in labels})
    telling = [n for n in names if len({labels.get(n) for labels in own}) > 1]
    texts = [",".join(f"{n}={labels.get(n, '')}" for n in telling) for labels in own]
    if not telling or len(set(texts)) > _MOST_LABEL_SETS:
        return [""] * len(group)
    return [f"{{{text}}}" for text in texts]
