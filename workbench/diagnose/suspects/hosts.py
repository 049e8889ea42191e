"""Hosts, and who filled them, as suspects: what several services on one have in common."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.cards import chance, quantity
from workbench.causal.thresholds import SIGNIFICANT
from workbench.checks import WORDS, CheckId, check, failed, not_passed
from workbench.diagnose.results import Suspect
from workbench.diagnose.thresholds import MATERIAL, STANDS_OUT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workbench.causal.anomalies.host_faults import HostFault
    from workbench.checks import CheckResult
    from workbench.diagnose.case import Case
    from workbench.findings import Claim

__all__ = ["host_suspects"]


def host_suspects(case: Case, services: Sequence[Suspect]) -> tuple[Suspect, ...]:
    """Put each host that is sick by itself, or who filled it, before the services on it.

    It climbs by the services it slowed: what they did to the SLI together, and gauges that
    tell that it left its normal range, and who on it uses more.

    Parameters
    ----------
    case
        The incident and its analyses.
    services
        The services as suspects.

    Returns
    -------
    tuple of Suspect
        Hosts and their fillers first; whom they slowed is not the state change any more.
    """
    hosts = []
    for faulty in case.ranking.hosts:
        theirs = [s for s in services if s.service in faulty.slowed and s.signal == case.sli.signal]
        if not theirs:
            continue
        host = _suspect(case, faulty, theirs)
        hosts.append(host)
        services = [
            _beside(s, host, faulty, own=s in theirs) for s in services if s.service != faulty.place
        ]
    return (*hosts, *services)


def _suspect(case: Case, faulty: HostFault, theirs: Sequence[Suspect]) -> Suspect:
    tests = tuple(_tests(case, faulty, theirs))
    lost = {result.id for result in not_passed(tests)}
    claim: Claim = "supported" if not lost else "plausible"
    if lost & {CheckId.ON_PATH, CheckId.NOT_AFTER_SLI}:
        claim = "observed"
    seen = [s.onset for s in theirs if s.onset is not None]
    reason = f"{faulty.statement}; their part is {_part(case, theirs)}"
    if lost:
        reason += f"; not passed: {', '.join(sorted(WORDS[name] for name in lost))}"
    return Suspect(
        service=faulty.place,
        signal=faulty.gauge.signal if faulty.gauge is not None else "host",
        claim=claim,
        role="undecided" if lost else "state change",
        reason=reason,
        causal_rank=min(s.causal_rank for s in theirs),
        attribution=sum(s.attribution for s in theirs),
        low=sum(s.low for s in theirs),
        high=sum(s.high for s in theirs),
        p_value=_chance(theirs),
        onset=min(seen, default=None),
        confidence=_sure(case, faulty),
        tests=tests,
    )


def _tests(case: Case, faulty: HostFault, theirs: Sequence[Suspect]) -> Iterator[CheckResult]:
    """Put a host to the tests of a place; none is passed without what it is read from."""
    there = "none of its gauges left its range" if faulty.gauged else "no gauge of it is loaded"
    moved = faulty.gauge.statement if faulty.gauge is not None else there
    yield check(CheckId.LEFT_RANGE, moved, passed=faulty.gauge is not None)
    words = f"{len(faulty.slowed)} of {len(faulty.residents)} that are measured there"
    yield check(CheckId.HOST_SLOWED_TOGETHER, words, passed=faulty.together)
    for name in (CheckId.ON_PATH, CheckId.NOT_AFTER_SLI):
        of_them = [(s.service, test) for s in theirs for test in s.tests if test.id == name]
        words = "; ".join(f"{service}: {test.figure}" for service, test in of_them)
        passed = [test.passed for _, test in of_them]
        if passed:
            yield check(name, words, passed=any(passed) if name == CheckId.ON_PATH else all(passed))
    ends = [
        case.harmful * sum(part) for part in zip(*((s.low, s.high) for s in theirs), strict=True)
    ]
    material = case.harmful * sum(s.attribution for s in theirs) >= MATERIAL * case.worse > 0
    yield check(
        CheckId.PART_EXCLUDES_ZERO, f"part {_part(case, theirs)}", passed=min(ends) > 0 and material
    )
    rare = _chance(theirs)
    words = f"{chance(rare)} for the rarest of its {len(theirs)}, counted as many times"
    yield check(CheckId.PLACEBO_WINDOWS, words, passed=rare <= SIGNIFICANT)
    sure = _sure(case, faulty)
    words = f"probability {sure:.2f} of what runs there against the other services"
    yield check(CheckId.STANDS_OUT, words, passed=sure >= STANDS_OUT)
    yield from (test for test in theirs[0].tests if test.id == CheckId.ENOUGH_HISTORY)
    seen = faulty.gauged and faulty.counted
    words = (
        f"{faulty.usage}; {'gauges' if faulty.gauged else 'no gauges'} of {faulty.host} are loaded"
    )
    yield check(CheckId.SOURCES_PRESENT, words, passed=seen)


def _beside(suspect: Suspect, host: Suspect, faulty: HostFault, *, own: bool) -> Suspect:
    """Let a service that the host slowed give way to it."""
    if not own or suspect.role not in {"state change", "undecided"}:
        return suspect
    words = f"{faulty.place} and not {suspect.service} is the likely place"
    if host.claim == "supported":
        return replace(
            suspect,
            claim="plausible",
            role="first failure",
            reason=f"{words}: {faulty.statement}; {suspect.reason}",
        )
    claim: Claim = "plausible" if suspect.claim == "supported" else suspect.claim
    return replace(
        suspect,
        claim=claim,
        role="undecided",
        reason=f"{words}: {faulty.statement}; {suspect.reason}",
        tests=(*suspect.tests, failed(CheckId.NOT_BY_HOST, faulty.statement)),
    )


def _part(case: Case, theirs: Sequence[Suspect]) -> str:
    unit = case.sli.unit
    low, high = sum(s.low for s in theirs), sum(s.high for s in theirs)
    part = quantity(sum(s.attribution for s in theirs), unit)
    return (
        f"{part} ({quantity(low, unit)} … {quantity(high, unit)}) of "
        f"{quantity(case.ranking.change, unit)}"
    )


def _chance(theirs: Sequence[Suspect]) -> float:
    """p-value of the rarest, Bonferroni's; 1 where none is known."""
    known = [s.p_value for s in theirs if not math.isnan(s.p_value)]
    return min(1.0, len(known) * min(known)) if known else 1.0


def _sure(case: Case, faulty: HostFault) -> float:
    """Probability that it is one of what runs there: whom it slowed or who filled it."""
    rows = [case.ranking.of(name) for name in {*faulty.slowed, faulty.place}]
    return min(1.0, sum(row.confidence for row in rows if row is not None))
