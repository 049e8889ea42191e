"""Blast radius: which services a fault or a change of one service will drag out of their range.

A fault is simulated many times over the call graph, from what was known before the
incident: its size, how much of a callee's time or failures each caller shows (learned from
their movements in the baseline, with its uncertainty), how many calls a request makes
(counted), and how far each service strays by itself (a past window drawn at random).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from workbench.cards import ResultCard, quantity, table_html
from workbench.causal.attribution.call_graph import mechanism_graph
from workbench.causal.propagation.departures import departures
from workbench.causal.propagation.residuals import residuals, transmission
from workbench.causal.thresholds import (
    FORECAST_DRAWS,
    LIKELY_REACHED,
    MOSTLY_LEARNED,
    SLOW_RATHER_THAN_FAILING,
)
from workbench.errors import BadInput, unknown_name
from workbench.features.aligned import align
from workbench.topology import calls_only

if TYPE_CHECKING:
    from collections.abc import Mapping

    import networkx as nx
    from numpy.typing import NDArray

    from workbench.causal.attribution.call_graph import MechanismGraph
    from workbench.features.aligned import AlignedSignals
    from workbench.window import IncidentWindow

    Draws = NDArray[np.float64]
    Call = tuple[str, str]

__all__ = ["BlastRadius", "Reached", "blast_radius"]

# What is thought of a call before its movements are seen: a caller waits for nearly all of a
# callee's time, and whether it fails when the callee does is anybody's guess.
_PRIOR = {"latency": (0.9, 0.3), "errors": (0.5, 0.5)}
_TIMED = (1.0, 0.1)  # what a caller measured of its call, it waited for
# A fault of unknown size, declared: own time times 1 … 30, or 2 … 100 % of requests failing.
_TIMES = (np.log(5.0), 1.0)
_SHARE = (0.02, 1.0)


@dataclass(frozen=True, slots=True)
class Reached:
    """What is forecast of one service.

    Parameters
    ----------
    service
        Which.
    probability
        That it leaves its own normal range within the horizon.
    added_s, added_errors
        Median of what reaches it, where anything does: seconds a request, and share of
        requests failing.
    by_itself
        Probability that it leaves its range without the fault.
    """

    service: str
    probability: float
    added_s: float
    added_errors: float
    by_itself: float


@dataclass(frozen=True, slots=True, repr=False)
class BlastRadius(ResultCard):
    """Services that a fault of one service will reach, with a probability each.

    Parameters
    ----------
    window_id, service, change
        What was asked; `change` is empty where a service was.
    assumed
        Size of the fault, in words.
    horizon
        Within which time: the window's own length.
    reached
        All measured services, the most probable first; the faulty one is not among them.
    unmeasured
        Callers that are reached in the graph and report nothing.
    learned
        Calls whose transmission was learned from movements, of how many.
    seed, draws
        To make it again.
    """

    window_id: str
    service: str
    change: str
    assumed: str
    horizon: pd.Timedelta
    reached: tuple[Reached, ...]
    unmeasured: tuple[str, ...]
    learned: tuple[int, int]
    seed: int
    draws: int

    def to_frame(self) -> pd.DataFrame:
        """One line a service."""
        columns = ["service", "probability", "added_s", "added_errors", "by_itself"]
        rows = [tuple(getattr(r, name) for name in columns) for r in self.reached]
        return pd.DataFrame(rows, columns=columns)

    @property
    def expected(self) -> float:
        """Expected number of services that leave their range, the faulty one not counted."""
        return float(sum(r.probability for r in self.reached))

    def _headline(self) -> str:
        what = f"{self.change} of {self.service}" if self.change else self.service
        likely = [
            f"{r.service} ({r.probability:.2f})"
            for r in self.reached
            if r.probability > LIKELY_REACHED
        ]
        who = ", ".join(likely[:6]) or "no other service is likely to be"
        return f"If {what} fails, within {_minutes(self.horizon)}: {who} out of range"

    def _facts(self) -> dict[str, str]:
        learned, calls = self.learned
        return {
            "assumed": self.assumed,
            "expected": f"{self.expected:.1f} of {len(self.reached)} other services",
            "transmission": f"learned for {learned} of {calls} calls, assumed for the rest",
            "reached, not measured": ", ".join(self.unmeasured) or "none",
        }

    def __repr__(self) -> str:
        """Headline, facts, then a line a service."""
        facts = [f"  {name}: {value}" for name, value in self._facts().items()]
        lines = [
            f"  {r.probability:.2f} {r.service}: +{quantity(r.added_s, 's')}, "
            f"+{quantity(r.added_errors, 'ratio')} failing"
            for r in self.reached[:12]
        ]
        return "\n".join([self._headline(), *facts, *lines])

    def _body(self) -> str:
        return table_html(self.to_frame())

    def _note(self) -> str:
        return "Affected: latency or errors beyond the range of past windows of this length."


def blast_radius(
    window: IncidentWindow,
    origin: str,
    *,
    added_s: float | None = None,
    added_errors: float | None = None,
    seed: int = 0,
) -> BlastRadius:
    """Forecast which services a fault of one service will drag out of their normal range.

    Parameters
    ----------
    window
        Read up to the start of its incident range; needs a baseline and a topology.
    origin
        A service, or the reference of a change.
    added_s
        Seconds that each of its requests takes longer.
    added_errors
        Share of its requests that fail in addition, 0 to 1. With neither, the size is
        drawn: as often slower (own time times 1 to 30, median 5) as failing (2 to 100 %).
    seed
        Of everything drawn.

    Returns
    -------
    BlastRadius
        `workbench.causal.score_forecast` holds it against what happened.

    Raises
    ------
    BadInput, UnknownName
        No baseline, nothing measured, an impossible size, or a name nobody knows.

    Notes
    -----
    Effects flow from callee to caller. What a slow caller does to its callees (less load),
    retries and queues that fill up are not simulated.
    """
    service, change = _origin(window, origin)
    _check_size(added_s, added_errors)
    aligned = _quiet(align(window))
    rng = np.random.default_rng(seed)
    names = tuple(dict.fromkeys([*aligned.services, service]))
    upwards: nx.DiGraph[str] = calls_only(window.topology)
    # What the faulty service itself calls passes nothing up to it: rings are opened there.
    upwards.remove_edges_from(list(upwards.out_edges(service)))
    graph = mechanism_graph(upwards, service, names, asynchronous=aligned.asynchronous)
    sizes = _sizes(aligned, service, (added_s, added_errors), rng)
    calls = [call for call in graph.edges if call[1] != call[0]]
    added: dict[str, dict[str, Draws]] = {}
    learned: set[Call] = set()
    for signal in ("latency", "errors"):
        shares, told = _shares(aligned, names, calls, signal, rng)
        learned |= told
        added[signal] = _spread(graph, shares, service, sizes[signal])
    reached = _reached(aligned, [n for n in names if n != service], added, rng)
    above = {name for name, draws in added["latency"].items() if draws.any()} | {
        name for name, draws in added["errors"].items() if draws.any()
    }
    known = {r.service for r in reached}
    return BlastRadius(
        window_id=window.id,
        service=service,
        change=change,
        assumed=_words(added_s, added_errors),
        horizon=window.when.duration,
        reached=tuple(sorted(reached, key=lambda r: (-r.probability, r.service))),
        unmeasured=tuple(sorted(above - known - {service})),
        learned=(len(learned), len(calls)),
        seed=seed,
        draws=FORECAST_DRAWS,
    )


def _origin(window: IncidentWindow, name: str) -> tuple[str, str]:
    if name in window.services:
        return name, ""
    changes = window.changes
    rows = changes.loc[changes["ref"].astype(str) == name, "service"].astype(str)
    if rows.empty:
        known = (*window.services, *changes["ref"].astype(str))
        kind = "service or change"
        raise unknown_name(kind, name, known)
    return str(rows.iloc[0]), name


def _check_size(added_s: float | None, added_errors: float | None) -> None:
    if added_s is not None and not 0 <= added_s < float("inf"):
        fact = "Not a duration"
        raise BadInput(fact, value=added_s, hint="Seconds added to each request")
    if added_errors is not None and not 0 <= added_errors <= 1:
        fact = "Not a share of requests"
        raise BadInput(fact, value=added_errors, hint="Between 0 and 1")


def _quiet(aligned: AlignedSignals) -> AlignedSignals:
    """Keep what was known before: baseline bins only, so that nothing of the incident leaks."""
    rows = aligned.split.baseline
    everything = np.arange(len(rows))
    split = replace(
        aligned.split, incident=everything[:0], before=everything[:0], baseline=everything
    )
    return replace(
        aligned, nodes=aligned.nodes.iloc[rows], edges=aligned.edges.iloc[rows], split=split
    )


def _sizes(
    aligned: AlignedSignals,
    service: str,
    asked: tuple[float | None, float | None],
    rng: np.random.Generator,
) -> dict[Literal["latency", "errors"], Draws]:
    """Draw the size of the fault; one that was given is not drawn."""
    added_s, added_errors = asked
    if added_s is not None or added_errors is not None:
        return {
            "latency": np.full(FORECAST_DRAWS, added_s or 0.0),
            "errors": np.full(FORECAST_DRAWS, added_errors or 0.0),
        }
    column = (service, "latency")
    level = float(aligned.nodes[column].median()) if column in aligned.nodes else float("nan")
    level = level if level > 0 else _typical_latency(aligned)
    slower = rng.random(FORECAST_DRAWS) < SLOW_RATHER_THAN_FAILING
    seconds = level * rng.lognormal(*_TIMES, FORECAST_DRAWS)
    return {
        "latency": np.where(slower, seconds, 0.0),
        "errors": np.where(slower, 0.0, rng.uniform(*_SHARE, FORECAST_DRAWS)),
    }


def _typical_latency(aligned: AlignedSignals) -> float:
    known = [c for c in aligned.nodes.columns if str(c[1]) == "latency"]
    return float(np.nanmedian(aligned.nodes[known].to_numpy(float))) if known else 0.1


def _shares(
    aligned: AlignedSignals,
    names: tuple[str, ...],
    calls: list[Call],
    signal: str,
    rng: np.random.Generator,
) -> tuple[dict[Call, Draws], set[Call]]:
    """Draw, for each call, how much of a callee's unit reaches one request of its caller."""
    found = residuals(aligned, names, calls, signal=signal)
    shares, learned = {}, set()
    for call in calls:
        share, error = transmission(found, call) if call in found.cost else (np.nan, np.nan)
        timed = signal == "latency" and (*call, "latency") in aligned.edges
        mean, spread = _TIMED if timed else _PRIOR[signal]
        centre, width = mean, spread
        if np.isfinite(share) and error > 0:
            weight = spread**2 / (spread**2 + error**2)
            centre, width = mean + weight * (share - mean), spread * np.sqrt(1.0 - weight)
            learned |= {call} if weight > MOSTLY_LEARNED else set()
        drawn = np.clip(rng.normal(centre, width, FORECAST_DRAWS), 0.0, 1.0)
        rivals = [caller for caller, callee in calls if callee == call[1]]
        shares[call] = drawn * _calls_a_request(aligned, call, rivals)
    return shares, learned


