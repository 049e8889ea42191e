"""What is measured, and how: drawn anew for every incident."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from workbench.simulate.incidents import Incident

__all__ = ["GRAPHS", "LATENCIES", "Instruments", "draw_instruments"]

LATENCIES = ("mean", "quantiles", "both", "histogram")
GRAPHS = ("whole", "partial", "one_sided", "wrong", "none")

_MOST_CELLS = 6000  # services times bins beyond which pods and histograms are not told apart


@dataclass(frozen=True, slots=True)
class Instruments:
    """How one incident was measured.

    Parameters
    ----------
    latency
        ``mean``, ``quantiles`` (p50, p90, p99 alone), ``both`` or ``histogram``.
    counters
        Whether requests come as cumulative counters of OpenTelemetry's names, or as
        aggregates a bin.
    counts, errors, saturation, per_pod
        Whether there are request counts, failures, gauges, and a series a pod.
    operations
        Whether requests are told apart by operation, where there are several.
    calls
        Whether callers measure their calls.
    traces
        Sampled traces; 0 where there are none.
    logs
        Whether there are log lines.
    graph
        ``whole``, ``partial`` (a fifth of the calls missing), ``one_sided`` (some services
        report no calls of theirs), ``wrong`` (calls that do not exist) or ``none``.
    stale_s
        Seconds between the history and the incident.
    missing
        Share of samples that are not there.
    silent
        Numbers of services that report nothing themselves.
    late
        Bins by which the incident was noticed after its onset.
    """

    latency: str
    counters: bool
    counts: bool
    errors: bool
    saturation: bool
    per_pod: bool
    operations: bool
    calls: bool
    traces: int
    logs: bool
    graph: str
    stale_s: float
    missing: float
    silent: frozenset[int]
    late: int


def draw_instruments(incident: Incident, *, sli: int, rng: np.random.Generator) -> Instruments:
    """Draw how an incident was measured.

    A wrong answer shows in calls, traces or lines alone: one of them is there where that is
    what went wrong.

    Parameters
    ----------
    incident
        What was drawn.
    sli
        Number of the service of the SLI, which is measured in any case.
    rng
        Draws.
    """
    system, clock = incident.system, incident.clock
    small = system.size * clock.size <= _MOST_CELLS
    latency = str(rng.choice(LATENCIES if small else LATENCIES[:3]))
    counters = latency in {"mean", "histogram"} and bool(rng.random() < 0.4)
    counters = counters or latency == "histogram"
    counts = counters or bool(rng.random() < 0.75)
    calls, traced, logs = rng.random(3) < (0.55, 0.35, 0.5)
    if not (calls or traced) and any(f.mechanism == "wrong_return" for f in incident.faults):
        logs = True
    stale = not counters and rng.random() < 0.12
    inner = [s for s in range(1, system.size) if s not in system.outside | {sli}]
    silent = {int(rng.choice(inner))} if rng.random() < 0.25 else set()
    return Instruments(
        latency=latency,
        counters=counters,
        counts=counts,
        errors=bool(rng.random() < 0.75),
        saturation=bool(rng.random() < 0.6),
        per_pod=small and bool(rng.random() < 0.3),
        operations=bool(rng.random() < 0.6),
        calls=bool(calls),
        traces=int(rng.integers(60, 300)) if traced else 0,
        logs=bool(logs),
        graph=str(rng.choice(GRAPHS, p=[0.45, 0.2, 0.12, 0.13, 0.1])),
        stale_s=float(min(rng.uniform(6, 48) * 3600, 3000 * clock.step_s)) if stale else 0.0,
        missing=float(rng.choice([0.0, 0.0, 0.01, 0.05])),
        silent=frozenset(silent) | system.outside,
        late=int(rng.choice([0, 0, 0, 1, 2])) if incident.faults else 0,
    )
