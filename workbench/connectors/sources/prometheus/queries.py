"""Asking a Prometheus: raw samples of selectors, points of expressions, both counted by itself.

A plain selector is read as raw samples, by an instant query of a range selector: `query_range`
repeats the last sample for five minutes and would draw a line through an outage. Anything else
is evaluated on a grid. Either way the server is asked how many samples there are.
"""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pydantic

from workbench.connectors.contract import Query
from workbench.connectors.reading.prometheus_answer import read_answer
from workbench.connectors.reading.promql import any_of, with_matchers
from workbench.connectors.sources.prometheus.counting import laid_out
from workbench.connectors.sources.prometheus.metric_query import MetricQuery
from workbench.connectors.sources.prometheus.payload import (
    Samples,
    merged,
    read_samples,
)
from workbench.connectors.transport.http import HttpClient, HttpSettings
from workbench.errors import SourceGarbled
from workbench.semconv import first_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.times import TimeRange

__all__ = ["Asked", "MetricQuery", "PrometheusSettings", "at", "count", "counts", "ends", "whole"]

_MS = 1_000_000
_MOST_POINTS = 10_000  # a series; the server's own limit is 11,000
_MOST_COUNTED = 2.0**53  # beyond it a float does not count one by one


class PrometheusSettings(HttpSettings):
    """Settings of a Prometheus.

    Parameters
    ----------
    queries
        What makes up the metrics table.
    templates
        Names of query templates to add (see ``workbench.collection``); left for it to fill in.
    service_from
        Labels that hold the service's name, the first present one counts.
    step_s
        Grid of evaluated expressions.
    replica_labels
        Labels that tell the members of an HA pair apart: series that differ in one of these
        alone and count the same are one.
    most_rows
        Samples one fetch may bring; more are refused before they are read.
    chunk_rows
        Samples one request may bring.
    """

    queries: tuple[MetricQuery, ...] = pydantic.Field(default=(), description="what to ask")
    templates: tuple[str, ...] = pydantic.Field(default=(), description="names of templates")
    service_from: tuple[str, ...] = pydantic.Field(
        default=("service_name", "service", "app", "job"), description="labels of the service"
    )
    step_s: float = pydantic.Field(default=15.0, gt=0, description="grid of expressions")
    replica_labels: tuple[str, ...] = pydantic.Field(
        default=(
            "prometheus_replica",
            "replica",
            "__replica__",
            "rule_replica",
            "receive_replica",
            "thanos_ruler_replica",
        ),
        description="labels of the members of an HA pair",
    )
    most_rows: int = pydantic.Field(default=5_000_000, gt=0, description="samples of one fetch")
    chunk_rows: int = pydantic.Field(default=50_000, gt=0, description="samples of one request")

    @property
    def longest_range_s(self) -> float:
        """Seconds that the points of its queries look back at most: so much later they come."""
        return max((laid_out(one, self.step_s)[0].range_s for one in self.queries), default=0.0)


