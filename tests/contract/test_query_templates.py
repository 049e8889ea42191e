"""Query templates on a real Prometheus: what a template counts is what its counter counted."""

from __future__ import annotations

import asyncio

import pandas as pd
import pytest
import yaml

import workbench as wb
from servers.prometheus import prometheus
from workbench import IncidentWindow, TimeRange
from workbench.collection.query_templates import template_queries, templates
from workbench.connectors.sources.prometheus.source import (
    MetricQuery,
    Prometheus,
    PrometheusSettings,
)
from workbench.connectors.transport.http import Http
from workbench.errors import BadInput
from workbench.features.signals import signals
from workbench.semconv import COUNTS

pytestmark = pytest.mark.server

T0 = 1_769_860_800  # 2026-01-31T12:00:00Z
WHEN = TimeRange("2026-01-31T12:00:00Z", "2026-01-31T13:00:00Z")
SCRAPES = range(-120, 3601, 15)


def counted(seconds, a_second, more_from=1800):
    """A counter's value: it began long ago, and counts twice as fast from half past on."""
    return 5000 + a_second * (seconds + 120) + a_second * max(seconds - more_from, 0)


def series(name, labels, a_second):
    samples = [(T0 + s, counted(s, a_second)) for s in SCRAPES]
    return name, labels, samples


def pods(name, labels, a_second):
    """The same of two pods, which share the requests."""
    return [series(name, {**labels, "pod": pod}, a_second / 2) for pod in ("p-1", "p-2")]


ISTIO = {"reporter": "destination", "destination_canonical_service": "cart"}
HISTORY = [
    *pods("istio_requests_total", {**ISTIO, "response_code": "200"}, 1.0),
    *pods("istio_requests_total", {**ISTIO, "response_code": "503"}, 0.2),
    *pods(
        "istio_requests_total",
        {**ISTIO, "response_code": "200", "grpc_response_status": "14"},
        0.1,
    ),
    *pods(
        "istio_requests_total", {**ISTIO, "response_code": "200", "grpc_response_status": "5"}, 1
    ),
    *pods("istio_requests_total", {**ISTIO, "reporter": "source", "response_code": "503"}, 9.0),
    *pods("response_total", {"direction": "inbound", "deployment": "cart"}, 1.0),
    *pods(
        "response_total",
        {"direction": "inbound", "deployment": "cart", "classification": "failure"},
        0.25,
    ),
    *pods("response_total", {"direction": "inbound", "deployment": "calm"}, 1.0),
    series("traces_service_graph_request_total", {"client": "web", "server": "cart"}, 2.0),
    series("traces_service_graph_request_failed_total", {"client": "web", "server": "cart"}, 0.5),
    # When each was scraped: without it no expression is complete, values may be carried on.
    *(("up", {"job": name}, [(T0 + s, 1) for s in SCRAPES]) for name in ("cart", "calm", "web")),
]
# Template, place, and how many a second its counters count at first.
EXPECTED = {
    "istio": {("cart", "load"): 2.3, ("cart", "errors"): 0.3},
    "linkerd": {("cart", "load"): 1.25, ("cart", "errors"): 0.25, ("calm", "errors"): 0.0},
    "servicegraph": {("web", "cart", "calls"): 2.0, ("web", "cart", "errors"): 0.5},
}


@pytest.fixture(scope="module")
def url():
    with prometheus(HISTORY) as address:
        yield address


def fetched(url, queries, **changes):
    settings = PrometheusSettings(url=url, queries=tuple(queries), **changes)

    async def work():
        made = Prometheus("prom", settings, Http(settings))
        try:
            return await made.fetch("metrics", WHEN)
        finally:
            await made.aclose()

    return asyncio.run(work())


def columns(found, step):
    window = IncidentWindow.from_frames(id="w", when=WHEN, metrics=found.frame)
    made = signals(window, step=step)
    return {**dict(made.nodes.items()), **dict(made.edges.items())}


def test_every_template_that_counts_is_expected_here():
    counting = {
        name
        for name, template in templates().items()
        if any(query.name in COUNTS for query in template.queries)
    }
    assert counting == set(EXPECTED)
    for name in counting:
        queries = template_queries((name,), templates())
        assert all(query.range_s > 0 for query in queries), "loads and latencies stand together"


def test_a_template_that_does_not_state_its_range_is_refused(tmp_path):
    (tmp_path / "mine.yaml").write_text("about: a\nqueries: [{promql: 'rate(x[$range])'}]\n")
    with pytest.raises(BadInput, match="range_s not stated"):
        templates(tmp_path)


