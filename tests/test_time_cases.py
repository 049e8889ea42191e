"""RELIABILITY Q6: 2,000 times and traces that clocks, zones and networks make odd."""

from __future__ import annotations

import datetime as dt
import random
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from workbench import TimeRange
from workbench.connectors.reading.rows import epoch, parse_timestamp
from workbench.connectors.reading.spans import odd_spans, span_frame, without_doubles
from workbench.connectors.sources.prometheus.payload import read_samples
from workbench.errors import NaiveTimestamp, SourceGarbled
from workbench.tables import conform, problems
from workbench.times import utc, utc_column

# Zone → a day on which its clocks go forward, and one on which they go back, in 2026.
CHANGES = {
    "Europe/Berlin": ((3, 29), (10, 25)),
    "America/New_York": ((3, 8), (11, 1)),
    "America/Sao_Paulo": ((1, 1), (7, 1)),
    "Australia/Lord_Howe": ((10, 4), (4, 5)),
    "Africa/Casablanca": ((3, 22), (2, 15)),
    "Asia/Kolkata": ((1, 1), (7, 1)),
    "Pacific/Chatham": ((9, 27), (4, 5)),
}
T0 = pd.Timestamp("2026-01-31T12:00:00Z")
ZONED, NAIVE, TRACES = 900, 300, 800


def local_times(number, seed):
    """Local times within four hours of a change of clocks, either side of a doubled hour."""
    rng = random.Random(seed)
    for n in range(number):
        zone = sorted(CHANGES)[n % len(CHANGES)]
        month, day = CHANGES[zone][n // len(CHANGES) % 2]
        around = dt.datetime(2026, month, day, 2, tzinfo=dt.UTC)
        naive = around.replace(tzinfo=None) + dt.timedelta(seconds=rng.uniform(-14400, 14400))
        yield naive.replace(tzinfo=ZoneInfo(zone), fold=rng.randint(0, 1))


def test_times_near_a_change_of_clocks_are_the_same_instant_everywhere():
    times = list(local_times(ZONED, seed=1))
    truth = [time.astimezone(dt.UTC) for time in times]
    column = utc_column(pd.Series(times, dtype="object", name="ts"))
    doubled = 0
    for time, real, read in zip(times, truth, column, strict=True):
        assert read.to_pydatetime() == real
        assert utc(time) == parse_timestamp(time.isoformat()) == read
        doubled += time.utcoffset() != time.replace(fold=1 - time.fold).utcoffset()
        hours = dt.timedelta(hours=3)
        assert TimeRange(time, real + hours).duration == pd.Timedelta(hours)
    assert doubled > 30, "no time lay in an hour that is doubled or skipped"
    events = pd.DataFrame({"ts": times, "kind": "deploy", "service": "cart", "ref": "x"})
    frame = conform("changes", events)
    assert list(frame["ts"]) == sorted(column), "rows are in order of the instants"


def conformed(naive):
    row = {"ts": [naive], "kind": ["deploy"], "service": ["cart"], "ref": ["x"]}
    return conform("changes", pd.DataFrame(row))


DOORS = (
    utc,
    lambda naive: utc(naive.isoformat()),
    lambda naive: parse_timestamp(naive.isoformat()),
    lambda naive: TimeRange(naive, T0 + pd.Timedelta("900D")),
    lambda naive: utc_column(pd.Series([T0, naive], dtype="object", name="ts")),
    conformed,
)


def test_naive_times_are_refused_at_every_door():
    for n, time in enumerate(local_times(NAIVE, seed=2)):
        with pytest.raises(NaiveTimestamp):
            DOORS[n % len(DOORS)](time.replace(tzinfo=None))


@pytest.mark.parametrize("number", [1.8e302, -1.8e305, 1e300, "nan", "inf", True, "x", 2**63])
def test_numbers_that_are_no_time_are_refused(number):
    with pytest.raises(SourceGarbled):
        epoch(number, unit="ms")
    pair = {"metric": {}, "values": [[number, "1"]]}
    with pytest.raises(SourceGarbled):
        read_samples({"resultType": "matrix", "result": [pair if number is not True else {}]})


def trace(rng):
    """Calls of edge → cart → pay, and what has been done to them."""
    skew = rng.choice([0.0, rng.uniform(1, 300), -rng.uniform(1, 300)])  # of cart's clock
    rows, lost, doubled = [], 0, 0
    for n in range(rng.randint(2, 8)):
        ids = [f"{n * 3 + k + 1:016x}" for k in range(3)]
        for k, service in enumerate(("edge", "cart", "pay")):
            at = T0.value + int((n + k * 0.01 + (skew if service == "cart" else 0)) * 1e9)
            parent = ids[k - 1] if k else ""
            rows.append(
                (at, 0.1, f"{n:032x}", ids[k], parent, service, "x", "server", "", "{}", "[]")
            )
        if rng.random() < 0.3:
            del rows[-2]  # cart's span was never sent: pay's has no parent
            lost += 1
        if rng.random() < 0.3:
            rows.append(rows[-1])
            doubled += 1
    rng.shuffle(rows)
    return rows, skew, lost, doubled


@pytest.mark.slow
def test_odd_traces_are_told_and_no_time_is_corrected():
    rng = random.Random(3)
    seen = {"skewed": 0, "lost": 0, "doubled": 0, "disordered": 0}
    for _ in range(TRACES):
        rows, skew, lost, doubled = trace(rng)
        raw = span_frame(rows)
        frame, notes = without_doubles(raw)
        told = "; ".join([*notes, *odd_spans(frame)])
        assert (f"{doubled:,} duplicated span" in told) == bool(doubled)
        assert (f"{lost:,} span(s) whose parent is not there" in told) == bool(lost)
        pairs = len(frame[frame["service"] == "cart"])
        late = "cart begin" if skew < 0 else "pay begin"
        assert (late in told and "clocks differ" in told) == bool(skew and pairs), told
        if skew and pairs:
            assert f"{abs(skew) - 0.01:.3g} s before" in told
        fitted = conform("spans", frame)
        sent = {(row[0], row[3]): row[0] for row in rows}.values()
        assert sorted(fitted["ts"].astype("int64")) == sorted(sent)
        disorder = bool((raw["ts"].diff() < pd.Timedelta(0)).any())
        assert ("out of time order" in "; ".join(problems("spans", raw, fitted))) == disorder
        for name, there in (
            ("skewed", skew and pairs),
            ("lost", lost),
            ("doubled", doubled),
            ("disordered", disorder),
        ):
            seen[name] += bool(there)
    print(f"{ZONED + NAIVE + TRACES} cases; traces: {seen}")
    assert min(seen.values()) > TRACES / 4
