"""Services as suspects: how far named tests let each climb, and what it is if not a cause."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

from workbench.cards import bounds, chance, quantity
from workbench.diagnose.results import Suspect
from workbench.stats.past_windows import empirical_p, peak_contrast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from workbench.causal.ranking import RankedService
    from workbench.diagnose.case import Case
    from workbench.diagnose.results import Role
    from workbench.findings import Claim

__all__ = [
    "MATERIAL",
    "SIGNIFICANT",
    "STANDS_OUT",
    "Test",
    "failed",
    "lower_rung",
    "service_suspects",
]

Test = tuple[str, bool, str]
"""A test a suspect was put to: its name, whether it passed, the figure in words."""

SIGNIFICANT = 0.05
# A part of the SLI's change below this share is not what the incident is about.
MATERIAL = 0.1
# The leading place must be this probable against the other services.
STANDS_OUT = 0.8
_ENOUGH_HISTORY = 8


def service_suspects(case: Case, also: Iterable[tuple[str, str]] = ()) -> tuple[Suspect, ...]:
    """Put every service that anything speaks for to the tests of the ladder.

    Parameters
    ----------
    case
        The incident and its analyses.
    also
        Further (service, signal) pairs that somebody wants tested, whatever speaks for them.

    Returns
    -------
    tuple of Suspect
        In the order of the causal ranking; the SLI's own service is among them.
    """
    rows = [row for row in case.ranking.rows if _is_suspect(case, row)]
    found = [_suspect(case, row, _telling(case, row)) for row in rows]
    known = {(s.service, s.signal) for s in found}
    wanted = [_asked(case, *place) for place in dict.fromkeys(also) if place not in known]
    return (*found, *wanted)


def failed(tests: tuple[Test, ...]) -> tuple[Test, ...]:
    """Return the tests that were not passed."""
    return tuple(test for test in tests if not test[1])


def _is_suspect(case: Case, row: RankedService) -> bool:
    if row.service == case.sli.service or _moved(row) or _is_material(case, row):
        return True
    association = case.correlated(row.service, case.sli.signal)[1]
    return association is not None and association.p_value <= SIGNIFICANT


def _is_in_the_sli(case: Case, row: RankedService) -> bool:
    """Whether the suspect is one by its part of the SLI rather than by another signal."""
    return row.service == case.sli.service or _is_material(case, row)


def _is_material(case: Case, row: RankedService) -> bool:
    return case.harmful * row.attribution >= MATERIAL * case.worse > 0


def _telling(case: Case, row: RankedService) -> str:
    return case.sli.signal if _is_in_the_sli(case, row) else row.signal


def _asked(case: Case, service: str, signal: str) -> Suspect:
    """Test a place that somebody named; one without telemetry stays undecided."""
    row = case.ranked(service)[1]
    if row is not None:
        return _suspect(case, row, signal, asked=True)
    reached = service in case.study.graph.reached
    route = f"requests of {case.sli.service} reach it" if reached else "no path to the SLI"
    words = "no telemetry of it is loaded"
    tests = (("on the path", reached, route), ("its sources were there", False, words))
    return Suspect(service, signal, "observed", "undecided", words, tests=tests)


def _suspect(case: Case, row: RankedService, signal: str, *, asked: bool = False) -> Suspect:
    place, _ = case.ranked(row.service)
    # A machine's suspect is judged as a place; what somebody asks of one signal, by that signal.
    judged = signal if asked else case.sli.signal
    number, association = case.correlated(row.service, judged)
    onset = case.onset_at(row.service, judged)
    suspect = Suspect(
        service=row.service,
        signal=signal,
        claim="observed",
        role="undecided",
        reason="",
        correlation=association.correlation if association else float("nan"),
        lag_s=association.lag_s if association else float("nan"),
        correlation_p=association.p_value if association else float("nan"),
        correlation_rank=number,
        causal_rank=place,
        attribution=row.attribution,
        low=row.low,
        high=row.high,
        p_value=row.p_value,
        onset=onset.at if onset else None,
        confidence=row.confidence,
        tests=tuple(_tests(case, row, judged)),
    )
    return _judged(case, row, suspect, through=judged)


def _tests(case: Case, row: RankedService, signal: str) -> Iterator[Test]:
    """All tests, lowest rung first; a test whose data are not there is not passed."""
    unit = case.sli.unit
    yield _left_range(case, row, signal)
    association = case.correlated(row.service, signal)[1]
    if association is not None:
        words = f"rank correlation {association.correlation:.2f}, {chance(association.p_value)}"
        yield ("moves with the SLI", association.p_value <= SIGNIFICANT, words)
    reached = row.service in case.study.graph.reached
    route = f"requests of {case.sli.service} reach it" if reached else "no path to the SLI"
    yield ("on the path", reached, route)
    yield from _order(case, row.service, signal)
    low = min(case.harmful * row.low, case.harmful * row.high)
    words = (
        f"own part {quantity(row.attribution, unit)} ({bounds(row.low, row.high, unit)}) of "
        f"{quantity(case.ranking.change, unit)}"
    )
    yield ("own part excludes zero", low > 0 and _is_material(case, row), words)
    words = f"{chance(row.p_value)} against past windows taken for the incident"
    yield ("placebo windows", row.p_value <= SIGNIFICANT, words)
    words = f"probability {row.confidence:.2f} against the other services"
    yield ("stands out", row.confidence >= STANDS_OUT, words)
    yield _history(case)
    yield _seen(case, row.service, signal)


def _left_range(case: Case, row: RankedService, signal: str) -> Test:
    """Whether a place left its range; of another signal than the SLI's, that one alone."""
    name, nodes = "left its own range", case.study.aligned.nodes
    if signal == case.sli.signal:
        moved = _moved(row)
        return (name, bool(moved), moved or "no signal beyond its normal range")
    if (row.service, signal) not in nodes:
        return (name, False, f"{signal} of {row.service} is not measured")
    seen = peak_contrast(nodes[[(row.service, signal)]].to_numpy(float), case.study.aligned.split)
    departure, normal = (float(np.nan_to_num(v[0])) for v in (seen.departure, seen.normal))
    p = float(empirical_p(seen.departure, seen.past)[0])
    size = abs(departure) / max(normal, 1e-12)
    words = f"{signal} departed by {size:.1f} normal ranges, {chance(p)} against past windows"
    return (name, size > 1 and p <= SIGNIFICANT, words)


