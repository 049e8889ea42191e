"""A lake: ClickHouse's own engine, Spark's local mode and Parquet give the same rows."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import numpy as np
import pandas as pd
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import archives
import engines
import parts
from workbench import TimeRange
from workbench.connectors.contract import Connector
from workbench.connectors.sources.lake.schema import OTEL, frame_of
from workbench.connectors.sources.lake.source import Lake, LakeSettings
from workbench.errors import BadInput, SourceGarbled, UnknownName
from workbench.tables import SCHEMAS, labels_of

pytestmark = [
    pytest.mark.server,
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

START = pd.Timestamp("2026-01-31T12:00:00.000000001Z")
WHEN = TimeRange(START, START + pd.Timedelta("10min"))
NAMES = ["cart", "pay", *archives.HOSTILE]
MAP = "Map(LowCardinality(String), String)"
METRIC = f"""ResourceAttributes {MAP}, ServiceName LowCardinality(String), MetricName String,
    MetricUnit String, Attributes {MAP}, StartTimeUnix DateTime64(9), TimeUnix DateTime64(9),
    Flags UInt32"""
SUM = "AggregationTemporality Int32, IsMonotonic Bool"
# As the collector's exporter makes them, columns that no window has left out.
TABLES = {
    "otel_logs": f"""Timestamp DateTime64(9), TraceId String, SpanId String, TraceFlags UInt8,
        SeverityText LowCardinality(String), SeverityNumber UInt8,
        ServiceName LowCardinality(String), Body String, ResourceAttributes {MAP},
        LogAttributes {MAP}""",
    "otel_traces": f"""Timestamp DateTime64(9), TraceId String, SpanId String,
        ParentSpanId String, SpanName LowCardinality(String), SpanKind LowCardinality(String),
        ServiceName LowCardinality(String), ResourceAttributes {MAP}, SpanAttributes {MAP},
        Duration UInt64, StatusCode LowCardinality(String), StatusMessage String""",
    "otel_metrics_gauge": f"{METRIC}, Value Float64",
    "otel_metrics_sum": f"{METRIC}, Value Float64, {SUM}",
    "otel_metrics_histogram": f"""{METRIC}, Count UInt64, Sum Float64,
        BucketCounts Array(UInt64), ExplicitBounds Array(Float64),
        AggregationTemporality Int32""",
    "otel_metrics_summary": f"{METRIC}, Count UInt64, Sum Float64",
}


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def parse_timestamp(n):
    return f"fromUnixTimestamp64Nano({START.value + n * 1_000_000_000})"


def resource(name):
    return f"map('service.name', {quoted(name)}, 'host.name', 'h1', 'who', 'resource')"


def rows_of(table):
    """Values to insert, a list of SQL tuples."""
    if table == "otel_logs":
        return [
            f"({parse_timestamp(n)}, 't{n}', 's', 0, 'ERROR', {17 * (n % 2)}, {quoted(name)}, "
            f"{quoted('said ' + name)}, {resource(name)}, "
            f"map('who', 'own', {quoted(name)}, {quoted(name)}))"
            for n, name in enumerate(NAMES)
        ]
    if table == "otel_traces":
        return [
            f"({parse_timestamp(n)}, 't{n}', 's{n}', '', 'GET /x', '{kind}', {quoted(name)}, "
            f"{resource(name)}, map('http.route', '/x'), 1500000, '{status}', '')"
            for n, (name, kind, status) in enumerate(
                zip(
                    NAMES,
                    ["Server", "SPAN_KIND_CLIENT", "Internal"] * 9,
                    ["Unset", "STATUS_CODE_ERROR", "Error"] * 9,
                    strict=False,
                )
            )
        ]
    start = parse_timestamp(0)
    head = [
        f"{resource(name)}, {quoted(name)}, 'http.server.request.duration', 's', "
        f"map('code', '200'), {start}, {parse_timestamp(n)}, {n == 1:d}"
        for n, name in enumerate(NAMES)
    ]
    tails = {
        "otel_metrics_gauge": "nan",
        "otel_metrics_sum": "5, 2, true",
        "otel_metrics_histogram": "6, 0.9, [1, 2, 3], [0.1, 0.5], 2",
        "otel_metrics_summary": "6, 0.9",
    }
    return [f"({text}, {tails[table]})" for text in head]


@pytest.fixture(scope="module")
def clickhouse():
    con = engines.clickhouse()
    con.raw_sql("CREATE DATABASE IF NOT EXISTS lake")
    for table, columns in TABLES.items():
        con.raw_sql(f"DROP TABLE IF EXISTS lake.{table}")
        con.raw_sql(f"CREATE TABLE lake.{table} ({columns}) ENGINE = MergeTree ORDER BY tuple()")
        con.raw_sql(f"INSERT INTO lake.{table} VALUES {', '.join(rows_of(table))}")
    return con


@pytest.fixture(scope="module")
def folder(clickhouse, tmp_path_factory):
    """The same tables as Parquet, with times in microseconds as Spark wants them."""
    root = tmp_path_factory.mktemp("lake")
    for table, columns in TABLES.items():
        times = [c for c in ("Timestamp", "TimeUnix", "StartTimeUnix") if f"{c} " in columns]
        plain = ", ".join(f"toDateTime64({c}, 6, 'UTC') AS {c}" for c in times)
        clickhouse.raw_sql(
            f"INSERT INTO FUNCTION file('{root}/{table}.parquet', 'Parquet') "
            f"SELECT * REPLACE ({plain.replace(' AS ', ' AS ')}) FROM lake.{table}"
        )
    return root


@pytest.fixture(scope="module")
def spark():
    with engines.spark() as con:
        yield con


def otel(clickhouse):
    settings = LakeSettings(
        engine="clickhouse", layout="opentelemetry", database="lake", url="http://127.0.0.1:8123"
    )
    return Lake("lake", settings, connection=clickhouse)


def parquet(folder, **more):
    return Lake("lake", LakeSettings(engine="parquet", path=str(folder), **more))


def fetch(lake, table, when=WHEN, services=()):
    return asyncio.run(lake.fetch(table, when, services=services))


def test_it_is_a_connector(clickhouse):
    assert isinstance(otel(clickhouse), Connector)
    assert "lake" in repr(otel(clickhouse))


def test_logs_are_complete_with_their_attributes_merged(clickhouse):
    found = fetch(otel(clickhouse), "logs")
    assert found.complete
    assert found.coverage[0].rows == len(NAMES)
    logs = found.frame
    assert list(logs["service"]) == NAMES
    assert list(logs["body"]) == [f"said {name}" for name in NAMES]
    assert logs["ts"].iloc[0] == START
    assert labels_of(logs["attributes"].iloc[2]) == {
        "host.name": "h1",
        "who": "own",
        NAMES[2]: NAMES[2],
    }
    assert logs["severity_number"].isna().tolist() == [n % 2 == 0 for n in range(len(NAMES))]
    assert "otel_logs" in found.queries[0].text


def test_spans_have_our_words_and_seconds(clickhouse):
    spans = fetch(otel(clickhouse), "spans").frame
    assert set(spans["kind"]) == {"server", "client", "internal"}
    assert set(spans["status"]) == {"unset", "error"}
    assert set(spans["duration_s"]) == {0.0015}


def test_metrics_of_all_kinds_and_what_is_not_read_of_them_is_told(clickhouse):
    found = fetch(otel(clickhouse), "metrics", services=("cart",))
    values = found.frame.set_index("metric")["value"].groupby(level=0, observed=True).agg(list)
    base = "http_server_request_duration_seconds"
    assert values[f"{base}_total"] == [5.0]
    assert values[f"{base}_bucket"] == [1.0, 3.0, 6.0]
    assert values[f"{base}_sum"] == [0.9, 0.9]
    assert values[f"{base}_count"] == [6.0, 6.0]
    assert np.isnan(values[base]).all()
    buckets = found.frame[found.frame["metric"] == f"{base}_bucket"]
    assert list(buckets["le"]) == [0.1, 0.5, np.inf]
    assert set(buckets["temporality"]) == {"cumulative"}
    assert "summaries" in found.coverage[0].reason


def test_a_point_without_a_value_is_a_gap(clickhouse):
    assert fetch(otel(clickhouse), "metrics", services=("pay",)).frame.empty


@pytest.mark.slow
@pytest.mark.parametrize("name", archives.HOSTILE)
def test_a_hostile_service_finds_its_own_rows_alone(clickhouse, folder, name):
    for lake in (otel(clickhouse), parquet(folder, layout="opentelemetry")):
        found = fetch(lake, "logs", services=(name,))
        assert list(found.frame["service"]) == [name]
        assert found.complete
    assert len(fetch(otel(clickhouse), "logs").frame) == len(NAMES)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["logs", "spans", "metrics"])
def test_every_engine_gives_the_same_rows(clickhouse, folder, spark, table):
    settings = LakeSettings(engine="spark", path=str(folder), layout="opentelemetry")
    lakes = [
        otel(clickhouse),
        parquet(folder, layout="opentelemetry"),
        Lake("lake", settings, connection=spark),
    ]
    when = TimeRange(START.floor("us"), WHEN.end)  # Parquet here has microseconds
    told = [fetch(lake, table, when) for lake in lakes]
    assert all(found.complete for found in told)
    order = ["ts", "service", "metric", "le"] if table == "metrics" else ["ts", "service"]
    frames = [
        f.frame.assign(ts=f.frame["ts"].dt.floor("us"))
        .sort_values(order, ignore_index=True)
        .astype(str)
        for f in told
    ]
    assert len(frames[0])
    pd.testing.assert_frame_equal(frames[0], frames[1])
    pd.testing.assert_frame_equal(frames[0], frames[2])


def test_the_range_is_half_open_to_the_nanosecond(clickhouse):
    end = START + pd.Timedelta("1s")
    assert list(fetch(otel(clickhouse), "logs", TimeRange(START, end)).frame["service"]) == ["cart"]
    later = TimeRange(START + pd.Timedelta(1, "ns"), end + pd.Timedelta(1, "ns"))
    assert list(fetch(otel(clickhouse), "logs", later).frame["service"]) == ["pay"]


def test_nothing_in_the_range_is_empty_and_no_table_is_a_failure(clickhouse, tmp_path):
    before = TimeRange(START - pd.Timedelta("1h"), START)
    assert fetch(otel(clickhouse), "logs", before).coverage[0].status == "empty"
    assert fetch(otel(clickhouse), "alerts").coverage[0].status == "failed"
    assert fetch(parquet(tmp_path), "logs").coverage[0].status == "failed"


@pytest.mark.parametrize("bad", [b"no parquet", b"", b"PAR1" + bytes(100) + b"PAR1"])
def test_a_file_that_cannot_be_read_is_a_failure(tmp_path, bad):
    (tmp_path / "logs.parquet").write_bytes(bad)
    row = fetch(parquet(tmp_path), "logs").coverage[0]
    assert row.status == "failed"
    assert "could not answer" in row.reason
    assert asyncio.run(parquet(tmp_path).estimate("logs", WHEN)).rows is None


def test_a_lake_in_our_own_layout(tmp_path):
    (tmp_path / "metrics").mkdir()
    for day in (0, 1):
        archives.metrics(day).to_parquet(tmp_path / "metrics" / f"{day}.parquet")
    stamps = archives.stamps(0)
    found = fetch(parquet(tmp_path), "metrics", TimeRange(stamps[0], stamps[-1]))
    expected = archives.metrics(0)
    assert found.complete
    assert len(found.frame) == (expected["ts"] < stamps[-1]).sum()
    assert found.frame["ts"].iloc[0] == stamps[0]
    assert set(found.frame.columns) == set(SCHEMAS["metrics"].required)


def test_duplicated_rows_are_dropped_and_told(tmp_path):
    logs = archives.logs(0)
    pd.concat([logs, logs.head(3)]).to_parquet(tmp_path / "logs.parquet")
    found = fetch(parquet(tmp_path), "logs", TimeRange("2026-01-31T00:00Z", "2026-02-01T00:00Z"))
    assert len(found.frame) == len(logs)
    assert found.coverage[0].reason == "3 duplicated rows dropped"


def test_more_rows_than_allowed_are_refused_before_they_are_read(clickhouse, folder):
    found = fetch(parquet(folder, layout="opentelemetry", most_rows=5), "logs")
    assert found.coverage[0].status == "failed"
    assert "more than one fetch may bring" in found.coverage[0].reason
    assert asyncio.run(otel(clickhouse).estimate("logs", WHEN)).rows == len(NAMES)


def test_rows_that_came_short_are_partial(clickhouse, monkeypatch):
    lake = otel(clickhouse)
    monkeypatch.setattr(
        "workbench.connectors.sources.lake.source._count", lambda *_: len(NAMES) + 2
    )
    row = fetch(lake, "logs").coverage[0]
    assert (row.status, row.reason) == ("partial", "2 rows fewer were read than counted")
    monkeypatch.setattr(
        "workbench.connectors.sources.lake.source._count", lambda *_: len(NAMES) - 1
    )
    assert "arrived" in fetch(lake, "logs").coverage[0].reason


def test_what_the_user_asked_wrongly_is_refused(clickhouse):
    with pytest.raises(UnknownName):
        fetch(otel(clickhouse), "log")
    with pytest.raises(BadInput, match="not text"):
        fetch(otel(clickhouse), "logs", services=(1,))


@pytest.mark.parametrize(
    "settings",
    [
        {"engine": "parquet"},
        {"engine": "clickhouse"},
        {"engine": "oracle"},
        {"engine": "parquet", "path": "x", "memory": "1; SET x"},
        {"engine": "clickhouse", "url": "http://169.254.169.254/"},
        {"engine": "clickhouse", "url": "http://user:word@host/"},
        {"engine": "parquet", "path": "x", "unknown": 1},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(pydantic.ValidationError) as refused:
        LakeSettings(**settings)
    assert "word" not in str(refused.value)


def test_a_server_nobody_runs_is_a_failure():
    lake = Lake("lake", LakeSettings(engine="clickhouse", url="http://127.0.0.1:1"))
    row = fetch(lake, "logs").coverage[0]
    assert row.status == "failed"
    assert "does not answer" in row.reason
    asyncio.run(lake.aclose())


def test_closing_leaves_a_connection_that_was_given(clickhouse):
    asyncio.run(otel(clickhouse).aclose())
    assert clickhouse.list_tables(database="lake")


JSON = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["{}", '{"a":"b"}', "[1,2]", "[]", "null", '{"a":{"b":[1]}}', "[[", "1e999", "[1,null]", ""]
    ),
)
NUMBER = st.one_of(st.none(), st.floats(), st.integers(-(2**63), 2**63 - 1))
CELLS = {
    "ts": st.integers(-(2**62), 2**62),
    "flags": st.sampled_from([0, 1, None]),
    "own": JSON,
    "resource": JSON,
    "buckets": JSON,
    "bounds": JSON,
    "count": NUMBER,
    "sum": NUMBER,
    "value": NUMBER,
    "monotonic": st.sampled_from([0, 1, None]),
    "temporality": st.sampled_from(["0", "1", "2", None]),
    "severity_number": NUMBER,
    "duration_s": NUMBER,
}
WORDS = (
    "service",
    "metric",
    "unit",
    "body",
    "severity_text",
    "trace_id",
    "span_id",
    "parent_span_id",
    "name",
    "kind",
    "status",
)


@settings(max_examples=parts.examples(40))
@given(st.sampled_from([n for names in OTEL.values() for n in names]), st.data())
def test_any_rows_become_a_table_or_are_garbled(name, data):
    cells = {**CELLS, **dict.fromkeys(WORDS, st.text(max_size=5))}
    drawn = {c: data.draw(st.lists(cell, min_size=2, max_size=2)) for c, cell in cells.items()}
    kept = data.draw(st.sets(st.sampled_from(sorted(drawn)), max_size=3))
    rows = pd.DataFrame({c: v for c, v in drawn.items() if c == "ts" or c not in kept})
    try:
        table, frame = frame_of(name, rows)
    except SourceGarbled:
        return
    assert table in SCHEMAS
    assert set(SCHEMAS[table].required) <= set(frame.columns)


@pytest.mark.slow
def test_ibis_is_not_asked_for_before_a_fetch():
    code = (
        "import sys\n"
        "from workbench.connectors.sources.lake.source import Lake, LakeSettings\n"
        "Lake('lake', LakeSettings(engine='spark'))\n"
        "print([name for name in ('ibis', 'pyspark') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
