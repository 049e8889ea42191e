"""Calibration: a temperature is recovered, nobody is judged by themselves, errors are errors."""

import numpy as np
import pandas as pd
import pytest

from workbench.causal import confidence
from workbench.evaluate import Judged, calibration_error, left_out
from workbench.evaluate.calibration import temperature_of


def drawn(count=300, *, temperature=1.0, seed=0, roots=5):
    """Incidents whose truth is drawn with the probabilities that the scores mean."""
    rng = np.random.default_rng(seed)
    cases = []
    for number in range(count):
        scores = rng.exponential(2.0, size=8)
        sure = confidence(scores, temperature=temperature)
        true = np.zeros(8, dtype=bool)
        true[rng.choice(8, p=sure / sure.sum())] = True
        cases.append(Judged(scores, true, f"root-{number % roots}"))
    return cases


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_is_recovered(temperature):
    found = temperature_of(drawn(temperature=temperature))
    assert found == pytest.approx(temperature, rel=0.3)


@pytest.mark.slow
def test_left_out_confidence_means_what_it_says():
    cases = drawn()
    table = left_out(cases[:60], [case.root for case in cases[:60]])
    assert len(table) == 60
    assert calibration_error(table) < 0.2


def test_a_case_does_not_judge_itself():
    cases = drawn(6)
    alone = left_out(cases, ["a", "b", "b", "b", "b", "b"])
    others = temperature_of(cases[1:])
    assert alone["temperature"].iloc[0] == others


def test_too_sure_is_an_error_and_right_is_none():
    sure = pd.DataFrame({"confidence": [1.0] * 4, "right": [True, False, False, False]})
    assert calibration_error(sure) == pytest.approx(0.75)
    right = pd.DataFrame({"confidence": [1.0, 0.0], "right": [1.0, 0.0]})
    assert calibration_error(right) == 0.0
    assert np.isnan(calibration_error(sure.iloc[:0]))


def test_ties_count_by_their_chance():
    case = Judged(np.array([1.0, 1.0]), np.array([True, False]), "a")
    assert left_out([case, case], ["x", "y"])["right"].tolist() == [0.5, 0.5]
