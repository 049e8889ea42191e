"""Test reports: every attempt a row, an error no failure, missing times told."""

from __future__ import annotations

import asyncio
import math
import os

import pandas as pd
import pytest

from workbench.connectors.sources.junit import JUnit, JUnitSettings, flaky
from workbench.times import TimeRange

WHEN = TimeRange("2026-01-31T00:00Z", "2026-02-01T00:00Z")
WRITTEN = 1769862000  # 2026-01-31T12:20:00Z


def report(cases, attributes='timestamp="2026-01-31T12:00:00Z"', properties=""):
    return f'<testsuite name="shop" {attributes}>{properties}{cases}</testsuite>'


COMMIT = '<properties><property name="commit" value="abc"/></properties>'


def fetch(tmp_path, *files, **settings):
    run = tmp_path / "run-17"
    run.mkdir(exist_ok=True)
    for n, text in enumerate(files):
        (run / f"TEST-{n}.xml").write_text(text)
        os.utime(run / f"TEST-{n}.xml", (WRITTEN, WRITTEN))
    source = JUnit("ci", JUnitSettings(files=str(run / "*.xml"), **settings))
    return asyncio.run(source.fetch("tests", WHEN))


def test_outcomes_are_kept_apart(tmp_path):
    cases = (
        '<testcase classname="C" name="a" time="0.5"/>'
        '<testcase classname="C" name="b"><failure message="1 != 2">trace</failure></testcase>'
        '<testcase classname="C" name="c"><error>no database</error></testcase>'
        '<testcase classname="C" name="d"><skipped/></testcase>'
    )
    frame = fetch(tmp_path, report(cases, properties=COMMIT)).frame.set_index("name")
    assert dict(frame["outcome"]) == {"a": "passed", "b": "failed", "c": "error", "d": "skipped"}
    assert frame.loc["a", "duration_s"] == 0.5
    assert frame.loc["b", "message"] == "1 != 2"
    assert frame.loc["c", "message"] == "no database"
    assert set(frame["commit"]) == {"abc"}
    assert set(frame["run_id"]) == {"run-17"}


def test_reruns_of_surefire_are_attempts_in_their_order(tmp_path):
    cases = (
        '<testcase name="a" time="2"><flakyFailure message="x"/><flakyError/></testcase>'
        '<testcase name="b" time="1"><failure/><rerunFailure/><rerunError/></testcase>'
    )
    frame = fetch(tmp_path, report(cases, properties=COMMIT)).frame
    by = {name: list(part["outcome"]) for name, part in frame.groupby("name", observed=True)}
    assert by == {"a": ["failed", "error", "passed"], "b": ["failed", "failed", "error"]}
    assert list(frame.loc[frame["name"] == "a", "attempt"]) == [1, 2, 3]
    assert list(flaky(frame)["name"]) == ["a"]


def test_a_retry_in_another_file_of_the_run_is_an_attempt_and_makes_it_flaky(tmp_path):
    first = report('<testcase name="a[1]"><failure/></testcase><testcase name="a[2]"/>')
    again = report('<testcase name="a[1]"/>', 'timestamp="2026-01-31T12:10:00Z"')
    frame = fetch(tmp_path, first, again).frame
    assert list(frame.loc[frame["name"] == "a[1]", "attempt"]) == [1, 2]
    (row,) = flaky(frame).to_dict("records")
    assert (row["name"], row["commit"]) == ("a[1]", "run run-17")


def test_errors_and_skips_make_no_test_flaky(tmp_path):
    ends = ("", "<error/>", "<skipped/>")
    cases = "".join(f'<testcase name="a">{end}</testcase>' for end in ends)
    assert flaky(fetch(tmp_path, report(cases)).frame).empty


@pytest.mark.parametrize(
    ("attributes", "settings", "expected", "told"),
    [
        ("", {}, "12:20", "no timestamp"),
        ('timestamp="2026-01-31T12:00:00"', {}, "12:20", "without a zone"),
        ('timestamp="2026-01-31T12:00:00"', {"zone": "Europe/Paris"}, "11:00", ""),
        ('timestamp="31 Jan"', {}, "12:20", "that are none"),
        ('timestamp="9999-01-31T12:00:00"', {"zone": "Europe/Paris"}, "12:20", "that are none"),
        ('timestamp="2026-01-31T13:00:00.123+01:00"', {}, "12:00", ""),
    ],
)
def test_times_are_placed_or_taken_from_the_file_and_said(
    tmp_path, attributes, settings, expected, told
):
    fetched = fetch(tmp_path, report('<testcase name="a"/>', attributes), **settings)
    assert f"{fetched.frame['ts'].iloc[0]:%H:%M}" == expected
    assert told in fetched.coverage[-1].reason


