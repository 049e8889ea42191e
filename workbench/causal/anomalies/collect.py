"""Every anomaly beside the SLI, one line a source of evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.causal.anomalies.events import event_anomalies
from workbench.causal.anomalies.gauges_and_load import (
    latency_anomalies,
    load_anomalies,
    network_anomalies,
    saturation_anomalies,
    silence_anomalies,
)
from workbench.causal.anomalies.host_faults import host_faults, host_gauges
from workbench.causal.anomalies.instances import instance_anomalies
from workbench.causal.anomalies.logs import log_anomalies
from workbench.causal.anomalies.traces import shape_anomalies
from workbench.causal.thresholds import LATENCY_THAT_MATTERS
from workbench.features.nearest import signal_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from workbench.causal.anomalies.anomaly import Anomaly
    from workbench.causal.anomalies.host_faults import HostFault
    from workbench.causal.attribution.study import Study

__all__ = ["collect_anomalies", "collect_host_faults"]


def collect_anomalies(found: Study, hosts: Mapping[str, Sequence[str]]) -> Iterable[Anomaly]:
    """Yield what every source of evidence says beside the SLI's own change.

    Parameters
    ----------
    found
        The SLI with its change split over the services.
    hosts
        Services by the host they run on.
    """
    seen, graph, window = found.aligned, found.graph, found.aligned.window
    column = signal_column(seen.nodes, found.sli.service, "latency")
    latency = float(np.nanmedian(column)) if column is not None else 0.0
    yield from saturation_anomalies(seen)
    yield from latency_anomalies(seen, graph, matters=LATENCY_THAT_MATTERS * latency)
    yield from network_anomalies(seen, matters=LATENCY_THAT_MATTERS * latency)
    yield from load_anomalies(seen, graph)
    yield from silence_anomalies(seen)
    yield from instance_anomalies(seen)
    if window.baseline is not None:
        yield from shape_anomalies(window, window.baseline)
        yield from log_anomalies(window, window.baseline, graph)
        yield from event_anomalies(window, window.baseline, graph, hosts=hosts)


def collect_host_faults(
    found: Study,
    hosts: Mapping[str, Sequence[str]],
    anomalies: Sequence[Anomaly],
) -> tuple[HostFault, ...]:
    """Find hosts that slowed what runs on them; none where nobody says what runs where.

    Parameters
    ----------
    found, hosts
        As for `collect_anomalies`.
    anomalies
        What that yielded.
    """
    if not hosts:
        return ()
    blind = np.atleast_1d(np.isnan(found.breakdown.total).all(axis=0))
    seen = {name for name, gap in zip(found.breakdown.services, blind, strict=True) if not gap}
    sizes = zip(found.split.services, map(float, found.split.surprise), strict=True)
    return host_faults(
        hosts,
        anomalies,
        {name: size for name, size in sizes if name in seen},
        seen=found.aligned,
        graph=found.graph,
        gauges=host_gauges(found.aligned, hosts),
    )
