"""Units are right and not only consistent: figures in seconds, bytes and shares, by hand."""

import numpy as np
import pandas as pd
import pytest

from planted import START, Fault, System, metrics_window
from workbench import SLI, IncidentWindow, TimeRange
from workbench.causal import rank
from workbench.diagnose import compare
from workbench.errors import BadInput
from workbench.features import signals, sli_series

SLOW = 0.05
CHAIN = {"front": {"api": 1.0, "cart": 1.0}, "api": {"db": 2.0}, "cart": {"cache": 1.0}}
TIMES = ["service.latency", "edge.latency"]


def one(metric, value, unit, **more):
    """A gauge that reads the same all the time, in some unit."""
    ts = START + pd.to_timedelta(np.arange(60) * 60.0, unit="s")
    frame = pd.DataFrame(
        {
            "ts": ts,
            "metric": metric,
            "value": value,
            "service": "cart",
            "labels": [{}] * 60,
            "kind": "gauge",
            "unit": unit,
            **more,
        }
    )
    when = TimeRange(START + pd.Timedelta("45min"), START + pd.Timedelta("60min"))
    return IncidentWindow.from_frames(when=when, metrics=frame)


@pytest.mark.parametrize(
    ("value", "unit", "seconds"),
    [
        (250.0, "ms", 0.25),
        (250.0, "milliseconds", 0.25),
        (250_000.0, "us", 0.25),
        (250_000.0, "µs", 0.25),
        (2.5e8, "ns", 0.25),
        (0.5, "min", 30.0),
        (0.25, "s", 0.25),
        (0.25, "", 0.25),
    ],
)
def test_latency_is_read_in_seconds(value, unit, seconds):
    nodes = signals(one("service.latency", value, unit)).nodes
    assert nodes["cart", "latency"].median() == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("value", "unit", "size"),
    [
        (300.0, "MB", 3e8),
        (300.0, "MBy", 3e8),
        (300.0, "MiB", 314_572_800.0),
        (0.3, "GB", 3e8),
        (300_000.0, "kB", 3e8),
        (300_000.0, "KiBy", 307_200_000.0),
        (3e8, "By", 3e8),
    ],
)
def test_memory_is_read_in_bytes(value, unit, size):
    nodes = signals(one("process_memory", value, unit)).nodes
    assert nodes["cart", "saturation:process_memory"].median() == pytest.approx(size)


def test_a_percentage_is_read_as_a_share():
    nodes = signals(one("service.error_ratio", 5.0, "%")).nodes
    assert nodes["cart", "error_ratio"].median() == pytest.approx(0.05)


def test_a_histogram_in_milliseconds_has_its_bounds_and_its_sum_in_seconds_and_its_counts_as_is():
    """Ten requests a minute of 80 ms each, nine in ten of them under 100 ms by the buckets."""
    parts, ts = [], START + pd.to_timedelta(np.arange(60) * 60.0, unit="s")
    base, step = "http_server_request_duration_seconds", np.arange(60.0)
    for name, a_minute, le in (
        ("_count", 10, np.nan),
        ("_sum", 800, np.nan),
        ("_bucket", 5, 50.0),
        ("_bucket", 9, 100.0),
        ("_bucket", 10, np.inf),
    ):
        parts.append(
            pd.DataFrame(
                {
                    "ts": ts,
                    "metric": base + name,
                    "value": a_minute * step,
                    "service": "cart",
                    "labels": [{}] * 60,
                    "kind": "counter",
                    "unit": "ms",
                    "le": le,
                }
            )
        )
    when = TimeRange(START + pd.Timedelta("45min"), START + pd.Timedelta("60min"))
    found = signals(IncidentWindow.from_frames(when=when, metrics=pd.concat(parts)), step=60.0)
    nodes = found.nodes["cart"]
    assert nodes["load"].median() == pytest.approx(10)
    assert nodes["latency"].median() == pytest.approx(0.08)
    assert nodes["latency_p50"].median() == pytest.approx(0.05)
    assert nodes["latency_p90"].median() == pytest.approx(0.1)
    assert found.notes == (f"{base} is named in seconds and told in ms: converted from that",)


