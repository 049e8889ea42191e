"""Does the graph contradict the data: independences it implies, against graphs at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pandas as pd

from workbench.cards import StatementCard, table_html
from workbench.causal.gcm.scm import flow_graph, modelled, study_of, totals
from workbench.causal.gcm.session import Deadline
from workbench.causal.thresholds import (
    FALSIFY_BATCH,
    FALSIFY_PERMUTATIONS,
    FEWEST_FALSIFY_BINS,
    FEWEST_FALSIFY_SERVICES,
    MORE_THAN_CHANCE,
    SIGNIFICANT,
)
from workbench.errors import BadInput
from workbench.stats.partial_correlation import conditional_test

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["Falsification", "falsify", "falsify_graph"]


@dataclass(frozen=True, slots=True, repr=False)
class Falsification(StatementCard):
    """How a graph's implied independences fare against those of permuted graphs.

    Parameters
    ----------
    tested
        Independences that the graph implies.
    violated
        Those the data contradict: (one, other, given, p-value).
    permuted
        Share of violated independences of each graph with its nodes permuted.
    p_value
        Share of permuted graphs that do at least as well as the real one.
    note
        Empty, or that the time was up.
    seed
        Of the permutations.
    """

    tested: int
    violated: tuple[tuple[str, str, tuple[str, ...], float], ...]
    permuted: tuple[float, ...]
    p_value: float
    note: str = ""
    seed: int = 0

    @property
    def share(self) -> float:
        """Share of implied independences that the data contradict."""
        return len(self.violated) / self.tested if self.tested else 0.0

    @property
    def verdict(self) -> str:
        """``"not contradicted"``, ``"contradicted"`` or ``"cannot tell"``."""
        if not self.tested or not self.permuted:
            return "cannot tell"
        if self.p_value <= SIGNIFICANT:
            return "not contradicted"
        from scipy.stats import binom

        by_chance = float(binom.sf(len(self.violated) - 1, self.tested, SIGNIFICANT))
        return "contradicted" if by_chance < MORE_THAN_CHANCE else "cannot tell"

    @property
    def statement(self) -> str:
        """The outcome in one sentence."""
        words = {
            "not contradicted": "the data do not contradict the graph",
            "contradicted": "the data contradict the graph: it fares no better than one at random",
            "cannot tell": "these data cannot tell the graph from one at random",
        }
        better = sum(share <= self.share for share in self.permuted)
        return (
            f"{len(self.violated)} of {self.tested} implied independences are violated, "
            f"{better} of {len(self.permuted)} permuted graphs do as well: "
            f"{words[self.verdict]}" + (f" ({self.note})" if self.note else "")
        )

    def to_frame(self) -> pd.DataFrame:
        """One line a violated independence, the clearest first."""
        rows = [(a, b, ", ".join(given), p) for a, b, given, p in self.violated]
        table = pd.DataFrame(rows, columns=["one", "other", "given", "p"])
        return table.sort_values("p", kind="stable").reset_index(drop=True)

    def __repr__(self) -> str:
        """Statement, then the clearest violations."""
        lines = [
            f"  {r.one} and {r.other} are not independent given {r.given or 'nothing'}"
            for r in self.to_frame().head(5).itertuples()
        ]
        return "\n".join([self.statement, *lines])

    def _body(self) -> str:
        return table_html(self.to_frame()) if self.violated else ""


def falsify(
    window: IncidentWindow, sli: SLI | None = None, *, seed: int = 0, seconds: float = 8.0
) -> Falsification:
    """Put the window's mechanism graph to the test on its baseline.

    Parameters
    ----------
    window
        The incident window, with a baseline.
    sli
        Whose breakdown; the first SLO's if None.
    seed
        Of the permutations.
    seconds
        As for `falsify_graph`.

    Raises
    ------
    BadInput
        Fewer than three services on the way to the SLI, or than 20 baseline bins.
    """
    found = study_of(window, sli)
    names = modelled(found)
    data = totals(found, names, found.aligned.split.baseline)
    return falsify_graph(flow_graph(found, names), data, seed=seed, seconds=seconds)


def falsify_graph(
    graph: nx.DiGraph[str], data: pd.DataFrame, *, seed: int = 0, seconds: float = 8.0
) -> Falsification:
    """Put any graph to the test on any data.

    Parameters
    ----------
    graph
        Cause → effect, without cycles; its nodes are columns of `data`.
    data
        Complete series in time order.
    seed
        Of the permutations.
    seconds
        Time after which no further batch of five permuted graphs is begun.

    Raises
    ------
    BadInput
        Fewer than three nodes or 20 rows.

    Notes
    -----
    Each node is tested against each it does not affect, given its parents (the local
    Markov condition), by partial correlation with the rows that autocorrelated series are
    worth; the yardstick is the graph with its nodes permuted (Eulig et al. 2023), as in
    DoWhy's ``falsify_graph``, whose kernel test takes a hundred times longer and believes
    in independent rows.
    """
    if len(graph) < FEWEST_FALSIFY_SERVICES or len(data) < FEWEST_FALSIFY_BINS:
        hint = (
            f"At least {FEWEST_FALSIFY_SERVICES} services and {FEWEST_FALSIFY_BINS} bins are needed"
        )
        size = f"{len(graph)} services, {len(data)} bins"
        fact = "Too little to put the graph to the test"
        raise BadInput(fact, value=size, hint=hint)
    columns = {str(name): data[name].to_numpy(float) for name in graph}
    known: dict[tuple[str, str, tuple[str, ...]], float] = {}
    tests = _tested(graph, columns, known)
    rng, names = np.random.default_rng(seed), sorted(graph)
    deadline, shares = Deadline(seconds), []
    for batch in deadline.batches(FALSIFY_PERMUTATIONS, FALSIFY_BATCH):
        for _ in range(batch):
            places = [names[i] for i in rng.permutation(len(names))]
            other = nx.relabel_nodes(graph, dict(zip(names, places, strict=True)))
            shares.append(_share(_tested(other, columns, known)))
    violated = tuple((*test, p) for test, p in tests.items() if p <= SIGNIFICANT)
    as_good = sum(share <= _share(tests) for share in shares)
    return Falsification(
        len(tests), violated, tuple(shares), as_good / max(len(shares), 1), deadline.note, seed
    )


def _tested(
    graph: nx.DiGraph[str],
    columns: dict[str, np.ndarray],
    known: dict[tuple[str, str, tuple[str, ...]], float],
) -> dict[tuple[str, str, tuple[str, ...]], float]:
    """Implied independences with their p-values; those asked before are not tested again."""
    for test in _implied(graph):
        if test not in known:
            one, other, given = test
            rows = np.column_stack([columns[g] for g in given]) if given else None
            empty = np.empty((len(columns[one]), 0))
            known[test] = conditional_test(
                columns[one], columns[other], empty if rows is None else rows
            )
    return {test: known[test] for test in _implied(graph)}


def _implied(graph: nx.DiGraph[str]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for node in sorted(graph):
        parents = tuple(sorted(map(str, graph.predecessors(node))))
        below = nx.descendants(graph, node)
        apart = set(graph) - below - set(parents) - {node}
        yield from ((str(node), str(other), parents) for other in sorted(apart))


def _share(tests: dict[tuple[str, str, tuple[str, ...]], float]) -> float:
    return sum(p <= SIGNIFICANT for p in tests.values()) / len(tests) if tests else 0.0
