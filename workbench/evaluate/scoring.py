"""Run the diagnosis over labelled incidents and count how often it was right."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import pandas as pd

from workbench import datasets
from workbench.causal.attribution.study import choose_study
from workbench.diagnose.case import case_of
from workbench.diagnose.compare import diagnose_case
from workbench.errors import WorkbenchError, unknown_name
from workbench.evaluate.parallel import each
from workbench.evaluate.trivial import RULES
from workbench.features.aligned import align

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from workbench.datasets import LabelledSet
    from workbench.diagnose import Diagnosis
    from workbench.evaluate.trivial import Rule
    from workbench.features.aligned import AlignedSignals
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["LAYOUTS", "Case", "Evaluation", "evaluate", "score", "wilson"]

LAYOUTS: Mapping[str, Callable[[str | Path], LabelledSet]] = MappingProxyType(
    {
        "bundles": datasets.read_bundles,
        "nezha": datasets.read_nezha,
        "petshop": datasets.read_petshop,
        "root-cause-bench": datasets.read_root_cause_bench,
        "small-cases": datasets.read_small_cases,
    }
)
"""Layout to the importer that reads a folder of it."""

# A crash is a miss like any other, and its name is told: one case must not end a whole run.
_CRASHES = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
_OURS = "workbench"
_PRIOR = "prior (most frequent)"


@dataclass(frozen=True, slots=True)
class Case:
    """One labelled incident and where its truth came out.

    Parameters
    ----------
    case, group, fault
        Incident, the group it belongs to, what was wrong.
    target
        The SLI that was explained.
    truth
        Services that are right, joined by ``|``.
    rank, candidates
        Expected place of the truth under random ties, among how many services.
    top1, top3
        Chance that the truth is first, or among the first three, under random ties.
    score, confidence, rung
        Of the first service: score in doublings, probability, and how far the claim got.
    named
        The service that was named, supported or only the most probable by far; None where
        the diagnosis abstained.
    seconds
        Time taken by the diagnosis.
    failure
        Why there is no diagnosis, or empty; a failure counts as a miss.
    """

    case: str
    group: str
    fault: str
    target: str
    truth: str
    rank: float
    candidates: int
    top1: float
    top3: float
    score: float
    confidence: float
    rung: str
    named: str | None
    seconds: float
    failure: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Evaluation:
    """How often the truth came first, beside trivial rules.

    Parameters
    ----------
    layout
        Layout of the folder.
    cases
        One a labelled incident.
    rules
        Trivial rule or peer to its (top-1, top-3) chances, one pair a case.
    """

    layout: str
    cases: tuple[Case, ...]
    rules: Mapping[str, tuple[tuple[float, float], ...]]

    def to_frame(self) -> pd.DataFrame:
        """One line a method: n, top-1 and top-3 with 95 % Wilson intervals."""
        ours = tuple((case.top1, case.top3) for case in self.cases)
        methods = {_OURS: ours, **self.rules}
        return pd.DataFrame([_line(name, chances) for name, chances in methods.items()])

    def cases_frame(self) -> pd.DataFrame:
        """One line a case."""
        return pd.DataFrame([asdict(case) for case in self.cases])

    def to_json(self) -> str:
        """One row a case as JSON; missing numbers are null."""
        plain = [{k: _plain(v) for k, v in asdict(case).items()} for case in self.cases]
        return json.dumps(plain, indent=1, ensure_ascii=False) + "\n"

    def findings(self) -> tuple[str, ...]:
        """Say each miss in one sentence."""
        return tuple(
            f"{case.case}: {case.truth} came {case.rank:g}. of {case.candidates}"
            + (f" ({case.failure})" if case.failure else "")
            for case in self.cases
            if case.top1 < 1
        )

    def __repr__(self) -> str:
        """Show the table beside trivial rules, then the misses."""
        named = [case for case in self.cases if case.named is not None]
        right = sum(case.named in case.truth.split("|") for case in named)
        table = self.to_frame().to_string(index=False, float_format=lambda v: f"{v:.3f}")
        lines = [
            f"{self.layout}: {len(self.cases)} labelled incidents",
            table,
            f"named a service in {len(named)} of {len(self.cases)}, right in {right} of them",
            *(f"missed {text}" for text in self.findings()),
        ]
        return "\n".join(lines)


def evaluate(
    layout: str,
    path: str | Path,
    *,
    limit: int | None = None,
    peers: Mapping[str, Rule] = MappingProxyType({}),
    n_jobs: int = 1,
    cluster: object | None = None,
) -> Evaluation:
    """Diagnose every labelled incident of a folder and score where the truth came out.

    Parameters
    ----------
    layout
        One of `LAYOUTS`.
    path
        The folder.
    limit
        First cases only.
    peers
        Other methods to stand beside the trivial rules, on the same windows: name to a
        function of (window, panel, SLI) that returns the score of each service. One that
        raises a `WorkbenchError` has missed the case.
    n_jobs
        Incidents at once, each in a process of its own; 1 stays in this one, -1 takes every
        processor. The results are the same.
    cluster
        A Dask ``Client`` whose workers take the incidents; they must see the same files.

    Raises
    ------
    UnknownName
        No importer for this layout.
    BundleMissing
        The folder is not in this layout.
    """
    if layout not in LAYOUTS:
        kind = "layout"
        raise unknown_name(kind, layout, LAYOUTS)
    return score(LAYOUTS[layout](path), limit=limit, peers=peers, n_jobs=n_jobs, cluster=cluster)


def score(
    labelled: LabelledSet,
    *,
    limit: int | None = None,
    peers: Mapping[str, Rule] = MappingProxyType({}),
    n_jobs: int = 1,
    cluster: object | None = None,
) -> Evaluation:
    """Diagnose labelled windows and score where the truth came out.

    Parameters
    ----------
    labelled
        Windows and, apart from them, truths: `workbench.datasets.label_windows` makes it
        from windows of one's own.
    limit, peers, n_jobs, cluster
        As for `evaluate`.
    """
    truths = {name: labelled.truth(name).services for name in labelled.ids}
    wanted = [name for name in labelled.ids if truths[name]][:limit]
    tasks = [(labelled.alone(name), name, {**RULES, **peers}) for name in wanted]
    found = each(_score, tasks, n_jobs=n_jobs, cluster=cluster)
    cases = [case for case, _ in found]
    chances = [
        {**beside, _PRIOR: _prior(truths, name)}
        for name, (_, beside) in zip(wanted, found, strict=True)
    ]
    names = [rule for rule in (*RULES, _PRIOR, *peers) if any(rule in told for told in chances)]
    rules = {rule: tuple(c.get(rule, (0.0, 0.0)) for c in chances) for rule in names}
    return Evaluation(labelled.layout, tuple(cases), rules)


def _score(
    labelled: LabelledSet, name: str, rules: Mapping[str, Rule]
) -> tuple[Case, dict[str, tuple[float, float]]]:
    truth, beside = labelled.truth(name), {}
    started = time.perf_counter()
    try:
        window = labelled.load(name)
        started = time.perf_counter()
        aligned = align(window)
        study = choose_study(aligned)
        seconds = time.perf_counter() - started
        beside = _beside(window, aligned, study.sli, truth.services, rules)
        started = time.perf_counter()
        found = diagnose_case(case_of(study, seed=0))
        seconds += time.perf_counter() - started
        return _case(labelled, window, found, seconds), beside
    except (WorkbenchError, *_CRASHES) as error:
        return _failed(labelled, name, error, time.perf_counter() - started), beside


def _failed(labelled: LabelledSet, name: str, error: Exception, seconds: float) -> Case:
    truth = labelled.truth(name)
    return Case(
        case=name,
        group=labelled.groups[name],
        fault=truth.fault,
        target="",
        truth="|".join(truth.services),
        rank=math.inf,
        candidates=0,
        top1=0.0,
        top3=0.0,
        score=math.nan,
        confidence=math.nan,
        rung="",
        named=None,
        seconds=seconds,
        failure=f"{type(error).__name__}: {error}",
    )


def _case(labelled: LabelledSet, window: IncidentWindow, found: Diagnosis, seconds: float) -> Case:
    name = window.id
    truth = labelled.truth(name)
    scores = _scores(window, found)
    place, first, among = _place(scores, truth.services)
    leading = max(scores, key=scores.__getitem__)
    suspect = next((s for s in found.suspects if s.service == leading), None)
    named = found.ranking.named if found.ranking else None
    return Case(
        case=name,
        group=labelled.groups[name],
        fault=truth.fault,
        target=str(found.sli),
        truth="|".join(truth.services),
        rank=place,
        candidates=len(scores),
        top1=first,
        top3=among,
        score=scores[leading],
        confidence=suspect.confidence if suspect else 0.0,
        rung=suspect.claim if suspect else "",
        named=found.cause.service if found.cause else named.service if named else None,
        seconds=round(seconds, 4),
    )


def _scores(window: IncidentWindow, found: Diagnosis) -> dict[str, float]:
    """Score by the causal ranking; a supported cause stands before the place it showed at."""
    scores = dict.fromkeys(window.services, 0.0)
    scores |= {row.service: row.score for row in (found.ranking.rows if found.ranking else ())}
    if found.cause is not None:
        best = max(scores.values())
        scores[found.cause.service] = max(scores.get(found.cause.service, 0.0), best + 1.0)
    return scores


def _beside(
    window: IncidentWindow,
    aligned: AlignedSignals,
    sli: SLI,
    truth: tuple[str, ...],
    rules: Mapping[str, Rule],
) -> dict[str, tuple[float, float]]:
    chances = {}
    for rule, rate in rules.items():
        if rule == "latest change" and window.changes.empty:
            continue
        scores = dict.fromkeys(window.services, 0.0)
        try:
            told = rate(window, aligned, sli)
        except WorkbenchError:
            chances[rule] = (0.0, 0.0)
            continue
        scores |= {name: value for name, value in told.items() if name in scores}
        chances[rule] = _place(scores, truth)[1:]
    return chances


def _prior(truths: Mapping[str, tuple[str, ...]], name: str) -> tuple[float, float]:
    """Rank by how often a service was the truth of the other incidents."""
    counts = Counter(
        service for other, found in truths.items() if other != name for service in found
    )
    known = {service for found in truths.values() for service in found}
    return _place({service: float(counts[service]) for service in known}, truths[name])[1:]


def _place(scores: Mapping[str, float], truth: tuple[str, ...]) -> tuple[float, float, float]:
    """Find the place of the best true service under random ties, and its top-1, top-3 chances."""
    known = [scores[service] for service in truth if service in scores]
    if not known:
        return math.inf, 0.0, 0.0
    best = max(known)
    above = sum(value > best for value in scores.values())
    equal = sum(value == best for value in scores.values())
    chance = [min(max((k - above) / equal, 0.0), 1.0) for k in (1, 3)]
    return above + (equal + 1) / 2, chance[0], chance[1]


def _line(name: str, chances: tuple[tuple[float, float], ...]) -> dict[str, object]:
    line: dict[str, object] = {"method": name, "n": len(chances)}
    for column, values in zip(("top-1", "top-3"), zip(*chances, strict=True), strict=False):
        low, high = wilson(sum(values), len(values))
        line |= {column: sum(values) / len(values), f"{column} 95 %": f"{low:.2f}–{high:.2f}"}
    return line


def wilson(hits: float, number: int) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson 1927, JASA 22)."""
    from statsmodels.stats.proportion import proportion_confint

    if number == 0:
        return 0.0, 1.0
    low, high = proportion_confint(hits, number, method="wilson")
    return float(low), float(high)


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
