"""Where the SLI's change comes from: own work of each service, parts that sum to the whole.

The change enters at the SLI's service and is handed down. A service keeps what its callees'
changes do not account for; what they do account for goes on to them, in the proportion of
what each passed to it. Whatever is kept adds up to the SLI's change exactly, in its units.

Measured calls pass what they cost their caller. Where only the callee is measured, its
extra work is apportioned among its callers by how much each of them slowed. A caller never
passes on more than it suffered (a client-side view of a callee beside the callee itself
would be counted twice; an asynchronous callee would be blamed for nothing).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from workbench.causal.thresholds import HIDDEN_CALL_CREDIT, MOST_NOISE, MOSTLY_NEWS, PASSED_ON_WHOLE
from workbench.stats.past_windows import contrast, doublings, half_width, p_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from workbench.causal.attribution.breakdown import Breakdown
    from workbench.causal.attribution.call_graph import MechanismGraph
    from workbench.stats.past_windows import Contrast, Split

__all__ = ["Attribution", "attribute"]

_TINY = 1e-15


@dataclass(frozen=True, slots=True)
class Attribution:
    """The SLI's change, split over services.

    Parameters
    ----------
    services
        Names, the axis of every array below.
    change
        Change of the SLI: seconds, or failed requests, per request.
    part
        What each service's own work contributed; sums to `change`.
    low, high
        95 % interval of `part`: its own spread over past windows, widened for how few
        independent ones there are.
    own
        Change of each service's own work wherever it sits in the graph.
    surprise
        `own` in doublings beyond its normal range.
    p_value
        Of `own` under past windows.
    share
        Credit in [0, 1]: `part` over `change`, with half of what a service outside the
        graph's reach would explain handed to it.
    passes
        (caller, callee) to the coefficient with which callee work reaches the caller.
    appeared
        Services that exist only in the incident; their part is put down to their callers.
    """

    services: tuple[str, ...]
    change: float
    part: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    own: NDArray[np.float64]
    surprise: NDArray[np.float64]
    p_value: NDArray[np.float64]
    share: NDArray[np.float64]
    passes: Mapping[tuple[str, str], float]
    appeared: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Ledger:
    """Changes with the SLI's direction turned upwards; services as column numbers."""

    departure: NDArray[np.float64]
    told: NDArray[np.float64]
    noise: NDArray[np.float64]
    past: NDArray[np.float64]
    order: tuple[int, ...]
    callees: Mapping[int, tuple[int, ...]]
    callers: Mapping[int, tuple[int, ...]]
    measured: Mapping[tuple[int, int], float]


def attribute(
    breakdown: Breakdown,
    graph: MechanismGraph,
    split: Split,
    *,
    weights: tuple[NDArray[np.float64], NDArray[np.float64]],
    least: float,
) -> Attribution:
    """Split the SLI's change over the services of the graph.

    Parameters
    ----------
    breakdown
        Work or failures per SLI request.
    graph
        Who waits for whom.
    split, weights
        From `pastwindows`.
    least
        A change of own work too small to matter to anybody, in the SLI's unit.

    Notes
    -----
    Cost is linear in services, calls and past windows.
    """
    total, appeared = _from_nothing(breakdown.total, split)
    seen = contrast(total, split, weights)
    direction = -1.0 if np.nan_to_num(seen.departure[breakdown.sli]) < 0 else 1.0
    seen, cost = _level(seen, contrast(breakdown.passed, split, weights), breakdown.sli)
    ordered = _ordered(breakdown, split, weights, cost) * direction
    ledger = _ledger(breakdown, graph, seen, _cost(cost, ordered, direction), direction)
    passed = _passed(ledger)
    kept, reach = _hand_down(ledger, passed, breakdown.sli)
    coefficient = _coefficients(ledger, passed)
    own = ledger.departure - _sums(passed, 0, len(kept))
    own -= _by_callee(breakdown, ordered)
    # What was too small to be handed on stayed with the caller: in past windows likewise.
    handed = {c: v for c, v in coefficient.items() if passed[c] > 0}
    own_past = _own_work(ledger.past, handed)
    normal = np.maximum(np.quantile(np.abs(own_past), 0.9, axis=0), max(least, _TINY))
    surprise = doublings(np.clip(own, 0.0, None) / normal)
    share = _shares(ledger, graph, breakdown, kept)
    _share_with_unmeasured(share, surprise, ledger, _reachable_part(breakdown, split, ledger))
    for vector in (kept, share, surprise):
        _credit_callers(vector, ledger, appeared)
    spread = _spread(total, handed, split, weights[0]) * reach
    name = breakdown.services
    return Attribution(
        services=name,
        change=direction * float(ledger.departure[breakdown.sli]),
        part=direction * kept,
        low=direction * kept - spread,
        high=direction * kept + spread,
        own=direction * own,
        surprise=surprise,
        p_value=p_value(own, own_past, split.n_independent),
        share=share,
        passes={(name[i], name[j]): value for (i, j), value in coefficient.items()},
        appeared=tuple(name[i] for i in np.flatnonzero(appeared)),
    )