def _calls_a_request(aligned: AlignedSignals, call: Call, rivals: list[str]) -> float:
    """Say how many calls a request of the caller makes: counted, else by the loads of both."""
    caller, callee = call
    made = (*call, "calls") in aligned.edges
    loads = [
        aligned.nodes[n, "load"].to_numpy(float) for n in rivals if (n, "load") in aligned.nodes
    ]
    if (caller, "load") not in aligned.nodes or not (made or (callee, "load") in aligned.nodes):
        return 1.0
    seen = aligned.edges[(*call, "calls")] if made else aligned.nodes[callee, "load"]
    asked = aligned.nodes[caller, "load"].to_numpy(float) if made else np.nansum(loads, axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = seen.to_numpy(float) / asked
    ratio = ratio[np.isfinite(ratio)]
    return float(np.median(ratio)) if ratio.size else 1.0


def _spread(
    graph: MechanismGraph, shares: Mapping[Call, Draws], service: str, size: Draws
) -> dict[str, Draws]:
    """Pass the fault up from callees to callers, draw by draw."""
    added = {name: np.zeros(FORECAST_DRAWS) for name in graph.order}
    added[service] = size
    for callee in reversed(graph.order):
        for caller in graph.callers[callee]:
            if caller != service:
                added[caller] = added[caller] + shares[caller, callee] * added[callee]
    return added


def _reached(
    aligned: AlignedSignals,
    names: list[str],
    added: Mapping[str, Mapping[str, Draws]],
    rng: np.random.Generator,
) -> list[Reached]:
    """Compare what arrives, on top of a random past window, with each service's range."""
    ranges = departures(aligned, names)
    found = []
    nothing = np.zeros(FORECAST_DRAWS)
    drawn = rng.integers(0, max(ranges.past["latency"].shape[0], 1), FORECAST_DRAWS)
    for number, name in enumerate(names):
        out, alone = np.zeros(FORECAST_DRAWS, dtype=bool), np.zeros(FORECAST_DRAWS, dtype=bool)
        for signal in ("latency", "errors"):
            limit = ranges.limit[signal][number]
            if np.isfinite(limit):
                stray = np.nan_to_num(ranges.past[signal][drawn, number])
                out |= stray + np.minimum(added[signal].get(name, nothing), _most(signal)) > limit
                alone |= stray > limit
        if ranges.measured[number]:
            middle = [_middle(added[s].get(name, nothing)) for s in ("latency", "errors")]
            found.append(
                Reached(
                    name, float(out.mean()), middle[0], min(middle[1], 1.0), float(alone.mean())
                )
            )
    return found


def _middle(draws: Draws) -> float:
    """Median over the draws in which anything arrives."""
    some = draws[draws > 0]
    return float(np.median(some)) if some.size else 0.0


def _most(signal: str) -> float:
    return 1.0 if signal == "errors" else float("inf")


def _words(added_s: float | None, added_errors: float | None) -> str:
    told = [f"{quantity(added_s, 's')} more a request"] if added_s is not None else []
    told += [f"{quantity(added_errors, 'ratio')} failing"] if added_errors is not None else []
    return " and ".join(told) or "a fault of unknown size: slower or failing, as often one as other"


def _minutes(time: pd.Timedelta) -> str:
    return f"{time.total_seconds() / 60:.0f} min"
