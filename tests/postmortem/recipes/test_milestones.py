"""Each milestone with its definition: recorded first, measured else, and never invented."""

from __future__ import annotations

import pandas as pd
import pytest

from postmortem_case import END, ONSET, window_of
from workbench.postmortem.numbers import epoch
from workbench.postmortem.recipes.milestones import find_milestones, milestone_figures
from workbench.postmortem.recipes.registry import RECIPES

WINDOW = window_of()
PARAMETERS = {"sli": "storefront/latency", "onset": epoch(ONSET), "earliest": epoch(ONSET) - 10}


def without(table: str):
    return WINDOW.with_(tables={k: v for k, v in WINDOW.tables.items() if k != table})


def with_alerts(**columns):
    return WINDOW.with_(tables={**WINDOW.tables, "alerts": WINDOW.alerts.assign(**columns)})


def test_milestones_and_durations():
    figures = milestone_figures(WINDOW, PARAMETERS)
    assert figures["impact start"] == epoch(ONSET)
    assert figures["mitigated"] == epoch(END)
    assert {name: figures[name] for name in ("TTD", "TTA", "TTM", "TTR")} == {
        "TTD": 120.0,
        "TTA": 120.0,
        "TTM": 600.0,
        "TTR": 900.0,
    }


def test_the_record_wins_over_the_estimate():
    recorded = WINDOW.incidents.assign(
        impact_start=ONSET - pd.Timedelta(60, "s"), detected_at=ONSET, impact_end=END
    )
    found = find_milestones(
        WINDOW.with_(tables={**WINDOW.tables, "incidents": recorded}), PARAMETERS
    )
    assert found["impact start"].at == ONSET - pd.Timedelta(60, "s")
    assert found["detected"].source == ("incident record (detected_at)",)
    assert found["mitigated"].source == ("incident record (impact_end)",)


def test_an_alert_far_from_the_sli_detects_only_if_there_is_no_nearer_one():
    far = with_alerts(service="elsewhere")
    assert find_milestones(far, PARAMETERS)["detected"].at == WINDOW.alerts["starts_at"].iloc[0]
    both = pd.concat([WINDOW.alerts, far.alerts.assign(starts_at=ONSET)], ignore_index=True)
    found = find_milestones(WINDOW.with_(tables={**WINDOW.tables, "alerts": both}), PARAMETERS)
    assert found["detected"].at == WINDOW.alerts["starts_at"].iloc[0]


def test_an_alert_before_the_onset_detects_nothing():
    early = with_alerts(starts_at=ONSET - pd.Timedelta(5, "min"))
    assert find_milestones(early, PARAMETERS)["detected"].at is None


@pytest.mark.parametrize(
    ("table", "milestone", "why"),
    [
        ("alerts", "detected", "no alerts recorded"),
        ("incidents", "acknowledged", "no incident record"),
        ("incidents", "resolved", "no incident record"),
    ],
)
def test_what_is_missing_is_said(table, milestone, why):
    found = find_milestones(without(table), PARAMETERS)[milestone]
    assert (found.at, found.source) == (None, (why,))


def test_without_an_onset_there_is_no_impact():
    bare = without("incidents")
    found = find_milestones(bare, {"sli": "storefront/latency", "onset": None, "earliest": None})
    assert {name: m.at for name, m in found.items()} == dict.fromkeys(found)
    assert milestone_figures(bare, {**PARAMETERS, "onset": None, "earliest": None}) == {}


def test_a_saved_postmortem_finds_the_same_figures_under_their_old_names():
    unfinished = WINDOW.as_of(END - pd.Timedelta(2, "min"))
    new, old = (RECIPES[name](unfinished, PARAMETERS) for name in ("milestones", "moments"))
    assert new["impact at least"] == old["felt at least"] == 480.0
    assert {**new, "felt at least": 480.0} == {**old, "impact at least": 480.0}
