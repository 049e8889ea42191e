"""DoWhy's own back-door estimate and refuters for one change, with its known faults guarded.

Effect modifiers are given as none (inferred ones take minutes), the estimand is identified
anew for every estimate (an estimate alters it), and the only placebo used is the permuted
one on a back-door estimate (random data always passes, front-door always fails).
`workbench.causal.effect` has the same refuters without DoWhy; this is the check.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.cards import StatementCard, quantity, table_html
from workbench.causal.change_effects.adjustment import change_graph
from workbench.causal.change_effects.change_data import bins_around, prepare
from workbench.causal.change_effects.refuters import shuffled_outcome, steady_outcome
from workbench.causal.gcm.session import Deadline, encoded, quietly, seeded
from workbench.causal.thresholds import (
    DOWHY_BATCH,
    DOWHY_SIMULATIONS,
    HIDDEN_CAUSE_FLIPS,
    HIDDEN_CAUSE_LEAVES,
)
from workbench.checks import CheckId, CheckResult, check
from workbench.stats.ar_regression import least_squares

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["DoWhyRefutations", "estimate_and_refute", "refute"]

_REFUTERS: tuple[tuple[CheckId, str, dict[str, str]], ...] = (
    (CheckId.SHUFFLED_TIMES, "placebo_treatment_refuter", {"placebo_type": "permute"}),
    (CheckId.RANDOM_COMMON_CAUSE, "random_common_cause", {}),
    (CheckId.SUBSET, "data_subset_refuter", {}),
)


@dataclass(frozen=True, slots=True, repr=False)
class DoWhyRefutations(StatementCard):
    """What DoWhy made of a change: adjustment set, estimate, refutations.

    Parameters
    ----------
    value
        Its linear back-door estimate, in `unit`.
    adjusted_for
        The back-door set it read from the graph.
    refutations
        Its refuters and how they ended; those the time did not allow are left out.
    unit
        The SLI's.
    note
        Empty, or that the time was up and how much was done by then.
    seed
        Of everything drawn.
    """

    value: float
    adjusted_for: tuple[str, ...]
    refutations: tuple[CheckResult, ...]
    unit: str
    note: str = ""
    seed: int = 0

    @property
    def statement(self) -> str:
        """The outcome in one sentence."""
        lost = [r.name for r in self.refutations if not r.passed]
        end = f"refuted by {', '.join(lost)}" if lost else "it survived what was tried"
        told = f"{quantity(self.value, self.unit)}, adjusted for {', '.join(self.adjusted_for)}"
        return f"DoWhy's estimate is {told}; {end}" + (f" ({self.note})" if self.note else "")

    def to_frame(self) -> pd.DataFrame:
        """One line a refuter."""
        rows = [(r.name, r.passed, r.statement) for r in self.refutations]
        return pd.DataFrame(rows, columns=["refuter", "survived", "outcome"])

    def __repr__(self) -> str:
        """Statement, then each refuter."""
        lines = [f"  {r.name}: {r.statement}" for r in self.refutations]
        return "\n".join([self.statement, *lines])

    def _body(self) -> str:
        return table_html(self.to_frame())


def refute(
    window: IncidentWindow,
    change: str,
    sli: SLI | None = None,
    *,
    seed: int = 0,
    seconds: float = 8.0,
) -> DoWhyRefutations:
    """Have DoWhy estimate and refute the effect of one change on its service's own part.

    Parameters
    ----------
    window, change, sli
        As for `workbench.causal.effect`.
    seed
        Of everything drawn.
    seconds
        Time after which no further batch of five simulations (about 0.3 s) is begun.

    Returns
    -------
    DoWhyRefutations
        Partial where the time was up, and it says so.

    Raises
    ------
    UnknownName, BadInput
        As for `workbench.causal.effect`.
    """
    target = sli or window.sli()
    data = bins_around(prepare(window), change, target)
    return estimate_and_refute(data.treated, target.unit, seed=seed, seconds=seconds)


def estimate_and_refute(
    data: pd.DataFrame, unit: str, *, seed: int, seconds: float = 8.0
) -> DoWhyRefutations:
    """Identify, estimate and refute the effect of ``change`` on its service's own part.

    Parameters
    ----------
    data
        Columns ``change`` (0 or 1), ``traffic`` and ``own``, a row a bin, without missing
        values; further nodes of `change_graph` may be missing.
    unit
        Unit of ``own``, for the words.
    seed, seconds
        As for `refute`.
    """
    with seeded(seed=seed), quietly():
        from dowhy import CausalModel

        deadline = Deadline(seconds)
        clean = encoded(data)
        model = CausalModel(clean, treatment="change", outcome="own", graph=change_graph())
        estimand, estimate = _estimate(model)
        value = float(estimate.value)
        refutations = (
            *_refuted(model, value, unit, deadline),
            *_hidden(model, value, _strength_of_traffic(clean), unit=unit, deadline=deadline),
        )
    # DoWhy lists the set without promising an order.
    found = tuple(sorted(estimand.get_backdoor_variables()))
    return DoWhyRefutations(value, found, refutations, unit, deadline.note, seed)


def _estimate(model: Any) -> tuple[Any, Any]:  # noqa: ANN401 - DoWhy's types are loaded late
    estimand = model.identify_effect(proceed_when_unidentifiable=False)
    estimate = model.estimate_effect(
        estimand,
        method_name="backdoor.linear_regression",
        effect_modifiers=[],
        test_significance=False,
    )
    return estimand, estimate


def _refuted(
    model: Any,  # noqa: ANN401
    value: float,
    unit: str,
    deadline: Deadline,
) -> Iterator[CheckResult]:
    for name, method, options in _REFUTERS:
        if deadline.over and deadline.done:
            deadline.asked += DOWHY_SIMULATIONS
            continue
        found = float(np.mean(list(_simulated(model, method, options, deadline))))
        shuffled = name == CheckId.SHUFFLED_TIMES
        yield (
            shuffled_outcome(found, value, unit=unit)
            if shuffled
            else steady_outcome(name, found, value, unit=unit)
        )


def _simulated(
    model: Any,  # noqa: ANN401
    method: str,
    options: dict[str, str],
    deadline: Deadline,
) -> Iterator[float]:
    """Mean effects of batches of simulations, each on an estimand identified anew."""
    for size in deadline.batches(DOWHY_SIMULATIONS, DOWHY_BATCH):
        estimand, estimate = _estimate(model)
        result = model.refute_estimate(
            estimand,
            estimate,
            method_name=method,
            num_simulations=size,
            show_progress_bar=False,
            n_jobs=1,
            **options,
        )
        yield float(np.mean(result.new_effect))


def _hidden(
    model: Any,  # noqa: ANN401
    value: float,
    strength: float,
    *,
    unit: str,
    deadline: Deadline,
) -> Iterator[CheckResult]:
    """Add a hidden common cause as strong as traffic: half of the effect has to stay."""
    if deadline.over:
        deadline.asked += DOWHY_SIMULATIONS
        return
    moved = []
    for size in deadline.batches(DOWHY_SIMULATIONS, DOWHY_BATCH):
        for _ in range(size):
            result = model.refute_estimate(
                *_estimate(model),
                method_name="add_unobserved_common_cause",
                confounders_effect_on_treatment="binary_flip",
                confounders_effect_on_outcome="linear",
                effect_strength_on_treatment=HIDDEN_CAUSE_FLIPS,
                effect_strength_on_outcome=strength,
                plotmethod=None,
            )
            moved.append(float(result.new_effect))
    found = float(np.mean(moved))
    words = (
        f"with a hidden common cause as strong as traffic, behind {100 * HIDDEN_CAUSE_FLIPS:.0f} % "
        f"of the bins, the effect is {quantity(found, unit)} instead of {quantity(value, unit)}"
    )
    yield check(
        CheckId.UNOBSERVED_COMMON_CAUSE,
        words,
        passed=found / value >= HIDDEN_CAUSE_LEAVES if value else False,
    )


def _strength_of_traffic(data: pd.DataFrame) -> float:
    """Estimate what one standard deviation of traffic adds to the own part."""
    traffic = data["traffic"].to_numpy()
    change = data["change"].to_numpy()
    scaled = (traffic - traffic.mean()) / (traffic.std() or 1.0)
    design = np.column_stack([np.ones_like(change), change, scaled])
    return abs(float(least_squares(data["own"].to_numpy()[None], design[None])[0, 2]))
