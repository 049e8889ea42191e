from __future__ import annotations

import pandas as pd

from planted import START
from workbench import TimeRange
from workbench.baseline import choose_baseline, extent
from workbench.tables import conform

HOUR = pd.Timedelta("1h")
WHEN = TimeRange(START + 3 * HOUR, START + 3.25 * HOUR)


def at(hours):
    return START + hours * HOUR


def metrics(first, last):
    frame = pd.DataFrame(
        {
            "ts": pd.date_range(at(first), at(last), freq="1min"),
            "metric": "up",
            "value": 1.0,
            "service": "cart",
            "labels": "{}",
        }
    )
    return {"metrics": conform("metrics", frame)}


def alerts(*rows):
    columns = ["starts_at", "ends_at", "severity"]
    frame = pd.DataFrame(rows, columns=columns).assign(
        name="HighLatency",
        service="cart",
        status="firing",
        fingerprint="f",
        source="am",
        labels="{}",
    )
    return {"alerts": conform("alerts", frame)}


def incidents(*rows):
    frame = pd.DataFrame(rows, columns=["created_at", "resolved_at"]).assign(
        id=[str(i) for i in range(len(rows))],
        title="x",
        severity="high",
        status="resolved",
        acked_at=pd.NaT,
    )
    return {"incidents": conform("incidents", frame)}


def test_without_trouble_it_is_all_that_lies_before():
    chosen = choose_baseline(metrics(0, 4), WHEN)
    assert chosen.range == TimeRange(START, WHEN.start)
    assert "180 min before the incident" in chosen.reason


def test_another_incident_is_avoided():
    tables = metrics(0, 4) | incidents((at(1), at(1.5)))
    chosen = choose_baseline(tables, WHEN)
    assert chosen.range == TimeRange(at(1.5), WHEN.start)
    assert "away from 1" in chosen.reason


def test_critical_alerts_are_avoided_and_low_ones_are_not():
    loud = choose_baseline(metrics(0, 4) | alerts((at(2), at(2.5), "critical")), WHEN)
    assert loud.range == TimeRange(at(2.5), WHEN.start)
    low = choose_baseline(metrics(0, 4) | alerts((at(2), at(2.5), "info")), WHEN)
    assert low.range == TimeRange(START, WHEN.start)


def test_an_alert_that_never_ended_reaches_to_the_incidents_end():
    chosen = choose_baseline(metrics(0, 4) | alerts((at(2), pd.NaT, "critical")), WHEN)
    assert chosen.range == TimeRange(START, at(2))


def test_the_longest_stretch_stands_in_where_none_is_long_enough():
    tables = metrics(0, 4) | incidents(
        *((at(i / 10) + pd.Timedelta("5min"), at((i + 1) / 10)) for i in range(30))
    )
    chosen = choose_baseline(tables, WHEN)
    assert chosen.range is not None
    assert chosen.range.duration < WHEN.duration
    assert "shorter than the incident" in chosen.reason


def test_trouble_all_the_time_is_said():
    chosen = choose_baseline(metrics(0, 4) | incidents((at(-1), at(5))), WHEN)
    assert chosen.range == TimeRange(START, WHEN.start)
    assert "nothing cleaner" in chosen.reason


def test_without_data_before_there_is_none():
    assert choose_baseline(metrics(3, 4), WHEN).range is None
    assert choose_baseline({}, WHEN) == (None, "no data before the incident")


def test_the_baseline_never_reaches_into_the_incident():
    for first in (0, 1, 2.9):
        chosen = choose_baseline(metrics(first, 4), WHEN)
        assert chosen.range is not None
        assert chosen.range.end <= WHEN.start


def test_the_extent_is_that_of_metrics_and_spans():
    assert extent({}) is None
    covered = extent(metrics(0, 1))
    assert covered is not None
    assert covered.contains(at(1))