def told_in(window, unit, factor, *services):
    frame = window.metrics
    rows = frame["metric"].isin(TIMES) & frame["service"].isin(services)
    unit_of = np.where(rows, unit, np.where(frame["metric"].isin(TIMES), "s", "1"))
    changed = frame.assign(value=frame["value"].where(~rows, factor * frame["value"]), unit=unit_of)
    return window.with_(tables={**window.tables, "metrics": changed})


@pytest.mark.parametrize("services", [("front", "api", "db", "cart"), ("db",), ("front",)])
def test_two_calls_of_50_ms_more_are_told_as_100_ms_whoever_reports_in_milliseconds(services):
    plain = metrics_window(System(CHAIN), (Fault("db", "latency", SLOW),), seed=1)
    found = compare(told_in(plain, "ms", 1e3, *services))
    assert found.cause.service == "db"
    assert found.cause.attribution == pytest.approx(2 * SLOW, rel=0.1)
    assert found.during - found.before == pytest.approx(2 * SLOW, rel=0.1)
    # Five services of 20 ms, db called twice: 120 ms of work a request.
    assert found.before == pytest.approx(0.12, rel=0.1)
    assert "12" in found.verdict
    assert " ms → 2" in found.verdict


def test_a_gauge_told_in_megabytes_by_some_and_in_bytes_by_others_is_one_gauge_in_bytes():
    faults = (Fault("api", "memory", 3.0), Fault("api", "latency", SLOW))
    window = metrics_window(System(CHAIN), faults, seed=1, gauges=("memory",), history=False)
    frame = window.metrics
    memory = frame["metric"].eq("container_memory_bytes")
    small = memory & frame["service"].isin(["api", "db"])
    unit = np.select([small, memory], ["MB", "By"], "")
    value = frame["value"].where(~small, frame["value"] / 1e6)
    tables = {**window.tables, "metrics": frame.assign(value=value, unit=unit)}
    first = rank(window.with_(tables=tables)).rows[0]
    (gauge,) = [c for c in first.anomalies if c.kind == "saturation"]
    assert first.service == "api"
    assert gauge.before == pytest.approx(3e8, rel=0.05)
    assert gauge.during == pytest.approx(12e8, rel=0.1)
    assert gauge.statement.startswith("container_memory_bytes rose from 3e+08 to 1.2")


@pytest.mark.parametrize(
    ("value", "unit", "seconds"),
    [
        (250.0, "Milliseconds", 0.25),
        (250.0, "millisecond", 0.25),
        (250.0, "MILLISECONDS", 0.25),
        (250.0, " msec ", 0.25),
        (250.0, "millis", 0.25),
        (250_000.0, "Microseconds", 0.25),
        (0.25, "Seconds", 0.25),
        (0.25, "sec", 0.25),
        (0.25, "None", 0.25),
        (0.5, "Minutes", 30.0),
    ],
)
def test_words_of_units_are_read_in_any_case(value, unit, seconds):
    found = signals(one("service.latency", value, unit))
    assert found.nodes["cart", "latency"].median() == pytest.approx(seconds)
    assert not found.notes


@pytest.mark.parametrize("unit", ["furlongs", "Count", "By", "ticks"])
def test_a_unit_that_is_no_known_time_is_told_and_never_taken_for_seconds(unit):
    told = one("service.latency", 250.0, unit).metrics
    load = one("service.load", 10.0, "1").metrics
    window = one("service.load", 10.0, "1").with_(tables={"metrics": pd.concat([told, load])})
    found = signals(window)
    assert ("cart", "latency") not in found.nodes
    assert any(unit in note and "60 sample(s) left out" in note for note in found.notes)


def test_an_sli_in_a_unit_nobody_knows_is_refused_with_that_unit():
    told = one("service.latency", 250.0, "furlongs").metrics
    load = one("service.load", 10.0, "1").metrics
    window = one("service.load", 10.0, "1").with_(tables={"metrics": pd.concat([told, load])})
    with pytest.raises(BadInput, match="furlongs"):
        sli_series(window, SLI("cart", "latency"))
