"""DoWhy's identification and refuters for one change, seeded and with its known faults guarded.

DoWhy draws from numpy's global generator: the seed is set around each call and the state
put back. Effect modifiers are given as none (inferred ones take minutes), the estimand is
identified anew for every estimate (an estimate alters it), jobs are one and progress bars
off, and the only placebo used is the permuted one (random data always passes).
"""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np

from workbench.cards import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

__all__ = [
    "DoWhyEstimate",
    "Refutation",
    "change_graph",
    "estimate_and_refute",
    "quietly",
    "seeded",
]

_SIMULATIONS = 20
# A refuter that adds noise or drops rows may move the estimate by this share of itself.
_TOLERANCE = 0.25


@dataclass(frozen=True, slots=True)
class Refutation:
    """One attempt to refute an estimate.

    Parameters
    ----------
    name
        What was tried.
    passed
        Whether the estimate survived.
    statement
        The outcome with its figures, in words.
    """

    name: str
    passed: bool
    statement: str


@dataclass(frozen=True, slots=True)
class DoWhyEstimate:
    """What DoWhy made of a change: adjustment set, estimate, refutations."""

    value: float
    adjusted_for: tuple[str, ...]
    refutations: tuple[Refutation, ...]


def change_graph() -> nx.DiGraph:
    """Return the graph that a change's effect is identified on.

    A change acts on the SLI through its own service (``own``). The SLI is that part plus
    what happens ``elsewhere``, both with the known coefficient one, so the effect on the
    part is the effect on the SLI, and a fault elsewhere at the same ``moment`` (unobserved)
    is not put down to the change. Traffic moves everything, and people choose when to
    deploy by it.
    """
    graph: nx.DiGraph = nx.DiGraph()
    graph.add_edges_from([("change", "own"), ("own", "sli"), ("elsewhere", "sli")])
    graph.add_edges_from([("traffic", x) for x in ("change", "own", "elsewhere")])
    graph.add_edges_from([("moment", "change"), ("moment", "elsewhere")])
    return graph


def estimate_and_refute(data: pd.DataFrame, unit: str, *, seed: int) -> DoWhyEstimate:
    """Identify, estimate and refute the effect of ``change`` on its service's own part.

    Parameters
    ----------
    data
        Columns ``change`` (0 or 1), ``traffic`` and ``own``, a row a bin, without missing
        values; further nodes of `change_graph` may be missing.
    unit
        Unit of ``own``, for the words.
    seed
        Seed of everything drawn.

    Returns
    -------
    DoWhyEstimate
        The adjustment set is the back-door set that DoWhy read from `change_graph`.
    """
    with seeded(seed=seed), quietly():
        from dowhy import CausalModel

        model = CausalModel(data, treatment="change", outcome="own", graph=change_graph())
        estimand, estimate = _estimate(model)
        refutations = tuple(_refuted(model, estimand, estimate, unit))
    # DoWhy lists the set without promising an order.
    return DoWhyEstimate(
        float(estimate.value), tuple(sorted(estimand.get_backdoor_variables())), refutations
    )


@contextmanager
def seeded(*, seed: int) -> Iterator[None]:
    """Seed numpy's global generator and put its state back afterwards."""
    state = np.random.get_state()  # noqa: NPY002 - DoWhy draws from the global generator
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


@contextmanager
def quietly() -> Iterator[None]:
    """Silence DoWhy's log and warnings, which speak of its own insides."""
    log = logging.getLogger("dowhy")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _estimate(model: Any) -> tuple[Any, Any]:  # noqa: ANN401 - DoWhy's types are loaded late
    estimand = model.identify_effect(proceed_when_unidentifiable=False)
    estimate = model.estimate_effect(
        estimand,
        method_name="backdoor.linear_regression",
        effect_modifiers=[],
        test_significance=False,
    )
    return estimand, estimate


def _refuted(model: Any, estimand: Any, estimate: Any, unit: str) -> Iterator[Refutation]:  # noqa: ANN401
    value = float(estimate.value)
    shown = quantity(value, unit)
    placebo = _refute(model, "placebo_treatment_refuter", placebo_type="permute")
    yield Refutation(
        "change times shuffled",
        abs(placebo) <= abs(value) / 2,
        f"with the change at shuffled times the effect is {quantity(placebo, unit)} "
        f"instead of {shown}",
    )
    for name, method, words in (
        ("random common cause", "random_common_cause", "with an invented common cause"),
        ("subset", "data_subset_refuter", "on random subsets of the bins"),
    ):
        moved = _refute(model, method)
        yield Refutation(
            name,
            abs(moved - value) <= _TOLERANCE * abs(value),
            f"{words} the effect is {quantity(moved, unit)} instead of {shown}",
        )


def _refute(model: Any, method: str, **options: str) -> float:  # noqa: ANN401
    estimand, estimate = _estimate(model)
    result = model.refute_estimate(
        estimand,
        estimate,
        method_name=method,
        num_simulations=_SIMULATIONS,
        show_progress_bar=False,
        n_jobs=1,
        **options,
    )
    return float(np.mean(result.new_effect))
