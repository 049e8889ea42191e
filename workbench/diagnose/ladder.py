"""The claim ladder: how far named checks let a suspect climb, and what it is if not a cause."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import networkx as nx

from workbench.cards import quantity
from workbench.causal.anomalies.anomaly import PART
from workbench.checks import WORDS, CheckId, CheckResult, not_passed
from workbench.diagnose.thresholds import MATERIAL
from workbench.topology import calls_only

if TYPE_CHECKING:
    from workbench.causal.ranking import RankedService
    from workbench.diagnose.case import Case
    from workbench.diagnose.results import Role, Suspect
    from workbench.findings import Claim

__all__ = ["is_material", "judge", "lower_rung", "moved_signals"]


def is_material(case: Case, row: RankedService) -> bool:
    """Whether a service's part is large enough to be what the incident is about."""
    return case.harmful * row.attribution >= MATERIAL * case.worse > 0


_NEEDED: tuple[tuple[Claim, frozenset[str]], ...] = (
    ("plausible", frozenset({CheckId.ON_PATH, CheckId.NOT_AFTER_SLI})),
    (
        "supported",
        frozenset(
            {
                CheckId.PART_EXCLUDES_ZERO,
                CheckId.PLACEBO_WINDOWS,
                CheckId.STANDS_OUT,
                CheckId.ENOUGH_HISTORY,
                CheckId.SOURCES_PRESENT,
            }
        ),
    ),
)


def judge(case: Case, row: RankedService, suspect: Suspect, *, through: str) -> Suspect:
    """Let a suspect climb as far as its checks allow, and say what it is.

    Parameters
    ----------
    case, row
        The case, and the service's row of the ranking.
    suspect
        With its checks; claim and role are decided here.
    through
        The signal it is judged by.
    """
    lost = {result.id for result in not_passed(suspect.tests)}
    if through != case.sli.signal and CheckId.LEFT_RANGE in lost:
        return _unmoved(case, suspect, through)
    # The account of conserved work proves more than a correlation over a few bins can, so a
    # place with a part of its own may pass over that rung; it never passes over another.
    owns = CheckId.PART_EXCLUDES_ZERO not in lost and through == case.sli.signal
    low = claim = lower_rung(case, suspect)
    for rung, needed in _NEEDED if owns or low == "correlated" else ():
        if lost & needed:
            break
        claim = rung
    role, reason = _role(case, row, suspect.tests)
    if claim == "supported":
        passed = "; ".join(t.figure for t in suspect.tests if t.id in _NEEDED[-1][1])
        return replace(suspect, claim=claim, role="state change", reason=passed)
    if role in {"symptom", "coincidence", "confounded"} and claim == "plausible":
        claim = low
    return replace(suspect, claim=claim, role=role, reason=reason)


def lower_rung(case: Case, suspect: Suspect) -> Claim:
    """Say how far a place climbs that is no cause: *correlated* only where that was seen."""
    itself = suspect.service == case.sli.service
    seen = any(t.id == CheckId.MOVES_WITH_SLI and t.passed for t in suspect.tests)
    return "correlated" if itself or seen else "observed"


def _unmoved(case: Case, suspect: Suspect, signal: str) -> Suspect:
    """Judge a signal that stayed in its range, whatever else its service did."""
    words = next(t.figure for t in suspect.tests if t.id == CheckId.LEFT_RANGE)
    measured = (suspect.service, signal) in case.study.aligned.nodes
    role: Role = "coincidence" if measured else "undecided"
    return replace(suspect, role=role, reason=f"not through {signal}: {words}")


def _role(case: Case, row: RankedService, tests: tuple[CheckResult, ...]) -> tuple[Role, str]:
    """Say what a place is that is not supported, and why."""
    lost = {result.id: result.figure for result in not_passed(tests)}
    unit = case.sli.unit
    part = f"its own part is {quantity(row.attribution, unit)} of {quantity(case.worse, unit)}"
    if row.service in case.study.graph.above:
        return "symptom", f"it calls {case.sli.service} and waits for it"
    moved = moved_signals(row) or "none of its signals left its normal range"
    if CheckId.ON_PATH in lost:
        return "coincidence", f"no path in the service graph to {case.sli.service}; {moved}"
    if CheckId.NOT_AFTER_SLI in lost:
        return "symptom", f"{lost[CheckId.NOT_AFTER_SLI]}: it followed"
    if CheckId.PART_EXCLUDES_ZERO not in lost:
        names = ", ".join(sorted(WORDS[name] for name in lost.keys() - {CheckId.MOVES_WITH_SLI}))
        return "undecided", f"{part}, but not passed: {names}"
    source = _passed_on(case, row.service)
    if source:
        return "symptom", f"{part}; it waits for {source}"
    if CheckId.LEFT_RANGE in lost:
        return "confounded", f"it moves with the SLI inside its normal range (traffic); {part}"
    return "coincidence", f"{part}; {moved}"


def moved_signals(row: RankedService) -> str:
    """Say what of a service left its range; its part of the SLI's change is told apart."""
    told = [anomaly.statement for anomaly in row.anomalies if anomaly.kind != PART]
    return "; ".join(told[:3])


def _passed_on(case: Case, service: str) -> str:
    """Callees whose change this service passes on, the largest part first."""
    split, graph = case.study.split, calls_only(case.window.topology)
    part = dict(zip(split.services, case.harmful * split.part, strict=True))
    callees = [c for (caller, c), share in split.passes.items() if caller == service and share > 0]
    below = {
        callee: sum(part.get(name, 0.0) for name in {callee, *nx.descendants(graph, callee)})
        for callee in callees
        if callee in graph
    }
    material = [c for c, blame in below.items() if blame >= MATERIAL * case.worse > 0]
    return ", ".join(sorted(material, key=below.__getitem__, reverse=True)[:3])
