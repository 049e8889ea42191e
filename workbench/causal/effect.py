"""What a change did to the SLI: interrupted series, adjusted, refuted, beside placebo changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench import datasets
from workbench.cards import card, escape, quantity
from workbench.causal.interrupted import placebo_effects, step_effect
from workbench.causal.own import own_series
from workbench.causal.refute import Refutation, estimate_and_refute
from workbench.errors import unknown_name
from workbench.features import signals as make_signals
from workbench.features import sli_series

if TYPE_CHECKING:
    from workbench.causal.interrupted import StepEffect
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["Effect", "effect"]

_PLACEBOS = 200
_LONGEST_AFTER = pd.Timedelta(minutes=5)
_LONGEST_BEFORE = pd.Timedelta(minutes=15)
_MAX_PLACEBO_SHARE = 0.05
_FEWEST_PLACEBOS = 20
_COVARIATES = ("traffic",)


@dataclass(frozen=True, slots=True, repr=False)
class Effect:
    """The effect of one change on one SLI.

    Parameters
    ----------
    change, service, at
        Reference, service and moment of the change.
    sli
        The SLI, whose unit the figures have.
    effect, low, high, p_value
        Step of the SLI put down to the change, with a 95 % interval that survives
        autocorrelation.
    placebo_effects
        What each placebo moment "moved" the SLI by: the empirical null of the effect.
    adjusted_for
        The back-door set read from the graph.
    dowhy_estimate
        DoWhy's own linear estimate on the same set.
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
    adjusted_for: tuple[str, ...]
    dowhy_estimate: float
    refutations: tuple[Refutation, ...]
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
    def moved_it(self) -> bool:
        """Whether the interval excludes zero and every refuter was survived."""
        excludes = self.low > 0 or self.high < 0
        return excludes and all(r.passed for r in self.refutations)

    @property
    def statement(self) -> str:
        """The outcome in one sentence."""
        figures = (
            f"{quantity(self.effect, self.unit)} (95 %: {quantity(self.low, self.unit)} … "
            f"{quantity(self.high, self.unit)})"
        )
        verb = "moved" if self.moved_it else "did not demonstrably move"
        return (
            f"{self.change} of {self.service} {verb} {self.sli}: {figures}; placebo changes moved "
            f"it this much {self.placebos_as_large} times in {self.placebos}"
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

    def _repr_html_(self) -> str:
        """Show as a card with the refuters listed."""
        facts = {
            "effect": f"{quantity(self.effect, self.unit)} (95 %: "
            f"{quantity(self.low, self.unit)} … {quantity(self.high, self.unit)})",
            "adjusted for": ", ".join(self.adjusted_for) or "nothing",
            "data": f"{self.bins_before} bins before, {self.bins_after} after, "
            f"{self.step_s:g} s each",
            "DoWhy's estimate": quantity(self.dowhy_estimate, self.unit),
        }
        items = "".join(
            f"<li>{'survived' if r.passed else 'refuted'}: {escape(r.name)} – "
            f"{escape(r.statement)}</li>"
            for r in self.refutations
        )
        return card(self.statement, facts, body=f"<ul>{items}</ul>")


def effect(window: IncidentWindow, change: str, sli: SLI | None = None, *, seed: int = 0) -> Effect:
    """Estimate what one change did to the SLI.

    A change acts through its own service, and the SLI is that service's own part plus what
    happens elsewhere (known coefficients, see `workbench.causal.mechanisms`): the step is
    looked for in the own part, adjusted for traffic, so that a fault elsewhere at the same
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
        Seed of placebo moments and refuters.

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
    change of the same service comes first.
    """
    target = sli or window.sli()
    row = _change_row(window, change)
    at, service = row["ts"], str(row["service"])
    data, width = _data(window, service, target)
    local = _local(window, data, row)
    step = step_effect(local["own"], at, local[list(_COVARIATES)])
    before, after = int((local.index < at).sum()), int((local.index >= at).sum())
    quiet = _null(window, service, target, data=data, step=width)
    null = _placebos(quiet, before=before, after=after, seed=seed)
    as_large = int((np.abs(null) >= abs(step.effect)).sum())
    treated = local.assign(change=(local.index >= at).astype(int)).reset_index(drop=True)
    dowhy = estimate_and_refute(treated, target.unit, seed=seed)
    placebo = _placebo_refutation(step, null, as_large, unit=target.unit)
    return Effect(
        change=change,
        service=service,
        at=at,
        sli=target,
        effect=step.effect,
        low=step.low,
        high=step.high,
        p_value=step.p_value,
        placebo_effects=tuple(map(float, null)),
        adjusted_for=dowhy.adjusted_for,
        dowhy_estimate=dowhy.value,
        refutations=(placebo, *dowhy.refutations),
        bins_before=before,
        bins_after=after,
        step_s=width,
        seed=seed,
    )


def _change_row(window: IncidentWindow, ref: str) -> pd.Series:
    changes = window.changes
    found = changes[changes["ref"] == ref]
    if found.empty:
        raise unknown_name("change", ref, changes["ref"])
    return found.iloc[0]


def _data(window: IncidentWindow, service: str, sli: SLI) -> tuple[pd.DataFrame, float]:
    """Frame of own, elsewhere, sli and traffic by bin, and the bins' width in seconds."""
    signals = make_signals(window)
    series = sli_series(signals, sli)
    own = own_series(signals, window.topology, service, sli=sli)
    load = signals.nodes.get((sli.service, "load"), pd.Series(1.0, index=series.index))
    data = {"sli": series, "own": own, "elsewhere": series - own, "traffic": load}
    return pd.DataFrame(data), signals.step_s


def _local(window: IncidentWindow, data: pd.DataFrame, row: pd.Series) -> pd.DataFrame:
    same = window.changes[window.changes["service"] == row["service"]]["ts"]
    later, earlier = same[same > row["ts"]], same[same < row["ts"]]
    start = max([row["ts"] - _LONGEST_BEFORE, *earlier.tail(1)])
    end = min([row["ts"] + _LONGEST_AFTER, *later.head(1)])
    return data[(data.index >= start) & (data.index < end)].dropna()


def _null(
    window: IncidentWindow, service: str, sli: SLI, *, data: pd.DataFrame, step: float
) -> list[pd.DataFrame]:
    """Stretches without a change: the baseline, and the history where there is one."""
    mask = window.baseline.mask(data.index.to_series()) if window.baseline else False
    quiet = [data[np.asarray(mask)]] if window.baseline else []
    if window.history:
        past = datasets.load(window.history)
        history, width = _data(past, service, sli)
        quiet += [history] if width == step else []
    return [stretch for stretch in quiet if len(stretch)]


def _placebos(stretches: list[pd.DataFrame], *, before: int, after: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    places = [(n, i) for n, part in enumerate(stretches) for i in range(before, len(part) - after)]
    chosen = [places[k] for k in rng.permutation(len(places))[:_PLACEBOS]]
    effects = [
        placebo_effects(
            part["own"],
            part.index[[i for number, i in chosen if number == n]],
            covariates=part[list(_COVARIATES)],
            before=before,
            after=after,
        )
        for n, part in enumerate(stretches)
    ]
    return np.concatenate(effects) if effects else np.zeros(0)


def _placebo_refutation(
    step: StepEffect, null: np.ndarray, as_large: int, *, unit: str
) -> Refutation:
    words = f"placebo changes moved the SLI this much {as_large} times in {len(null)}"
    if len(null) < _FEWEST_PLACEBOS:
        words += "; too few quiet moments to tell"
    else:
        words += f" (largest {quantity(float(np.abs(null).max()), unit)})"
    passed = len(null) >= _FEWEST_PLACEBOS and as_large <= _MAX_PLACEBO_SHARE * len(null)
    return Refutation("placebo moments", passed, words)