@pytest.mark.parametrize("said", ["2025-03-30T02:30:00", "2025-10-26T02:30:00"])
def test_an_hour_a_clock_change_skips_or_repeats_is_not_guessed(tmp_path, said):
    text = report('<testcase name="a"/>', f'timestamp="{said}"')
    fetched = fetch(tmp_path, text, zone="Europe/Paris")
    assert f"{fetched.frame['ts'].iloc[0]:%Y-%m-%d %H:%M}" == "2026-01-31 12:20"
    assert "clock change" in fetched.coverage[-1].reason


def test_nested_suites_are_named_by_their_path_and_one_time_serves_all(tmp_path):
    text = (
        '<testsuites timestamp="2026-01-31T12:00:00Z"><testsuite name="api">'
        '<testsuite name="cart"><testcase name="a" time="1,234.5"/></testsuite>'
        "</testsuite></testsuites>"
    )
    row = fetch(tmp_path, text).frame.iloc[0]
    assert row["suite"] == "api / cart"
    assert row["duration_s"] == 1234.5


def test_a_suite_that_says_more_than_it_holds_was_cut_by_a_crash(tmp_path):
    text = report('<testcase name="a"/>', 'tests="9" timestamp="2026-01-31T12:00:00Z"')
    verdict = fetch(tmp_path, text).coverage[-1]
    assert verdict.status == "partial"
    assert "says 9 tests and holds 1" in verdict.reason


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE t [<!ENTITY a "b">]><testsuite name="&a;"/>',
        '<!DOCTYPE t [<!ENTITY a SYSTEM "file:///etc/passwd">]><testsuite>&a;</testsuite>',
        "<html><body/></html>",
        "<testsuite><testcase",
        "",
    ],
)
def test_xml_attacks_and_other_xml_fail_by_name_and_hide_no_other_file(tmp_path, text):
    fetched = fetch(tmp_path, text, report('<testcase name="a"/>'))
    assert [row.status for row in fetched.coverage] == ["failed", "partial"]
    assert list(fetched.frame["name"]) == ["a"]


def test_a_zone_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        JUnitSettings(files="x", zone="Mars/Base")


def read_report(tmp_path, text, when=None):
    (tmp_path / "r.xml").write_text(text)
    made = JUnit("junit", JUnitSettings(files=str(tmp_path / "*.xml")))
    when = when or TimeRange("2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z")
    return asyncio.run(made.fetch("tests", when))


SUITE = '<testsuite name="s" timestamp="2026-03-01T12:10:00Z">{}</testsuite>'


@pytest.mark.parametrize(
    ("attributes", "outcome"),
    [
        ('status="run" result="completed"', "passed"),
        ('status="notrun" result="suppressed"', "skipped"),
        ('status="run" result="skipped"', "skipped"),
        ('status="disabled"', "skipped"),
        ('status="Ignored"', "skipped"),
        ('disabled="true"', "skipped"),
        ('executed="false"', "skipped"),
        ('status="fail"', "failed"),
        ('result="error"', "error"),
        ('status="passed"', "passed"),
        ("", "passed"),
    ],
)
def test_an_outcome_told_in_attributes_is_read(tmp_path, attributes, outcome):
    found = read_report(tmp_path, SUITE.format(f'<testcase name="a" {attributes}/>'))
    assert list(found.frame["outcome"]) == [outcome]


@pytest.mark.parametrize(
    ("times", "seconds"),
    [
        (["0,160"], [0.16]),
        (["1,234.5"], [1234.5]),
        (["1.234,5"], [1234.5]),
        (["0,5", "1,234"], [0.5, 1.234]),
        (["1,234.5", "1,234"], [1234.5, 1234.0]),
        (["1,234,567"], [1234567.0]),
        (["12,34"], [12.34]),
        (["0.5", "2"], [0.5, 2.0]),
        (["1,234"], [math.nan]),
        (["fast", "-1", ""], [math.nan] * 3),
    ],
)
def test_durations_with_commas_are_read_as_their_report_writes_them(tmp_path, times, seconds):
    cases = "".join(f'<testcase name="{n}" time="{one}"/>' for n, one in enumerate(times))
    found = read_report(tmp_path, SUITE.format(cases))
    assert found.frame.set_index("name")["duration_s"].to_list() == pytest.approx(
        seconds, nan_ok=True
    )
    assert ("not read" in found.coverage[-1].reason) == (times == ["1,234"])


def test_tests_under_the_root_and_inner_suites_take_what_stands_around_them(tmp_path):
    text = (
        '<testsuites timestamp="2026-03-01T12:10:00Z"><testcase name="a"/>'
        '<testsuite name="outer"><properties><property name="commit" value="c1"/></properties>'
        '<testsuite name="inner"><testcase name="b"/></testsuite></testsuite></testsuites>'
    )
    frame = read_report(tmp_path, text).frame.set_index("name")
    assert set(frame["ts"]) == {pd.Timestamp("2026-03-01T12:10:00Z")}
    assert frame["suite"].to_dict() == {"a": "", "b": "outer / inner"}
    assert frame["commit"].to_dict() == {"a": "", "b": "c1"}
