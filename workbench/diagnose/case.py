"""Everything one diagnosis looks at, computed once: breakdown, rankings, effects, onsets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from workbench.causal.attribution.study import study
from workbench.causal.change_effects.effects import effects_in
from workbench.causal.change_effects.onset import Onset, inside, onset_in, onset_of
from workbench.causal.rank import rank_study
from workbench.correlate.ranking import rank_in
from workbench.diagnose.objective import check_objective, unmeasured
from workbench.errors import BadInput
from workbench.features.aligned import align

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from workbench.causal.attribution.study import Study
    from workbench.causal.change_effects.effect import Effect
    from workbench.causal.ranking import RankedService, Ranking
    from workbench.correlate import Correlation, CorrelationRow
    from workbench.diagnose.objective import ObjectiveCheck
    from workbench.features import Signals
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["Case", "case_of", "open_case", "with_change"]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One incident and SLI, with what the analyses said.

    Parameters
    ----------
    window, sli, seed
        What was asked.
    study, ranking
        The SLI's breakdown over the service graph, and the services ranked by them.
    correlation
        Signals ranked by association with the SLI; None where too few bins are known.
    onset
        When the SLI left its level.
    effects
        Effect of each change in reach, by reference.
    untested
        Changes whose effect could not be estimated, with the reason.
    objective
        The SLI against its objective, counted over the incident.
    """

    window: IncidentWindow
    sli: SLI
    seed: int
    study: Study
    ranking: Ranking
    correlation: Correlation | None
    onset: Onset | None
    effects: Mapping[str, Effect]
    untested: Mapping[str, str]
    objective: ObjectiveCheck

    @property
    def harmful(self) -> int:
        """Sign of a change of the SLI for the worse."""
        return self.sli.harmful

    @property
    def worse(self) -> float:
        """How much worse the SLI became, in its unit; negative if it became better."""
        return self.harmful * self.ranking.change

    @property
    def slack(self) -> pd.Timedelta:
        """How far apart two onsets may be and still count as together: two bins."""
        return 2 * self.study.aligned.step

    @property
    def all_clear(self) -> str:
        """What the SLI did where it got no worse beyond its past; empty where it did.

        An objective that was broken is never told as normal: then too little was seen to tell.
        """
        if not self.ranking.was_measured:
            breakdown = self.study.breakdown
            return unmeasured(self.study.aligned, breakdown.total[:, breakdown.sli])
        if self.ranking.got_worse:
            return ""
        if self.objective.broken and not self.ranking.moved:
            return f"broke its objective ({self.objective.words}), too few to tell it from its past"
        return self.ranking.all_clear

    @property
    def past_windows(self) -> float:
        """Past windows of the same length as the stretch in which the SLI was disturbed.

        That stretch, from the onset at the earliest to the end of the episode or of the
        incident, is what the past is compared with; bins in which the SLI was normal weigh
        nothing. Shorter past windows would show less than what drifts over the incident. Only
        bins in which the SLI was measured count.
        """
        split, breakdown = self.study.aligned.split, self.study.breakdown
        disturbed = split.incident.size
        if self.onset is not None:
            until = self.onset.until or self.window.when.end
            bins = self.study.aligned.index[split.incident]
            disturbed = int(((bins >= self.onset.low) & (bins < until)).sum())
        measured = np.isfinite(breakdown.total[split.baseline, breakdown.sli]).sum()
        return float(measured) / max(disturbed, 1)

    def correlated(self, service: str, signal: str) -> tuple[int, CorrelationRow | None]:
        """Place and row of a signal in the correlation ranking; 0 and None if not in it."""
        rows = self.correlation.rows if self.correlation else ()
        for place, row in enumerate(rows, start=1):
            if (row.service, row.signal) == (service, signal):
                return place, row
        return 0, None

    def ranked(self, service: str) -> tuple[int, RankedService | None]:
        """Place and row of a service in the causal ranking; 0 and None if not in it."""
        for place, row in enumerate(self.ranking.rows, start=1):
            if row.service == service:
                return place, row
        return 0, None

    def onset_at(self, service: str, signal: str) -> Onset | None:
        """When one signal of a service left its level; None where it is not measured."""
        nodes = self.study.aligned.nodes
        if (service, signal) not in nodes:
            return None
        return onset_of(inside(self.window, nodes[service, signal]), seed=self.seed)


def with_change(case: Case, ref: str) -> Case:
    """Return the case with one more change put to the test, however long ago it was.

    Raises
    ------
    UnknownName
        No change has this reference.
    """
    if ref in case.effects or ref in case.untested:
        return case
    more = effects_in(case.study.aligned, case.sli, changes=[ref], seed=case.seed)
    return replace(
        case,
        effects={**case.effects, **more.by_change},
        untested={**case.untested, **more.untested},
    )


def open_case(window: IncidentWindow, sli: SLI | str | None, *, seed: int) -> Case:
    """Run every analysis that a diagnosis needs."""
    return case_of(study(align(window), window.sli(sli)), seed=seed)


def case_of(found: Study, *, seed: int) -> Case:
    """Run every further analysis, for callers that have already split the SLI's change.

    Parameters
    ----------
    found
        As for `workbench.causal.rank.rank_study`.
    seed
        Of everything drawn.
    """
    aligned, target = found.aligned, found.sli
    window, signals = aligned.window, aligned.whole
    tested = effects_in(aligned, target, seed=seed)
    return Case(
        window=window,
        sli=target,
        seed=seed,
        study=found,
        ranking=rank_study(found, seed=seed),
        correlation=_correlation(window, signals, target, seed=seed),
        onset=onset_in(window, signals, target, seed=seed),
        effects=tested.by_change,
        untested=tested.untested,
        objective=check_objective(aligned, window.slos, target),
    )


def _correlation(
    window: IncidentWindow, signals: Signals, sli: SLI, *, seed: int
) -> Correlation | None:
    try:
        return rank_in(window, signals, sli, seed=seed)
    except BadInput:  # a few bins can still be accounted for, but not correlated
        return None