@pytest.mark.parametrize("step_s", [15, 60, 300])
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_template_counts_what_its_counter_counts(url, name, step_s):
    found = fetched(url, template_queries((name,), templates()), step_s=step_s)
    assert found.coverage[0].status == "complete", found.coverage
    for step in (300, 900):
        made = columns(found, step)
        for place, a_second in EXPECTED[name].items():
            per_bin = made[place].to_numpy()
            assert per_bin.sum() == pytest.approx(
                counted(3600, a_second) - counted(0, a_second), rel=0.02, abs=1e-9
            )
            assert per_bin[0] == pytest.approx(a_second * step, rel=0.02, abs=1e-9)
            # A point stands at the start of what it counts: nothing is told a bin late.
            assert per_bin[1800 // step] == pytest.approx(2 * a_second * step, rel=0.03, abs=1e-9)


@pytest.mark.parametrize(
    ("promql", "told"),
    [
        ("sum(increase(response_total{deployment='cart'}[1m]))", ""),
        ("sum(increase(response_total{deployment='cart'}[5m]))", ""),
        ("sum(rate(response_total{deployment='cart'}[2m]))", "a rate a second"),
        ("response_total{deployment='cart'}", "read as its increase"),
    ],
)
def test_a_query_of_ones_own_for_a_count_counts_what_the_counter_counts(url, promql, told):
    named = f'label_replace({promql}, "job", "cart", "", "")'
    query = MetricQuery(promql=named, name="service.load")
    if told == "read as its increase":
        query = MetricQuery(promql=promql, name="service.load", service_from=("deployment",))
    found = fetched(url, [query])
    load = columns(found, 600)["cart", "load"]
    assert load.sum() == pytest.approx(counted(3600, 1.25) - counted(0, 1.25), rel=0.02)
    assert told in found.coverage[0].reason


def test_a_count_whose_stretch_nobody_states_is_told(url):
    query = MetricQuery(promql="sum by (job) (up_to_now)", name="service.load")
    assert "range_s" in fetched(url, [query]).coverage[0].reason


def test_bins_are_no_finer_than_counts_beside_raw_samples(url):
    raw = MetricQuery(promql="response_total", service_from=("deployment",))
    found = fetched(url, [*template_queries(("linkerd",), templates()), raw])
    load = columns(found, None)["cart", "load"]
    assert load.index.freq == "60s"
    assert load.notna().all()


def test_an_ha_pair_is_counted_once_and_told_where_it_cannot_be():
    labels = {"service": "cart", "instance": "a"}
    pair = [
        (
            name,
            {**labels, "prometheus_replica": str(n)},
            [(T0 + s + 7 * n, v(s + 7 * n)) for s in SCRAPES],
        )
        for n in range(2)
        for name, v in (("up", lambda _: 1), ("response_total", lambda s: counted(s, 1.0)))
    ]
    raw = MetricQuery(promql="response_total", name="http_server_request_duration_seconds_count")
    added = MetricQuery(
        promql="sum by (service) (increase(response_total[1m]))", name="service.load"
    )
    with prometheus(pair) as url:
        once, twice = fetched(url, [raw]), fetched(url, [added])
    load = columns(once, 300)["cart", "load"].dropna()
    assert load.iloc[1] == pytest.approx(300, rel=0.01)
    assert "differ in prometheus_replica alone joined" in once.coverage[0].reason
    assert once.coverage[0].status == "complete"
    assert twice.coverage[0].status == "partial"
    assert "sums of expressions count both" in twice.coverage[0].reason


def test_a_watch_misses_no_count_and_counts_none_twice(url, tmp_path, monkeypatch):
    """Points that look back a minute come a minute late."""
    now = [WHEN.start + pd.Timedelta("10min 7s")]
    monkeypatch.setattr(pd.Timestamp, "now", classmethod(lambda cls, tz=None: now[0]))
    file = tmp_path / "sources.yaml"
    prom = {"kind": "prometheus", "url": url, "templates": ["linkerd"]}
    file.write_text(yaml.safe_dump({"cache": "cache", "sources": {"prom": prom}}))
    watch = wb.watch(wb.connect(file), WHEN.start + pd.Timedelta("5min"), before="5min")
    for _ in range(41):
        window = watch.turn()
        now[0] += pd.Timedelta("15s")
    rows = window.metrics
    load = rows[(rows["metric"] == "service.load") & (rows["service"] == "cart")]
    assert not load["ts"].duplicated().any()
    assert list(load["ts"].diff().dropna().unique()) == [pd.Timedelta("1min")]
    assert load["ts"].iloc[-1] == WHEN.start + pd.Timedelta("19min")
    assert load["value"].to_numpy() == pytest.approx(75, rel=0.02)
