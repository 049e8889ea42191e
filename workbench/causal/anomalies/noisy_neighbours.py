"""What runs where: services that share a host, and who of them takes from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.causal.anomalies.regrouped_gauges import used_of
from workbench.causal.thresholds import FEWEST_VICTIMS, VICTIM_USES_LESS
from workbench.semconv import HOST_ATTRIBUTES, HOST_LABELS, HOST_METRICS, first_of
from workbench.tables import labels_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pandas as pd

    from workbench.causal.anomalies.anomaly import Anomaly
    from workbench.window import IncidentWindow

__all__ = ["hosts_of", "noisy_neighbours", "used_more"]


def hosts_of(window: IncidentWindow) -> dict[str, tuple[str, ...]]:
    """Host to the services on it, sorted: from metric labels, spans and the topology.

    Parameters
    ----------
    window
        The incident window. Labels and resource attributes that name a host are read, and
        edges of kind ``hosts`` (host → service). Whoever reports metrics about the host
        itself is an exporter and does not live there.
    """
    pairs = {
        *_labelled(window.metrics, "labels", HOST_LABELS),
        *_labelled(window.spans, "attributes", HOST_ATTRIBUTES),
    }
    pairs |= {
        (str(u), str(v))
        for u, v, facts in window.topology.edges(data=True)
        if facts.get("kind") == "hosts"
    }
    found: dict[str, set[str]] = {}
    for host, service in pairs:
        if service != host:
            found.setdefault(host, set()).add(service)
    return {host: tuple(sorted(names)) for host, names in sorted(found.items())}


def used_more(anomalies: Iterable[Anomaly]) -> dict[str, float]:
    """Service to the doublings by which it uses more of its host by itself."""
    rose: dict[str, float] = {}
    for anomaly in anomalies:
        if (
            anomaly.kind == "saturation"
            and anomaly.during > anomaly.before
            and used_of(anomaly.signal)
        ):
            rose[anomaly.service] = max(rose.get(anomaly.service, 0.0), anomaly.weight)
    return rose


def noisy_neighbours(
    hosts: Mapping[str, Sequence[str]], anomalies: Sequence[Anomaly], slowed: Mapping[str, float]
) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield each host that one service on it filled, that service, and whom it slowed."""
    rose = used_more(anomalies)
    for host, services in hosts.items():
        users = [s for s in services if rose.get(s, 0.0) >= 1.0]
        if not users:
            continue
        noisy = max(users, key=lambda s: (rose[s], s))
        victims = tuple(
            s
            for s in services
            if s != noisy
            and slowed.get(s, 0.0) >= 1.0
            and rose.get(s, 0.0) < VICTIM_USES_LESS * rose[noisy]
        )
        if len(victims) >= FEWEST_VICTIMS and slowed.get(noisy, 0.0) <= max(
            slowed[v] for v in victims
        ):
            yield host, noisy, victims


def _labelled(frame: pd.DataFrame, column: str, names: tuple[str, ...]) -> set[tuple[str, str]]:
    if frame.empty or column not in frame:
        return set()
    labels = frame[column].cat
    where = [first_of(labels_of(text), names) for text in labels.categories]
    named = np.array([bool(host) for host in where], dtype=bool)
    if not named.any():
        return set()
    codes = labels.codes.to_numpy()
    rows = (codes >= 0) & named[codes] & frame["service"].notna().to_numpy()
    if "metric" in frame:
        metric = frame["metric"].cat
        own = np.append(metric.categories.str.startswith(HOST_METRICS), False)  # -1: no name
        rows &= ~own.astype(bool)[metric.codes.to_numpy()]
    services = frame["service"].cat
    width = len(services.categories)
    both = np.unique(codes[rows].astype(np.int64) * width + services.codes.to_numpy()[rows])
    return {(where[code // width], str(services.categories[code % width])) for code in both}
