from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import TimeRange
from workbench.errors import BadInput, BadTimeRange, NaiveTimestamp
from workbench.times import utc, utc_column

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
NAIVE = st.datetimes(min_value=dt.datetime(2000, 1, 1), max_value=dt.datetime(2100, 1, 1))  # noqa: DTZ001


@given(NAIVE, st.sampled_from(ZONES), st.sampled_from([0, 1]))
def test_any_zone_reads_as_the_same_instant(naive, zone, fold):
    aware = naive.replace(tzinfo=ZoneInfo(zone), fold=fold)
    read = utc(aware)
    assert str(read.tz) == "UTC"
    assert read.unit == "ns"
    assert read.to_pydatetime() == aware.astimezone(dt.UTC)


@given(NAIVE)
def test_a_naive_time_is_refused(naive):
    with pytest.raises(NaiveTimestamp, match="without a zone"):
        utc(naive)
    with pytest.raises(NaiveTimestamp):
        utc(naive.isoformat())


def test_the_hour_that_happens_twice_stays_two_instants():
    berlin = ZoneInfo("Europe/Berlin")
    first = dt.datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=0)
    second = dt.datetime(2026, 10, 25, 2, 30, tzinfo=berlin, fold=1)
    assert utc(second) - utc(first) == pd.Timedelta("1h")


@given(st.text(alphabet="abcxyz!? ", max_size=12))
def test_text_that_is_no_time_is_refused(text):
    with pytest.raises(BadInput):
        utc(text)


@pytest.mark.parametrize("value", [None, pd.NaT, float("nan")])
def test_a_missing_time_is_refused(value):
    with pytest.raises(BadInput, match="Not a time"):
        utc(value)


@given(st.lists(NAIVE, min_size=1, max_size=5), st.sampled_from(ZONES))
def test_a_column_reads_like_its_values(naive, zone):
    aware = [value.replace(tzinfo=ZoneInfo(zone)) for value in naive]
    column = utc_column(pd.Series([*aware, None], dtype="object", name="ts"))
    assert str(column.dtype) == "datetime64[ns, UTC]"
    assert column.iloc[:-1].tolist() == [utc(value) for value in aware]
    assert pd.isna(column.iloc[-1])


def test_a_column_may_mix_zones():
    column = pd.Series(["2026-01-31T12:00:00Z", "2026-01-31T13:00:00+01:00"], name="ts")
    assert utc_column(column).nunique() == 1


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(pd.to_datetime(["2026-01-31T12:00:00"]), name="ts"),
        pd.Series(["2026-01-31T12:00:00Z", "2026-01-31T12:00:00"], name="ts"),
    ],
)
def test_a_naive_column_is_refused(column):
    with pytest.raises(NaiveTimestamp):
        utc_column(column)


def test_an_all_missing_column_is_a_time_column():
    assert str(utc_column(pd.Series([None, None], name="ts")).dtype) == "datetime64[ns, UTC]"


def test_a_range_is_half_open():
    span = TimeRange("2026-01-31T12:00:00Z", "2026-01-31T12:15:00Z")
    assert span.contains("2026-01-31T12:00:00Z")
    assert not span.contains("2026-01-31T12:15:00Z")
    assert span.duration == pd.Timedelta("15min")
    stamps = pd.Series(pd.date_range("2026-01-31T11:59Z", periods=18, freq="1min"))
    assert span.mask(stamps).sum() == 15
    assert span.mask(pd.DatetimeIndex(stamps)).sum() == 15


def test_a_range_that_does_not_advance_is_refused():
    for end in ("2026-01-31T12:00:00Z", "2026-01-31T11:00:00Z"):
        with pytest.raises(BadTimeRange, match="must end after it starts"):
            TimeRange("2026-01-31T12:00:00Z", end)


def test_ranges_that_touch_do_not_overlap():
    first = TimeRange("2026-01-31T12:00:00Z", "2026-01-31T12:15:00Z")
    assert not first.overlaps(first.shift(first.duration))
    assert first.overlaps(first.shift(first.duration / 2))


def test_a_range_reads_back_from_its_dict():
    span = TimeRange("2026-01-31T12:00:00.123456789Z", "2026-02-01T12:15:00Z")
    assert TimeRange(**span.to_dict()) == span
    assert "2026-02-01" in str(span)