def _order(case: Case, service: str, signal: str) -> Iterator[Test]:
    onset = case.onset_at(service, signal)
    own = (service, signal) == (case.sli.service, case.sli.signal)
    if onset is None or case.onset is None or own:
        return
    late = (onset.low - case.onset.high) > case.slack
    words = (
        f"left its level at {onset.at:%H:%M:%S}, at {onset.low:%H:%M:%S} at the earliest; the SLI "
        f"at {case.onset.at:%H:%M:%S}, at {case.onset.high:%H:%M:%S} at the latest"
    )
    yield ("not after the SLI", not late, words)


def _history(case: Case) -> Test:
    count = case.ranking.n_independent
    return ("enough history", count >= _ENOUGH_HISTORY, f"{count:.0f} independent past windows")


def _unmeasured(case: Case, service: str) -> tuple[str, ...]:
    """List callees that nobody measured in the incident: their part is not told from its own."""
    breakdown, now = case.study.breakdown, case.study.aligned.split.incident
    known = np.atleast_1d(~np.isnan(breakdown.total[now]).all(axis=0))
    seen = {name for name, there in zip(breakdown.services, known, strict=True) if there}
    told = np.atleast_1d(~np.isnan(breakdown.passed[now]).all(axis=0))
    seen |= {
        breakdown.services[v]
        for (u, v), there in zip(breakdown.calls, told, strict=True)
        if there and breakdown.services[u] == service
    }
    return tuple(c for c in case.study.graph.callees.get(service, ()) if c not in seen)


def _seen(case: Case, service: str, signal: str) -> Test:
    gone = [
        f"{r.table}: {r.status}"
        for r in case.window.coverage.missing("metrics", "spans")
        if r.service == service
    ]
    if signal != case.sli.signal and (service, signal) not in case.study.aligned.nodes:
        gone.append(f"{signal} is not measured")
    gone += [f"{name}, which it calls, was not measured" for name in _unmeasured(case, service)]
    return ("its sources were there", not gone, ", ".join(gone) or "nothing of it is missing")