def _from_nothing(
    total: NDArray[np.float64], split: Split
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Find services that exist only in the incident; before it they did no work."""
    seen = ~np.isnan(total)
    worked = np.nan_to_num(total[split.incident]).any(axis=0)
    appeared = np.asarray(~seen[split.baseline].any(axis=0) & worked)
    return np.where(appeared & ~seen, 0.0, total), appeared


def _level(seen: Contrast, cost: Contrast, sli: int) -> tuple[Contrast, Contrast]:
    """Hold what adds up against one level: each against its own is noise past windows lack.

    Only a shift before the incident that is most of what the SLI shows is taken off.
    """
    if abs(seen.local_change[sli]) < MOSTLY_NEWS * abs(seen.change[sli]):
        return seen, cost
    return seen.against_baseline_only(), cost.against_baseline_only()


def _ordered(
    breakdown: Breakdown,
    split: Split,
    weights: tuple[NDArray[np.float64], NDArray[np.float64]],
    cost: Contrast,
) -> NDArray[np.float64]:
    """Cost of calls beyond the usual number for a request: the caller's doing.

    The number of calls is judged, not their cost: a slow callee makes every spare call dear.
    """
    seen = contrast(breakdown.calls_per_request, split, weights)
    now = seen.level + seen.departure
    beyond = np.divide(
        _told(seen.departure, seen.normal), now, out=np.zeros_like(now), where=now > 0
    )
    return np.nan_to_num(beyond * (cost.level + cost.departure))


def _by_callee(breakdown: Breakdown, ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    """Work a service did only because its callers called it more often a request."""
    work = np.zeros(len(breakdown.services))
    for (_, callee), extra in zip(breakdown.calls, ordered, strict=True):
        work[callee] += max(float(extra), 0.0)
    return work


def _cost(cost: Contrast, ordered: NDArray[np.float64], direction: float) -> NDArray[np.float64]:
    """Cost of each measured call's change to its caller, at the usual number of calls."""
    # Measured: a clear change is taken as it is, or its caller would be left a part of it.
    told = _told(np.nan_to_num(cost.departure) * direction, cost.normal, steepness=4)
    return told - ordered


def _ledger(
    breakdown: Breakdown,
    graph: MechanismGraph,
    seen: Contrast,
    cost: NDArray[np.float64],
    direction: float,
) -> _Ledger:
    place = {name: number for number, name in enumerate(breakdown.services)}
    departure = np.nan_to_num(seen.departure) * direction
    return _Ledger(
        departure=departure,
        told=_told(departure, seen.normal),
        noise=np.minimum(np.nan_to_num(seen.normal), MOST_NOISE * np.abs(departure)),
        past=np.nan_to_num(seen.past) * direction,
        order=tuple(place[name] for name in graph.order if name in place),
        callees=_numbered(graph.callees, place),
        callers=_numbered(graph.callers, place),
        measured=dict(zip(breakdown.calls, cost, strict=True)),
    )


def _numbered(
    names: Mapping[str, tuple[str, ...]], place: Mapping[str, int]
) -> dict[int, tuple[int, ...]]:
    return {
        place[name]: tuple(place[other] for other in others if other in place)
        for name, others in names.items()
        if name in place
    }


def _told(
    departure: NDArray[np.float64], normal: NDArray[np.float64], *, steepness: int = 2
) -> NDArray[np.float64]:
    """Shrink a departure towards zero by what is noise in it: one inside the range is none."""
    noise = np.minimum(np.nan_to_num(normal) / np.maximum(np.abs(departure), _TINY), 1.0)
    return departure * np.clip(1.0 - noise**steepness, 0.0, None)


def _passed(ledger: _Ledger) -> dict[tuple[int, int], float]:
    """Say what each callee's change cost each caller: never more than it suffered.

    More by what may be chance in it: cut off always, chance would be taken from the callees.
    """
    passed: dict[tuple[int, int], float] = {}
    for caller in ledger.order:
        claims = {(caller, c): max(_claim(ledger, caller, c), 0.0) for c in ledger.callees[caller]}
        suffered = max(float(ledger.departure[caller]), 0.0)
        passed.update(_granted(claims, suffered, float(ledger.noise[caller])))
    return passed


def _granted(
    claims: Mapping[tuple[int, int], float], suffered: float, noise: float
) -> dict[tuple[int, int], float]:
    """Share out what a caller suffered: first to claims that fit, then to what exceeds it.

    A callee that failed or waited more than its caller ever felt was not passed on whole:
    the caller swallowed it, retried, or did not wait.
    """
    fits = {call: claim for call, claim in claims.items() if claim <= PASSED_ON_WHOLE * suffered}
    granted = _scaled(fits, suffered + noise if suffered > 0 else 0.0)
    rest = {call: claim for call, claim in claims.items() if call not in fits}
    return granted | _scaled(rest, suffered - sum(granted.values()))


def _scaled(claims: Mapping[tuple[int, int], float], limit: float) -> dict[tuple[int, int], float]:
    total = sum(claims.values())
    fit = min(1.0, max(limit, 0.0) / total) if total > 0 else 0.0
    return {call: claim * fit for call, claim in claims.items()}


def _claim(ledger: _Ledger, caller: int, callee: int) -> float:
    if (caller, callee) in ledger.measured:
        return ledger.measured[caller, callee]
    rivals = ledger.callers[callee]
    slowed = sum(max(float(ledger.told[rival]), 0.0) for rival in rivals)
    part = max(float(ledger.told[caller]), 0.0) / slowed if slowed > 0 else 1.0 / len(rivals)
    return float(ledger.told[callee]) * part


def _hand_down(
    ledger: _Ledger, passed: Mapping[tuple[int, int], float], sli: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Hand the SLI's change down the calls; return what each keeps, and its way to the SLI."""
    arriving, reach = np.zeros(ledger.departure.size), np.zeros(ledger.departure.size)
    arriving[sli], reach[sli] = ledger.departure[sli], 1.0
    kept = np.zeros_like(arriving)
    for caller in ledger.order:
        suffered = max(float(ledger.departure[caller]), _TINY)
        parts = {c: passed[caller, c] / suffered for c in ledger.callees[caller]}
        for callee, part in parts.items():
            arriving[callee] += arriving[caller] * part
            work = max(float(ledger.departure[callee]), _TINY)
            reach[callee] += reach[caller] * min(1.0, passed[caller, callee] / work)
        kept[caller] = arriving[caller] * (1.0 - sum(parts.values()))
    return kept, np.minimum(reach, 1.0)


def _coefficients(
    ledger: _Ledger, passed: Mapping[tuple[int, int], float]
) -> dict[tuple[int, int], float]:
    """Seconds of a caller per second of its callee; even shares where nothing moved."""
    return {
        (caller, callee): min(1.0, cost / ledger.departure[callee])
        if cost > 0 and ledger.departure[callee] > 0
        else 1.0 / max(len(ledger.callers[callee]), 1)
        for (caller, callee), cost in passed.items()
    }


def _sums(calls: Mapping[tuple[int, int], float], end: int, size: int) -> NDArray[np.float64]:
    total = np.zeros(size)
    for call, value in calls.items():
        total[call[end]] += value
    return total


def _own_work(
    total: NDArray[np.float64], coefficient: Mapping[tuple[int, int], float]
) -> NDArray[np.float64]:
    """Take what callees cost a service off its total, row by row."""
    own = total.copy()
    for (caller, callee), value in coefficient.items():
        own[:, caller] -= value * np.nan_to_num(total[:, callee])
    return own if own.shape[0] else np.zeros((1, own.shape[1]))


def _spread(
    total: NDArray[np.float64],
    coefficient: Mapping[tuple[int, int], float],
    split: Split,
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """95 % half-width of own work's change, by its own spread in the baseline.

    The past is weighed like the incident: chosen anew in every window, the weights would
    pick the worst bins of noise and make the interval too wide.
    """
    alike = np.broadcast_to(_shortened(weights, split.length), (split.starts.size, split.length))
    past = contrast(_own_work(total, coefficient), split, (weights, alike)).past
    return half_width(past, split.n_independent)


def _shortened(weights: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Weights of the stretch of a given length that weighs most."""
    starts = max(weights.size - length, 0) + 1
    best = max(range(starts), key=lambda i: float(weights[i : i + length].sum()))
    stretch: NDArray[np.float64] = (
        weights[best : best + length] / weights[best : best + length].sum()
    )
    return stretch


def _shares(
    ledger: _Ledger, graph: MechanismGraph, breakdown: Breakdown, kept: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Credit by part of the change; half of it to what a missing call would explain."""
    change = float(ledger.departure[breakdown.sli])
    if change <= 0:
        return np.zeros_like(kept)
    share = np.clip(kept / change, 0.0, 1.0)
    outside = np.array(
        [
            i
            for i, name in enumerate(breakdown.services)
            if name not in graph.reached
            and name not in graph.above
            and name not in graph.unawaited
            and ledger.told[i] > 0
        ],
        dtype=np.intp,
    )
    for inside in np.flatnonzero(share > 0) if outside.size else ():
        fits = np.minimum(ledger.told[outside] / max(ledger.departure[inside], _TINY), 1.0)
        fits = np.where(_leads_to(ledger, outside, int(inside)), 0.0, fits)
        share[outside] += HIDDEN_CALL_CREDIT * share[inside] * fits
        share[inside] *= 1.0 - HIDDEN_CALL_CREDIT * fits.max()
    return share


def _reachable_part(breakdown: Breakdown, split: Split, ledger: _Ledger) -> NDArray[np.float64]:
    """How much of the SLI's change an unmeasured service could cause; NaN where measured.

    Requests that never visit a service cannot fail there.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # services without a load
        visits = np.nanmedian(breakdown.visit_ratio[split.incident], axis=0)
    change = max(float(ledger.departure[breakdown.sli]), _TINY)
    part = np.minimum(np.nan_to_num(visits, nan=1.0) / change, 1.0) if breakdown.counts else 1.0
    unmeasured = np.isnan(breakdown.total).all(axis=0)
    return np.where(unmeasured, part, np.nan)


def _share_with_unmeasured(
    share: NDArray[np.float64],
    surprise: NDArray[np.float64],
    ledger: _Ledger,
    possible: NDArray[np.float64],
) -> None:
    """Split the credit of a service with callees that nobody measured: it may be theirs."""
    unmeasured = ~np.isnan(possible)
    for caller in reversed(ledger.order):
        hidden = [
            c
            for c in ledger.callees[caller]
            if unmeasured[c] and (caller, c) not in ledger.measured
        ]
        if hidden and not unmeasured[caller]:
            surprise[caller] *= 1.0 - len(hidden) / len(ledger.callees[caller])
            below = _below(ledger, hidden, unmeasured)
            unit = share[caller] / (1.0 + possible[below].sum())
            share[caller] = unit
            share[below] += unit * possible[below]


def _below(ledger: _Ledger, starts: list[int], unmeasured: NDArray[np.bool_]) -> list[int]:
    reached, stack = set(starts), list(starts)
    while stack:
        fresh = [c for c in ledger.callees[stack.pop()] if unmeasured[c] and c not in reached]
        reached.update(fresh)
        stack.extend(fresh)
    return sorted(reached)


def _leads_to(ledger: _Ledger, starts: NDArray[np.intp], goal: int) -> NDArray[np.bool_]:
    """Whether a service calls the goal, directly or through others: then it is a symptom."""
    above, stack = {goal}, [goal]
    while stack:
        fresh = [c for c in ledger.callers.get(stack.pop(), ()) if c not in above]
        above.update(fresh)
        stack.extend(fresh)
    return np.array([int(start) in above for start in starts], dtype=bool)


def _credit_callers(
    vector: NDArray[np.float64], ledger: _Ledger, appeared: NDArray[np.bool_]
) -> None:
    """Hand a new callee's credit to its callers: it is they who began to call it."""
    for callee in np.flatnonzero(appeared):
        callers = ledger.callers.get(int(callee), ())
        for caller in callers:
            vector[caller] += vector[callee] / len(callers)
        if callers:
            vector[callee] = 0.0
