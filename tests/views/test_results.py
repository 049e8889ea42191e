from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from pictures import NASTY, at, diagnosis, ranking, signals, suspect, window
from workbench.checks import CheckId, failed
from workbench.errors import BadInput, UnknownName
from workbench.views import (
    Card,
    Chart,
    counterfactual,
    effects,
    evidence,
    ladder,
    leading,
    ranks,
    refutations,
    waterfall,
    what_if,
)
from workbench.views.counterfactual import imaginable
from workbench.views.drawing.labels import movement_label, share_label


def rows_of(chart: Chart) -> list[dict]:
    return [row for rows in chart.spec()["datasets"].values() for row in rows]


def test_each_suspect_has_its_own_row_most_causal_first() -> None:
    rows = [row for row in rows_of(ranks(diagnosis())) if "label" in row]
    assert [row["rank"] for row in rows] == ["1.", "2.", "3.", "4.", "5.", "–", "–"]
    assert [row["place"] for row in rows] == list(range(7))
    assert rows[0]["label"].startswith("payments/latency")


def test_rung_is_told_by_shape_and_role_by_word_and_colour() -> None:
    spec = json.dumps(ranks(diagnosis()).spec())
    assert '"field": "claim"' in spec
    labels = {row["label"] for row in rows_of(ranks(diagnosis())) if "label" in row}
    assert any(label.endswith("· symptom") for label in labels)
    assert any(label.endswith("· confounded") for label in labels)


def test_the_caption_says_where_correlation_misleads() -> None:
    assert "The strongest correlation is checkout/latency: impact" in repr(ranks(diagnosis()))


def test_suspects_nobody_ranked_have_a_lane_of_their_own() -> None:
    only = diagnosis(suspects=(suspect(correlation_rank=0, causal_rank=0),))
    assert ranks(only).to_svg()
    assert "nothing here could be ranked by correlation" in str(ranks(only).spec()["title"])


def test_no_suspects_is_a_card_with_the_verdict() -> None:
    quiet = diagnosis(suspects=(), verdict="Not enough evidence: the SLI did not move")
    for view in (ranks, ladder):
        shown = view(quiet)
        assert isinstance(shown, Card)
        assert "Not enough evidence" in repr(shown)


def test_many_suspects_are_cut_and_counted() -> None:
    many = tuple(suspect(f"s{i}", causal_rank=i + 1, correlation_rank=i + 1) for i in range(40))
    chart = ranks(diagnosis(suspects=many))
    assert "24 weaker suspects are not drawn" in chart.spec()["title"]["subtitle"]
    assert "24 more rows" in ladder(diagnosis(suspects=many)).html


def test_the_ladder_says_rung_part_and_reason() -> None:
    text = ladder(diagnosis()).html
    for part in (
        "supported",
        "ruled out: confounded",
        "refuted",
        "moves with traffic",
        "redis saturation after 12:14",
    ):
        assert part in text
    assert "+360\u00a0ms" in text


def test_the_ladder_escapes_names() -> None:
    named = {"payments": NASTY}
    assert "<script" not in ladder(diagnosis(named)).html


def test_waterfall_steps_sum_to_the_whole() -> None:
    parts = [(f"s{i}", v) for i, v in enumerate([0.3, 0.05, -0.02, *[0.004] * 9])]
    rows = [r for r in rows_of(waterfall(ranking(*parts))) if "kind" in r]
    rows.sort(key=lambda r: r["place"])
    steps = [r for r in rows if r["kind"] != "level of the SLI"]
    assert sum(r["end"] - r["start"] for r in steps) == pytest.approx(380, abs=1e-6)
    assert steps[0]["start"] == pytest.approx(50)
    assert steps[-1]["end"] == pytest.approx(rows[-1]["end"]) == pytest.approx(430)
    names = [r["name"] for r in steps]
    assert "4 smaller parts" in names
    assert "not explained" in names


