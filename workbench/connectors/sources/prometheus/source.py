"""Prometheus and what answers its API: Thanos, Mimir, VictoriaMetrics.

Raw samples where that can be, the grid of an expression elsewhere; ``complete`` means that as
many came as the server counted. Scrapes that are missing are told service by service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from workbench.connectors.contract import Estimate, Fetched, complete_fetch
from workbench.connectors.reading.http_source import HttpSource
from workbench.connectors.reading.prometheus_answer import read_answer
from workbench.connectors.reading.rows import check_asked, list_at, mapping_at, text_of
from workbench.connectors.sources.prometheus.alerts import ALERTS, SINCE, alerts_frame
from workbench.connectors.sources.prometheus.metrics import metrics
from workbench.connectors.sources.prometheus.queries import (
    Asked,
    MetricQuery,
    PrometheusSettings,
    at,
    count,
    ends,
    whole,
)
from workbench.connectors.sources.prometheus.series import unreplicated
from workbench.coverage import CoverageRow
from workbench.errors import SourceError, SourceGarbled
from workbench.tables import labels_text

if TYPE_CHECKING:
    from workbench.times import TimeRange

__all__ = ["MetricQuery", "Prometheus", "PrometheusSettings"]

_MS = 1_000_000
_GRAPH = ("traces_service_graph_request_total", "traces_service_graph_request_failed_total")
_ALERT_QUERIES = (MetricQuery(promql=ALERTS), MetricQuery(promql=SINCE))


class Prometheus(HttpSource[PrometheusSettings]):
    """Metrics, alerts and the service graph of one server."""

    kind: ClassVar[str] = "prometheus"
    tables: ClassVar[tuple[str, ...]] = ("metrics", "alerts", "topology")

    async def read(self, table: str, when: TimeRange, services: tuple[str, ...]) -> Fetched:
        """Fetch rows; see `workbench.connectors.contract.Connector.fetch`."""
        asked = Asked(self.source, self.settings, self.http, when, services)
        if table == "topology":
            return await _topology(asked)
        return await (metrics(asked) if table == "metrics" else _alerts(asked))

    async def estimate(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Estimate:
        """Have the server count; see `workbench.connectors.contract.Connector.estimate`."""
        check_asked(table, self.tables, services)
        asked = Asked(self.source, self.settings, self.http, when, services)
        queries = asked.queries if table == "metrics" else _ALERT_QUERIES
        if table == "topology":
            return Estimate(None, "the server does not count edges")
        try:
            async with self.http.fetching():
                counted = [await count(asked, query) for query in queries]
        except SourceError as error:
            return Estimate(None, str(error))
        return Estimate(sum(rows for rows, _ in counted), "counted by the server")

    async def exemplars(self, promql: str, when: TimeRange) -> pd.DataFrame:
        """Fetch exemplars: samples that name the trace they come from.

        Returns
        -------
        pandas.DataFrame
            ``ts metric labels value trace_id span_id``, ordered by time.

        Raises
        ------
        SourceError
            The server could not answer.
        """
        asked = Asked(self.source, self.settings, self.http, when)
        form = {"query": promql, **ends(asked.start_ms, asked.end_ms - 1)}
        data, _, _ = await asked.ask("query_exemplars", form)
        rows = [
            _exemplar(one, series)
            for series in list_at(data)
            for one in list_at(series, "exemplars")
        ]
        names = ("ts", "metric", "labels", "value", "trace_id", "span_id")
        frame = pd.DataFrame(rows, columns=list(names))
        return frame[when.mask(pd.to_datetime(frame["ts"], utc=True))].sort_values("ts")

    async def rules(self) -> pd.DataFrame:
        """Fetch the rules the server evaluates: ``group name type query labels health``.

        Raises
        ------
        SourceError
            The server could not answer.
        """
        data, _, _ = read_answer((await self.http.json("GET", "/api/v1/rules")).payload)
        rows = [
            (
                text_of(group.get("name")),
                *(
                    text_of(rule.get(name))
                    for name in ("name", "type", "query", "labels", "health")
                ),
            )
            for group in list_at(data, "groups")
            for rule in list_at(group, "rules")
        ]
        return pd.DataFrame(rows, columns=["group", "name", "type", "query", "labels", "health"])

    async def targets(self) -> pd.DataFrame:
        """Fetch what is scraped now: ``job instance health last_error``, dropped targets not.

        Raises
        ------
        SourceError
            The server could not answer.
        """
        form = {"state": "active"}
        answer = await self.http.json("GET", "/api/v1/targets", params=form)
        data, _, _ = read_answer(answer.payload)
        rows = [
            (
                *(text_of(mapping_at(target, "labels").get(name)) for name in ("job", "instance")),
                *(text_of(mapping_at(target).get(name)) for name in ("health", "lastError")),
            )
            for target in list_at(data, "activeTargets")
        ]
        return pd.DataFrame(rows, columns=["job", "instance", "health", "last_error"])


async def _alerts(asked: Asked) -> Fetched:
    parts, problems = [], []
    for query in _ALERT_QUERIES:
        rows, _ = await count(asked, query)
        samples, why = await whole(asked, query, rows)
        parts.append(unreplicated(samples, asked.settings.replica_labels, always=True)[0])
        problems += why
    frame = alerts_frame(parts[0], parts[1], asked.when)
    frame["service"] = [asked.service(_ALERT_QUERIES[0], labels) for labels in frame["labels"]]
    if asked.services:
        frame = frame[frame["service"].isin(asked.services)]
    frame["source"] = asked.source
    notes = [*problems, *asked.warnings, *asked.notes]
    found = complete_fetch(
        "alerts", frame, asked.source, queries=asked.log, reason="; ".join(dict.fromkeys(notes))
    )
    if not problems and not asked.warnings:
        return found
    row = CoverageRow(
        asked.source, "alerts", "*", "partial", len(frame), reason=found.coverage[0].reason
    )
    return Fetched("alerts", found.frame, (row,), found.queries)


async def _topology(asked: Asked) -> Fetched:
    """Read the service graph that Tempo or the collector's connector writes as metrics."""
    length = asked.end_ms - asked.start_ms
    texts = [
        f"sum by (client, server, connection_type) (increase({name}[{length}ms]))"
        for name in _GRAPH
    ]
    calls, failed = [
        await asked.samples("query", {"query": text, **at(asked.end_ms - 1)}) for text in texts
    ]
    errors = {
        _edge(labels): value for labels, value in zip(failed.series, failed.value, strict=False)
    }
    rows = [
        (
            *_edge(labels)[:2],
            asked.source,
            asked.when.start,
            asked.when.end,
            _edge(labels)[2],
            float(value),
            errors.get(_edge(labels), 0.0),
        )
        for labels, value in zip(calls.series, calls.value, strict=False)
    ]
    names = ["src", "dst", "source", "valid_from", "valid_to", "kind", "calls", "errors"]
    frame = pd.DataFrame(rows, columns=names)
    if asked.services:
        frame = frame[frame["src"].isin(asked.services) | frame["dst"].isin(asked.services)]
    found = complete_fetch(
        "topology", frame.reset_index(drop=True), asked.source, queries=asked.log
    )
    if not asked.warnings:
        return found
    why = "; ".join(dict.fromkeys(asked.warnings))
    row = CoverageRow(asked.source, "topology", "*", "partial", len(frame), reason=why)
    return Fetched("topology", found.frame, (row,), found.queries)


def _edge(labels: dict[str, str]) -> tuple[str, str, str]:
    kinds = {"database": "db", "messaging_system": "messaging"}
    kind = kinds.get(labels.get("connection_type", ""), "rpc")
    return labels.get("client", ""), labels.get("server", ""), kind


def _exemplar(one: dict[str, Any], series: dict[str, Any]) -> tuple[object, ...]:
    labels = mapping_at(series, "seriesLabels")
    own = mapping_at(one, "labels")
    try:
        ts = pd.Timestamp(round(float(one["timestamp"]) * 1000), unit="ms", tz="UTC")
        value = float(one["value"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise SourceGarbled(fact="An exemplar that is not a time and a number") from error
    name = text_of(labels.get("__name__"))
    rest = labels_text({text_of(k): text_of(v) for k, v in labels.items() if k != "__name__"})
    return ts, name, rest, value, text_of(own.get("trace_id")), text_of(own.get("span_id"))
