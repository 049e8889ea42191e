"""Attempts to refute a change's effect: the refuters of DoWhy, on the linear estimate, at once.

The same definitions as DoWhy's (`workbench.causal.refute` runs those, for the check) on
the same least squares, a thousand times faster: an effect is refuted each time one is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.cards import quantity
from workbench.causal.thresholds import (
    FEWEST_PLACEBOS,
    REFUTER_ROUNDS,
    REFUTER_SUBSET,
    REFUTER_TOLERANCE,
    SIGNIFICANT,
)
from workbench.checks import CheckId, check
from workbench.stats.ar_regression import least_squares

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from workbench.causal.change_effects.difference_in_differences import DifferenceInDifferences
    from workbench.checks import CheckResult

__all__ = [
    "linear_effect",
    "refute_by_controls",
    "refute_by_data",
    "refute_by_placebos",
    "shuffled_outcome",
    "steady_outcome",
]


def linear_effect(data: pd.DataFrame, adjusted_for: Sequence[str]) -> float:
    """Estimate the effect of ``change`` on ``own`` by least squares.

    Parameters
    ----------
    data
        Columns ``change``, ``own`` and the adjustment set; a row a bin, none missing.
    adjusted_for
        Columns to adjust for.
    """
    own, design = _arrays(data, adjusted_for)
    return float(least_squares(own[None], design[None])[0, 1])


def refute_by_data(
    data: pd.DataFrame, adjusted_for: Sequence[str], *, unit: str, seed: int
) -> tuple[CheckResult, ...]:
    """Try to refute the linear estimate by altered data.

    Parameters
    ----------
    data, adjusted_for
        As for `linear_effect`.
    unit
        Of ``own``.
    seed
        Of permutations, invented causes and subsets.

    Returns
    -------
    tuple of CheckResult
        Change times shuffled, random common cause, subset (100 rounds each).
    """
    rng = np.random.default_rng(seed)
    own, design = _arrays(data, adjusted_for)
    value = float(least_squares(own[None], design[None])[0, 1])
    return (
        shuffled_outcome(_shuffled(own, design, rng), value, unit=unit),
        *(
            steady_outcome(name, found, value, unit=unit)
            for name, found in (
                (CheckId.RANDOM_COMMON_CAUSE, _with_noise(own, design, rng)),
                (CheckId.SUBSET, _on_subsets(own, design, rng)),
            )
        ),
    )


def shuffled_outcome(found: float, value: float, *, unit: str) -> CheckResult:
    """Judge the effect found with the change at shuffled times: it has to vanish.

    Parameters
    ----------
    found, value
        Mean effect at shuffled times, and the real one.
    unit
        Of both.
    """
    words = (
        f"with the change at shuffled times the least-squares effect is "
        f"{quantity(found, unit)} instead of {quantity(value, unit)}"
    )
    return check(CheckId.SHUFFLED_TIMES, words, passed=abs(found) <= abs(value) / 2)


def steady_outcome(name: CheckId, found: float, value: float, *, unit: str) -> CheckResult:
    """Judge the effect found on slightly altered data: it has to stay.

    Parameters
    ----------
    name
        *Random common cause* or *subset*.
    found, value
        Mean effect on altered data, and the real one.
    unit
        Of both.
    """
    altered = {CheckId.RANDOM_COMMON_CAUSE: "with an invented common cause"}
    words = (
        f"{altered.get(name, 'on random subsets of the bins')} the least-squares effect is "
        f"{quantity(found, unit)} instead of {quantity(value, unit)}"
    )
    return check(name, words, passed=abs(found - value) <= REFUTER_TOLERANCE * abs(value))


def refute_by_placebos(
    effect: float, null: NDArray[np.float64], *, reach: float, unit: str
) -> CheckResult:
    """Compare an effect with what placebo moments "moved".

    Parameters
    ----------
    effect
        Of the change.
    null
        Steps at placebo moments.
    reach
        How far a quiet moment goes by itself, from `quiet_reach`: the moments of a short
        quiet stretch are few independent ones, so that counting them alone is too sure.
    unit
        Of all three.
    """
    as_large = int((np.abs(null) >= abs(effect)).sum())
    words = f"placebo changes moved the SLI this much {as_large} times in {len(null)}"
    enough = len(null) >= FEWEST_PLACEBOS
    usual = f" (a quiet moment stays within {quantity(reach, unit)})"
    words += usual if enough else "; too few quiet moments to tell"
    passed = enough and as_large <= SIGNIFICANT * len(null) and abs(effect) > reach
    return check(CheckId.PLACEBO_MOMENTS, words, passed=passed)


def refute_by_controls(effect: float, against: DifferenceInDifferences) -> CheckResult:
    """Compare an effect with the difference-in-differences.

    Parameters
    ----------
    effect
        Of the change, by its own series.
    against
        The same beyond the controls.

    Notes
    -----
    Refuted where the controls leave nothing of it: their interval holds zero (or lies on
    the other side of it) and not the effect. An interval that holds both is too wide to
    settle anything.
    """
    same = min(against.low * np.sign(effect), against.high * np.sign(effect)) > 0
    held = against.low <= effect <= against.high
    words = against.statement
    if held and not same:
        words += "; too uncertain to settle it"
    return check(CheckId.DIFFERENCE_IN_DIFFERENCES, words, passed=bool(same or held))


def _arrays(
    data: pd.DataFrame, adjusted_for: Sequence[str]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    others = [data[name].to_numpy(float) for name in adjusted_for]
    scaled = [(o - o.mean()) / (o.std() or 1.0) for o in others]
    columns = [np.ones(len(data)), data["change"].to_numpy(float), *scaled]
    return data["own"].to_numpy(float), np.column_stack(columns)


def _shuffled(
    own: NDArray[np.float64], design: NDArray[np.float64], rng: np.random.Generator
) -> float:
    many = np.repeat(design[None], REFUTER_ROUNDS, axis=0)
    many[:, :, 1] = rng.permuted(many[:, :, 1], axis=1)
    return _mean_effect(own, many)


def _with_noise(
    own: NDArray[np.float64], design: NDArray[np.float64], rng: np.random.Generator
) -> float:
    noise = rng.standard_normal((REFUTER_ROUNDS, len(own), 1))
    return _mean_effect(
        own, np.concatenate([np.repeat(design[None], REFUTER_ROUNDS, 0), noise], axis=2)
    )


def _on_subsets(
    own: NDArray[np.float64], design: NDArray[np.float64], rng: np.random.Generator
) -> float:
    size = max(2, int(REFUTER_SUBSET * len(own)))
    rows = rng.permuted(np.tile(np.arange(len(own)), (REFUTER_ROUNDS, 1)), axis=1)[:, :size]
    return float(least_squares(own[rows], design[rows])[:, 1].mean())


def _mean_effect(own: NDArray[np.float64], designs: NDArray[np.float64]) -> float:
    outcome = np.broadcast_to(own, designs.shape[:2])
    return float(least_squares(outcome, designs)[:, 1].mean())
