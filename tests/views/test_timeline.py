from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from pictures import NASTY, ONSET, at, diagnosis, signals, suspect, window
from workbench.errors import BadInput
from workbench.slis import SLI
from workbench.times import TimeRange
from workbench.views import timeline
from workbench.views.drawing.event_marks import event_rows, lanes


@pytest.fixture(scope="module")
def drawn():
    return timeline(window(), diagnosis(), signals=signals())


def datasets(spec: dict) -> list[dict]:
    return [row for rows in spec["datasets"].values() for row in rows]


@pytest.mark.slow
def test_all_panels_share_one_utc_axis(drawn) -> None:
    text = json.dumps(drawn.spec())
    assert '"type": "utc"' in text
    domains = {
        tuple(x["scale"]["domain"])
        for panel in drawn.spec()["vconcat"]
        for layer in panel["layer"]
        if (x := layer["encoding"].get("x")) and "scale" in x
    }
    assert len(domains) == 1


def test_sli_changes_alerts_and_first_movements_are_there(drawn) -> None:
    rows = [row for row in datasets(drawn.spec()) if "kind" in row]
    assert {row["kind"] for row in rows} == {"change", "alert", "first moved"}
    assert "alert CheckoutSlow checkout (critical)" in {row["lane"] for row in rows}
    assert "moved payments/pool_in_use" in {row["lane"] for row in rows}


def test_baseline_incident_and_onset_interval_are_shaded(drawn) -> None:
    shades = {row["what"] for row in datasets(drawn.spec()) if "what" in row}
    assert shades == {"baseline", "incident", "onset, 95 % interval"}


def test_words_say_zone_and_onset(drawn) -> None:
    subtitle = drawn.spec()["title"]["subtitle"]
    assert "times in UTC" in subtitle[0]
    assert "onset 12:12:00 (95 %: 12:11:54 – 12:12:20)" in subtitle[0]
    assert "50 ms before, 430 ms during" in repr(drawn)


def test_axis_shows_milliseconds_and_not_long_numbers(drawn) -> None:
    title = drawn.spec()["vconcat"][0]["layer"][1]["encoding"]["y"]["axis"]["title"]
    assert title == ["checkout/latency", "(ms)"]
    values = [row["y"] for row in datasets(drawn.spec()) if row.get("y") is not None]
    assert 400 < max(values) < 1000


def test_a_gap_is_a_gap_in_the_line(drawn) -> None:
    assert any(row.get("y", 0) is None for row in datasets(drawn.spec()))


def test_each_lane_has_its_own_row(drawn) -> None:
    lane_panel = drawn.spec()["vconcat"][-1]
    assert lane_panel["height"] == {"step": 21}
    assert drawn.to_svg().count("CheckoutSlow checkout") >= 1


def test_an_alert_without_end_runs_to_the_edge() -> None:
    rows = event_rows(window(), None, (at(0), at(26)))
    burn = rows[rows["lane"].str.contains("BudgetBurn")].iloc[0]
    assert burn["t2"] == at(26).value // 1_000_000
    assert burn["time"].endswith("no end recorded")


def test_no_change_gives_way_to_a_movement() -> None:
    rows = event_rows(window(), diagnosis(), (at(0), at(26)))
    kept, _ = lanes(rows, TimeRange(at(10), at(20)), most=7)
    assert list(kept["kind"].value_counts()[["change", "alert"]]) == [4, 3]


def test_a_coincidence_is_no_lane() -> None:
    odd = diagnosis(suspects=(suspect("redis", role="coincidence"), suspect("cart")))
    rows = event_rows(window(changes=None, alerts=None), odd, (at(0), at(26)))
    assert list(rows["lane"]) == ["moved cart/latency"]


def test_lanes_nearest_the_incident_stay_and_the_rest_is_told() -> None:
    rows = event_rows(window(), diagnosis(), (at(0), at(26)))
    kept, dropped = lanes(rows, TimeRange(at(10), at(20)), most=3)
    assert kept["lane"].nunique() == 3
    assert dropped == rows["lane"].nunique() - 3
    assert not kept["lane"].str.contains("rollback").any()


def test_many_lanes_are_cut_and_the_picture_says_so() -> None:
    changes = pd.DataFrame(
        {
            "ts": [at(i / 2) for i in range(40)],
            "kind": "deploy",
            "service": "cart",
            "ref": [f"cart-{i}" for i in range(40)],
        }
    )
    chart = timeline(window(changes=changes), diagnosis(), signals=signals())
    assert any("more lanes are not drawn" in line for line in chart.spec()["title"]["subtitle"])


@pytest.mark.slow
def test_long_series_are_thinned_and_say_so() -> None:
    chart = timeline(window(), diagnosis(), signals=signals(step_s=0.2))
    assert any("samples drawn as" in line for line in chart.spec()["title"]["subtitle"])
    assert len(datasets(chart.spec())) < 6000


@pytest.mark.slow
def test_without_diagnosis_changes_or_alerts_it_still_draws() -> None:
    bare = window(changes=None, alerts=None)
    chart = timeline(bare, signals=signals())
    assert len(chart.spec()["vconcat"]) == 3
    assert "time (UTC)" in chart.to_svg()
    assert "no change and no alert" in repr(chart)
    assert chart.to_svg()


@pytest.mark.slow
def test_an_sli_nobody_recorded_says_so() -> None:
    chart = timeline(window(), sli=SLI("redis2", "latency"), signals=signals())
    assert "no samples of redis2/latency were recorded" in chart.to_svg()


def test_no_sli_and_no_slo_is_a_named_error() -> None:
    with pytest.raises(BadInput):
        timeline(window(slos=()), signals=signals())


def test_a_quiet_window_says_that_the_sli_stayed() -> None:
    quiet = diagnosis(onset=None, moved=False, suspects=())
    chart = timeline(window(), quiet, signals=signals())
    assert "onset, 95 % interval" not in {r.get("what") for r in datasets(chart.spec())}
    assert "stayed in its normal range" in chart.spec()["title"]["subtitle"][0]


@pytest.mark.slow
def test_names_with_markup_are_text() -> None:
    named = {"checkout": NASTY, "payments": NASTY + "2"}
    chart = timeline(window(named), diagnosis(named), signals=signals(named))
    assert "<script" not in chart.to_svg()
    assert ONSET.strftime("%H:%M:%S") in chart.spec()["title"]["subtitle"][0]


@pytest.mark.slow
def test_infinite_values_are_gaps_and_break_nothing() -> None:
    odd = signals()
    odd.nodes.iloc[20:24, odd.nodes.columns.get_loc(("checkout", "latency"))] = float("inf")
    odd.nodes[("checkout", "load")] = 0.0
    chart = timeline(window(), diagnosis(), signals=odd)
    assert "Infinity" not in json.dumps(chart.spec())
    assert chart.to_svg()


@pytest.mark.slow
def test_one_sample_is_drawn() -> None:
    few = signals()
    single = replace(few, nodes=few.nodes.iloc[:1].asfreq("5s"))
    assert timeline(window(), signals=single).to_svg()