def axis_of(chart: Chart) -> tuple[list[float], str]:
    spec = next(
        la["encoding"]["x"] for la in chart.spec()["layer"] if "axis" in la["encoding"]["x"]
    )
    return spec["scale"]["domain"], spec["axis"]["title"]


def test_a_small_change_of_a_high_level_is_not_drawn_from_zero() -> None:
    (low, high), title = axis_of(waterfall(ranking(("a", 0.05), before=2.0, during=2.05)))
    assert 1.8 < low < 2.0 < 2.05 < high
    assert "does not begin at zero" in title
    (low, _), title = axis_of(waterfall(ranking(("a", 0.38))))
    assert (low, title) == (0, "SLI (ms)")


def test_an_interval_far_wider_than_the_change_does_not_hide_the_steps() -> None:
    wide = ranking(("a", 0.38))
    wide.rows[0].low, wide.rows[0].high = -30.0, 30.0
    (low, high), _ = axis_of(waterfall(wide))
    assert high - low < 4 * 380
    assert "(−30 … 30)" in repr(waterfall(wide)).replace("\u00a0", " ")


def test_waterfall_of_nothing_seen_is_a_card() -> None:
    nothing = waterfall(ranking(("a", 0.1), before=float("nan")))
    assert isinstance(nothing, Card)


def test_waterfall_of_an_sli_in_its_normal_range_says_so() -> None:
    still = ranking(("a", 0.0001), during=0.0501)
    still.moved = False
    assert "within the SLI's normal range" in str(waterfall(still).spec()["title"]["subtitle"])


@pytest.mark.slow
def test_evidence_shows_the_sli_first_then_the_suspects_own_signals() -> None:
    chart = evidence(window(), diagnosis(), signals=signals())
    titles = [panel["title"]["text"] for panel in chart.spec()["concat"]]
    assert titles[0].startswith("SLI: checkout latency")
    assert titles[1].startswith("payments latency 60 → 410")
    assert any("pool_in_use" in title for title in titles)
    assert "leading hypothesis (supported)" in repr(chart)


def test_evidence_of_a_service_asked_for() -> None:
    chart = evidence(window(), diagnosis(), service="orders", signals=signals())
    assert "Signals of orders" in repr(chart)
    with pytest.raises(UnknownName, match="Did you mean 'orders'"):
        evidence(window(), diagnosis(), service="order", signals=signals())


def test_without_a_hypothesis_there_is_a_card() -> None:
    nothing = diagnosis(suspects=())
    assert leading(nothing) is None
    assert isinstance(evidence(window(), nothing, signals=signals()), Card)


def test_the_leading_hypothesis_is_never_one_that_was_ruled_out() -> None:
    found = diagnosis()
    assert leading(found) == found.suspects[0]
    rest = diagnosis(suspects=found.suspects[1:])
    assert leading(rest).role == "first failure"
    out = tuple(s for s in found.suspects if s in found.ruled_out)
    assert leading(diagnosis(suspects=out)) is None


def test_effects_draw_a_row_a_change_with_its_interval() -> None:
    rows = [row for row in rows_of(effects(diagnosis())) if "verdict" in row]
    assert [row["verdict"] for row in rows] == ["supported", "ruled out"]
    assert rows[0]["text"] == "+360\u00a0ms (320\u00a0…\u00a0410)"


def test_two_changes_of_one_name_keep_their_own_rows() -> None:
    twins = (suspect(change="v2", onset=at(5)), suspect(change="v2", onset=at(1)))
    rows = [row for row in rows_of(effects(diagnosis(suspects=twins))) if "verdict" in row]
    assert [row["place"] for row in rows] == [0, 1]


def test_no_change_tested_is_a_card() -> None:
    nothing = diagnosis(suspects=())
    assert isinstance(effects(nothing), Card)
    assert isinstance(refutations(nothing), Card)


