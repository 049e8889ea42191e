"""Trouble of hosts: filled by one service on it, or sick by itself though nobody filled it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.causal.anomalies.anomaly import Anomaly
from workbench.causal.anomalies.gauges import saturation_anomalies
from workbench.causal.anomalies.noisy_neighbours import noisy_neighbours, used_more
from workbench.causal.anomalies.regrouped_gauges import PREFIX, gauges_by, used_of
from workbench.causal.thresholds import (
    FEWEST_ON_HOST,
    HOST_LEFT_RANGE,
    SLOWED_ELSEWHERE,
    SLOWED_TOGETHER,
)
from workbench.features.columns import values_of
from workbench.semconv import HOST_LABELS, HOST_METRICS, first_of
from workbench.tables import labels_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from workbench.causal.attribution.call_graph import MechanismGraph
    from workbench.features.aligned import AlignedSignals
    from workbench.window import IncidentWindow

__all__ = ["HostFault", "host_fault_anomalies", "host_faults", "host_gauges"]

_FREE = frozenset({"available", "avail", "free"})
_IDLE = frozenset({"idle"})


@dataclass(frozen=True, slots=True)
class HostFault:
    """A host that is what several services have in common.

    Parameters
    ----------
    host, aggressor
        Its name, and the service that filled it; empty where it is sick by itself.
    slowed, residents
        Services on it that became worse by themselves, and all whose work is measured.
    gauge
        The gauge of the host, or of the filler, that left its range the farthest, or None.
    gauged, counted
        Whether gauges of the host are there, and gauges of what each of `slowed` uses of it.
    weight
        Doublings that speak for it.
    """

    host: str
    slowed: tuple[str, ...]
    residents: tuple[str, ...]
    gauge: Anomaly | None
    gauged: bool
    counted: bool
    weight: float
    aggressor: str = ""

    @property
    def place(self) -> str:
        """What is likely to blame: the host, or who filled it."""
        return self.aggressor or self.host

    @property
    def together(self) -> bool:
        """Whether most of what runs there became worse, and two at least."""
        enough = SLOWED_TOGETHER * len(self.residents)
        return len(self.slowed) >= FEWEST_ON_HOST and (
            bool(self.aggressor) or len(self.slowed) >= enough
        )

    @property
    def usage(self) -> str:
        """What is known of who filled it, in words."""
        if self.aggressor:
            return f"{self.aggressor} uses more of it by itself"
        if self.counted:
            return "none of what runs there uses more of it by itself"
        return "who uses more of it is not measured"

    @property
    def statement(self) -> str:
        """One sentence."""
        words = f"host {self.host} was filled by {self.aggressor}: "
        if not self.aggressor:
            words = f"host {self.host} is sick by itself: "
        if self.gauge is not None:
            words += f"its {self.gauge.statement}; "
        return (
            f"{words}{', '.join(self.slowed)} ({len(self.slowed)} of {len(self.residents)} "
            f"measured there) became worse by themselves; {self.usage}"
        )


def host_gauges(
    seen: AlignedSignals, hosts: Mapping[str, Sequence[str]]
) -> tuple[frozenset[str], dict[str, Anomaly]]:
    """Find which hosts are gauged, and the gauge of each that left its range the farthest.

    What only follows the load of the services on a host does not count, and neither does a
    gauge that fell, unless it tells what is left.

    Parameters
    ----------
    seen
        The window's signals.
    hosts
        Host to the services on it.
    """
    found = gauges_by(_owners(seen.window, hosts), seen)
    if found is None:
        return frozenset(), {}
    told: dict[str, Anomaly] = {}
    for anomaly in saturation_anomalies(_with_load(found, seen, hosts)):
        held = told.get(anomaly.service)
        worse = (anomaly.during > anomaly.before) != _tells_rest(anomaly.signal)
        if (
            worse
            and anomaly.weight >= HOST_LEFT_RANGE
            and (held is None or anomaly.weight > held.weight)
        ):
            told[anomaly.service] = anomaly
    return frozenset(found.services), told


def host_faults(
    hosts: Mapping[str, Sequence[str]],
    anomalies: Sequence[Anomaly],
    slowed: Mapping[str, float],
    *,
    seen: AlignedSignals,
    graph: MechanismGraph,
    gauges: tuple[frozenset[str], Mapping[str, Anomaly]],
) -> tuple[HostFault, ...]:
    """Tell hosts that one service filled, and hosts that are sick by themselves.

    Sick by itself is a host of which no service uses more by itself, if one of two holds:
    most services there became worse by themselves together (two at least that do not call
    each other) while most services elsewhere did not; or a gauge of the host left its normal
    range, and what is slow there is known not to use more.

    Parameters
    ----------
    hosts
        Host to the services on it.
    anomalies
        All clues so far.
    slowed
        Service to the doublings of its own work beyond its normal range; measured ones only.
    seen, graph
        The aligned signals, and who waits for whom.
    gauges
        From `host_gauges`.
    """
    noisy = {host: (who, whom) for host, who, whom in noisy_neighbours(hosts, anomalies, slowed)}
    rose, counted = used_more(anomalies), _counted(seen)
    found = []
    for host, services in hosts.items():
        known = tuple(s for s in services if s in slowed)
        worse = tuple(s for s in known if slowed[s] >= HOST_LEFT_RANGE)
        if host in noisy:
            found.append(_filled(host, *noisy[host], anomalies=anomalies, known=known))
        elif worse and all(rose.get(s, 0.0) < HOST_LEFT_RANGE for s in services):
            gauge = gauges[1].get(host)
            what = used_of(gauge.signal) if gauge is not None else frozenset()
            told = all(counted.get(s, set()) >= what and s in counted for s in worse)
            faulty = HostFault(
                host, worse, known, gauge, host in gauges[0], told, _weight(worse, slowed, gauge)
            )
            if _is_sick(faulty, slowed, graph):
                found.append(faulty)
    return tuple(found)


def host_fault_anomalies(
    found: Sequence[HostFault], slowed: Mapping[str, float]
) -> Iterator[Anomaly]:
    """Let who filled a host say so, and else each service that a host sick by itself slowed.

    Parameters
    ----------
    found
        From `host_faults`.
    slowed
        As for `host_faults`: who filled a host has done all of it.
    """
    nothing = float("nan")
    for faulty in found:
        if faulty.aggressor:
            weight = sum(slowed[name] for name in faulty.slowed)
            words = f"on {faulty.host} it took from {', '.join(faulty.slowed)}, slow together"
            yield Anomaly(faulty.aggressor, "host", "host", weight, nothing, nothing, words)
            continue
        for name in faulty.slowed:
            yield Anomaly(name, "host", "host", faulty.weight, nothing, nothing, faulty.statement)


def _filled(
    host: str,
    aggressor: str,
    slowed: tuple[str, ...],
    *,
    anomalies: Sequence[Anomaly],
    known: tuple[str, ...],
) -> HostFault:
    used = [
        c
        for c in anomalies
        if c.service == aggressor
        and c.kind == "saturation"
        and used_of(c.signal)
        and c.during > c.before
    ]
    gauge = max(used, key=lambda anomaly: anomaly.weight)
    return HostFault(
        host,
        slowed,
        known,
        gauge,
        gauged=True,
        counted=True,
        weight=gauge.weight,
        aggressor=aggressor,
    )


def _counted(seen: AlignedSignals) -> dict[str, set[str]]:
    """Say what of its host each service is measured to use."""
    counted: dict[str, set[str]] = {}
    for service, signal in seen.nodes.columns:
        if str(signal).startswith(PREFIX) and (what := used_of(str(signal))):
            counted.setdefault(str(service), set()).update(what)
    return counted


def _is_sick(faulty: HostFault, slowed: Mapping[str, float], graph: MechanismGraph) -> bool:
    apart = [s for s in faulty.slowed if not set(graph.callees.get(s, ())) & set(faulty.slowed)]
    together = faulty.together and len(apart) >= FEWEST_ON_HOST
    others = [
        weight >= HOST_LEFT_RANGE for s, weight in slowed.items() if s not in faulty.residents
    ]
    contrasted = bool(others) and sum(others) < SLOWED_ELSEWHERE * len(others)
    if faulty.gauge is None:
        return together and contrasted
    return together or faulty.counted


def _weight(worse: Sequence[str], slowed: Mapping[str, float], gauge: Anomaly | None) -> float:
    """Doublings of the host's gauge, or those that all of the slow services share."""
    shared = min((slowed[s] for s in worse), default=0.0) if len(worse) >= FEWEST_ON_HOST else 0.0
    return max(shared, gauge.weight if gauge is not None else 0.0)


