"""Hosts as the place: filled by one service on them, sick by themselves, or innocent."""

import numpy as np
import pandas as pd
import pytest

from planted import Fault, System, blamed, diagnosed, holds_most, metrics_window
from workbench.causal import rank
from workbench.causal.anomalies.noisy_neighbours import hosts_of
from workbench.causal.anomalies.regrouped_gauges import used_of
from workbench.tables import conform

pytestmark = pytest.mark.slow

SLOW = 0.05
SPREAD = System(
    {"front": {"api": 1.0, "cart": 1.0, "ads": 1.0}, "api": {"db": 2.0}, "cart": {"cache": 1.0}},
    outside={"batch": 30.0},
    own_s={"batch": 1.0},
    hosts={
        "api": "node-1",
        "cart": "node-1",
        "batch": "node-1",
        "db": "node-2",
        "cache": "node-2",
        "ads": "node-3",
        "front": "node-3",
    },
)
STOLEN = Fault("node-1", "steal", 2.0)
FULL = Fault("node-1", "cpu", 1.0)

phis = pytest.mark.parametrize("phi", [0.0, 0.8])


def stories(*faults, phi=0.8, gauges=("cpu",), **more):
    return diagnosed(
        lambda s: metrics_window(SPREAD, faults, seed=s, phi=phi, gauges=gauges, **more)
    )


def suspect(found, name):
    return next(s for s in found.suspects if s.service == name)


@phis
def test_a_host_sick_by_itself_is_the_cause_and_what_runs_there_is_not(phi):
    found = stories(STOLEN, FULL, phi=phi)
    assert holds_most(found, lambda d: d.cause is not None and d.cause.service == "node-1")
    assert blamed(found) == {"node-1"}
    assert holds_most(found, lambda d: "host node-1, which is sick by itself" in d.verdict)
    for name in ("api", "cart"):
        first = suspect(found[0], name)
        assert first.reason.startswith(f"node-1 and not {name} is the likely place")
        assert first.role == "first failure"
    assert "none of what runs there uses more" in suspect(found[0], "node-1").reason


@phis
@pytest.mark.parametrize("gauges", [(), ("cpu",)])
def test_without_a_host_gauge_that_moved_it_is_told_and_not_supported(gauges, phi):
    found = stories(STOLEN, phi=phi, gauges=gauges)
    assert not blamed(found)
    assert holds_most(found, lambda d: suspect(d, "node-1").claim == "plausible")
    host = suspect(found[0], "node-1")
    lost = {test.name for test in host.tests if not test.passed}
    assert lost == {"left its own range"} | (set() if gauges else {"its sources were there"})
    assert "node-1/host is nearest" in found[0].verdict
    assert any("host of api" in text for text in found[0].would_settle)


@phis
def test_a_host_filled_by_one_service_is_that_services_doing(phi):
    found = stories(Fault("batch", "cpu", 4.0), Fault("node-1", "steal", 3.0), phi=phi)
    assert holds_most(found, lambda d: "batch, which filled host node-1" in d.verdict)
    assert blamed(found) == {"batch"}
    assert suspect(found[0], "api").reason.startswith("batch and not api is the likely place")


@phis
def test_pools_that_fill_on_a_sick_host_do_not_make_a_filler(phi):
    found = stories(STOLEN, FULL, Fault("cart", "pool", 6.0), phi=phi, gauges=("cpu", "pool"))
    assert blamed(found) == {"node-1"}


@phis
def test_a_host_gauge_that_moves_without_effect_blames_nobody(phi):
    assert not blamed(stories(Fault("node-1", "cpu", 2.0), phi=phi))
    beside = stories(Fault("node-1", "cpu", 2.0), Fault("db", "latency", SLOW), phi=phi)
    assert blamed(beside) == {"db"}
    assert holds_most(beside, lambda d: d.cause is not None)
    assert not any(each.ranking.hosts for each in beside)


@phis
def test_one_slow_service_on_a_host_whose_gauge_moved_cannot_be_told_from_the_host(phi):
    disk = (Fault("db", "latency", SLOW), Fault("node-2", "disk", 3.0))
    found = stories(*disk, phi=phi, gauges=("disk",))
    assert not blamed(found)
    assert holds_most(found, lambda d: suspect(d, "node-2").claim == "plausible")
    lost = {test.name for test in suspect(found[0], "node-2").tests if not test.passed}
    assert lost == {"slowed what runs there together"}
    # Where what db itself uses of the disk is not known, the host is not said to be sick.
    assert blamed(stories(*disk, phi=phi, gauges=())) == {"db"}


@phis
def test_slow_services_of_a_host_of_which_others_stay_well_answer_for_themselves(phi):
    found = stories(Fault("api", "latency", SLOW), Fault("cart", "latency", SLOW), phi=phi)
    assert not any(each.ranking.hosts for each in found)
    assert holds_most(found, lambda d: {s.service for s in d.suspects[:2]} == {"api", "cart"})


def test_what_slows_services_on_every_host_alike_is_no_host():
    everywhere = [Fault(name, "latency", SLOW) for name in ("api", "cart", "batch", "db", "ads")]
    assert not any(each.ranking.hosts for each in stories(*everywhere))


def test_more_traffic_fills_a_host_and_makes_it_not_sick():
    found = stories(Fault("front", "load", 1.0), Fault("db", "latency", SLOW))
    assert not any(each.ranking.hosts for each in found)


def test_an_exporter_does_not_live_on_the_hosts_it_reports():
    """Counters of modes, told by one exporter for all hosts: idle time fills nothing."""
    window = metrics_window(SPREAD, (STOLEN,), seed=1)
    ts = pd.DatetimeIndex(window.metrics["ts"].unique()).sort_values()
    late = np.asarray(ts >= window.when.start)
    busy = np.where(late, 50.0, 20.0) + np.random.default_rng(0).normal(0, 0.5, len(ts))
    rows = []
    for host, used in (("node-1", busy), ("node-2", np.full(len(ts), 20.0))):
        for mode, spent in (("user", used), ("idle", 60.0 - used)):
            rows.append(
                pd.DataFrame(
                    {
                        "ts": ts,
                        "metric": "node_cpu_seconds_total",
                        "value": np.cumsum(spent),
                        "service": "node-exporter",
                        "kind": "counter",
                        "labels": [{"node": host, "mode": mode, "instance": f"{host}:9100"}]
                        * len(ts),
                    }
                )
            )
    told = pd.concat([window.metrics, conform("metrics", pd.concat(rows))])
    told = window.with_(tables={**window.tables, "metrics": told})
    assert all("node-exporter" not in services for services in hosts_of(told).values())
    (fault,) = rank(told).hosts
    assert fault.host == "node-1"
    assert fault.gauge.during / fault.gauge.before == pytest.approx(2.5, rel=0.05)


def test_only_what_a_host_shares_out_is_use():
    assert used_of("saturation:container_cpu_usage_seconds_total") == {"cpu"}
    assert used_of("saturation:CpuUsageRate(%)") == {"cpu"}
    assert used_of("saturation:container_fs_io_time{device=sda}") == {"disk"}
    assert not used_of("saturation:connection_pool_in_use")
    assert not used_of("saturation:request_duration")
