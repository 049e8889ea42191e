"""Who wrote a series: streams of one name are told apart, or it is said that they cannot be."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from workbench import IncidentWindow, TimeRange
from workbench.connectors.sources.otlp.metrics import MetricPoints
from workbench.connectors.sources.otlp.source import Otlp, OtlpSettings
from workbench.connectors.sources.otlp.writers import said_of
from workbench.features.signals import signals

T0 = pd.Timestamp("2026-01-31T12:00:00Z").value
HOUR = TimeRange("2026-01-31T12:00:00Z", "2026-01-31T13:00:00Z")
NAME = "http.server.request.duration"
DELTA, CUMULATIVE = 1, 2


def at(seconds):
    return str(T0 + round(seconds * 1e9))


def attributes(**values):
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


def request(shape, points, *, instance="", name=NAME, unit="s", temporality=CUMULATIVE, **more):
    known = {"service.name": "cart", **({"service.instance.id": instance} if instance else {})}
    data = {"aggregationTemporality": temporality, "dataPoints": points, **more}
    metric = {"name": name, "unit": unit, shape: data}
    group = {
        "resource": {"attributes": attributes(**known)},
        "scopeMetrics": [{"metrics": [metric]}],
    }
    return {"resourceMetrics": [group]}


def histogram(seconds, count, *, start=0.0, mean=0.1, **labels):
    return {
        "timeUnixNano": at(seconds),
        "startTimeUnixNano": at(start) if start is not None else "0",
        "count": str(count),
        "sum": count * mean,
        "bucketCounts": [str(count), "0"],
        "explicitBounds": [0.5],
        "attributes": attributes(**labels),
    }


def point(seconds, value, *, start=0.0):
    told = {"timeUnixNano": at(seconds), "asDouble": value}
    return told if start is None else {**told, "startTimeUnixNano": at(start)}


def read(*requests):
    points = MetricPoints()
    for one in requests:
        points.add(one)
    assert not points.refused
    return points.frame(), points.odd


def load_of(frame, step=60):
    made = signals(IncidentWindow.from_frames(id="w", when=HOUR, metrics=frame), step=step)
    return made.node("cart", "load").dropna()


def replica(rate, *, every=60, phase=0.0, start=0.0, began=0.0, until=3600, **more):
    times = np.arange(phase, until, every)
    times = times[times > began]
    points = [
        histogram(float(t), round(1000 + rate * (t - began) / 60), start=start) for t in times
    ]
    return request("histogram", points, **more)


@pytest.mark.parametrize("number", [2, 3, 5])
def test_replicas_with_an_identity_are_summed_whatever_second_they_push_at(number):
    frame, odd = read(
        *(replica(100, phase=7.0 * n, instance=f"i-{n}") for n in range(1, number + 1))
    )
    assert np.median(load_of(frame)) == pytest.approx(100 * number)
    assert said_of(odd) == ([], [])


@pytest.mark.parametrize("number", [2, 3])
def test_replicas_without_an_identity_are_told_apart_by_their_start(number):
    frame, odd = read(
        *(replica(100, phase=7.0 * n, start=-1000.0 * n) for n in range(1, number + 1))
    )
    assert np.median(load_of(frame)) == pytest.approx(100 * number)
    problems, notes = said_of(odd)
    assert not problems
    assert "several writers" in notes[0]


@pytest.mark.parametrize("start", [0.0, None])
def test_writers_that_nothing_tells_apart_are_left_out_with_a_word(start):
    points = []
    for n in range(50):
        points += [histogram(60 * n + 10, 1000 + 100 * n, start=start)]
        points += [histogram(60 * n + 40, 90_000 + 100 * n, start=start)]
    frame, odd = read(request("histogram", points))
    assert frame.empty
    problems, _ = said_of(odd)
    assert "several writers" in problems[0]


def test_a_rolling_deploy_is_one_writer_after_the_other_where_they_do_not_overlap():
    one = [histogram(60 * n, 100 * n, start=0.0) for n in range(1, 21)]
    two = [histogram(60 * n, 100 * (n - 20), start=1200.0) for n in range(21, 41)]
    frame, odd = read(request("histogram", [*one, *two]))
    assert load_of(frame).to_numpy() == pytest.approx(100)
    assert said_of(odd) == ([], [])


def test_a_restart_told_by_its_start_alone_counts_from_nothing():
    points = [point(60 * n, 10.0 * n) for n in range(1, 11)]
    points += [point(660, 5000.0, start=610.0), point(720, 5010.0, start=610.0)]
    made = request("sum", points, name="jobs", unit="1", isMonotonic=True)
    frame, _ = read(made)
    assert list(frame["value"].diff().dropna()) == [10.0] * 9 + [5000.0, 10.0]


def test_two_restarts_add_up_whether_the_value_fell_or_not():
    starts, values = [0, 0, 300, 300, 500], [100.0, 200.0, 50.0, 400.0, 450.0]
    points = [
        point(100 * (n + 1), value, start=start)
        for n, (value, start) in enumerate(zip(values, starts, strict=True))
    ]
    frame, _ = read(request("sum", points, name="jobs", unit="1", isMonotonic=True))
    assert list(frame["value"]) == [100, 200, 250, 600, 1050]


def test_a_start_that_moves_with_every_point_is_no_restart():
    points = [point(60 * n, 100.0 * n, start=60.0 * n - 1) for n in range(1, 30)]
    frame, odd = read(request("sum", points, name="jobs", unit="1", isMonotonic=True))
    assert set(frame["value"].diff().dropna()) == {100.0}
    assert "moves with every point" in said_of(odd)[1][0]


@pytest.mark.parametrize("shape", ["sum", "histogram"])
def test_deltas_cut_over_files_are_those_of_one_file(tmp_path, shape):
    values = [10, 12, 11, 30, 31, 29]
    points = [
        point(60 * (n + 1), float(value), start=60 * n)
        if shape == "sum"
        else histogram(60 * (n + 1), value, start=60 * n)
        for n, value in enumerate(values)
    ]
    more = {"isMonotonic": True} if shape == "sum" else {}
    made = [request(shape, [one], temporality=DELTA, **more) for one in points]
    frames = []
    for name, parts in (("one", [made]), ("many", [[one] for one in made])):
        (tmp_path / name).mkdir()
        for n, part in enumerate(parts):
            text = "\n".join(json.dumps(one) for one in part)
            (tmp_path / name / f"metrics-{n:03d}.json").write_text(text)
        frames.append(fetched(tmp_path / name).frame)
    pd.testing.assert_frame_equal(*frames)
    counted = frames[0][~frames[0]["metric"].astype("str").str.endswith(("_sum", "_bucket"))]
    assert list(counted["value"]) == list(itertools.accumulate(values))


def fetched(folder):
    import asyncio

    made = Otlp("otlp", OtlpSettings(files=str(folder / "*")))
    return asyncio.run(made.fetch("metrics", HOUR))


def test_a_delta_that_came_twice_counts_once(tmp_path):
    made = request("sum", [point(60, 10.0)], temporality=DELTA, isMonotonic=True, name="jobs")
    late = request(
        "sum", [point(120, 5.0, start=60)], temporality=DELTA, isMonotonic=True, name="jobs"
    )
    for n, one in enumerate((made, made, late)):
        (tmp_path / f"{n}.json").write_text(json.dumps(one))
    found = fetched(tmp_path)
    assert list(found.frame["value"]) == [10, 15]
    assert "came twice" in found.coverage[-1].reason


@pytest.mark.parametrize("temporality", [DELTA, CUMULATIVE])
def test_a_sum_that_may_fall_is_a_gauge(temporality):
    levels = [50.0, 51.0, 48.0, 52.0]
    told = np.diff(levels, prepend=0.0) if temporality == DELTA else levels
    points = [point(60 * (n + 1), float(value), start=0) for n, value in enumerate(told)]
    made = request("sum", points, temporality=temporality, name="queue", unit="1")
    frame, _ = read(made)
    assert list(frame["value"]) == levels
    assert set(frame["kind"]) == {"gauge"}
    assert set(frame["temporality"]) == {""}


def test_quantiles_of_a_summary_are_rows():
    told = [{"quantile": 0.5, "value": 0.1}, {"quantile": 0.99, "value": 0.4}]
    point_ = {"timeUnixNano": at(60), "count": "7", "sum": 1.5, "quantileValues": told}
    frame, _ = read(request("summary", [point_], name="lat"))
    gauges = frame[frame["kind"] == "gauge"]
    assert dict(
        zip(gauges["labels"].map(lambda t: json.loads(t)["quantile"]), gauges["value"], strict=True)
    ) == {
        "0.5": 0.1,
        "0.99": 0.4,
    }
    assert set(frame["metric"]) == {"lat_seconds", "lat_seconds_sum", "lat_seconds_count"}


def test_names_of_labels_are_in_prometheus_form():
    points = [histogram(60, 5, **{"http.response.status_code": "500", "server.address": "db"})]
    frame, _ = read(request("histogram", points, instance="i-1"))
    assert set(json.loads(frame["labels"].iloc[0])) == {
        "http_response_status_code",
        "server_address",
        "service_instance_id",
    }


def test_equal_deltas_of_one_request_are_of_two_writers():
    points = [point(60 * n, 10.0, start=60 * n - 60) for n in (1, 1, 2, 2)]
    made = request("sum", points, temporality=DELTA, isMonotonic=True, name="jobs")
    frame, _ = read(made)
    assert frame["value"].max() == 40
    frame, odd = read(made, made)
    assert frame["value"].max() == 40
    assert "4 point(s) that came twice" in said_of(odd)[1][0]


def test_two_writers_of_one_start_are_told_however_short_their_series():
    pairs = [(60 * n + 20 * k, 5000.0 * k + 100 * n) for n in range(1, 4) for k in (0, 1)]
    points = [point(at_s, value) for at_s, value in pairs]
    frame, odd = read(request("sum", points, isMonotonic=True, name="jobs"))
    assert frame.empty
    assert "several writers" in said_of(odd)[0][0]


def test_one_restart_whose_start_was_not_renewed_is_a_restart():
    values = [100.0, 200.0, 300.0, 50.0, 150.0]
    points = [point(60 * n, value) for n, value in enumerate(values, start=1)]
    frame, odd = read(request("sum", points, isMonotonic=True, name="jobs"))
    assert list(frame["value"]) == values
    assert said_of(odd) == ([], [])
