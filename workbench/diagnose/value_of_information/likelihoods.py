"""How probable it is that a source shows something: the likelihoods behind the next best check.

"Shows something" means a clue of at least one doubling beyond the normal range in the
service's own data. Rates of spans, gauges and requests were counted on public incidents with
`workbench.causal.rank`, at the service at fault, at services that wait for it and at all
others, with one added to either side (Laplace); the rest are declared, and say so.
A caller counts as waiting for everything below it in the declared graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    Counts: TypeAlias = tuple[int, int]

__all__ = ["ANSWERS", "Answers", "Cost"]

Cost = Literal["light", "heavy", "slow"]


@dataclass(frozen=True, slots=True)
class Answers:
    """Probability that one source of a service shows something.

    Parameters
    ----------
    itself
        If the service is at fault.
    waiting
        If it waits for the one at fault.
    other
        If neither.
    cost
        ``light`` (one query), ``heavy`` (many rows) or ``slow`` (a long range).
    basis
        Where the probabilities come from.
    """

    itself: float
    waiting: float
    other: float
    cost: Cost
    basis: str


def _counted(itself: Counts, waiting: Counts, other: Counts, told: str, cost: Cost) -> Answers:
    """Turn counts (how often it showed something, of how many services) into probabilities."""
    root, caller, rest = [(shown + 1) / (seen + 2) for shown, seen in (itself, waiting, other)]
    counts = ", ".join(f"{shown} of {seen}" for shown, seen in (itself, waiting, other))
    return Answers(root, caller, rest, cost, f"counted on {told}: {counts}")


_NEZHA = "28 Nezha faults (every other one)"
_PETSHOP = "26 PetShop incidents"
_DECLARED = "declared, not measured: no public incidents with it"

ANSWERS: Mapping[str, Answers] = MappingProxyType(
    {
        "spans": _counted((26, 28), (4, 42), (6, 210), _NEZHA, "heavy"),
        "gauges": _counted((17, 28), (0, 42), (0, 210), _NEZHA, "light"),
        "requests": _counted((26, 26), (2, 88), (46, 978), _PETSHOP, "light"),
        "logs": Answers(0.6, 0.3, 0.1, "heavy", _DECLARED),
        "changes": Answers(0.5, 0.1, 0.1, "light", _DECLARED),
        "events": Answers(0.3, 0.05, 0.05, "light", _DECLARED),
        "history": Answers(0.9, 0.5, 0.5, "slow", _DECLARED),
    }
)
"""Source to how probable an answer is, if the service itself, one it waits for, or neither."""
