"""Is it the load? A surge that enters at the edge and finds a service at its limit.

In a surge everything correlates with everything. What tells it from a service that became
slow by itself: the load left its normal range where requests enter, the slow service got
as much more of it, its own time rises and falls with its load, something in it is used up
(pool, queue, CPU), and it did not get slow before the load came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

from workbench.cards import chance
from workbench.causal.thresholds import SIGNIFICANT
from workbench.checks import CheckId, check, not_run
from workbench.correlate import association
from workbench.diagnose.thresholds import SURGE_IS_MATERIAL
from workbench.stats.past_windows import contrast

if TYPE_CHECKING:
    from workbench.checks import CheckResult
    from workbench.features.aligned import AlignedSignals

__all__ = ["Surge", "surge"]


@dataclass(frozen=True, slots=True)
class Surge:
    """A surge of load as an explanation of a service's own time.

    Parameters
    ----------
    entry
        Where the load enters.
    service
        The service whose own time it is to explain.
    before, during
        Load at the entry, requests a second.
    p_value
        Of the entry's load under past windows.
    tests
        The checks it was put to.
    gauged
        Whether the service reports anything that could be used up.
    """

    entry: str
    service: str
    before: float
    during: float
    p_value: float
    tests: tuple[CheckResult, ...]
    gauged: bool = True

    @property
    def explains(self) -> bool:
        """Whether every test was passed."""
        return all(result.passed for result in self.tests)

    @property
    def untold(self) -> bool:
        """Whether only a gauge of what may be used up is missing to tell."""
        return not self.gauged and all(result.passed for result in self.tests[:-1])


def surge(
    aligned: AlignedSignals, topology: nx.DiGraph[str], service: str, *, sli_service: str, seed: int
) -> Surge | None:
    """Test whether a surge of load explains that a service became slow.

    Parameters
    ----------
    aligned
        The window's signals with incident and past windows told apart.
    topology
        Service graph, caller → callee.
    service
        The service whose own time rose.
    sli_service
        The service of the SLI: requests enter at the farthest caller above it.
    seed
        For the null of the association.

    Returns
    -------
    Surge or None
        None where no load was measured.
    """
    entry = _entry(aligned, topology, sli_service)
    if entry is None or (service, "load") not in aligned.nodes:
        return None
    at_entry, at_service = _load(aligned, entry), _load(aligned, service)
    rise, p_value = _rise(aligned, at_entry)
    rise_there, _ = _rise(aligned, at_service)
    before = float(np.nanmedian(at_entry[aligned.split.baseline])) / aligned.step.total_seconds()
    tests = (
        check(
            CheckId.LOAD_LEFT_RANGE,
            f"{entry} got {1 + rise:.1f} times its usual load, {chance(p_value)}",
            passed=rise >= SURGE_IS_MATERIAL and p_value <= SIGNIFICANT,
        ),
        check(
            CheckId.LOAD_ARRIVED,
            f"{service} got {1 + rise_there:.1f} times its usual load",
            passed=rise_there >= rise / 2,
        ),
        _dose(aligned, service, at_service, seed=seed),
        _used_up(aligned, service),
    )
    gauged = bool(_gauges(aligned, service))
    return Surge(entry, service, before, before * (1 + rise), p_value, tests, gauged)


def _entry(aligned: AlignedSignals, topology: nx.DiGraph[str], sli_service: str) -> str | None:
    above = nx.ancestors(topology, sli_service) if sli_service in topology else set()
    measured = [n for n in (*above, sli_service) if (n, "load") in aligned.nodes]
    callers = {n: set(topology.predecessors(n)) if n in topology else set() for n in measured}
    tops = [n for n in measured if not callers[n] & set(measured)]
    chosen = sorted(tops or measured, key=lambda n: (-np.nanmedian(_load(aligned, n)), n))
    return chosen[0] if chosen else None


def _load(aligned: AlignedSignals, service: str) -> np.ndarray:
    load: np.ndarray = aligned.nodes[service, "load"].to_numpy(float)
    return load


def _rise(aligned: AlignedSignals, load: np.ndarray) -> tuple[float, float]:
    """Relative rise over the baseline, and its p-value under past windows of that length."""
    seen = contrast(load[:, None], aligned.split)
    level = float(seen.level[0])
    change = float(seen.change[0])
    past = seen.past[:, 0]
    past = past[np.isfinite(past)]
    as_large = int((past >= change).sum())
    return change / level if level > 0 else 0.0, (1 + as_large) / (1 + len(past))


def _dose(aligned: AlignedSignals, service: str, load: np.ndarray, *, seed: int) -> CheckResult:
    own = _own_time(aligned, service)
    if own is None:
        return not_run(CheckId.TIME_FOLLOWS_LOAD, f"{service} reports no time")
    rows = np.union1d(aligned.split.baseline, aligned.split.incident)
    rho, p_value = association(load[rows], own[rows], seed=seed)
    passed = rho > 0 and p_value <= SIGNIFICANT
    return check(
        CheckId.TIME_FOLLOWS_LOAD, f"rank correlation {rho:.2f}, {chance(p_value)}", passed=passed
    )


def _own_time(aligned: AlignedSignals, service: str) -> np.ndarray | None:
    for signal in ("self_time", "latency"):
        if (service, signal) in aligned.nodes:
            seconds: np.ndarray = aligned.nodes[service, signal].to_numpy(float)
            return seconds
    return None


def _used_up(aligned: AlignedSignals, service: str) -> CheckResult:
    """Something that can be used up (a saturation gauge) left its range upwards."""
    columns = _gauges(aligned, service)
    if not columns:
        return not_run(CheckId.SOMETHING_USED_UP, f"{service} reports no saturation gauge")
    seen = contrast(aligned.nodes[columns].to_numpy(float), aligned.split)
    size = np.nan_to_num(seen.change / np.maximum(seen.normal, 1e-12))
    best = int(np.argmax(size))
    gauge = str(columns[best][1]).removeprefix("saturation:")
    before, during = seen.level[best], seen.level[best] + seen.change[best]
    words = f"{gauge} went from {before:.3g} to {during:.3g}"
    return check(CheckId.SOMETHING_USED_UP, words, passed=bool(size[best] > 1))


def _gauges(aligned: AlignedSignals, service: str) -> list[tuple[str, str]]:
    """Gauges of a service that were seen in the incident (a history may know more of them)."""
    own = [c for c in aligned.nodes.columns if c[0] == service and c[1].startswith("saturation:")]
    seen = aligned.nodes[own].iloc[aligned.split.incident].notna().any()
    return [column for column in own if seen[column]]
