"""A draft says what evidence can say, and no more."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pandas as pd
import pytest

from postmortem_case import DEPLOY, diagnosis_of, drafted, recipes_for, window_of
from workbench import IncidentWindow, TimeRange
from workbench.errors import BadInput
from workbench.postmortem import Figure, Header, draft, people_of, to_markdown
from workbench.postmortem.document import TITLES, Cited, Todo
from workbench.postmortem.reading import read_markdown


def section_text(postmortem, number: int) -> str:
    section = read_markdown(to_markdown(postmortem)).section(number)
    return " ".join(passage.text for passage in section.passages)


@pytest.fixture(scope="module")
def supported():
    return drafted()


@pytest.fixture(scope="module")
def undecided():
    window = window_of()
    return drafted(window, diagnosis_of(window, supported=False, reason="One refuter failed"))


@pytest.fixture(scope="module")
def calm():
    window = window_of()
    return drafted(window, diagnosis_of(window, supported=False, moved=False))


def test_all_sections_stand_in_order(supported):
    titles = [s.title for s in read_markdown(to_markdown(supported)).sections]
    assert titles == [f"{number} {title}" for number, title in enumerate(TITLES)]


def test_the_summary_says_who_how_long_and_why(supported):
    text = section_text(supported, 1)
    for part in (
        "12:20:00",
        "12:30:00",
        "10 min",
        "100 ms",
        "502 ms",
        DEPLOY,
        "380 ms",
        "600 requests",
    ):
        assert part in text


def test_impact_counts_what_was_beyond_the_usual(supported):
    text = section_text(supported, 2)
    assert "Failed requests 610 10 600" in text
    assert "No sign that these left their usual range: catalog." in text


def test_slo_budget_is_spent_in_proportion(supported):
    value = supported.to_frame().drop_duplicates("select").set_index("select")["value"]
    bad, budget = value["good checkout/bad"], value["good checkout/budget"]
    assert value["good checkout/spent"] == pytest.approx(bad / budget)
    assert budget == pytest.approx(0.001 * 600 / 60 * 30 * 86400, rel=0.05)


def test_moments_carry_their_sources(supported):
    text = section_text(supported, 3)
    assert "12:22:00 UTC" in text
    assert "alert SlowCheckout on storefront" in text
    assert "incident record (acked_at)" in text


def test_the_decoy_is_listed_with_its_reason(supported):
    text = section_text(supported, 6)
    assert "the deploy catalog-3 of catalog coincidence Correlated at 0.81" in text
    assert "unknown" in text


def test_the_timeline_merges_sources_in_order(supported):
    text = section_text(supported, 9)
    places = [
        text.index(word)
        for word in (
            "Normal operation",
            "catalog-3",
            DEPLOY,
            "Onset",
            "SlowCheckout",
            "acknowledged",
            "rollback",
            "Impact ends",
            "resolved",
        )
    ]
    assert places == sorted(places)


@pytest.mark.slow
def test_a_place_that_changed_by_itself_is_told_so():
    window = window_of()
    found = diagnosis_of(window)
    place = replace(found.suspects[0], change="")
    text = section_text(drafted(window, replace(found, suspects=(place,))), 1)
    assert "caused by the latency of payments" in text
    assert "no recorded change explains it" in text


def test_human_sections_are_only_prompts(supported):
    for number in (11, 16):
        section = supported.section(number)
        assert section.kind == "human"
        assert all(isinstance(block, Todo) for block in section.blocks)


@pytest.mark.slow
def test_without_a_cause_nothing_is_said_to_be_caused(undecided, calm):
    for postmortem in (undecided, calm):
        text = to_markdown(postmortem).lower()
        assert "caused" not in text
        assert "root cause" not in text
    assert "not enough evidence" in section_text(undecided, 5)
    assert "Traces of payments" in section_text(undecided, 5)
    assert "12:15" in section_text(undecided, 15)


def test_an_sli_that_was_not_measured_is_no_calm_one():
    window = window_of()
    unknown = replace(
        diagnosis_of(window, supported=False, moved=False), before=math.nan, during=math.nan
    )
    postmortem = drafted(window, unknown)
    assert "was not measured between" in section_text(postmortem, 1)
    assert "Impact is not known" in section_text(postmortem, 2)
    assert "usual range." not in section_text(postmortem, 5)
    assert "the SLI was not measured" in section_text(postmortem, 5)


def test_a_calm_window_has_no_impact(calm):
    assert "stayed in its usual range" in section_text(calm, 1)
    assert "not recorded" in section_text(calm, 3)


def test_every_number_is_cited_and_every_citation_known(supported):
    cited = {
        piece.evidence.id
        for section in supported.sections
        for text in section.texts()
        for piece in text
        if isinstance(piece, Cited)
    }
    assert cited == set(supported.evidence)


def test_missing_data_is_said_to_be_missing():
    stamps = pd.date_range("2026-01-31T12:00Z", periods=40, freq="1min")
    latency = pd.DataFrame(
        {
            "ts": stamps,
            "metric": "service.latency",
            "value": 0.2,
            "service": "storefront",
            "labels": "{}",
            "kind": "gauge",
        }
    )
    bare = IncidentWindow.from_frames(
        when=TimeRange("2026-01-31T12:18:00Z", "2026-01-31T12:40:00Z"), metrics=latency
    )
    found = replace(diagnosis_of(window_of()), window_id=bare.id, when=bare.when, suspects=())
    text = to_markdown(draft(bare, found, recipes=recipes_for(found)))
    assert "no incident record" in text
    assert "no alerts recorded" in text
    assert "no objective is declared" in text
    assert "| Failed requests | not recorded | not recorded | not recorded |" in text
    assert not re.search(r"\b(nan|NaT|inf|None)\b", text)


def test_a_diagnosis_of_another_window_is_refused():
    found = replace(diagnosis_of(window_of()), window_id="other")
    with pytest.raises(BadInput, match="another window"):
        drafted(window_of(), found)


@pytest.mark.slow
def test_header_fields_are_shown_or_to_do():
    text = to_markdown(drafted(header=Header(status="in review", owner="checkout team")))
    assert "| in review |" in text
    assert "`checkout team`" in text
    assert "Authors: TO DO" in text


def test_people_are_found_and_robots_left_out():
    assert people_of(window_of()) == ("kim",)


def test_a_figure_needs_a_section_that_exists():
    with pytest.raises(BadInput):
        Figure("<svg/>", "caption", section=19)


def test_repr_counts_and_names(supported):
    assert "numbers with evidence" in repr(supported)
    assert "Slow checkout" in supported._repr_html_()
