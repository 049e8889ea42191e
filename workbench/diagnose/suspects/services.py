"""Services as suspects: how far named tests let each climb, and what it is if not a cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.cards import bounds, chance, quantity
from workbench.causal.thresholds import SIGNIFICANT
from workbench.checks import CheckId, CheckResult, check, not_run
from workbench.diagnose.ladder import is_material, judge, moved_signals
from workbench.diagnose.results import Suspect
from workbench.diagnose.thresholds import ENOUGH_HISTORY, STANDS_OUT
from workbench.stats.past_windows import empirical_p, peak_contrast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from workbench.causal.ranking import RankedService
    from workbench.diagnose.case import Case

__all__ = ["service_suspects"]


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


def _is_suspect(case: Case, row: RankedService) -> bool:
    if row.service == case.sli.service or moved_signals(row) or is_material(case, row):
        return True
    association = case.correlated(row.service, case.sli.signal)[1]
    return association is not None and association.p_value <= SIGNIFICANT


def _is_in_the_sli(case: Case, row: RankedService) -> bool:
    """Whether the suspect is one by its part of the SLI rather than by another signal."""
    return row.service == case.sli.service or is_material(case, row)


def _telling(case: Case, row: RankedService) -> str:
    return case.sli.signal if _is_in_the_sli(case, row) else row.signal


def _asked(case: Case, service: str, signal: str) -> Suspect:
    """CheckResult a place that somebody named; one without telemetry stays undecided."""
    row = case.ranked(service)[1]
    if row is not None:
        return _suspect(case, row, signal, asked=True)
    reached = service in case.study.graph.reached
    route = f"requests of {case.sli.service} reach it" if reached else "no path to the SLI"
    words = "no telemetry of it is loaded"
    tests = (check(CheckId.ON_PATH, route, passed=reached), not_run(CheckId.SOURCES_PRESENT, words))
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
    return judge(case, row, suspect, through=judged)


def _tests(case: Case, row: RankedService, signal: str) -> Iterator[CheckResult]:
    """All tests, lowest rung first; a test whose data are not there is not passed."""
    unit = case.sli.unit
    yield _left_range(case, row, signal)
    association = case.correlated(row.service, signal)[1]
    if association is not None:
        words = f"rank correlation {association.correlation:.2f}, {chance(association.p_value)}"
        yield check(CheckId.MOVES_WITH_SLI, words, passed=association.p_value <= SIGNIFICANT)
    reached = row.service in case.study.graph.reached
    route = f"requests of {case.sli.service} reach it" if reached else "no path to the SLI"
    yield check(CheckId.ON_PATH, route, passed=reached)
    yield from _order(case, row.service, signal)
    low = min(case.harmful * row.low, case.harmful * row.high)
    words = (
        f"own part {quantity(row.attribution, unit)} ({bounds(row.low, row.high, unit)}) of "
        f"{quantity(case.ranking.change, unit)}"
    )
    yield check(CheckId.PART_EXCLUDES_ZERO, words, passed=low > 0 and is_material(case, row))
    words = f"{chance(row.p_value)} against past windows taken for the incident"
    yield check(CheckId.PLACEBO_WINDOWS, words, passed=row.p_value <= SIGNIFICANT)
    words = f"probability {row.confidence:.2f} against the other services"
    yield check(CheckId.STANDS_OUT, words, passed=row.confidence >= STANDS_OUT)
    yield _history(case)
    yield _seen(case, row.service, signal)


def _left_range(case: Case, row: RankedService, signal: str) -> CheckResult:
    """Whether a place left its range; of another signal than the SLI's, that one alone."""
    nodes = case.study.aligned.nodes
    if signal == case.sli.signal:
        moved = moved_signals(row)
        return check(
            CheckId.LEFT_RANGE, moved or "no signal beyond its normal range", passed=bool(moved)
        )
    if (row.service, signal) not in nodes:
        return not_run(CheckId.LEFT_RANGE, f"{signal} of {row.service} is not measured")
    seen = peak_contrast(nodes[[(row.service, signal)]].to_numpy(float), case.study.aligned.split)
    departure, normal = (float(np.nan_to_num(v[0])) for v in (seen.departure, seen.normal))
    p = float(empirical_p(seen.departure, seen.past)[0])
    size = abs(departure) / max(normal, 1e-12)
    words = f"{signal} departed by {size:.1f} normal ranges, {chance(p)} against past windows"
    return check(CheckId.LEFT_RANGE, words, passed=size > 1 and p <= SIGNIFICANT)


def _order(case: Case, service: str, signal: str) -> Iterator[CheckResult]:
    onset = case.onset_at(service, signal)
    own = (service, signal) == (case.sli.service, case.sli.signal)
    if onset is None or case.onset is None or own:
        return
    late = (onset.low - case.onset.high) > case.slack
    words = (
        f"left its level at {onset.at:%H:%M:%S}, at {onset.low:%H:%M:%S} at the earliest; the SLI "
        f"at {case.onset.at:%H:%M:%S}, at {case.onset.high:%H:%M:%S} at the latest"
    )
    yield check(CheckId.NOT_AFTER_SLI, words, passed=not late)


def _history(case: Case) -> CheckResult:
    count = case.past_windows
    words = f"{count:.1f} past windows as long as the SLI was disturbed"
    return check(CheckId.ENOUGH_HISTORY, words, passed=count >= ENOUGH_HISTORY)


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


def _seen(case: Case, service: str, signal: str) -> CheckResult:
    gone = [
        f"{r.table}: {r.status}"
        for r in case.window.coverage.missing("metrics", "spans")
        if r.service == service
    ]
    if signal != case.sli.signal and (service, signal) not in case.study.aligned.nodes:
        gone.append(f"{signal} is not measured")
    gone += [f"{name}, which it calls, was not measured" for name in _unmeasured(case, service)]
    return check(
        CheckId.SOURCES_PRESENT, ", ".join(gone) or "nothing of it is missing", passed=not gone
    )
