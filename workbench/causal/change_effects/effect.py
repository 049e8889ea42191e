"""What a change did to the SLI: interrupted series, adjusted, refuted, beside placebo changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from workbench.cards import StatementCard, bounds, escape, quantity
from workbench.causal.change_effects.adjustment import adjustment, change_graph
from workbench.causal.change_effects.change_data import COVARIATES, bins_around, prepare
from workbench.causal.change_effects.difference_in_differences import difference_in_differences
from workbench.causal.change_effects.interrupted_series import quiet_reach, step_effect, widened
from workbench.causal.change_effects.placebos import earlier_changes, placebo_moments
from workbench.causal.change_effects.refuters import (
    linear_effect,
    refute_by_controls,
    refute_by_data,
    refute_by_placebos,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.causal.change_effects.adjustment import Adjustment
    from workbench.causal.change_effects.change_data import ChangeContext
    from workbench.causal.change_effects.difference_in_differences import DifferenceInDifferences
    from workbench.causal.change_effects.placebos import EarlierChange
    from workbench.checks import CheckResult
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["Effect", "effect", "effect_in"]


@dataclass(frozen=True, slots=True, repr=False)
class Effect(StatementCard):
    """The effect of one change on one SLI.

    Parameters
    ----------
    change, service, at
        Reference, service and moment of the change.
    sli
        The SLI, whose unit the figures have.
    effect, low, high, p_value
        Step of the SLI put down to the change, with a 95 % interval that survives
        autocorrelation and is never narrower than what quiet moments move; the p-value is by the
        series alone.
    placebo_effects
        What each placebo moment "moved" the SLI by: the empirical null of the effect.
    earlier
        What earlier changes of the same service moved.
    against
        The same beyond services out of the change's reach; None where there are none.
    adjustment
        The back-door set with the graph it was read from.
    linear
        Plain least squares on the same set, as DoWhy estimates it.
    refutations
        What was tried to refute it, the placebo moments first.
    bins_before, bins_after, step_s
        Data used.
    """

    change: str
    service: str
    at: pd.Timestamp
    sli: SLI
    effect: float
    low: float
    high: float
    p_value: float
    placebo_effects: tuple[float, ...]
    earlier: tuple[EarlierChange, ...]
    against: DifferenceInDifferences | None
    adjustment: Adjustment
    linear: float
    refutations: tuple[CheckResult, ...]
    bins_before: int
    bins_after: int
    step_s: float
    seed: int = 0

    @property
    def unit(self) -> str:
        """Unit of the effect."""
        return self.sli.unit

    @property
    def placebos(self) -> int:
        """Placebo moments tried."""
        return len(self.placebo_effects)

    @property
    def placebos_as_large(self) -> int:
        """Placebo moments that moved the SLI at least as much as the change."""
        return sum(abs(moved) >= abs(self.effect) for moved in self.placebo_effects)

    @property
    def adjusted_for(self) -> tuple[str, ...]:
        """The back-door set."""
        return self.adjustment.adjusted_for

    @property
    def earlier_as_large(self) -> int:
        """Earlier changes of the service that moved the SLI at least as much."""
        return sum(abs(e.effect) >= abs(self.effect) for e in self.earlier)

    @property
    def moved_it(self) -> bool:
        """Whether the interval excludes zero and every refuter was survived."""
        excludes = self.low > 0 or self.high < 0
        return excludes and all(r.passed for r in self.refutations)

    @property
    def statement(self) -> str:
        """The outcome in one sentence."""
        verb = "moved" if self.moved_it else "did not demonstrably move"
        return (
            f"{self.change} of {self.service} {verb} {self.sli}: {self._figures}; placebo changes "
            f"moved it this much {self.placebos_as_large} times in {self.placebos}"
            f"{self._beside_earlier}"
        )

    @property
    def _figures(self) -> str:
        span = bounds(self.low, self.high, self.unit)
        return f"{quantity(self.effect, self.unit)} (95 %: {span})"

    @property
    def _beside_earlier(self) -> str:
        if not self.earlier:
            return ""
        return (
            f", {self.earlier_as_large} of {len(self.earlier)} earlier changes of "
            f"{self.service} did"
        )

    def to_frame(self) -> pd.DataFrame:
        """One line a refutation."""
        rows = [(r.name, r.passed, r.statement) for r in self.refutations]
        return pd.DataFrame(rows, columns=["refuter", "survived", "outcome"])

    def __repr__(self) -> str:
        """Statement, then each refuter."""
        marks = {True: "survived", False: "REFUTED"}
        lines = [f"  {marks[r.passed]:>8} {r.name}: {r.statement}" for r in self.refutations]
        return "\n".join([self.statement, f"  adjusted for {', '.join(self.adjusted_for)}", *lines])

    def _facts(self) -> dict[str, str]:
        return {
            "effect": self._figures,
            "adjusted for": ", ".join(self.adjusted_for) or "nothing",
            "difference-in-differences": self.against.statement if self.against else "no controls",
            "data": f"{self.bins_before} bins before, {self.bins_after} after, "
            f"{self.step_s:g} s each",
        }

    def _body(self) -> str:
        items = "".join(
            f"<li>{'survived' if r.passed else 'refuted'}: {escape(r.name)} – "
            f"{escape(r.statement)}</li>"
            for r in self.refutations
        )
        return f"<ul>{items}</ul>"


def effect(
    window: IncidentWindow, change: str, sli: SLI | str | None = None, *, seed: int = 0
) -> Effect:
    """Estimate what one change did to the SLI.

    A change acts through its own service, and the SLI is that service's own part plus what
    happens elsewhere (known coefficients, see `workbench.causal.attribution.breakdown`): the
    step is looked for in the own part, adjusted for traffic, so that a fault elsewhere at the same
    time is not put down to an innocent deploy.

    Parameters
    ----------
    window
        The incident window, with the change in ``window.changes``.
    change
        The change's ``ref``.
    sli
        The SLI; the first SLO's if None.
    seed
        Of placebo moments and refuters.

    Returns
    -------
    Effect
        In the SLI's unit.

    Raises
    ------
    UnknownName
        No change has this reference.
    BadInput
        Too few bins before or after the change, or no path from the SLI's service to the
        changed one.

    Notes
    -----
    At most 15 minutes before and 5 minutes after the change are used, less where the next
    change of the same service comes first. The refuters are DoWhy's on the same least
    squares (`workbench.causal.refute` has DoWhy run them), placebo moments, and services
    out of the change's reach where their trends before were parallel.
    """
    return effect_in(prepare(window), change, window.sli(sli), seed=seed)


def effect_in(seen: ChangeContext, change: str, sli: SLI, *, seed: int = 0) -> Effect:
    """Estimate what one change did, for callers that test several in one window.

    Parameters
    ----------
    seen
        From `workbench.causal.change_effects.change_data.prepare`.
    change, sli, seed
        As for `effect`.
    """
    data = bins_around(seen, change, sli)
    null = placebo_moments(data, seed=seed)
    step = step_effect(data.local["own"], data.at, data.local[list(COVARIATES)])
    reach = quiet_reach(null, data.after)
    step = widened(step, reach)
    against = difference_in_differences(seen, data, seed=seed)
    found = adjustment(change_graph())
    treated = data.treated
    return Effect(
        change=change,
        service=data.service,
        at=data.at,
        sli=sli,
        effect=step.effect,
        low=step.low,
        high=step.high,
        p_value=step.p_value,
        placebo_effects=tuple(map(float, null)),
        earlier=earlier_changes(seen, data),
        against=against,
        adjustment=found,
        linear=linear_effect(treated, found.adjusted_for),
        refutations=(
            refute_by_placebos(step.effect, null, reach=reach, unit=sli.unit),
            *_refuted_by_controls(step.effect, against),
            *refute_by_data(treated, found.adjusted_for, unit=sli.unit, seed=seed),
        ),
        bins_before=data.before,
        bins_after=data.after,
        step_s=seen.signals.step_s,
        seed=seed,
    )


def _refuted_by_controls(
    effect: float, against: DifferenceInDifferences | None
) -> Iterator[CheckResult]:
    if against is not None and against.parallel:
        yield refute_by_controls(effect, against)
