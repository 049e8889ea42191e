from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.errors import BadTable
from workbench.views import Card, reliability


def cases(said: list[float], right: list[bool | float]) -> pd.DataFrame:
    return pd.DataFrame({"confidence": said, "right": right})


def bins_of(chart) -> list[dict]:
    rows = [row for rows in chart.spec()["datasets"].values() for row in rows]
    return [row for row in rows if "n" in row]


def test_each_bin_has_its_share_its_number_and_its_interval() -> None:
    chart = reliability(cases([0.9] * 10 + [0.1] * 4, [True] * 8 + [False] * 2 + [False] * 4))
    low, high = bins_of(chart)
    assert (low["n"], low["right"], low["low"]) == (4, 0, 0)
    assert low["high"] == pytest.approx(0.49, abs=0.01)
    assert (high["n"], high["right"]) == (10, 0.8)
    assert high["low"] < 0.8 < high["high"]
    assert [row["text"] for row in (low, high)] == ["n = 4", "n = 10"]


def test_the_title_says_the_expected_calibration_error() -> None:
    chart = reliability(cases([0.9] * 10 + [0.1] * 10, [True] * 5 + [False] * 5 + [False] * 10))
    assert chart.spec()["title"]["text"] == "Reliability: ECE 0.25"  # (10 * .4 + 10 * .1) / 20


def test_perfect_calibration_has_no_error() -> None:
    rng = np.random.default_rng(0)
    said = rng.uniform(0, 1, 20_000)
    chart = reliability(cases(list(said), list(rng.uniform(0, 1, 20_000) < said)))
    assert chart.spec()["title"]["text"] == "Reliability: ECE 0.00"


def test_certainty_lies_in_the_last_bin_and_gaps_are_counted() -> None:
    chart = reliability(cases([1.0, 0.95, float("nan")], [True, True, False]))
    assert [row["n"] for row in bins_of(chart)] == [2]
    assert "1 without a confidence left out" in chart.spec()["title"]["subtitle"]


def test_nothing_to_check_is_a_card() -> None:
    assert isinstance(reliability(cases([], [])), Card)


def test_what_is_no_confidence_is_refused() -> None:
    with pytest.raises(BadTable, match="between 0 and 1"):
        reliability(cases([95.0], [True]))
    with pytest.raises(BadTable, match="right"):
        reliability(pd.DataFrame({"confidence": [0.5]}))
