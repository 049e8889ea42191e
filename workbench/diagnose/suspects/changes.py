"""Changes as suspects: which one moved the SLI, and why each of the others did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.cards import bounds, chance, quantity
from workbench.checks import WORDS, CheckId, check, not_passed, not_run
from workbench.diagnose.results import Suspect
from workbench.diagnose.thresholds import MATERIAL, MOST_OF_THE_CHANGE, REACHED_AFTER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.causal.change_effects.effect import Effect
    from workbench.checks import CheckResult
    from workbench.diagnose.case import Case
    from workbench.diagnose.results import Role, Standing
    from workbench.findings import Claim

__all__ = ["changes"]


def changes(case: Case) -> tuple[Suspect, ...]:
    """Put every change in reach to the tests; guilty ones first, then by time."""
    tested = [_tested(case, effect) for effect in case.effects.values()]
    untested = [_untested(case, ref, why) for ref, why in case.untested.items()]
    order = {"supported": 0, "plausible": 1, "observed": 2, "refuted": 3}
    return tuple(sorted([*tested, *untested], key=lambda s: (order[s.claim], s.onset)))


def _tested(case: Case, effect: Effect) -> Suspect:
    tests = _tests(case, effect)
    lost = [result.id for result in not_passed(tests)]
    claim, role, reason = _judged(case, effect, lost)
    place, row = case.ranked(effect.service)
    standing: Standing = "not testable"
    if claim in {"supported", "refuted"}:
        standing = "supported" if claim == "supported" else "refuted"
    return Suspect(
        service=effect.service,
        signal=case.sli.signal,
        change=effect.change,
        claim=claim,
        role=role,
        reason=reason,
        causal_rank=place,
        attribution=effect.effect,
        low=effect.low,
        high=effect.high,
        p_value=effect.p_value,
        onset=effect.at,
        confidence=row.confidence if row else float("nan"),
        tests=tests,
        standing=standing,
    )


def _tests(case: Case, effect: Effect) -> tuple[CheckResult, ...]:
    unit, size = effect.unit, case.harmful * effect.effect
    low = min(case.harmful * effect.low, case.harmful * effect.high)
    figure = (
        f"{quantity(effect.effect, unit)} ({bounds(effect.low, effect.high, unit)}), "
        f"adjusted for {', '.join(effect.adjusted_for)}"
    )
    p = f"{chance(case.ranking.p_value)} against past windows"
    calm = f"it {case.all_clear}: " if case.all_clear else ""
    share = size / case.worse if case.worse > 0 else 0.0
    return (
        check(CheckId.SLI_GOT_WORSE, f"{calm}{p}", passed=case.ranking.got_worse),
        *_order(case, effect),
        check(CheckId.EFFECT_EXCLUDES_ZERO, figure, passed=low > 0),
        check(
            CheckId.EFFECT_IS_MATERIAL,
            f"{100 * share:.0f} % of the SLI's change",
            passed=share >= MATERIAL,
        ),
        *effect.refutations,
    )


def _order(case: Case, effect: Effect) -> Iterator[CheckResult]:
    """Compare the moment of a change with the SLI's onset, where there is one."""
    if not case.ranking.got_worse:
        return
    if case.onset is None:
        yield not_run(CheckId.NOT_AFTER_SLI, "when the SLI left its level could not be told")
        return
    latest = case.onset.high + case.slack
    words = (
        f"made at {effect.at:%H:%M:%S}; the SLI left its level at {case.onset.at:%H:%M:%S}, "
        f"at {latest:%H:%M:%S} at the latest"
    )
    yield check(CheckId.NOT_AFTER_SLI, words, passed=bool(effect.at <= latest))


def _judged(case: Case, effect: Effect, lost: list[CheckId]) -> tuple[Claim, Role, str]:
    if not lost:
        return "supported", "state change", effect.statement
    if CheckId.SLI_GOT_WORSE in lost:
        words = f"the SLI {case.all_clear}; {effect.statement}"
        if not case.ranking.was_measured or (case.objective.broken and not case.ranking.moved):
            return "observed", "undecided", words
        return "refuted", "coincidence", words
    if CheckId.NOT_AFTER_SLI in lost:
        late = (effect.at - case.onset.at).total_seconds() if case.onset else float("nan")
        words = f"came {late:.0f} s after the SLI left its level"
        if case.harmful * effect.effect < 0:
            words += f", and moved it back by {quantity(abs(effect.effect), effect.unit)}: a remedy"
        return "refuted", "coincidence", words
    if {CheckId.EFFECT_EXCLUDES_ZERO, CheckId.EFFECT_IS_MATERIAL} & set(lost):
        most = max(case.harmful * effect.low, case.harmful * effect.high)
        if most < MOST_OF_THE_CHANGE * case.worse:
            return "refuted", "coincidence", effect.statement
        words = f"it may have done up to {quantity(most, effect.unit)}: too little to tell"
        return "observed", "undecided", f"{effect.statement}; {words}"
    return (
        "plausible",
        "undecided",
        f"{effect.statement}; not passed: {', '.join(WORDS[name] for name in lost)}",
    )


def _untested(case: Case, ref: str, why: str) -> Suspect:
    row = case.window.changes.set_index("ref").loc[ref]
    row = row.iloc[0] if isinstance(row, pd.DataFrame) else row
    service = str(row["service"])
    reached = service in case.study.graph.reached
    path = f"requests of {case.sli.service} reach {service}" if reached else why
    standing: Standing = "not testable"
    if not reached:
        standing = "outside the known graph"
    elif case.window.when.end - row["ts"] < REACHED_AFTER * case.study.aligned.step:
        standing = "not reached yet"
    return Suspect(
        service=service,
        signal=case.sli.signal,
        change=ref,
        claim="observed",
        role="undecided",
        reason=f"{standing}: {why}",
        onset=row["ts"],
        tests=(
            check(CheckId.ON_PATH, path, passed=reached),
            not_run(CheckId.EFFECT_ESTIMATED, why),
        ),
        standing=standing,
    )
