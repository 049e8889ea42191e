"""The refuters on the linear estimate: what they pass, what they refute."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from workbench.causal.change_effects.difference_in_differences import DifferenceInDifferences
from workbench.causal.change_effects.refuters import (
    linear_effect,
    refute_by_controls,
    refute_by_data,
    refute_by_placebos,
)


def bins_with_a_change(effect: float) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    change = (np.arange(120) >= 80).astype(int)
    traffic = 1e6 * (5 + np.sin(np.arange(120) / 9) + rng.normal(0, 0.2, 120))
    own = 0.05 + 4e-9 * traffic + effect * change + rng.normal(0, 0.004, 120)
    return pd.DataFrame({"change": change, "traffic": traffic, "own": own})


def test_a_real_effect_survives_altered_data():
    data = bins_with_a_change(0.1)
    assert linear_effect(data, ("traffic",)) == pytest.approx(0.1, abs=0.01)
    found = refute_by_data(data, ("traffic",), unit="s", seed=1)
    assert [r.name for r in found] == ["change times shuffled", "random common cause", "subset"]
    assert all(r.passed for r in found)


def test_an_effect_far_below_the_noise_does_not_survive():
    data = bins_with_a_change(0.0)
    data["own"] -= (linear_effect(data, ("traffic",)) - 1e-6) * data["change"]
    found = {r.name: r.passed for r in refute_by_data(data, ("traffic",), unit="s", seed=1)}
    assert not found["change times shuffled"]
    assert not found["subset"]


def test_the_seed_decides():
    data = bins_with_a_change(0.01)
    first = refute_by_data(data, ("traffic",), unit="s", seed=1)
    assert first == refute_by_data(data, ("traffic",), unit="s", seed=1)
    assert first != refute_by_data(data, ("traffic",), unit="s", seed=2)


@pytest.mark.parametrize(
    ("effect", "size", "passed"), [(5.0, 200, True), (0.5, 200, False), (5.0, 10, False)]
)
def test_placebos_have_to_be_many_and_smaller(effect, size, passed):
    null = np.random.default_rng(0).normal(size=size)
    found = refute_by_placebos(effect, null, reach=2.0, unit="s")
    assert found.passed is passed
    assert ("too few" in found.statement) == (size < 20)
    assert not refute_by_placebos(effect, null, reach=6.0, unit="s").passed


@pytest.mark.parametrize(
    ("low", "high", "passed", "words"),
    [
        (0.5, 1.5, True, ""),
        (-0.2, 0.3, False, ""),
        (-1.5, -0.5, False, ""),
        (-0.5, 1.5, True, "too uncertain"),
    ],
)
def test_controls_refute_only_what_they_exclude(low, high, passed, words):
    against = DifferenceInDifferences((low + high) / 2, low, high, 0.5, ("cart",), 0.0, 0.9, "s")
    found = refute_by_controls(1.0, against)
    assert found.passed is passed
    assert words in found.statement
    downward = DifferenceInDifferences(
        -(low + high) / 2, -high, -low, 0.5, ("cart",), 0.0, 0.9, "s"
    )
    assert refute_by_controls(-1.0, downward).passed is passed
