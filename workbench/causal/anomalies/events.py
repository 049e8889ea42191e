"""Clues in Kubernetes-like events: what the platform itself says happened to a service."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.causal.anomalies.anomaly import Anomaly
from workbench.causal.thresholds import EVENT_STATE_CHANGE, MOST_EVENT_DOUBLINGS, ROUTINE_EVENT
from workbench.stats.past_windows import doublings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from workbench.causal.attribution.call_graph import MechanismGraph
    from workbench.times import TimeRange
    from workbench.window import IncidentWindow

__all__ = ["event_anomalies"]

_SYMPTOMS = frozenset({"Unhealthy", "ProbeWarning", "BackOff", "CrashLoopBackOff"})
"""What a service also suffers when something it calls is ill."""

_STATES = frozenset(
    {
        "OOMKilled",
        "OOMKilling",
        "SystemOOM",
        "Evicted",
        "Preempted",
        "FailedScheduling",
        "NodeNotReady",
        "NodeHasDiskPressure",
        "EvictionThresholdMet",
        "FailedMount",
        "ErrImagePull",
        "ImagePullBackOff",
        "Failed",
        "FailedCreate",
        "CrashLoopBackOff",
    }
)
"""Reasons that tell a change of state: one of them is news where it never happened."""


def event_anomalies(
    window: IncidentWindow,
    quiet: TimeRange,
    graph: MechanismGraph,
    *,
    hosts: Mapping[str, Iterable[str]] | None = None,
) -> Iterator[Anomaly]:
    """Find services about which the platform says more than in any usual past window.

    A service that is not ready because a callee is ill is a symptom: such reasons count as
    far as they exceed those of the callees. What goes on all the time says nothing.

    Parameters
    ----------
    window
        The incident window; an event belongs to the service whose name its object's name
        begins with, an event of a node to what runs there.
    quiet
        Range to compare with; the incident and as long again after it are left out.
    graph
        Names of services, and who waits for whom.
    hosts
        Host to the services on it.
    """
    events = window.events
    if events.empty:
        return
    found = _placed(events, graph.order, hosts or {})
    after = window.when.end + window.when.duration
    now = found[window.when.mask(found["ts"])]
    spared = (found["ts"] >= window.when.start) & (found["ts"] < after)
    table = _weights(now, found[quiet.mask(found["ts"]) & ~spared], window.when, quiet)
    suffered = table[table["reason"].isin(_SYMPTOMS)].groupby("service")["weight"].max()
    for row in table.sort_values("weight").itertuples():
        weight = float(row.weight)
        if row.reason in _SYMPTOMS:
            below = [
                table.loc[table["service"] == c, "weight"].max()
                for c in graph.callees.get(str(row.service), ())
                if c in suffered or (table["service"] == c).any()
            ]
            weight -= max(map(float, below), default=0.0)
        if weight > 0:
            words = f"{row.reason} {row.number:.0f} times ({row.object}), {row.before:.3g} expected"
            yield Anomaly(
                str(row.service),
                "events",
                "event",
                weight,
                float(row.before),
                float(row.number),
                words,
            )


def _placed(
    events: pd.DataFrame, services: Iterable[str], hosts: Mapping[str, Iterable[str]]
) -> pd.DataFrame:
    """One row an event and service it is about."""
    longest_first = sorted(services, key=lambda name: (-len(name), name))
    names = events["name"].astype("object").fillna("").astype(str)
    owners = {
        name: tuple(hosts.get(name, ())) or _owner(name, longest_first) for name in names.unique()
    }
    frame = pd.DataFrame(
        {
            "ts": events["ts"],
            "reason": events["reason"].astype(str),
            "normal": events["type"].astype(str).eq("Normal"),
            "object": names,
            "number": np.maximum(np.nan_to_num(events["count"].to_numpy(float), nan=1.0), 1.0),
            "service": names.map(owners),
        }
    )
    return frame.explode("service").dropna(subset=["service"])


def _owner(name: str, services: Iterable[str]) -> tuple[str, ...]:
    """Service whose workload an object is: ``cart`` of pod ``cart-6d5f8-x2x``."""
    return tuple(s for s in services if name == s or name.startswith(f"{s}-"))[:1]


def _weights(
    now: pd.DataFrame, past: pd.DataFrame, when: TimeRange, quiet: TimeRange
) -> pd.DataFrame:
    place = ["service", "reason"]
    # A platform counts repetitions up in one event: the highest count of an object stands.
    number = now.groupby([*place, "object"])["number"].max().groupby(place).sum()
    rows = now.groupby(place).size()
    count = np.maximum(rows, number)
    windows = quiet.duration / when.duration
    before = (past.groupby(place).size() / windows).reindex(count.index).fillna(0.0)
    excess = np.clip(count - before, 0, None) / np.sqrt(np.maximum(before, 1.0))
    weight = pd.Series(doublings(excess.to_numpy()), index=count.index)
    table = pd.DataFrame({"number": count, "before": before}).assign(
        object=now.groupby(place)["object"].first(),
        normal=now.groupby(place)["normal"].all(),
        weight=weight,
    )
    news = before.eq(0) & np.array([reason in _STATES for _, reason in count.index], dtype=bool)
    table["weight"] = np.where(news, np.maximum(weight, EVENT_STATE_CHANGE), weight)
    table["weight"] *= np.where(table["normal"], ROUTINE_EVENT, 1.0)
    table["weight"] = table["weight"].clip(upper=MOST_EVENT_DOUBLINGS)
    return table.reset_index()