_NEEDED: tuple[tuple[Claim, frozenset[str]], ...] = (
    ("plausible", frozenset({"on the path", "not after the SLI"})),
    (
        "supported",
        frozenset(
            {
                "own part excludes zero",
                "placebo windows",
                "stands out",
                "enough history",
                "its sources were there",
            }
        ),
    ),
)


def _judged(case: Case, row: RankedService, suspect: Suspect, *, through: str) -> Suspect:
    lost = {name for name, _, _ in failed(suspect.tests)}
    if through != case.sli.signal and "left its own range" in lost:
        return _unmoved(case, suspect, through)
    # The account of conserved work proves more than a correlation over a few bins can, so a
    # place with a part of its own may pass over that rung; it never passes over another.
    owns = "own part excludes zero" not in lost and through == case.sli.signal
    low = claim = lower_rung(case, suspect)
    for rung, needed in _NEEDED if owns or low == "correlated" else ():
        if lost & needed:
            break
        claim = rung
    role, reason = _role(case, row, suspect.tests)
    if claim == "supported":
        passed = "; ".join(words for name, _, words in suspect.tests if name in _NEEDED[-1][1])
        return replace(suspect, claim=claim, role="state change", reason=passed)
    if role in {"symptom", "coincidence", "confounded"} and claim == "plausible":
        claim = low
    return replace(suspect, claim=claim, role=role, reason=reason)


def lower_rung(case: Case, suspect: Suspect) -> Claim:
    """Say how far a place climbs that is no cause: *correlated* only where that was seen."""
    itself = suspect.service == case.sli.service
    seen = any(name == "moves with the SLI" and passed for name, passed, _ in suspect.tests)
    return "correlated" if itself or seen else "observed"


def _unmoved(case: Case, suspect: Suspect, signal: str) -> Suspect:
    """Judge a signal that stayed in its range, whatever else its service did."""
    words = next(words for name, _, words in suspect.tests if name == "left its own range")
    measured = (suspect.service, signal) in case.study.aligned.nodes
    role: Role = "coincidence" if measured else "undecided"
    return replace(suspect, role=role, reason=f"not through {signal}: {words}")


def _role(case: Case, row: RankedService, tests: tuple[Test, ...]) -> tuple[Role, str]:
    """Say what a place is that is not supported, and why."""
    lost = {name: words for name, _, words in failed(tests)}
    unit = case.sli.unit
    part = f"its own part is {quantity(row.attribution, unit)} of {quantity(case.worse, unit)}"
    if row.service in case.study.graph.above:
        return "symptom", f"it calls {case.sli.service} and waits for it"
    moved = _moved(row) or "none of its signals left its normal range"
    if "on the path" in lost:
        return "coincidence", f"no path in the service graph to {case.sli.service}; {moved}"
    if "not after the SLI" in lost:
        return "symptom", f"{lost['not after the SLI']}: it followed"
    if "own part excludes zero" not in lost:
        names = ", ".join(sorted(lost.keys() - {"moves with the SLI"}))
        return "undecided", f"{part}, but not passed: {names}"
    source = _passed_on(case, row.service)
    if source:
        return "symptom", f"{part}; it waits for {source}"
    if "left its own range" in lost:
        return "confounded", f"it moves with the SLI inside its normal range (traffic); {part}"
    return "coincidence", f"{part}; {moved}"


def _moved(row: RankedService) -> str:
    """Say what of a service left its range; its part of the SLI's change is told apart."""
    told = [anomaly.statement for anomaly in row.anomalies if anomaly.kind != "part of the change"]
    return "; ".join(told[:3]).replace(" (no known path to the SLI)", "")


def _passed_on(case: Case, service: str) -> str:
    """Callees whose change this service passes on, the largest part first."""
    split, graph = case.study.split, case.window.topology
    part = dict(zip(split.services, case.harmful * split.part, strict=True))
    callees = [c for (caller, c), share in split.passes.items() if caller == service and share > 0]
    below = {
        callee: sum(part.get(name, 0.0) for name in {callee, *nx.descendants(graph, callee)})
        for callee in callees
        if callee in graph
    }
    material = [c for c, blame in below.items() if blame >= MATERIAL * case.worse > 0]
    return ", ".join(sorted(material, key=below.__getitem__, reverse=True)[:3])
