"""Places and kinds of fault, weighed by how well each explains everything that was seen.

A hypothesis is a place and a kind: it became slow by itself, it fails, it does other things than
before, or load enters there. A place is as likely as its hypotheses together, and *none of the
places* competes with all of them. What the platform says of a place speaks for every kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import networkx as nx
import numpy as np
from scipy.special import logsumexp

from workbench.causal.attribution.confidence_cap import confidence_cap
from workbench.causal.evidence.fitted import FITTED
from workbench.causal.evidence.surprise import all_evidence
from workbench.causal.thresholds import (
    HALF_THE_CHANGE,
    IDLE_LOSES,
    LEAST_SHARE,
    MOST_OF_ONE_PLACE,
    MOST_SHOWN,
    NATS_PER_DOUBLING,
    SHARE_UNKNOWN,
    SHOWN,
    SHOWN_BEYOND_NOISE,
)
from workbench.topology import calls_only

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from workbench.causal.anomalies.anomaly import Anomaly
    from workbench.causal.attribution.study import Study
    from workbench.causal.evidence.fitted import Weights
    from workbench.causal.evidence.surprise import Evidence

__all__ = [
    "KINDS",
    "Features",
    "Kind",
    "Posterior",
    "explained_share",
    "features_of",
    "weigh",
    "weigh_features",
]

Kind = Literal["slow", "failing", "behaving differently", "load"]

KINDS: tuple[Kind, ...] = ("slow", "failing", "behaving differently", "load")

_LATENCY = ("latency", "call latency", "duration gauge")
_ERRORS = ("errors", "call errors", "failure gauge")
_TINY = 1e-15


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """What a place's hypotheses are weighed by, each of shape (places,).

    Parameters
    ----------
    places
        Names.
    latency, own_time, gauge, errors, lines
        Evidence in nats; errors, and lines that became more, beyond those of the callees.
    load
        Evidence in nats that load rose, where nobody is known to call.
    share
        Logarithm of the part of the SLI's change that starts there, plus `LEAST_SHARE`.
    covered
        Logarithm of the part of all that was seen that lies where the place's fault would show.
    platform
        Evidence in nats from events, hosts and instances.
    hidden_time, hidden_errors
        One where its time, or its failures, were not measured in the incident, else zero: it may
        have done all that each of its callers shows.
    """

    places: tuple[str, ...]
    latency: NDArray[np.float64]
    own_time: NDArray[np.float64]
    gauge: NDArray[np.float64]
    errors: NDArray[np.float64]
    lines: NDArray[np.float64]
    load: NDArray[np.float64]
    share: NDArray[np.float64]
    covered: NDArray[np.float64]
    platform: NDArray[np.float64]
    hidden_time: NDArray[np.float64]
    hidden_errors: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """How likely each place is, and through which kind of fault.

    Parameters
    ----------
    places
        Names.
    score
        Logarithm of the odds against a place that nothing speaks for, in nats.
    probability
        Of each place; sums to ``1 - none``.
    none, against_none
        Of none of them, and its score.
    kinds
        Likeliest kind of fault at each place.
    evidence
        What departed at each place, most surprising first.
    """

    places: tuple[str, ...]
    score: NDArray[np.float64]
    probability: NDArray[np.float64]
    none: float
    against_none: float
    kinds: tuple[Kind, ...]
    evidence: Mapping[str, tuple[Evidence, ...]]


def weigh(found: Study, platform: Iterable[Anomaly] = ()) -> Posterior:
    """Weigh every place of a study against the others and against none of them.

    Parameters
    ----------
    found
        One SLI with its change split over the services.
    platform
        What events, hosts and instances say, in doublings.
    """
    told = all_evidence(found.aligned)
    features = features_of(found, told, platform)
    score, none, kinds = weigh_features(features, FITTED)
    everything = np.append(score, none)
    odds = np.exp(everything - logsumexp(everything))
    shown: dict[str, list[Evidence]] = {name: [] for name in features.places}
    for one in sorted(told, key=lambda e: -e.nats):
        if one.nats >= SHOWN and one.service in shown:
            shown[one.service].append(one)
    return Posterior(
        places=features.places,
        score=score,
        probability=odds[:-1],
        none=float(odds[-1]),
        against_none=none,
        kinds=kinds,
        evidence={name: tuple(items[:MOST_SHOWN]) for name, items in shown.items()},
    )


def weigh_features(
    features: Features, weights: Weights
) -> tuple[NDArray[np.float64], float, tuple[Kind, ...]]:
    """Score places by weights.

    Parameters
    ----------
    features
        Of each place.
    weights
        Usually `FITTED`; those of a system left out where that system is scored.

    Returns
    -------
    score : numpy.ndarray, shape (places,)
        Nats against a place that nothing speaks for.
    none : float
        The same for none of the places.
    kinds : tuple of Kind
        Likeliest kind at each place.
    """
    f, w = features, weights
    # Of a place that nobody measures, lines are told beside what its callers show.
    hidden = w.hidden + w.lines * f.lines
    kinds = np.array(
        [
            w.latency * f.latency
            + w.own_time * f.own_time
            + w.gauge * f.gauge
            + w.share * f.share
            + f.hidden_time * hidden,
            w.errors * f.errors + w.share * f.share + f.hidden_errors * hidden,
            w.lines * f.lines,
            w.load * f.load,
        ]
    )
    silent = np.zeros(len(KINDS))
    silent[:2] = w.share * np.log(LEAST_SHARE)
    nothing = logsumexp(silent) + w.covered * np.log(LEAST_SHARE)
    score = logsumexp(kinds, axis=0) + w.covered * f.covered + f.platform - nothing
    return score, w.none - nothing, tuple(KINDS[i] for i in np.argmax(kinds, axis=0))


def features_of(
    found: Study, told: Iterable[Evidence], platform: Iterable[Anomaly] = ()
) -> Features:
    """Bring all that was seen to the places it speaks for.

    Parameters
    ----------
    found
        The study.
    told
        Evidence of every signal.
    platform
        What events, hosts and instances say.
    """
    places = tuple(dict.fromkeys([*found.split.services, *found.aligned.window.services]))
    table = _Table(places, told)
    calls = _calls(found, places)
    callees = [table.places_of(found.graph.callees.get(name, ())) for name in places]
    callers = [table.places_of(calls.predecessors(name)) for name in places]
    latency, errors = table.nats(*_LATENCY), table.nats(*_ERRORS)
    symptoms = np.max([latency, errors, table.nats("log")], axis=0)
    own_errors = _beyond(errors, callees)
    explained = explained_share(found, places)
    share = np.log(explained + _least_share(found))
    called = np.array([bool(names) for names in callers])
    slow_unseen = called & ~table.seen(*_LATENCY, "own time")
    failing_unseen = called & ~table.seen(*_ERRORS)
    for i in table.places_of(dict.fromkeys((*found.graph.order, *places))):
        # What a place does, each of its callers shows.
        if slow_unseen[i]:
            latency[i] = min(latency[j] for j in callers[i])
        if failing_unseen[i]:
            own_errors[i] = errors[i] = min(errors[j] for j in callers[i])
        if slow_unseen[i] and failing_unseen[i]:
            share[i] = min(share[j] for j in callers[i])
    kept = np.where(slow_unseen & failing_unseen, 1.0, _kept(found, explained))
    lines = _beyond(table.nats("log", sign=1), callees)
    return Features(
        places=places,
        latency=latency * kept,
        own_time=table.nats("own time") * kept,
        gauge=table.nats("gauge") * kept,
        errors=own_errors * kept,
        lines=np.maximum(lines, table.nats("log", sign=-1)),
        load=table.nats("load") * _enters(found, calls, places),
        share=share,
        covered=_covered(found, calls, places, symptoms),
        platform=table.largest((a.service, NATS_PER_DOUBLING * a.weight) for a in platform),
        hidden_time=slow_unseen.astype(float),
        hidden_errors=failing_unseen.astype(float),
    )


class _Table:
    """Evidence by place."""

    def __init__(self, places: tuple[str, ...], told: Iterable[Evidence]) -> None:
        self._number = {name: i for i, name in enumerate(places)}
        self._told = [one for one in told if one.service in self._number]

    def places_of(self, names: Iterable[str]) -> list[int]:
        return [self._number[name] for name in names if name in self._number]

    def largest(self, values: Iterable[tuple[str, float]]) -> NDArray[np.float64]:
        result = np.zeros(len(self._number))
        for name, value in values:
            if name in self._number:
                result[self._number[name]] = max(result[self._number[name]], value)
        return result

    def nats(self, *families: str, sign: int = 0) -> NDArray[np.float64]:
        return self.largest(
            (e.service, e.nats)
            for e in self._told
            if e.family in families and e.deviations * sign >= 0
        )

    def seen(self, *families: str) -> NDArray[np.bool_]:
        names = {e.service for e in self._told if e.family in families}
        return np.array([name in names for name in self._number], dtype=bool)


def _kept(found: Study, explained: NDArray[np.float64]) -> NDArray[np.float64]:
    """Part of its evidence that a place keeps, which moved and did not move the SLI.

    Only where the attribution is complete, and then half of it: calls may be missing unseen.
    """
    idle = np.clip(1.0 - explained / HALF_THE_CHANGE, 0.0, 1.0)
    kept: NDArray[np.float64] = 1.0 - IDLE_LOSES * _clear(found) * _complete(found) * idle
    return kept


def _enters(found: Study, calls: nx.DiGraph[str], places: tuple[str, ...]) -> NDArray[np.bool_]:
    """Say where requests enter: where nobody is known to call."""
    if not calls.edges:  # then nobody knows, but for the SLI's own service
        return np.array([name == found.sli.service for name in places])
    return np.array([not calls.in_degree(name) for name in places])


def _beyond(values: NDArray[np.float64], neighbours: list[list[int]]) -> NDArray[np.float64]:
    """Take off what the neighbours show: a caller that logs that its callee fails is a symptom."""
    rest = [
        max(value - max((float(values[i]) for i in others), default=0.0), 0.0)
        for value, others in zip(values, neighbours, strict=True)
    ]
    return np.array(rest)


def explained_share(found: Study, places: tuple[str, ...]) -> NDArray[np.float64]:
    """Part of the SLI's change that starts at each place, in [0, 1].

    The attribution's part counts as far as the SLI left its range at all. Half of it is granted
    to a change of own work in place, whatever the graph says of how it is passed on, unless
    everything is measured that the attribution needs. Where the SLI's requests are known to
    reach nobody else, or the SLI was not measured, there is nothing to split: the share is
    unknown.

    Parameters
    ----------
    found
        The study.
    places
        Names; one that is not split has a share of zero.
    """
    split = found.split
    unmeasured = not np.isfinite(found.before) or not np.isfinite(split.change)
    if unmeasured or not found.graph.reached - {found.sli.service}:
        return np.full(len(places), SHARE_UNKNOWN)
    size, clear = found.size, _clear(found)
    # What is smaller than the SLI's own range is measured by that range.
    whole = max(abs(split.change), abs(split.change) / size if size > 0 else 0.0, _TINY)
    direction = -1.0 if split.change < 0 else 1.0
    own = np.clip(np.nan_to_num(direction * split.own) / whole, 0.0, 1.0)
    passed = clear * np.clip(split.share, 0.0, None)
    granted = HALF_THE_CHANGE * own * (1.0 - clear * _complete(found))
    share = np.maximum(passed, granted)
    known = dict(zip(split.services, map(float, share), strict=True))
    return np.array([known.get(name, 0.0) for name in places])


def _clear(found: Study) -> float:
    """How far the SLI left its range, in [0, 1]: one minus the part of noise in its variance."""
    return max(0.0, 1.0 - 1.0 / found.size**2) if found.size > 0 else 0.0


def _complete(found: Study) -> bool:
    """Whether everything is measured that conservation of work needs."""
    return confidence_cap(found.breakdown, found.graph, found.aligned.split).limit >= 1.0


def _least_share(found: Study) -> float:
    """Share that is left to a place without any: next to none where the attribution is complete.

    Then a place that accounts for nothing cannot outrank one that accounts for the change.
    """
    known: float = LEAST_SHARE ** (1.0 + _clear(found) * _complete(found))
    return known


def _calls(found: Study, places: tuple[str, ...]) -> nx.DiGraph[str]:
    """Every call that is declared, believed or seen, among the places."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(places)
    known = set(places)
    declared = calls_only(found.aligned.window.topology).edges if found.check.believed else ()
    waited = ((u, v) for u, callees in found.graph.callees.items() for v in callees)
    for u, v in (*declared, *waited, *found.aligned.asynchronous):
        if u in known and v in known and u != v:
            graph.add_edge(u, v)
    return graph


def _covered(
    found: Study, calls: nx.DiGraph[str], places: tuple[str, ...], symptoms: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Logarithm of the part of all symptoms that lies where a fault of each place would show.

    A fault shows at whoever waits for the place, and at whoever consumes what it sends.
    """
    shows: nx.DiGraph[str] = nx.DiGraph()
    shows.add_nodes_from(places)
    late = found.aligned.asynchronous
    shows.add_edges_from((u, v) if (u, v) in late else (v, u) for u, v in calls.edges)
    size = np.clip(symptoms - SHOWN_BEYOND_NOISE, 0.0, MOST_OF_ONE_PLACE)
    whole = float(size.sum())
    if whole <= 0:
        return np.zeros(len(places))
    part = dict.fromkeys(places, 0.0)
    for name, shown in zip(places, size, strict=True):
        if shown > 0:  # walked from the few that show something, not from every place
            for source in (name, *nx.ancestors(shows, name)):
                part[source] += float(shown) / whole
    return np.log(np.array([part[name] for name in places]) + LEAST_SHARE)