@dataclass(slots=True)
class Asked:
    """One fetch: what was asked for, and what the server said on the way."""

    source: str
    settings: PrometheusSettings
    http: HttpClient
    when: TimeRange
    services: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    log: list[Query] = field(default_factory=list)

    @property
    def start_ms(self) -> int:
        """First millisecond of the range."""
        return int(-(-self.when.start.value // _MS))

    @property
    def end_ms(self) -> int:
        """The millisecond after the range."""
        return int(-(-self.when.end.value // _MS))

    @property
    def queries(self) -> tuple[MetricQuery, ...]:
        """What the settings ask, narrowed to the services where the server can do that."""
        return tuple(
            self._narrowed(laid_out(query, self.settings.step_s)[0])
            for query in self.settings.queries
        )

    @property
    def remarks(self) -> list[str]:
        """How queries for counts were understood that do not say it themselves."""
        told = (laid_out(query, self.settings.step_s)[1] for query in self.settings.queries)
        return [one for one in told if one]

    def labels(self, query: MetricQuery) -> tuple[str, ...]:
        """Labels that hold the service's name."""
        return query.service_from or self.settings.service_from

    def service(self, query: MetricQuery, series: dict[str, str]) -> str:
        """Name of the service a series belongs to; empty where no label says."""
        return first_of(series, self.labels(query))

    def _narrowed(self, query: MetricQuery) -> MetricQuery:
        """Let the server pick the services where one label alone names them."""
        labels = self.labels(query)
        if not self.services or len(labels) != 1 or not query.is_raw:
            return query
        plain = with_matchers(query.promql, {labels[0]: any_of(self.services)})
        return query.model_copy(update={"promql": plain})

    async def ask(self, path: str, form: dict[str, str]) -> tuple[Any, tuple[str, ...], Any]:
        """Ask once; warnings and remarks are kept for the verdict."""
        answer = await self.http.json("POST", f"/api/v1/{path}", form=form)
        data, warnings, infos = read_answer(answer.payload)
        self.warnings += warnings
        self.notes += infos
        return data, warnings, infos

    async def samples(self, path: str, form: dict[str, str]) -> Samples:
        """Ask for samples, and keep how they were asked for."""
        data, _, _ = await self.ask(path, form)
        read = read_samples(data)
        digest = hashlib.sha256(read.ts_ms.tobytes() + read.value.tobytes()).hexdigest()
        rest = tuple((name, value) for name, value in form.items() if name != "query")
        self.log.append(
            Query(self.source, form["query"], (("path", path), *rest), self.when, len(read), digest)
        )
        return read


async def count(asked: Asked, query: MetricQuery) -> tuple[int, Samples]:
    """Have the server count the samples of a query, by the same bounds as they are read."""
    if query.is_raw:
        length = asked.end_ms - asked.start_ms
        text = f"sum(count_over_time({query.promql}[{length}ms]))"
        found = await asked.samples("query", {"query": text, **at(asked.end_ms - 1)})
    else:
        parts = [
            await asked.samples(*_grid(asked, query, *part, around="count({})"))
            for part in _chunks(asked, 0, query)
        ]
        found, _, _ = merged(parts)
    return _whole_number(found.value), found


def _whole_number(values: np.ndarray) -> int:
    """Add up counts; what no server can have counted is not taken for a number."""
    total = float(np.nansum(values))
    if not 0 <= total < _MOST_COUNTED or (values < 0).any():
        raise SourceGarbled(fact="A count that is none", value=total)
    return int(total)


async def whole(asked: Asked, query: MetricQuery, rows: int) -> tuple[Samples, list[str]]:
    """Read one query whole, and say why it is not if it is not."""
    raw = query.is_raw
    parts: list[Samples] = []
    for part in _chunks(asked, rows, query):
        read = await asked.samples(*(_raw if raw else partial(_grid, asked))(query, *part))
        # Prometheus 2 sends the millisecond before a part too: it is the part before's.
        parts.append(read.where(read.ts_ms >= part[0]) if parts else read)
    samples, doubled, disorder = merged(parts)
    asked.notes += counts(
        {"duplicated sample(s) dropped": doubled, "sample(s) out of order sorted": disorder}
    )
    why = counts({"native histogram sample(s) not read": samples.histograms})
    if len(samples) + samples.histograms != rows:
        again, _ = await count(asked, query)  # it may have grown since
        if len(samples) + samples.histograms != again:
            why.append(f"{len(samples):,} samples came where the server counts {again:,}")
        elif again < rows:
            why.append(f"the server counted {rows:,} samples before and {again:,} after reading")
    elif not rows and (await count(asked, query))[0]:
        why.append("the server counts samples and sends none")
    starts = samples.ts_ms - query.range_ms  # of the stretch that a point looks back over
    inside = (starts >= asked.start_ms) & (starts < asked.end_ms)
    return samples.where(inside), why


def _raw(query: MetricQuery, start_ms: int, end_ms: int) -> tuple[str, dict[str, str]]:
    """Write an instant query for the raw samples of ``[start, end)``.

    Evaluated at ``end - 1`` with the whole length it takes in ``start`` whether the server
    closes ranges on the left (Prometheus 2) or opens them (Prometheus 3).
    """
    return "query", {"query": f"{query.promql}[{end_ms - start_ms}ms]", **at(end_ms - 1)}


def _grid(
    asked: Asked, query: MetricQuery, start_ms: int, end_ms: int, *, around: str = "{}"
) -> tuple[str, dict[str, str]]:
    """Write a range query on the multiples of the step in ``[start, end)``."""
    step = f"{query.range_s or asked.settings.step_s:g}"
    text = around.format(f"({query.promql})")
    return "query_range", {"query": text, **ends(start_ms, end_ms), "step": step}


def _chunks(asked: Asked, rows: int, query: MetricQuery) -> Iterator[tuple[int, int]]:
    """Split the range so that no request brings more than it may.

    Of raw samples the ends of a part are those of `_raw`; of a grid its first and last point.
    A point that looks back is asked for at the end of its stretch, once that is over.
    """
    most = asked.settings.chunk_rows
    if query.is_raw:
        number = max(-(-rows // most), 1)
        edges = np.linspace(asked.start_ms, asked.end_ms, number + 1).astype(np.int64)
        yield from ((int(a), int(b)) for a, b in itertools.pairwise(edges) if b > a)
        return
    step = query.range_ms or max(round(asked.settings.step_s * 1000), 1)
    points = np.arange(-(-asked.start_ms // step) * step, asked.end_ms, step) + query.range_ms
    if query.range_ms:
        points = points[points <= pd.Timestamp.now("UTC").value // _MS]
    share = max(int(len(points) * most // max(rows, 1)), 1)
    size = min(_MOST_POINTS, share, max(len(points), 1))
    for first in range(0, len(points), size):
        part = points[first : first + size]
        yield int(part[0]), int(part[-1])


def at(ms: int) -> dict[str, str]:
    """Write the moment of an instant query."""
    return {"time": _seconds(ms)}


def ends(start_ms: int, end_ms: int) -> dict[str, str]:
    """Write the ends of a range query, both inclusive."""
    return {"start": _seconds(start_ms), "end": _seconds(end_ms)}


def _seconds(ms: int) -> str:
    sign, ms = ("-", -ms) if ms < 0 else ("", ms)
    return f"{sign}{ms // 1000}.{ms % 1000:03d}"


def counts(counted: dict[str, int]) -> list[str]:
    """Say what was counted, where it was anything."""
    return [f"{int(count):,} {what}" for what, count in counted.items() if count]
