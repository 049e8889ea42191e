"""Ways to identify an effect on a graph (back-door, front-door, instrument) and estimates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.cards import StatementCard, bounds, quantity, table_html
from workbench.causal.change_effects.adjustment import UNOBSERVED, change_graph
from workbench.causal.change_effects.change_data import bins_around, prepare
from workbench.causal.gcm.session import Deadline, encoded, quietly, seeded
from workbench.causal.thresholds import FEWEST_LEVELS, IDENTIFICATION_BATCH, IDENTIFICATION_ROUNDS
from workbench.errors import BadInput
from workbench.stats.ar_regression import least_squares
from workbench.stats.block_bootstrap import block_length, block_rows, interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import networkx as nx
    from numpy.typing import NDArray

    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["Identification", "Way", "identify", "identify_on"]

_METHODS = {
    "back-door": "backdoor.linear_regression",
    "front-door": "frontdoor.two_stage_regression",
    "instrument": "iv.instrumental_variable",
}


@dataclass(frozen=True, slots=True)
class Way:
    """One way to identify the effect, and what comes out of it.

    Parameters
    ----------
    name
        ``"back-door"``, ``"front-door"`` or ``"instrument"``.
    variables
        The adjustment set, the mediators, or the instruments.
    estimate, low, high
        Linear estimate with a 95 % interval from moving blocks of rows.
    dowhy
        DoWhy's own estimate, which has to agree.
    """

    name: str
    variables: tuple[str, ...]
    estimate: float
    low: float
    high: float
    dowhy: float


@dataclass(frozen=True, slots=True, repr=False)
class Identification(StatementCard):
    """Every way in which a graph identifies one effect.

    Parameters
    ----------
    treatment, outcome
        Whose effect on what.
    ways
        Those the graph allows; none where the effect cannot be told from data like these.
    unit
        Of the outcome.
    note
        Empty, or that the time was up.
    seed
        Of blocks and DoWhy.
    """

    treatment: str
    outcome: str
    ways: tuple[Way, ...]
    unit: str = ""
    note: str = ""
    seed: int = 0

    @property
    def statement(self) -> str:
        """The outcome in one sentence."""
        effect = f"Effect of {self.treatment} on {self.outcome}"
        if not self.ways:
            return f"{effect} cannot be identified on this graph with what is observed"
        told = "; ".join(
            f"{way.name} by {', '.join(way.variables) or 'nothing'}: "
            f"{quantity(way.estimate, self.unit)} ({bounds(way.low, way.high, self.unit)})"
            for way in self.ways
        )
        return f"{effect}, {told}" + (f" ({self.note})" if self.note else "")

    def to_frame(self) -> pd.DataFrame:
        """One line a way."""
        rows = [
            (w.name, ", ".join(w.variables), w.estimate, w.low, w.high, w.dowhy) for w in self.ways
        ]
        return pd.DataFrame(rows, columns=["way", "by", "estimate", "low", "high", "DoWhy's"])

    def __repr__(self) -> str:
        """Write the statement."""
        return self.statement

    def _body(self) -> str:
        return table_html(self.to_frame()) if self.ways else ""


def identify(
    window: IncidentWindow,
    change: str,
    sli: SLI | None = None,
    *,
    outcome: str = "own",
    graph: nx.DiGraph[str] | None = None,
    extra: pd.DataFrame | None = None,
    seed: int = 0,
    seconds: float = 8.0,
) -> Identification:
    """Identify and estimate the effect of a change in every way its graph allows.

    Parameters
    ----------
    window, change, sli
        As for `workbench.causal.effect`.
    outcome
        ``"own"`` or ``"sli"``.
    graph
        Cause → effect over ``change``, ``own``, ``elsewhere``, ``sli``, ``traffic``,
        ``moment`` and columns of `extra`; `change_graph` if None. Nodes without a column
        are unobserved.
    extra
        Further series by time, say of a randomised routing weight or a feature flag.
    seed, seconds
        As for `identify_on`.

    Raises
    ------
    UnknownName, BadInput
        As for `workbench.causal.effect`; or a treatment that never varies.
    """
    target = sli or window.sli()
    data = bins_around(prepare(window), change, target)
    local = data.local.assign(change=data.treated["change"].to_numpy())
    if extra is not None:
        local = local.join(extra.reindex(local.index, method="nearest"))
    given = change_graph() if graph is None else graph
    return identify_on(
        given,
        local.drop(columns=list(UNOBSERVED), errors="ignore"),
        outcome=outcome,
        unit=target.unit,
        seed=seed,
        seconds=seconds,
    )


def identify_on(
    graph: nx.DiGraph[str],
    data: pd.DataFrame,
    *,
    treatment: str = "change",
    outcome: str = "own",
    unit: str = "",
    seed: int = 0,
    seconds: float = 8.0,
) -> Identification:
    """Identify and estimate an effect on any graph and data.

    Parameters
    ----------
    graph
        Cause → effect, without cycles; nodes without a column are unobserved.
    data
        Complete columns in time order.
    treatment, outcome
        Nodes with columns.
    unit
        Of the outcome, for the words.
    seed
        Of blocks and DoWhy.
    seconds
        Time after which no further batch of 50 resamples is begun.

    Raises
    ------
    BadInput
        Treatment or outcome has no column, or never varies.

    Notes
    -----
    DoWhy reads back-door set, front-door mediators and instruments from the graph; the
    estimand is identified anew for each estimate, which alters it. Intervals come from
    moving blocks (Künsch 1989), not from DoWhy's independent resamples.
    """
    observed = encoded(data[[c for c in data.columns if c in graph]])
    for name in (treatment, outcome):
        if name not in observed or observed[name].nunique() < FEWEST_LEVELS:
            fact = "Nothing to identify an effect from"
            raise BadInput(
                fact,
                value=name,
                hint="It needs a column with at least two values",
            )
    with seeded(seed=seed), quietly():
        from dowhy import CausalModel

        model = CausalModel(observed, treatment=treatment, outcome=outcome, graph=graph)
        deadline = Deadline(seconds)
        ways = tuple(_ways(model, observed, (treatment, outcome), deadline, seed=seed))
    return Identification(treatment, outcome, ways, unit, deadline.note, seed)


def _ways(
    model: Any,  # noqa: ANN401
    data: pd.DataFrame,
    pair: tuple[str, str],
    deadline: Deadline,
    *,
    seed: int,
) -> Iterator[Way]:
    found = model.identify_effect(proceed_when_unidentifiable=True)
    for name, chosen in _sets(found, data):
        value, resampled = _estimated(name, data, pair, chosen, deadline, seed=seed)
        yield Way(name, chosen, value, *interval(value, resampled), _dowhy(model, name, chosen))


def _sets(found: Any, data: pd.DataFrame) -> Iterator[tuple[str, tuple[str, ...]]]:  # noqa: ANN401
    """Yield the sets that were measured: DoWhy takes unobserved nodes for instruments too."""
    if found.estimands.get("backdoor") is not None:
        yield "back-door", tuple(sorted(found.get_backdoor_variables()))
    for name, nodes in (
        ("front-door", found.get_frontdoor_variables()),
        ("instrument", found.get_instrumental_variables()),
    ):
        known = tuple(sorted(set(nodes or ()) & set(data.columns)))
        if known and (name == "instrument" or len(known) == len(nodes)):
            yield name, known


def _dowhy(model: Any, name: str, chosen: tuple[str, ...]) -> float:  # noqa: ANN401
    """Return DoWhy's own estimate; of several instruments it takes one."""
    estimand = model.identify_effect(proceed_when_unidentifiable=True)
    options = {"iv_instrument_name": chosen[0]} if name == "instrument" else None
    estimate = model.estimate_effect(
        estimand,
        method_name=_METHODS[name],
        effect_modifiers=[],
        test_significance=False,
        method_params=options,
    )
    return float(estimate.value)


