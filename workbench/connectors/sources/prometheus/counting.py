"""Counts are added up, so a point must count the stretch to the next one and no more.

``increase(x[1m])`` asked every 15 s counts every request four times. A query for a count is
laid out here so that its points are as far apart as each looks back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from workbench.connectors.reading.promql import is_plain
from workbench.semconv import COUNTER_ENDINGS, COUNTS

if TYPE_CHECKING:
    from workbench.connectors.sources.prometheus.metric_query import MetricQuery

__all__ = ["PLACEHOLDER", "duration", "laid_out"]

PLACEHOLDER = "$range"
# PromQL durations (Prometheus, "Querying basics"); a year is 365 days there.
_SECONDS = {
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
    "w": 604800.0,
    "y": 3.1536e7,
}
_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_RANGE = re.compile(r"\[\s*((?:\d+(?:ms|[smhdwy]))+)\s*(?::[^\]]*)?\]")
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`")
_OF_A_STRETCH = re.compile(r"\b(?:increase|delta|count_over_time|sum_over_time)\s*\(")
_A_SECOND = re.compile(r"\b(?:rate|irate)\s*\(")
# Of a counter that is asked for under the name of a count: shorter stretches hold one scrape.
_USUAL_S = 60.0


def laid_out(query: MetricQuery, step_s: float) -> tuple[MetricQuery, str]:
    """Return the query with its range filled in, and a remark where that was concluded.

    Parameters
    ----------
    query
        As set; its range may stand in `range_s`, in the text, or nowhere.
    step_s
        Grid of expressions. A longer one than the range would leave requests out: the range
        grows to it where the text has ``$range``.
    """
    if PLACEHOLDER in query.promql:
        range_s = max(query.range_s, step_s)
        text = query.promql.replace(PLACEHOLDER, duration(range_s))
        return query.model_copy(update={"promql": text, "range_s": range_s}), ""
    if query.range_s or query.name not in COUNTS:
        return query, ""
    bare = _QUOTED.sub('""', query.promql)
    if is_plain(query.promql):
        return _plain(query, bare, step_s)
    ranges = {_seconds(found) for found in _RANGE.findall(bare)}
    if len(ranges) != 1:
        return query, (
            f"{query.name}: over which stretch a point counts is not known, one step of "
            f"{step_s:g} s was taken (range_s says it)"
        )
    (range_s,) = ranges
    if _OF_A_STRETCH.search(bare):
        return query.model_copy(update={"range_s": range_s}), ""
    if _A_SECOND.search(bare):
        told = f"{query.name}: a rate a second, counted over its range of {duration(range_s)}"
        text = f"({query.promql}) * {range_s:g}"
        return query.model_copy(update={"promql": text, "range_s": range_s}), told
    return query, f"{query.name}: whether a point is a count of its step is not known"


def duration(seconds: float) -> str:
    """Write a duration as PromQL does, in its largest whole unit."""
    for unit in ("h", "m", "s"):
        if seconds >= _SECONDS[unit] and seconds % _SECONDS[unit] == 0:
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    return f"{max(round(seconds * 1000), 1)}ms"


def _plain(query: MetricQuery, bare: str, step_s: float) -> tuple[MetricQuery, str]:
    metric = bare.partition("{")[0].strip()
    if query.kind != "counter" and not metric.endswith(COUNTER_ENDINGS):
        told = f"{query.name}: over which stretch a sample counts is not known (range_s says it)"
        return query, told
    range_s = max(_USUAL_S, step_s)
    text = f"increase({query.promql}[{duration(range_s)}])"
    laid = query.model_copy(update={"promql": text, "range_s": range_s, "kind": "gauge"})
    return laid, f"{query.name}: a counter, read as its increase every {duration(range_s)}"


def _seconds(text: str) -> float:
    return sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
