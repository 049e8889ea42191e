"""A real Prometheus: nothing injected, nothing invented, nothing lost without a word."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import faulted
import parts
from modelservers.serving import served
from servers.prometheus import node_exporter, prometheus, victoria_metrics
from workbench import TimeRange
from workbench.connectors.conformance import ConnectorContract
from workbench.connectors.reading.prometheus_answer import read_answer
from workbench.connectors.reading.promql import any_of, selector
from workbench.connectors.sources.prometheus.metrics import _kind
from workbench.connectors.sources.prometheus.payload import (
    gaps_of,
    merged,
    read_samples,
)
from workbench.connectors.sources.prometheus.source import (
    MetricQuery,
    Prometheus,
    PrometheusSettings,
)
from workbench.connectors.transport.http import Http, Response
from workbench.errors import SourceError

pytestmark = pytest.mark.server

T0 = 1_769_860_800  # 2026-01-31T12:00:00Z
WHEN = TimeRange("2026-01-31T12:00:00Z", "2026-01-31T12:30:00Z")
HOSTILE = (
    "plain",
    "",
    'quo"te',
    "back\\slash",
    "new\nline",
    "{}",
    '"} or vector(1) or {x="',
    "ümläut",
    "日本",
    "a|b",
    ".*",
    "^$",
    "(",
    "[",
    "\\d+",
    "'",
    "`",
    "#",
    "$(id)",
    "${x}",
    "tab\t",
    "\x7f",
    " lead",
    "trail ",
    "\u202e",
    "é",
    "e\u0301",
    "😀",
    "\\",
    '\\"',
    "\\n",
    "%s",
    "a,b",
    "a=b",
    "\r",
)
QUERIES = (
    MetricQuery(promql="requests_total"),
    MetricQuery(promql="latency_seconds_bucket", name="latency_seconds_bucket"),
    MetricQuery(promql="sum by (service) (rate(requests_total[1m]))", name="rate", unit="1/s"),
)


def every(step, end=1800, skip=()):
    return [s for s in range(0, end, step) if not any(a <= s < b for a, b in skip)]


def history():
    """Two instances of a service, one of them silent for 10 minutes; odd values; an alert."""
    series = []
    for instance, skip in (("a:1", ()), ("b:1", ((600, 1200),))):
        own = {"service": "cart", "instance": instance, "job": "shop"}
        times = every(15, skip=skip)
        series.append(("up", own, [(T0 + s, 1) for s in times]))
        series.append(("requests_total", own, [(T0 + s, s if s < 900 else s - 900) for s in times]))
    lone = {"service": "pay", "instance": "p:1", "job": "shop"}
    times = every(15, skip=((300, 900),))
    series.append(("up", lone, [(T0 + s, 1) for s in times]))
    series.append(("requests_total", lone, [(T0 + s, s) for s in times]))
    for le in ("0.1", "+Inf"):
        series.append(
            (
                "latency_seconds_bucket",
                {"service": "cart", "le": le},
                [(T0 + s, s) for s in every(15)],
            )
        )
    odd = ["NaN", "+Inf", "-Inf", 0, 1]
    series.append(("odd", {"service": "cart"}, [(T0 + s, odd[s // 15 % 5]) for s in every(15)]))
    alert = {"alertname": "Slow", "service": "cart", "severity": "critical"}
    series.append(
        (
            "ALERTS",
            {**alert, "alertstate": "firing"},
            [(T0 + s, 1) for s in every(15) if s < 300 or 600 <= s < 900],
        )
    )
    series.append(("ALERTS_FOR_STATE", alert, [(T0 + s, T0 - 120) for s in every(15, 300)]))
    for client, server, n in (("edge", "cart", 30), ("cart", "pay", 10)):
        ends = {"client": client, "server": server}
        series.append(
            ("traces_service_graph_request_total", ends, [(T0 + s, s * n / 15) for s in every(15)])
        )
    return series


@pytest.fixture(scope="module")
def url():
    with prometheus(history()) as address:
        yield address


@pytest.fixture(scope="module")
def victoria_url():
    with victoria_metrics(history()) as address:
        yield address


def connector(url, **changes):
    chosen = PrometheusSettings(url=url, **{"queries": QUERIES, **changes})
    return Prometheus("prom", chosen, Http(chosen))


def fetched(url, table="metrics", when=WHEN, services=(), **changes):
    async def work():
        made = connector(url, **changes)
        try:
            return await made.fetch(table, when, services=services)
        finally:
            await made.aclose()

    return asyncio.run(work())


DRIVES = {
    "prometheus": faulted.Drive(
        lambda: prometheus(history()),
        lambda url, **limits: connector(url, chunk_rows=100, **limits),
        "metrics",
        WHEN,
        speaks="prometheus",
    )
}


class TestPrometheus(ConnectorContract):
    WHEN = WHEN

    @pytest.fixture(autouse=True)
    def _server(self, url):
        self.url = url

    def make(self):
        return connector(self.url)


class TestVictoriaMetrics(TestPrometheus):
    """The same answers from another server of the same API."""

    @pytest.fixture(autouse=True)
    def _server(self, victoria_url):
        self.url = victoria_url


SCRAPED = """# HELP requests Requests.
# TYPE requests counter
requests_total{service="cart"} 7 # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736",span_id="00f0"} 1
# EOF
"""
LIVE = """
global: {scrape_interval: 1s}
rule_files: [rules.yml]
scrape_configs:
- {job_name: shop, static_configs: [{targets: ["HOST"]}]}
- {job_name: gone, static_configs: [{targets: ["127.0.0.1:9"]}]}
"""
RULES = """
groups:
- {name: slos, rules: [{alert: Slow, expr: "requests_total > 5", labels: {severity: critical}}]}
"""


async def exposed(scope, receive, send):
    kind = b"application/openmetrics-text; version=1.0.0; charset=utf-8"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
    await send({"type": "http.response.body", "body": SCRAPED.encode()})


@pytest.mark.slow
def test_exemplars_rules_and_targets_of_a_server_that_scrapes():
    now = pd.Timestamp.now("UTC")
    when = TimeRange(now - pd.Timedelta("5min"), now + pd.Timedelta("5min"))

    async def work(url):
        made, ends = connector(url), time.monotonic() + parts.AMPLE_S
        try:
            while time.monotonic() < ends:
                found = (
                    await made.exemplars("requests_total", when),
                    await made.rules(),
                    await made.targets(),
                )
                if len(found[0]) and set(found[2]["health"]) == {"up", "down"}:
                    break
                await asyncio.sleep(0.3)
            return found
        finally:
            await made.aclose()

    with (
        served(exposed) as host,
        prometheus(config=LIVE.replace("HOST", host[7:]), files={"rules.yml": RULES}) as url,
    ):
        exemplars, rules, targets = asyncio.run(work(url))
    assert set(exemplars["trace_id"]) == {"4bf92f3577b34da6a3ce929d0e0e4736"}
    assert list(rules[["group", "name", "type"]].iloc[0]) == ["slos", "Slow", "alerting"]
    health = dict(zip(targets["job"], targets["health"], strict=True))
    assert health == {"shop": "up", "gone": "down"}
    assert targets.loc[targets["job"] == "gone", "last_error"].str.len().min() > 0


HOSTS = """
global: {scrape_interval: 1s}
scrape_configs: [{job_name: node, static_configs: [{targets: ["HOST"]}]}]
"""


@pytest.mark.slow
def test_what_a_real_host_tells_of_itself_is_rows():
    queries = (MetricQuery(promql="node_load1"), MetricQuery(promql="node_cpu_seconds_total"))

    async def work(url):
        made = connector(url, queries=queries, service_from=("job",))
        try:
            for _ in range(400):
                now = pd.Timestamp.now("UTC").floor("s")
                found = await made.fetch("metrics", TimeRange(now - pd.Timedelta("1min"), now))
                if len(found.frame) and found.frame["ts"].nunique() > 3:
                    return found
                await asyncio.sleep(0.5)
            return found
        finally:
            await made.aclose()

    with node_exporter() as host, prometheus(config=HOSTS.replace("HOST", host[7:])) as url:
        frame = asyncio.run(work(url)).frame
    assert set(frame["metric"]) == {"node_load1", "node_cpu_seconds_total"}
    assert set(frame["service"]) == {"node"}
    kinds = frame.groupby("metric", observed=True)["kind"].first()
    assert kinds.to_dict() == {"node_load1": "gauge", "node_cpu_seconds_total": "counter"}


def test_a_gap_is_told_and_nothing_is_put_into_it(url):
    found = fetched(
        url,
        queries=(
            MetricQuery(promql="requests_total"),
            MetricQuery(promql="sum by (service) (requests_total)", name="sum"),
        ),
    )
    rows = {row.service: row for row in found.coverage}
    assert rows["*"].status == "complete", rows["*"]
    assert rows["pay"].gaps == (("2026-01-31T12:04:45+00:00", "2026-01-31T12:15:00+00:00"),)
    assert rows["cart"].gaps == (("2026-01-31T12:09:45+00:00", "2026-01-31T12:20:00+00:00"),)
    assert "b:1" in rows["cart"].reason
    raw = found.frame[found.frame["metric"] == "requests_total"]
    assert len(raw) == 120 + 80 + 80
    pay = found.frame[found.frame["service"] == "pay"]
    inside = TimeRange("2026-01-31T12:04:46Z", "2026-01-31T12:15:00Z").mask(pay["ts"])
    assert not inside.any()


def without_up():
    """A store that was written to from outside: no `up`, and an outage of ten minutes."""
    own = {"service": "cart", "instance": "a:1"}
    return [("requests_total", own, [(T0 + s, s) for s in every(15, skip=((600, 1200),))])]


def test_where_no_gap_can_be_known_an_expression_is_not_complete():
    """RELIABILITY Q8: an outage came back as twenty points, complete."""
    summed = MetricQuery(promql="sum by (service) (requests_total)", name="sum")
    with prometheus(without_up()) as address:
        found = fetched(address, queries=(summed,))
        raw = fetched(address, queries=(MetricQuery(promql="requests_total"),))
    assert found.coverage[0].status == "partial"
    assert not found.complete
    assert "no `up` says when cart was scraped" in found.coverage[0].reason
    assert raw.complete, "raw samples are what was stored"


def test_a_target_that_was_gone_before_a_short_range_leaves_no_points(url):
    """The server carries its last value on for five minutes, into ranges without any scrape."""
    when = TimeRange("2026-01-31T12:05:10Z", "2026-01-31T12:05:25Z")
    summed = MetricQuery(promql="sum by (service) (requests_total)", name="sum")
    found = fetched(url, when=when, queries=(summed,), step_s=5)
    assert set(found.frame["service"]) == {"cart"}
    assert {row.service for row in found.coverage if row.gaps} == {"pay"}


class Answers:
    """Stands for a server: the answers of its API in turn."""

    def __init__(self, *, warnings=None, counts=(8, 8), value="1", error=None, rows=8):
        self.counts, self.rows, self.value = list(counts), rows, value
        self.more = {"warnings": warnings, "error": error}

    async def json(self, method, path, *, form=None, **_):
        query = dict(form or {}).get("query", "")
        if "count" in query:
            number = self.counts.pop(0) if len(self.counts) > 1 else self.counts[0]
            result = [{"metric": {}, "value": [T0, str(number if "up" not in query else 0)]}]
        elif "up" in query or path.endswith("metadata"):
            result = []
        else:
            values = [[T0 + 15 * n, self.value] for n in range(self.rows)]
            own = {"__name__": "requests", "service": "cart"}
            result = [{"metric": own, "values": values}]
        kind = "vector" if "count" in query else "matrix"
        data = {} if path.endswith("metadata") else {"resultType": kind, "result": result}
        more = {k: v for k, v in self.more.items() if v is not None and "up" not in query}
        return Response({"status": "success", "data": data, **more}, {}, 1, 0.0, 200)

    @contextlib.asynccontextmanager
    async def fetching(self):
        yield

    async def aclose(self):
        pass


def answered(**said):
    asks = PrometheusSettings(url="http://127.0.0.1:1", queries=(MetricQuery(promql="requests"),))
    made = Prometheus("prom", asks, Answers(**said))
    return asyncio.run(made.fetch("metrics", WHEN))


def test_what_a_server_warns_of_is_told_however_it_is_written():
    assert answered().complete
    for said in (["a store is away"], "a store is away", {"store": "a store is away"}):
        found = answered(warnings=said)
        assert found.coverage[0].status == "partial"
        assert "a store is away" in found.coverage[0].reason
    found = answered(error="query timed out in one store")
    assert not found.complete
    assert "timed out" in found.coverage[0].reason


def test_a_count_that_fell_while_it_was_read_is_told():
    found = answered(counts=(12, 8))
    assert found.coverage[0].status == "partial"
    assert "counted 12 samples before and 8 after" in found.coverage[0].reason
    assert answered(counts=(5, 8)).complete, "it may have grown"


@pytest.mark.parametrize("count", ["+Inf", "-Inf", "-3", "1e300"])
def test_a_count_that_is_none_is_a_named_failure(count):
    found = answered(counts=(count,))
    assert found.coverage[0].status in {"failed", "partial"}
    assert "A count that is none" in found.coverage[0].reason


@pytest.mark.parametrize(
    ("name", "known", "kind"),
    [
        ("discount", {}, "gauge"),
        ("account", {"ac": "histogram"}, "gauge"),
        ("latency_count", {"latency": "histogram"}, "histogram"),
        ("latency_count", {}, "counter"),
        ("latency_sum", {"latency": "histogram"}, "histogram"),
        ("requests_total", {}, "counter"),
    ],
)
def test_the_parts_of_a_histogram_are_told_by_their_whole_ending(name, known, kind):
    assert _kind(name, known, set()) == kind


def test_values_keep_what_they_are(url):
    found = fetched(url, queries=(MetricQuery(promql="odd"),))
    values = found.frame["value"].to_numpy()[:5]
    assert np.isnan(values[0])
    assert list(values[1:]) == [np.inf, -np.inf, 0, 1]
    bucket = fetched(url).frame.query("metric == 'latency_seconds_bucket'")
    assert set(bucket["le"]) == {0.1, np.inf}
    assert not bucket["labels"].astype("str").str.contains("le").any()
    assert set(bucket["kind"]) == {"counter"}


def test_alerts_are_unbroken_runs(url):
    frame = fetched(url, "alerts").frame
    assert list(frame["starts_at"]) == [
        pd.Timestamp("2026-01-31T11:58:00Z"),
        pd.Timestamp("2026-01-31T12:10:00Z"),
    ]
    assert list(frame["ends_at"]) == [
        pd.Timestamp("2026-01-31T12:04:45Z"),
        pd.Timestamp("2026-01-31T12:14:45Z"),
    ]
    assert set(frame["service"]) == {"cart"}
    assert set(frame["severity"]) == {"critical"}


def test_the_service_graph_is_topology(url):
    frame = fetched(url, "topology").frame
    assert set(zip(frame["src"], frame["dst"], strict=True)) == {("edge", "cart"), ("cart", "pay")}


def test_a_query_the_server_refuses_hides_no_other(url):
    found = fetched(url, queries=(*QUERIES, MetricQuery(promql="rate(")))
    assert len(found.frame)
    assert found.coverage[0].status == "partial"
    assert "rate(" in found.coverage[0].reason


def test_too_large_a_window_is_refused_before_it_is_read(url):
    found = fetched(url, most_rows=100)
    assert found.coverage[0].status == "failed"
    assert "times what one fetch may bring" in found.coverage[0].reason
    assert "step_s" in found.coverage[0].reason


@pytest.mark.slow
def test_split_is_unsplit(url):
    """RELIABILITY Q3: 500 random ranges, steps and sizes of requests."""
    rng, split, made = random.Random(3), 0, {}
    whole = fetched(url, queries=(MetricQuery(promql="requests_total"),)).frame

    def kept(**changes):
        """One connector of a kind: opening one takes longer than all it is asked here."""
        key = repr(changes)
        if key not in made:
            made[key] = connector(url, **changes)
        return made[key]

    async def work():
        nonlocal split
        for n in range(500):
            start = rng.choice([0, 15, 14.999, 15.001, rng.uniform(0, 1500)])
            length = rng.choice([15, 15.001, 90, rng.uniform(0.01, 90)])
            when = TimeRange(
                *(
                    pd.Timestamp(round((T0 + s) * 1000), unit="ms", tz="UTC")
                    for s in (start, start + length)
                )
            )
            promql = "requests_total" if n % 2 else "sum by (service) (requests_total)"
            changes = {"queries": (MetricQuery(promql=promql),), "step_s": rng.choice([5, 15])}
            one = kept(**changes, chunk_rows=rng.choice([3, 7, 11]))
            two = kept(**changes)
            many, single = await one.fetch("metrics", when), await two.fetch("metrics", when)
            pd.testing.assert_frame_equal(many.frame, single.frame)
            assert many.coverage[0].status in {"complete", "empty"}, many.coverage
            split += len(many.queries) > len(single.queries)
            if n % 2:
                expected = whole[when.mask(whole["ts"])]
                assert len(single.frame) == len(expected)
        for each in made.values():
            await each.aclose()

    asyncio.run(work())
    assert split > 150, split


def hostile_values():
    rng = random.Random(5)
    made = {*HOSTILE}
    while len(made) < 10_000:
        made.add("".join(rng.choice(HOSTILE) for _ in range(rng.randint(1, 4))))
    return sorted(made - {""})


@pytest.fixture(scope="module")
def hostile_url():
    series = [
        ("odd_label", {"v": value, "n": str(n)}, [(T0, n)])
        for n, value in enumerate(hostile_values())
    ]
    with prometheus(series) as address:
        yield address


@pytest.mark.slow
def test_hostile_values_stay_values(hostile_url):
    """RELIABILITY Q1: 10,000 label values × 4 matchers: none injected, empty or another's."""
    values = hostile_values()
    at = f"{T0}.000"

    def asked_of(n):
        """The four matchers of one value, each with the series it must find: its own or another."""
        value, other = values[n], (n + 1) % len(values)
        pair = ("n", "=~", f"{n}|{other}")
        matchers = (("=", value), ("=~", any_of([value])), ("!=", value), ("!~", any_of([value])))
        for k, matcher in enumerate(matchers):
            text = selector("odd_label", [("v", *matcher), pair])
            whose = n if k < 2 else other
            told = f"{n}/{k}"
            yield (
                f'label_replace({text}, "q", "{told}", "", "")',
                (told, str(whose), values[whose]),
            )

    async def several(http, numbers):
        queries, expected = zip(*(one for n in numbers for one in asked_of(n)), strict=True)
        form = {"query": " or ".join(queries), "time": at}
        answer = await http.json("POST", "/api/v1/query", form=form)
        data, _, _ = read_answer(answer.payload)
        found = [(s["metric"]["q"], s["metric"]["n"], s["metric"]["v"]) for s in data["result"]]
        assert sorted(found) == sorted(expected), numbers

    async def work():
        chosen = PrometheusSettings(url=hostile_url, deadline_s=600)
        http = Http(chosen)
        gate = asyncio.Semaphore(16)

        async def guarded(numbers):
            async with gate:
                await several(http, numbers)

        whole = range(len(values))
        await asyncio.gather(*(guarded(whole[n : n + 10]) for n in whole[::10]))
        await http.aclose()

    asyncio.run(work())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["status", "data", "result", "resultType", "metric", "values", "value"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
SERIES = st.fixed_dictionaries(
    {
        "resultType": st.sampled_from(["matrix", "vector", "scalar"]),
        "result": st.lists(
            st.fixed_dictionaries(
                {
                    "metric": JSON | st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
                    "values": JSON
                    | st.lists(st.tuples(st.floats(), st.text(max_size=5)), max_size=4),
                    "value": JSON,
                }
            ),
            max_size=3,
        ),
    }
)


@pytest.mark.slow
@settings(max_examples=parts.examples(500), deadline=None)
@given(JSON | st.fixed_dictionaries({"status": st.just("success"), "data": SERIES}))
def test_any_answer_gives_samples_or_a_named_error(payload):
    try:
        data, _, _ = read_answer(payload)
        read = read_samples(data)
    except SourceError:
        return
    assert len(read.index) == len(read.value) == len(read)


@settings(max_examples=parts.examples(200), deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50)), max_size=60), st.integers(1, 5))
def test_parts_are_merged_without_loss(pairs, pieces):
    def part(some):
        return read_samples(
            {
                "resultType": "matrix",
                "result": [
                    {"metric": {"s": str(s)}, "values": [[t, str(s * 100 + t)]]} for s, t in some
                ],
            }
        )

    whole, doubled, _ = merged([part(pairs[n::pieces]) for n in range(pieces)])
    assert len(whole) == len(set(pairs))
    assert doubled == len(pairs) - len(set(pairs))


@settings(max_examples=parts.examples(200), deadline=None)
@given(st.sets(st.integers(0, 119)), st.integers(-3, 3))
def test_every_gap_of_two_intervals_is_found(missing, jitter):
    """RELIABILITY Q4: scrapes every 15 s with jitter, some of them missing."""
    rng = random.Random(jitter)
    kept = [n for n in range(120) if n not in missing]
    times = np.array([n * 15_000 + rng.randint(0, abs(jitter) * 100) for n in kept], dtype=np.int64)
    gaps, _ = gaps_of(times, 0, 1_800_000, cadence_ms=15_000)
    covered = {n for a, b in gaps for n in range(120) if a <= n * 15_000 + 400 and n * 15_000 < b}
    inner = {n for n in missing if 0 < n < 119}
    assert inner <= covered
    assert len(gaps) <= len(missing) + 1