def _with_load(
    found: AlignedSignals, seen: AlignedSignals, hosts: Mapping[str, Sequence[str]]
) -> AlignedSignals:
    """Host gauges beside the requests that the services on each host got."""
    nodes = seen.nodes.reindex(found.index)
    loads = {}
    for host in found.services:
        values = values_of(nodes, [(s, "load") for s in hosts.get(host, ())])
        known = ~np.isnan(values).all(axis=0)
        if known.any():
            loads[host, "load"] = values[:, known].sum(axis=1)
    if not loads:
        return found
    return replace(found, nodes=pd.concat([found.nodes, pd.DataFrame(loads, nodes.index)], axis=1))


def _owners(window: IncidentWindow, hosts: Mapping[str, Sequence[str]]) -> NDArray[np.object_]:
    """Host that each metric row is about, or empty."""
    metrics = window.metrics
    if metrics.empty or not hosts:
        return np.full(len(metrics), "", dtype=object)
    where = _places(metrics["labels"], hosts)
    service = metrics["service"].astype(object).fillna("").astype(str).to_numpy(dtype=object)
    own = np.isin(service, list(hosts))
    about = own | metrics["metric"].astype(str).str.startswith(HOST_METRICS).to_numpy()
    return np.where(about, np.where(own, service, where), "")


def _places(column: pd.Series, hosts: Mapping[str, Sequence[str]]) -> NDArray[np.object_]:
    """Known host of each label set: its label, or whose port was scraped; idle time is none."""
    read = []
    for text in column.cat.categories:
        labels = labels_of(text)
        host = first_of(labels, HOST_LABELS) or str(labels.get("instance", "")).partition(":")[0]
        idle = {str(labels.get("mode", "")), str(labels.get("state", ""))} & _IDLE
        read.append(host if host in hosts and not idle else "")
    places: NDArray[np.object_] = np.array([*read, ""], dtype=object)[column.cat.codes.to_numpy()]
    return places


def _tells_rest(signal: str) -> bool:
    return any(word in signal.lower() for word in _FREE)
