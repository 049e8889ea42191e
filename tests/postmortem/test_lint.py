"""Each rule speaks when it is broken and is silent when it is kept."""

from __future__ import annotations

import shutil

import pytest

from postmortem_case import diagnosis_of, drafted, window_of
from workbench.postmortem import Header, lint, save
from workbench.postmortem.private import private_parts


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    save(drafted(), folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy of what was saved, to edit."""
    shutil.copytree(saved, tmp_path, dirs_exist_ok=True)
    return tmp_path


def found(folder, rule: str, *edits: tuple[str, str], **options) -> list[str]:
    """Texts of one rule's rows after editing the Markdown."""
    path = folder / "postmortem.md"
    text = path.read_text()
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)
    return [row.text for row in lint(folder, **options).rows if row.rule == rule]


def test_a_fresh_draft_has_no_errors(folder):
    for result in (lint(folder, people=("kim",)), lint(drafted())):
        assert result.ok, repr(result)
    assert "to do" in repr(result)
    assert set(result.to_frame()["level"]) == {"to do"}


@pytest.mark.slow
def test_a_diagnosis_without_a_cause_has_no_errors():
    window = window_of()
    found_ = diagnosis_of(window, supported=False, reason="One refuter failed")
    assert lint(drafted(window, found_)).ok


def test_people_among_the_factors(folder):
    rule = "no person in factors"
    assert not found(folder, rule, people=("kim",))
    edit = ("State change: the", "State change by Kim: the")
    assert found(folder, rule, edit, people=("kim",)) == ["a person's name"]


@pytest.mark.parametrize("blame", ["operator error", "forgot to check", "should have noticed"])
def test_blame_among_the_factors(folder, blame):
    edit = ("Other conditions that", f"The engineer, {blame}, that")
    assert found(folder, "no person in factors", edit)


@pytest.mark.slow
def test_numbers_need_evidence(folder):
    rule = "every number has evidence"
    assert not found(folder, rule)
    assert found(folder, rule, ("rose from", "rose 9 times from")) == ["9"]


def test_factors_need_evidence_or_unknown(folder):
    rule = "every factor has evidence"
    assert not found(folder, rule)
    row = "| Other conditions that had to coincide | unknown | unknown |"
    assert found(folder, rule, (row, f"{row}\n| It was windy | observed |  |")) == ["It was windy"]


def test_human_error_is_no_root_cause(folder):
    rule = "no root cause: human error"
    assert not found(folder, rule)
    assert found(folder, rule, ("> **TO DO** What went badly?", "Root cause: human error."))


def test_the_timeline_is_ordered(folder):
    rule = "timeline is ordered"
    row = "| 12:21:00 | A call | phone | then |\n"
    text = (folder / "postmortem.md").read_text()
    fires = next(line for line in text.splitlines() if "fires |" in line)
    assert not found(folder, rule, (fires, row + fires))
    assert found(folder, rule, (fires, fires + "\n| 12:01:00 | Late | chat | then |"))


def test_the_timeline_begins_before_the_trigger(folder):
    rule = "timeline begins before the trigger"
    assert not found(folder, rule)
    lines = (folder / "postmortem.md").read_text().splitlines()
    early = [line for line in lines if "baseline begins" in line or "Change: deploy" in line]
    assert found(folder, rule, *((line + "\n", "") for line in early))


@pytest.mark.parametrize("column", ["Milestone", "Moment"])  # saved ones may call it so
def test_the_impact_ends_after_it_starts(folder, column):
    rule, renamed = "impact ends after it starts", ("| Milestone |", f"| {column} |")
    assert not found(folder, rule, renamed)
    lines = (folder / "postmortem.md").read_text().splitlines()
    cell = next(line for line in lines if line.startswith("| Mitigated")).split("|")[2]
    assert found(folder, rule, (cell, " 2026-01-31 11:00:00 UTC "))


@pytest.mark.slow
def test_actions_need_owner_and_date_at_review(folder):
    rule = "actions have owner and date"
    assert {r.level for r in lint(folder).rows if r.rule == rule} == {"to do"}
    reviewed = lint(drafted(header=Header(status="in review")))
    assert {r.level for r in reviewed.rows if r.rule == rule} == {"error"}
    text = (folder / "postmortem.md").read_text()
    rows = [line for line in text.splitlines() if line.startswith("| TO DO |")]
    filled = "| Pool limit | prevent | pay team | high | 2026-02-10 | X-1 | pools |"
    assert not found(folder, rule, *((row, filled) for row in rows), ("| draft |", "| reviewed |"))


def test_an_empty_owner_is_no_owner(folder):
    text = (folder / "postmortem.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| TO DO |"))
    filled = "| Pool limit | prevent | | high | 2026-02-10 | X-1 | pools |"
    assert "owner missing: pools" in found(folder, "actions have owner and date", (row, filled))


def test_causal_words_need_a_supported_cause(tmp_path):
    window = window_of()
    diagnosis = diagnosis_of(window, supported=False, reason="One refuter failed")
    save(drafted(window, diagnosis), tmp_path)
    rule = "caused by is supported"
    assert not found(tmp_path, rule)
    edit = ("No trigger is named", "It was caused by the deploy. No trigger is named")
    assert found(tmp_path, rule, edit) == ["caused by"]


def test_causal_words_may_stand_where_supported(folder):
    assert "caused by" in (folder / "postmortem.md").read_text()
    assert not found(folder, "caused by is supported")


def test_private_data(folder):
    rule = "no private data"
    assert not found(folder, rule)
    edit = ("rose from", "rose for kim@example.com from")
    assert found(folder, rule, edit) == ["an e-mail address: kim…"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("10.1.2.3 and 127.0.0.1 and fe80::1", 0),
        ("deploy orders@2.4.0", 0),
        ("mail to kim@example.com.", 1),
        ("from 93.184.216.34 on", 1),
        ("2606:2800:220:1:248:1893:25c8:1946", 1),
        ("at 12:20:05 version 1.2.3", 0),
        ("AKIAABCDEFGHIJKLMNOP", 1),
        ("ghp_0123456789abcdefghij0123", 1),
        ("password=hunter2hunter2", 1),
        ("Bearer abcdefghijkl", 1),
        ("a bearer of bad news", 0),
        ("digest 8ca2850a9daf86dd05ade0f0f4a60061", 0),
    ],
)
def test_private_parts(text, count):
    found_ = list(private_parts(text))
    assert len(found_) == count
    assert not any("hunter2" in part for part in found_)


def test_unfinished_sections_stay_visible(folder):
    rule = "unfinished is visible"
    heading = "## 16 External message"
    assert found(folder, rule, (heading, "## External"))[-1] != "TO DO"
    assert any(r.text == "the section is missing" for r in lint(folder).errors)


def test_an_emptied_section_is_an_error(folder):
    text = (folder / "postmortem.md").read_text()
    start = text.index("> **TO DO** Who knew what")
    prompt = text[start : text.index("\n", start)]
    assert "the section is empty" in found(folder, "unfinished is visible", (prompt, ""))