def _estimated(
    name: str,
    data: pd.DataFrame,
    pair: tuple[str, str],
    variables: tuple[str, ...],
    deadline: Deadline,
    *,
    seed: int,
) -> tuple[float, NDArray[np.float64]]:
    """Estimate on all rows, then on moving blocks of them."""
    estimator = _ESTIMATORS[name]
    columns = [data[c].to_numpy(float) for c in (*pair, *variables)]
    x, y, others = columns[0], columns[1], np.column_stack([np.empty((len(data), 0)), *columns[2:]])
    length, rng, rounds = block_length(y), np.random.default_rng(seed), []
    for size in deadline.batches(IDENTIFICATION_ROUNDS, IDENTIFICATION_BATCH):
        rows = block_rows(len(y), length, size, rng=rng)
        varied = np.ptp(x[rows], axis=1) > 0
        rounds.append(estimator(x[rows], y[rows], others[rows])[varied])
    return float(estimator(x[None], y[None], others[None])[0]), np.concatenate(rounds)


def _back_door(
    x: NDArray[np.float64], y: NDArray[np.float64], given: NDArray[np.float64]
) -> NDArray[np.float64]:
    return least_squares(y, _design(x, given))[:, 1]


def _front_door(
    x: NDArray[np.float64], y: NDArray[np.float64], mediators: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sum over mediators of treatment → mediator times mediator → outcome given treatment."""
    through = [
        least_squares(mediators[:, :, k], _design(x))[:, 1] for k in range(mediators.shape[2])
    ]
    onward = least_squares(y, _design(x, mediators))[:, 2:]
    return np.asarray((np.stack(through, axis=1) * onward).sum(axis=1))


def _instrument(
    x: NDArray[np.float64], y: NDArray[np.float64], instruments: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Two-stage least squares."""
    ones = np.ones_like(x)
    first = np.concatenate([ones[:, :, None], instruments], axis=2)
    fitted = np.einsum("mnk,mk->mn", first, least_squares(x, first))
    return least_squares(y, _design(fitted))[:, 1]


def _design(x: NDArray[np.float64], *others: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([np.stack([np.ones_like(x), x], axis=2), *others], axis=2)


_ESTIMATORS: dict[str, Callable[..., NDArray[np.float64]]] = {
    "back-door": _back_door,
    "front-door": _front_door,
    "instrument": _instrument,
}