def test_a_change_whose_effect_could_not_be_estimated_is_told() -> None:
    nan = float("nan")
    late = suspect(
        change="v9",
        claim="observed",
        role="undecided",
        attribution=nan,
        low=nan,
        high=nan,
        reason="could not be estimated: 2 bins after it",
    )
    assert isinstance(effects(diagnosis(suspects=(late,))), Card)
    assert "2 bins after it" in refutations(diagnosis(suspects=(late,))).html


def test_refutations_are_told_in_words() -> None:
    tests = (failed(CheckId.PLACEBO_MOMENTS, "placebo changes moved the SLI 3 times in 200"),)
    card = refutations(diagnosis(suspects=(suspect(change="a<b>", tests=tests),)))
    assert "3 times in 200" in card.html
    assert "NO" in card.html
    assert "<b>" not in card.html


def test_what_if_shows_both_levels() -> None:
    answer = SimpleNamespace(
        actual=0.43,
        counterfactual=0.07,
        before=0.05,
        low=0.05,
        high=0.1,
        unit="s",
        service="payments",
        statement="Had payments stayed at its baseline, the SLI would have been 70 ms",
    )
    rows = [row for row in rows_of(counterfactual(answer)) if "level" in row]
    assert [round(row["level"]) for row in rows] == [50, 430, 70]
    assert rows[2]["text"] == "70\u00a0ms (50\u00a0…\u00a0100)"


def test_what_if_without_a_hypothesis_is_a_card() -> None:
    assert isinstance(what_if(window(), diagnosis(suspects=())), Card)


def test_the_cause_is_imagined_away_or_else_the_first_failure() -> None:
    assert imaginable(window(), diagnosis()) == "payments"
    surge = (suspect("nginx", "load"), suspect("orders", role="first failure"))
    assert imaginable(window(), diagnosis(suspects=surge)) == "orders"
    caller = (suspect("storefront", "latency"),)
    assert imaginable(window(), diagnosis(suspects=caller)) is None


def test_a_model_that_does_not_reach_is_a_card_and_no_traceback(monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise BadInput("The SLI does not depend on this service", value="payments", hint="Ask of")

    monkeypatch.setattr("workbench.causal.what_if", refuse)
    assert "does not depend" in repr(what_if(window(), diagnosis()))


@pytest.mark.parametrize(
    ("value", "low", "high", "unit", "text"),
    [
        (0.36, 0.32, 0.41, "s", "+360 ms (320 … 410)"),
        (-2.0, -3.0, 0.5, "s", "−2 s (−3 … 0.5)"),
        (0.0123, np.nan, np.nan, "ratio", "+1.23 %"),
        (np.nan, 0.0, 1.0, "s", "–"),
        (-4.7e-7, -0.00358, 0.00358, "s", "0 ms (−3.58 … 3.58)"),
        (0.0, 0.0, 0.0, "s", "0"),
        (1e-9, -0.02, 0.02, "s", "0 ms (−20 … 20)"),
    ],
)
def test_parts_in_words(value, low, high, unit, text) -> None:
    assert share_label(value, low, high, unit=unit).replace("\u00a0", " ") == text


def test_movements_in_words() -> None:
    words = movement_label("saturation:pool", 2.0123456789, 7.2, unit="")
    assert words == "pool 2.01 → 7.2"


def test_reason_texts_may_be_anything() -> None:
    odd = replace(diagnosis().suspects[0], reason=NASTY)
    shown = ladder(diagnosis(suspects=(odd,)))
    assert "<img" not in shown.html


def test_two_suspects_of_one_rank_do_not_share_a_row() -> None:
    twins = (suspect(change="payments-2.4.1"), suspect(role="first failure"))
    rows = [row for row in rows_of(ranks(diagnosis(suspects=twins))) if "label" in row]
    assert [(row["place"], row["rank"]) for row in rows] == [(0, "1."), (1, "1.")]


def test_places_without_a_part_of_their_own_are_one_step() -> None:
    rows = rows_of(waterfall(ranking(("a", 0.38), ("b", 0.0), ("c", 0.0005))))
    assert "2 smaller parts" in {row.get("name") for row in rows}
