"""Next best check: which data, not loaded yet, would best tell the leading hypotheses apart.

A check is worth the entropy it is expected to take from the question "which service is it?"
(Lindley 1956): its possible answers, how probable each is under each hypothesis, and what
would be left to ask after each. What is loaded already is never asked for again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.cards import ResultCard, table_html
from workbench.diagnose.case import open_case
from workbench.diagnose.ledger.hypotheses import Hypotheses
from workbench.diagnose.thresholds import (
    ENOUGH_HISTORY,
    LEADING_SUSPECTS,
    LEAST_PROBABLE,
    NO_REMAINDER,
    WORTH_ASKING,
)
from workbench.diagnose.value_of_information.likelihoods import ANSWERS
from workbench.diagnose.value_of_information.missing_sources import unseen
from workbench.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.diagnose.case import Case
    from workbench.diagnose.value_of_information.likelihoods import Answers, Cost
    from workbench.diagnose.value_of_information.missing_sources import Unseen
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["Check", "NextChecks", "entropy", "next_checks"]

_ELSEWHERE = "another service"
_COSTS = ("light", "heavy", "slow")


@dataclass(frozen=True, slots=True)
class Check:
    """One query, and what its answer is expected to tell.

    Parameters
    ----------
    source, service
        What to load, and of which service.
    bits
        Expected information gain about which service it is.
    cost
        ``light`` (one query), ``heavy`` (many rows) or ``slow`` (a long range).
    likelihood
        Probability that it shows something, under each hypothesis.
    basis
        Where these probabilities come from.
    statement
        The query and what it separates, in one sentence.
    """

    source: str
    service: str
    bits: float
    cost: Cost
    likelihood: Mapping[str, float]
    basis: str
    statement: str


@dataclass(frozen=True, slots=True, repr=False)
class NextChecks(ResultCard):
    """Queries that would separate the leading hypotheses, the most telling first.

    Parameters
    ----------
    window_id, sli
        What was asked.
    probability
        Leading services, and all others together, with their probability.
    checks
        Checks worth making, most bits first, cheaper ones first among equals.
    reason
        Why there are none, or empty.
    """

    window_id: str
    sli: SLI
    probability: Mapping[str, float]
    checks: tuple[Check, ...]
    reason: str = ""

    @property
    def bits(self) -> float:
        """Entropy of the question as it stands, in bits."""
        return entropy(np.array(list(self.probability.values())))

    def to_frame(self) -> pd.DataFrame:
        """One line a check."""
        columns = ["source", "service", "bits", "cost", "statement", "basis"]
        rows = [tuple(getattr(check, name) for name in columns) for check in self.checks]
        return pd.DataFrame(rows, columns=columns)

    def _headline(self) -> str:
        if not self.checks:
            return f"No check to propose: {self.reason}"
        return f"Next best check: {self.checks[0].statement}"

    def _facts(self) -> dict[str, str]:
        shown = ", ".join(f"{name} {p:.2f}" for name, p in self.probability.items())
        return {"hypotheses": shown or "none", "open": f"{self.bits:.2f} bits"}

    def __repr__(self) -> str:
        """Headline, facts, then a line a check."""
        facts = [f"  {name}: {value}" for name, value in self._facts().items()]
        lines = [
            f"  {check.bits:.2f} bits, {check.cost}: {check.statement}" for check in self.checks
        ]
        return "\n".join([f"{self._headline()} ({self.window_id})", *facts, *lines])

    def _body(self) -> str:
        return table_html(self.to_frame())

    def _note(self) -> str:
        return "Bits: by how much the answer is expected to narrow down which service it is."


def next_checks(
    asked: IncidentWindow | Hypotheses, sli: SLI | None = None, *, seed: int = 0
) -> NextChecks:
    """Find the query that would best separate the leading hypotheses.

    Parameters
    ----------
    asked
        An incident window with a baseline, or the ledger of its hypotheses.
    sli
        The SLI of a window; the first SLO's if None. A ledger has its own.
    seed
        Of everything drawn.

    Returns
    -------
    NextChecks
        Without checks where the SLI did not move or everything is loaded: `reason` says so.

    Raises
    ------
    BadInput, UnknownName
        No baseline, nothing measured, or a ledger that was read from a file.

    Notes
    -----
    How probable an answer is under a hypothesis stands in
    `workbench.diagnose.value_of_information.likelihoods`, measured on public incidents where
    there are any. Checks are judged one by one: two of them may tell the same.
    """
    case = asked.case if isinstance(asked, Hypotheses) else open_case(asked, sli, seed=seed)
    if case is None:
        hint = "Give it its window first: ledger.retest(window)"
        fact = "A ledger read from a file has no window"
        raise BadInput(fact, value=asked, hint=hint)
    leading = _leading(case)
    names = [name for name in leading if name != _ELSEWHERE]
    if not case.ranking.was_measured:
        reason = f"{case.sli} {case.all_clear}: load its measurements first"
        return NextChecks(case.window.id, case.sli, leading, (), reason)
    sure = case.ranking.moved or case.past_windows >= ENOUGH_HISTORY
    calm = case.all_clear if sure else ""
    if calm or not names:
        reason = f"the SLI {calm}" if calm else "no service is ranked"
        reason += ": there is nothing to tell apart"
        return NextChecks(case.window.id, case.sli, leading, (), reason)
    gaps = unseen(case, names)
    checks = [_check(case, gap, leading, names) for gap in gaps]
    worth = [check for check in checks if check.bits >= WORTH_ASKING]
    worth.sort(key=lambda c: (-round(c.bits, 2), _COSTS.index(c.cost), c.service, c.source))
    left = "everything that is known to help is loaded" if not gaps else "no answer would tell much"
    return NextChecks(case.window.id, case.sli, leading, tuple(worth), "" if worth else left)


def entropy(probability: np.ndarray) -> float:
    """Entropy in bits of probabilities that sum to one; shape (outcomes,)."""
    p = probability[probability > 0]
    return float(-(p * np.log2(p)).sum()) + 0.0


def _leading(case: Case) -> dict[str, float]:
    """Most probable services; what is left goes to all others together."""
    rows = sorted(case.ranking.rows, key=lambda row: (-row.confidence, row.service))
    total = sum(row.confidence for row in rows)
    if total <= 0:
        return {}
    shares = {row.service: row.confidence / total for row in rows[:LEADING_SUSPECTS]}
    leading = {name: share for name, share in shares.items() if share >= LEAST_PROBABLE}
    rest = 1.0 - sum(leading.values())
    return {**leading, _ELSEWHERE: rest} if rest > NO_REMAINDER else leading


def _check(case: Case, gap: Unseen, leading: Mapping[str, float], names: list[str]) -> Check:
    answers = ANSWERS[gap.source]
    shows = {name: _probability(case, gap, answers, name) for name in leading}
    p = np.array(list(leading.values()))
    bits = _gain(p, np.array(list(shows.values())))
    return Check(
        gap.source,
        gap.service,
        bits,
        answers.cost,
        shows,
        answers.basis,
        _words(case, gap, leading, shows, bits),
    )


def _probability(case: Case, gap: Unseen, answers: Answers, hypothesis: str) -> float:
    """Probability that the source shows something, were this hypothesis true."""
    if hypothesis == gap.service:
        return answers.itself
    callers = case.study.graph.callers
    seen, stack = set(), [hypothesis]
    while stack:
        fresh = [c for c in callers.get(stack.pop(), ()) if c not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    return answers.waiting if gap.service in seen else answers.other


def _gain(p: np.ndarray, shows: np.ndarray) -> float:
    """Compute the expected fall of the entropy by a check that shows something or not."""
    left = 0.0
    for likelihood in (shows, 1.0 - shows):
        joint = p * likelihood
        if joint.sum() > 0:
            left += float(joint.sum()) * entropy(joint / joint.sum())
    return max(entropy(p) - left, 0.0)


def _words(
    case: Case,
    gap: Unseen,
    leading: Mapping[str, float],
    shows: Mapping[str, float],
    bits: float,
) -> str:
    mine = gap.service if gap.service in leading else max(leading, key=leading.__getitem__)
    rivals = [name for name in leading if shows[name] != shows[mine]] or [_ELSEWHERE]
    rival = max(rivals, key=lambda name: leading.get(name, 0.0))
    when = gap.when
    span = f"{when.start:%H:%M}–{when.end:%H:%M}"
    why = f" ({gap.reason})" if gap.reason else ""
    return (
        f"load {gap.words} {span}{why}: separates {mine} ({leading[mine]:.2f}) from {rival} "
        f"({leading.get(rival, 0.0):.2f}), {bits:.1f} bits"
    )
