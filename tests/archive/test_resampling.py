"""Resampling what memory need not hold: bounded, and a gap stays a gap."""

from __future__ import annotations

import pandas as pd
import pytest

import archives
from tests.benchmarks import store
from workbench import TimeRange, archive
from workbench.errors import BadInput, UnknownName, WindowTooLarge

SAMPLES = 6_000_000  # 8 bytes of value, 8 of time and three words each: 240 MB as plain columns


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    return archive.open(archives.write(tmp_path_factory.mktemp("archive")))


@pytest.mark.slow
def test_memory_stays_bounded_and_every_sample_is_counted_once(tmp_path):
    told = store.apart(store.generated(tmp_path / "large", SAMPLES))
    missing = 600 * 5
    assert told["counted"] == SAMPLES - missing
    assert told["peak MB grown"] <= 400  # DuckDB's 256 MB, and the bins
    assert (told["gaps"], told["gap s"]) == (5, 600.0)


@pytest.mark.slow
def test_a_gap_stays_a_gap(opened):
    found = opened.resample("10s", services=["cart"], by=("service", "metric"), when=day(0))
    wide = found.wide("count")
    gap = archives.stamps(0)[archives.GAP]
    assert wide.loc[gap[0].floor("10s") : gap[-1]].isna().all().all()
    gaps = found.gaps()
    assert list(gaps["start"]) == [gap[0].floor("10s")]
    assert list(gaps["end"]) == [gap[-1].floor("10s") + pd.Timedelta("10s")]
    assert not set(found.to_frame()["ts"]) & set(gap.floor("10s"))


def test_gaps_reach_to_the_ends_of_the_range(opened):
    first = archives.stamps(0)[0].floor("10s")
    when = TimeRange(first - pd.Timedelta("60s"), first + pd.Timedelta("60s"))
    found = opened.resample("10s", services=["pay"], metrics=["cpu"], when=when)
    assert list(found.gaps()["start"]) == [when.start]
    assert list(found.gaps()["end"]) == [first]
    assert len(found.wide()) == 12


def test_missing_and_nan_samples_are_none_and_infinities_stay(opened):
    frame = opened.resample("10s", how=("count", "max"), when=day(0)).to_frame()
    cart = frame[frame["service"] == "cart"]
    assert cart["count"].iloc[5] == 1
    queue = frame[frame["metric"] == "queue"]
    assert queue["max"].iloc[-1] == float("inf")


def test_the_last_of_a_counter_is_read_by_labels(opened):
    by = ("bundle", "service", "metric", "labels")
    frame = opened.resample("1min", how=("last",), by=by, when=day(1)).to_frame()
    raw = archives.metrics(1).dropna(subset="value")
    keys = ["service", "metric", "labels", raw["ts"].dt.floor("1min")]
    expected = raw.groupby(keys)["value"].last()
    assert list(frame["last"]) == list(expected)
    with pytest.raises(BadInput, match="several series"):
        opened.resample("1min", how=("last",))


@pytest.mark.slow
def test_more_bins_than_asked_for_are_refused(opened):
    with pytest.raises(WindowTooLarge, match="larger step"):
        opened.resample("1s", most_bins=100)
    with pytest.raises(WindowTooLarge, match="too many cells"):
        opened.resample("20ms").wide()


@pytest.mark.parametrize("step", ["soon", "0s", "-1min", None, "1ns"])
def test_a_step_that_is_none_is_refused(opened, step):
    with pytest.raises(BadInput, match="Not a step"):
        opened.resample(step)


def test_statistics_and_keys_that_do_not_exist_are_refused(opened):
    with pytest.raises(UnknownName):
        opened.resample("1min", how=("median",))
    with pytest.raises(UnknownName):
        opened.resample("1min", by=("pod",))
    with pytest.raises(BadInput, match="No statistic"):
        opened.resample("1min", how=())
    with pytest.raises(BadInput, match="Not a statistic"):
        opened.resample("1min").wide("min")


def test_results_show_themselves(opened):
    found = opened.resample("1min", when=day(0))
    assert "Resampled metrics" in repr(found)
    assert "3 by bundle, service, metric" in found._repr_html_()
    nothing = opened.resample("1min", services=["nobody"])
    assert "no samples" in repr(nothing)
    assert nothing.gaps().empty
    assert nothing.wide().empty


def day(number):
    stamps = archives.stamps(number)
    return TimeRange(stamps[0].floor("10s"), stamps[-1].ceil("10s"))
