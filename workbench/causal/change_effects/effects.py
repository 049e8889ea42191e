"""Every change in reach of an incident put to the test: one table of effects."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import pandas as pd

from workbench.cards import StatementCard, bounds, quantity, table_html
from workbench.causal.change_effects.change_data import prepare
from workbench.causal.change_effects.effect import effect_in
from workbench.causal.thresholds import REACH_BACK
from workbench.errors import BadInput
from workbench.features.aligned import AlignedSignals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from workbench.causal.change_effects.effect import Effect
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["Effects", "effects", "effects_in"]

_COLUMNS = (
    "change",
    "service",
    "at",
    "moved it",
    "effect",
    "low",
    "high",
    "p",
    "placebos",
    "earlier changes",
    "beyond controls",
    "not survived",
)


@dataclass(frozen=True, slots=True, repr=False)
class Effects(StatementCard):
    """The effect of every change in reach on one SLI.

    Parameters
    ----------
    sli
        The SLI.
    by_change
        Effect by the change's reference, in time order.
    untested
        Why the others could not be tested, by reference.
    """

    sli: SLI
    by_change: Mapping[str, Effect]
    untested: Mapping[str, str]

    @property
    def guilty(self) -> tuple[Effect, ...]:
        """Those that moved the SLI and survived every refuter, the largest first."""
        found = [e for e in self.by_change.values() if e.moved_it]
        return tuple(sorted(found, key=lambda e: -abs(e.effect)))

    @property
    def statement(self) -> str:
        """The outcome in one sentence."""
        moved = ", ".join(f"{e.change} ({quantity(e.effect, e.unit)})" for e in self.guilty)
        told = f"{len(self.by_change)} changes tested against {self.sli}"
        told += f", {len(self.untested)} could not be" if self.untested else ""
        return f"{told}; moved it: {moved or 'none'}"

    def to_frame(self) -> pd.DataFrame:
        """One line a change, those without an estimate last and with the reason."""
        rows = [_row(e) for e in self.by_change.values()]
        nothing = [None] * (len(_COLUMNS) - 2)
        rows += [(ref, *nothing, why) for ref, why in self.untested.items()]
        return pd.DataFrame(rows, columns=list(_COLUMNS))

    def __repr__(self) -> str:
        """Statement, then a line a change."""
        lines = [f"  {e.statement}" for e in self.by_change.values()]
        lines += [f"  {ref}: {why}" for ref, why in self.untested.items()]
        return "\n".join([self.statement, *lines])

    def _body(self) -> str:
        shown = [
            {
                "change": e.change,
                "effect": _span(e.effect, e.low, e.high, unit=e.unit),
                "moved it": "yes" if e.moved_it else "no",
                "placebo moments as large": f"{e.placebos_as_large} of {e.placebos}",
                "earlier changes as large": f"{e.earlier_as_large} of {len(e.earlier)}",
                "beyond services out of reach": _beyond(e),
                "not survived": ", ".join(_lost(e)),
            }
            for e in self.by_change.values()
        ]
        shown += [{"change": ref, "not survived": why} for ref, why in self.untested.items()]
        table = pd.DataFrame(shown).fillna("") if shown else pd.DataFrame()
        return table_html(table, limit=60) if shown else ""


def effects(
    window: IncidentWindow,
    sli: SLI | None = None,
    *,
    changes: Sequence[str] | None = None,
    seed: int = 0,
) -> Effects:
    """Estimate what every change in reach of the incident did to the SLI.

    Parameters
    ----------
    window
        The incident window.
    sli
        The SLI; the first SLO's if None.
    changes
        References of those to test; if None all from half an hour before the incident to
        its end.
    seed
        As for `workbench.causal.effect`.

    Returns
    -------
    Effects
        Those that could not be tested are listed with the reason.

    Raises
    ------
    UnknownName
        No change has such a reference.
    """
    return effects_in(window, window.sli(sli), changes=changes, seed=seed)


def effects_in(
    of: IncidentWindow | AlignedSignals,
    sli: SLI,
    *,
    changes: Sequence[str] | None = None,
    seed: int = 0,
) -> Effects:
    """Estimate the same as `effects`, from signals that are already aligned.

    Parameters
    ----------
    of
        The window, or its signals.
    sli, changes, seed
        As for `effects`.
    """
    window = of.window if isinstance(of, AlignedSignals) else of
    references = _in_reach(window) if changes is None else changes
    if not references:
        return Effects(sli, MappingProxyType({}), MappingProxyType({}))
    seen, tested, untested = prepare(of), {}, {}
    for change in references:
        try:
            tested[change] = effect_in(seen, change, sli, seed=seed)
        except BadInput as error:
            untested[change] = str(error)
    return Effects(sli, MappingProxyType(tested), MappingProxyType(untested))


def _in_reach(window: IncidentWindow) -> list[str]:
    told = window.changes.sort_values("ts", kind="stable")
    near = told["ts"].between(window.when.start - REACH_BACK, window.when.end)
    return list(dict.fromkeys(told.loc[near, "ref"].astype(str)))


def _row(e: Effect) -> tuple[object, ...]:
    return (
        e.change,
        e.service,
        e.at,
        e.moved_it,
        e.effect,
        e.low,
        e.high,
        e.p_value,
        f"{e.placebos_as_large} of {e.placebos}",
        f"{e.earlier_as_large} of {len(e.earlier)}",
        e.against.effect if e.against else float("nan"),
        ", ".join(_lost(e)),
    )


def _lost(e: Effect) -> Iterator[str]:
    if e.low <= 0 <= e.high:
        yield "interval holds zero"
    yield from (r.name for r in e.refutations if not r.passed)


def _beyond(e: Effect) -> str:
    if e.against is None:
        return "no controls"
    words = _span(e.against.effect, e.against.low, e.against.high, unit=e.unit)
    return words if e.against.parallel else f"{words}; trends were not parallel"


def _span(value: float, low: float, high: float, *, unit: str) -> str:
    return f"{quantity(value, unit)} ({bounds(low, high, unit)})"
