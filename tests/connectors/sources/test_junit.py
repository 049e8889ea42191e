"""Test reports: every attempt a row, an error no failure, missing times told."""

from __future__ import annotations

import asyncio
import os

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
