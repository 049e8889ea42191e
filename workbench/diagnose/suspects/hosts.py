"""Hosts, and who filled them, as suspects: what several services on one have in common."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.cards import chance, quantity
from workbench.diagnose.results import Suspect
from workbench.diagnose.suspects.services import MATERIAL, SIGNIFICANT, STANDS_OUT, failed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workbench.causal.anomalies.host_faults import HostFault
    from workbench.diagnose.case import Case
    from workbench.diagnose.suspects.services import Test
    from workbench.findings import Claim

__all__ = ["host_suspects"]

_ITSELF = "by itself, not by its host"


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
    lost = {name for name, _, _ in failed(tests)}
    claim: Claim = "supported" if not lost else "plausible"
    if lost & {"on the path", "not after the SLI"}:
        claim = "observed"
    seen = [s.onset for s in theirs if s.onset is not None]
    reason = f"{faulty.statement}; their part is {_part(case, theirs)}"
    if lost:
        reason += f"; not passed: {', '.join(sorted(lost))}"
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


def _tests(case: Case, faulty: HostFault, theirs: Sequence[Suspect]) -> Iterator[Test]:
    """Put a host to the tests of a place; none is passed without what it is read from."""
    there = "none of its gauges left its range" if faulty.gauged else "no gauge of it is loaded"
    moved = faulty.gauge.statement if faulty.gauge is not None else there
    yield ("left its own range", faulty.gauge is not None, moved)
    words = f"{len(faulty.slowed)} of {len(faulty.residents)} that are measured there"
    yield ("slowed what runs there together", faulty.together, words)
    for name in ("on the path", "not after the SLI"):
        of_them = [(s.service, *test[1:]) for s in theirs for test in s.tests if test[0] == name]
        words = "; ".join(f"{service}: {figure}" for service, _, figure in of_them)
        passed = [ok for _, ok, _ in of_them]
        if passed:
            yield (name, any(passed) if name == "on the path" else all(passed), words)
    ends = [
        case.harmful * sum(part) for part in zip(*((s.low, s.high) for s in theirs), strict=True)
    ]
    material = case.harmful * sum(s.attribution for s in theirs) >= MATERIAL * case.worse > 0
    yield ("own part excludes zero", min(ends) > 0 and material, f"part {_part(case, theirs)}")
    rare = _chance(theirs)
    words = f"{chance(rare)} for the rarest of its {len(theirs)}, counted as many times"
    yield ("placebo windows", rare <= SIGNIFICANT, words)
    sure = _sure(case, faulty)
    words = f"probability {sure:.2f} of what runs there against the other services"
    yield ("stands out", sure >= STANDS_OUT, words)
    yield from (test for test in theirs[0].tests if test[0] == "enough history")
    seen = faulty.gauged and faulty.counted
    words = (
        f"{faulty.usage}; {'gauges' if faulty.gauged else 'no gauges'} of {faulty.host} are loaded"
    )
    yield ("its sources were there", seen, words)


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
        tests=(*suspect.tests, (_ITSELF, False, faulty.statement)),
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
