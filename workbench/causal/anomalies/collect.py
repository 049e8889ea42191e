"""What events, hosts, instances and silence say: sources that have no ratio to be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from workbench.causal.anomalies.events import event_anomalies
from workbench.causal.anomalies.gauges import saturation_anomalies, silence_anomalies
from workbench.causal.anomalies.host_faults import host_faults, host_gauges
from workbench.causal.anomalies.instances import instance_anomalies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from workbench.causal.anomalies.anomaly import Anomaly
    from workbench.causal.anomalies.host_faults import HostFault
    from workbench.causal.attribution.study import Study
    from workbench.features.aligned import AlignedSignals

__all__ = ["collect_host_faults", "platform_anomalies"]


def platform_anomalies(found: Study, hosts: Mapping[str, Sequence[str]]) -> Iterable[Anomaly]:
    """Yield what the platform says of services, each in doublings.

    Parameters
    ----------
    found
        The SLI with its change split over the services.
    hosts
        Services by the host they run on.
    """
    seen, window = found.aligned, found.aligned.window
    yield from silence_anomalies(seen)
    yield from _beyond_all(seen)
    if window.baseline is not None:
        yield from event_anomalies(window, window.baseline, found.graph, hosts=hosts)


def _beyond_all(seen: AlignedSignals) -> Iterator[Anomaly]:
    """Single instances; a gauge of one only where it says more than that of all of them."""
    whole: dict[str, float] = {}
    for anomaly in saturation_anomalies(seen):
        whole[anomaly.service] = max(whole.get(anomaly.service, 0.0), anomaly.weight)
    for anomaly in instance_anomalies(seen):
        if anomaly.kind == "instance" or anomaly.weight > whole.get(anomaly.service, 0.0):
            yield anomaly


def collect_host_faults(found: Study, hosts: Mapping[str, Sequence[str]]) -> tuple[HostFault, ...]:
    """Find hosts that slowed what runs on them; none where nobody says what runs where.

    Parameters
    ----------
    found, hosts
        As for `platform_anomalies`.
    """
    if not hosts:
        return ()
    blind = np.atleast_1d(np.isnan(found.breakdown.total).all(axis=0))
    seen = {name for name, gap in zip(found.breakdown.services, blind, strict=True) if not gap}
    sizes = zip(found.split.services, map(float, found.split.surprise), strict=True)
    return host_faults(
        hosts,
        list(saturation_anomalies(found.aligned)),
        {name: size for name, size in sizes if name in seen},
        seen=found.aligned,
        graph=found.graph,
        gauges=host_gauges(found.aligned, hosts),
    )
