"""Correlation against causation: one table of suspects, three buckets, one verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.cards import quantity
from workbench.causal.thresholds import SIGNIFICANT
from workbench.checks import CheckId, failed, not_passed
from workbench.diagnose.case import open_case
from workbench.diagnose.ladder import lower_rung
from workbench.diagnose.missing_evidence import missing_sources, would_settle
from workbench.diagnose.objective import little_measured
from workbench.diagnose.results import Diagnosis, Suspect
from workbench.diagnose.suspects.changes import changes
from workbench.diagnose.suspects.hosts import host_suspects
from workbench.diagnose.suspects.load_surge import surge
from workbench.diagnose.suspects.services import service_suspects
from workbench.topology import calls_only
from workbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.diagnose.case import Case
    from workbench.diagnose.results import Role
    from workbench.diagnose.suspects.load_surge import Surge
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["compare", "diagnose_case"]

_ROLES = (
    "state change",
    "first failure",
    "undecided",
    "impact",
    "symptom",
    "confounded",
    "coincidence",
)


def compare(window: IncidentWindow, sli: SLI | str | None = None, *, seed: int = 0) -> Diagnosis:
    """Tell correlation from causation for one SLI.

    Every suspect (a service's signal, or a change) climbs the claim ladder by named tests:
    observed, correlated, plausible, supported; or it is refuted. What is correlated and not
    a cause is told as a symptom, as confounded or as a coincidence.

    Parameters
    ----------
    window
        The incident window, with a baseline.
    sli
        The SLI, or its text ``service/signal``; the first SLO's if None.
    seed
        Of everything drawn.

    Returns
    -------
    Diagnosis
        Its `cause` is None where nothing is supported: then the verdict says that the
        evidence is not enough, and `would_settle` what would help.

    Raises
    ------
    BadInput, UnknownName
        No baseline, no SLI, or nothing measured.
    """
    return diagnose_case(open_case(window, sli, seed=seed))


def diagnose_case(case: Case, also: Iterable[tuple[str, str]] = ()) -> Diagnosis:
    """Judge an opened case, for callers that keep it or want further places tested.

    Parameters
    ----------
    case
        From `open_case`.
    also
        Further (service, signal) pairs to put to the tests.
    """
    asked = tuple(also)
    services, events = service_suspects(case, asked), changes(case)
    suspects = (
        _settled(case, services, events)
        if case.ranking.got_worse
        else _quiet(case, services, events, asked)
    )
    ordered = sorted(suspects, key=_order)
    found = Diagnosis(
        window_id=case.window.id,
        sli=case.sli,
        when=case.window.when,
        baseline=case.window.baseline,
        before=case.ranking.before,
        during=case.ranking.during,
        moved=case.ranking.moved,
        verdict="",
        suspects=tuple(ordered),
        onset=case.onset.at if case.onset and case.ranking.moved else None,
        onset_low=case.onset.low if case.onset else None,
        onset_high=case.onset.high if case.onset else None,
        missing=missing_sources(case),
        would_settle=(),
        seed=case.seed,
        version=__version__,
        notes=_notes(case),
        ranking=case.ranking,
    )
    settle = () if found.cause or not case.ranking.got_worse else would_settle(case, found.suspects)
    if not case.ranking.was_measured:
        settle = (f"measurements of {case.sli} in the incident and before it", *settle)
    return replace(found, verdict=_verdict(case, found), would_settle=settle)


def _notes(case: Case) -> tuple[str, ...]:
    breakdown = case.study.breakdown
    notes = (
        *case.ranking.notes,
        *little_measured(case.study.aligned, breakdown.total[:, breakdown.sli]),
    )
    if case.correlation is None:
        return (*notes, "too few bins to correlate anything with the SLI")
    return notes


def _quiet(
    case: Case,
    services: tuple[Suspect, ...],
    events: tuple[Suspect, ...],
    asked: tuple[tuple[str, str], ...],
) -> tuple[Suspect, ...]:
    """Find nothing guilty: the SLI got no worse, there is nothing to have caused."""
    untold = not case.ranking.was_measured or (case.objective.broken and not case.ranking.moved)
    nothing = "nothing is ruled out" if untold else "there is nothing it could have caused"
    reason = f"the SLI {case.all_clear}: {nothing}"
    role: Role = "undecided" if untold else "coincidence"
    calm = [
        replace(s, claim="observed", role=role, reason=reason)
        for s in services
        # The rest did nothing either, and was not asked about.
        if s.p_value <= SIGNIFICANT or (s.service, s.signal) in asked
    ]
    return (*events, *calm)


def _settled(
    case: Case, services: tuple[Suspect, ...], events: tuple[Suspect, ...]
) -> tuple[Suspect, ...]:
    """Decide which suspect is the state change, and let the others give way to it."""
    guilty = next((s for s in events if s.claim == "supported"), None)
    if guilty is not None:
        others = [_after_change(case, s, guilty) for s in services]
        return (*events, *_with_impact(case, others))
    leading = next((s for s in services if case.harmful * s.attribution > 0), None)
    found = _surge(case, leading.service) if leading else None
    if leading is not None and found is not None and found.explains:
        load = _load_suspect(case, found, leading)
        others = [s for s in services if s.name != load.name]
        rest = [s if _stayed(case, s) else _after_surge(case, s, found, leading) for s in others]
        return (load, *events, *_with_impact(case, rest))
    if leading is not None and found is not None and found.untold:
        services = tuple(_unless_load(s, found) if s == leading else s for s in services)
    return (*events, *_with_impact(case, list(host_suspects(case, services))))


def _stayed(case: Case, suspect: Suspect) -> bool:
    """Whether somebody asked about a signal that stayed in its range."""
    lost = {result.id for result in not_passed(suspect.tests)}
    return suspect.signal != case.sli.signal and CheckId.LEFT_RANGE in lost


def _surge(case: Case, service: str) -> Surge | None:
    graph = calls_only(case.window.topology)
    return surge(case.study.aligned, graph, service, sli_service=case.sli.service, seed=case.seed)


def _after_change(case: Case, suspect: Suspect, guilty: Suspect) -> Suspect:
    """Beside a guilty change: its own service failed first, others give way to it."""
    if suspect.service == guilty.service and not _stayed(case, suspect):
        words = f"where {guilty.change} showed first: {suspect.reason}"
        claim = suspect.claim if suspect.claim == "supported" else "plausible"
        return replace(suspect, claim=claim, role="first failure", reason=words)
    if suspect.role in {"state change", "undecided"}:
        seen_from = calls_only(case.window.topology).has_edge(guilty.service, suspect.service)
        words = f"it is what {guilty.service} does to it since {guilty.change}"
        reason = words if seen_from else f"beside {guilty.change} it is not needed"
        return replace(
            suspect,
            claim=lower_rung(case, suspect),
            role="symptom" if seen_from else "undecided",
            reason=f"{reason}; {suspect.reason}",
        )
    return suspect


def _load_suspect(case: Case, found: Surge, leading: Suspect) -> Suspect:
    onset = case.onset_at(found.entry, "load")
    words = "; ".join(result.figure for result in found.tests)
    return Suspect(
        service=found.entry,
        signal="load",
        claim="supported",
        role="state change",
        reason=f"{words}; {found.service} got slow under it",
        causal_rank=leading.causal_rank,
        correlation_rank=case.correlated(found.entry, "load")[0],
        attribution=leading.attribution,
        low=leading.low,
        high=leading.high,
        p_value=found.p_value,
        onset=onset.at if onset else None,
        confidence=leading.confidence,
        tests=found.tests,
    )


def _after_surge(case: Case, suspect: Suspect, found: Surge, leading: Suspect) -> Suspect:
    if suspect.service == leading.service:
        words = f"saturated by the load from {found.entry}: {suspect.reason}"
        return replace(suspect, role="first failure", reason=words)
    if suspect.role in {"state change", "undecided"}:
        words = f"confounded by the load from {found.entry}; {suspect.reason}"
        claim = lower_rung(case, suspect)
        return replace(suspect, claim=claim, role="confounded", reason=words)
    return suspect


def _unless_load(suspect: Suspect, found: Surge) -> Suspect:
    """Without a gauge a service that saturates looks like one that got slow by itself."""
    rose = "; ".join(result.figure for result in found.tests)
    claim = "plausible" if suspect.claim == "supported" else suspect.claim
    return replace(
        suspect,
        claim=claim,
        role="undecided",
        reason=f"{rose}; {suspect.reason}",
        tests=(*suspect.tests, failed(CheckId.NOT_BY_LOAD, rose)),
    )


def _with_impact(case: Case, services: list[Suspect]) -> list[Suspect]:
    """Make the SLI's own service the impact, unless the tests made it more than that."""
    return [
        replace(s, role="impact", reason=f"what users felt; {s.reason}")
        if s.service == case.sli.service and s.role in {"symptom", "confounded", "coincidence"}
        else s
        for s in services
    ]


def _order(suspect: Suspect) -> tuple[int, bool, int]:
    return (_ROLES.index(suspect.role), suspect.claim == "refuted", suspect.causal_rank or 999)


def _verdict(case: Case, found: Diagnosis) -> str:
    unit, sli = found.sli.unit, found.sli
    moved = f"{quantity(found.before, unit)} → {quantity(found.during, unit)}"
    if not case.ranking.was_measured:
        return f"{sli} {case.all_clear}: nothing is claimed"
    if not found.moved:
        if case.objective.broken:
            return f"Not enough evidence for a cause: {sli} {case.all_clear}"
        return f"Not enough evidence for a cause: {sli} stayed in its normal range ({moved})"
    if not case.ranking.got_worse:
        return f"Nothing to blame: {sli} improved ({moved})"
    cause = found.cause
    if cause is None:
        return f"Not enough evidence: {sli} moved ({moved}), {_nearest(found)}"
    return f"{sli} {moved}, caused by {_named(found, cause)}"


def _named(found: Diagnosis, cause: Suspect) -> str:
    if cause.change:
        return f"change {cause.change} of {cause.service}"
    hosts = found.ranking.hosts if found.ranking else ()
    fault = next((h for h in hosts if h.place == cause.service), None)
    if fault is not None:
        whom = ", ".join(fault.slowed)
        if fault.aggressor:
            return f"{fault.aggressor}, which filled host {fault.host} and slowed {whom} there"
        return f"host {fault.host}, which is sick by itself and slowed {whom}"
    if cause.signal == "load":
        first = next((s.service for s in found.bucket("first failure")), "a service")
        return f"a surge of load entering at {cause.service}; {first} saturated first"
    return f"{cause.service}, which changed by itself ({cause.signal}); {_changes(found)}"


def _changes(found: Diagnosis) -> str:
    """Say of the recorded changes what they leave open: only refuted ones are ruled out."""
    made = [s for s in found.suspects if s.change]
    rest = [f"{s.change} ({s.standing})" for s in made if s.standing != "refuted"]
    if rest:
        return f"not ruled out: {', '.join(rest[:3])}"
    return "no recorded change explains it" if made else "no change near it was recorded"


def _nearest(found: Diagnosis) -> str:
    open_ones = [s for s in found.suspects if s.role == "undecided"]
    if not open_ones:
        return "and nothing that was measured accounts for it"
    first = open_ones[0]
    tests = ", ".join(result.name for result in not_passed(first.tests)) or "no test decided"
    return f"{first.name} is nearest ({first.claim}); not passed: {tests}"
