"""Each kind of telemetry as the one that tells, and as one that misleads."""

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from planted import (
    SHOP,
    Fault,
    System,
    events_frame,
    everywhere,
    logs_frame,
    metrics_window,
    share_right,
    spans_window,
    without,
)
from workbench import IncidentWindow
from workbench.causal import rank

pytestmark = pytest.mark.slow

REQUIRED = 0.8
SLOW = 0.05
CHAIN = {"front": {"api": 1.0, "cart": 1.0}, "api": {"db": 2.0}, "cart": {"cache": 1.0}}
FIRST_S, LAST_S = 90 * 60, 120 * 60
MEANS = ("service.latency", "edge.latency")

phis = pytest.mark.parametrize("phi", [0.0, 0.8])


def holds(make, right):
    right = {right} if isinstance(right, str) else right
    return share_right(make, right) >= REQUIRED


def simulated(faults, phi, **more):
    return lambda seed: metrics_window(System(CHAIN), faults, seed=seed, phi=phi, **more)


def speaks(service, kind):
    def told(found):
        first = found.rows[0]
        return first.service == service and kind in {c.kind for c in first.anomalies}

    return told


# Kubernetes-like events. A service whose latency nobody measures is told by them alone.
def unmeasured(faults, phi, events, *names):
    """The named services report no latency; neither do their callers about them."""

    def make(seed):
        window = metrics_window(System(CHAIN), faults, seed=seed, phi=phi, edges=False)
        for name in names:
            window = without(window, name, "service.latency", "service.errors")
        return window.with_(tables={**window.tables, "events": events_frame(events)})

    return make


REASONS = [
    ("OOMKilled", "Pod", "db-7c9-x1"),
    ("CrashLoopBackOff", "Pod", "db-7c9-x1"),
    ("FailedScheduling", "Pod", "db-7c9-x2"),
    ("Evicted", "Pod", "db-7c9-x1"),
    ("Unhealthy", "Pod", "db-7c9-x1"),
]


@phis
@pytest.mark.parametrize(("reason", "kind", "name"), REASONS)
def test_an_event_names_the_one_of_two_that_nobody_measured(reason, kind, name, phi):
    events = [(FIRST_S + 20 * i, reason, kind, name) for i in range(6)]
    two = System({"front": {"api": 1.0}, "api": {"db": 1.0, "store": 1.0}})

    def make(seed):
        window = metrics_window(
            two, (Fault("db", "latency", SLOW),), seed=seed, phi=phi, edges=False
        )
        for hidden in ("db", "store"):
            window = without(window, hidden, "service.latency", "service.errors")
        return window.with_(tables={**window.tables, "events": events_frame(events)})

    assert holds(make, speaks("db", "event"))


@phis
@pytest.mark.parametrize(("reason", "kind", "name"), REASONS)
def test_an_event_of_a_service_that_did_no_harm_is_innocent(reason, kind, name, phi):
    events = [(FIRST_S + 60 * i, reason, kind, name) for i in range(3)]
    faults = (Fault("cart", "latency", SLOW),)
    make = simulated(faults, phi, events=events_frame(events))
    assert holds(make, "cart")


@phis
def test_events_that_go_on_all_the_time_say_nothing(phi):
    events = [(30.0 * i, "BackOff", "Pod", "cache-0") for i in range(240)]
    make = simulated((Fault("api", "latency", SLOW),), phi, events=events_frame(events))
    assert holds(
        make,
        lambda f: (
            f.rows[0].service == "api"
            and not [c for c in f.of("cache").anomalies if c.kind == "event"]
        ),
    )


@phis
def test_a_caller_that_is_not_ready_because_its_callee_died_is_a_symptom(phi):
    events = [(FIRST_S + 20 * i, "OOMKilled", "Pod", "db-0") for i in range(4)]
    events += [(FIRST_S + 30 * i, "Unhealthy", "Pod", "api-0") for i in range(5)]
    make = simulated((Fault("db", "latency", SLOW),), phi, events=events_frame(events))
    assert holds(
        make,
        lambda f: (
            speaks("db", "event")(f) and not [c for c in f.of("api").anomalies if c.kind == "event"]
        ),
    )


@phis
def test_a_node_that_is_not_ready_speaks_for_what_runs_there(phi):
    housed = System(CHAIN, hosts={"db": "node-2", "api": "node-1", "cache": "node-1"})
    events = [(FIRST_S + 5, "NodeNotReady", "Node", "node-2")]

    def make(seed):
        return metrics_window(
            housed, (Fault("db", "latency", SLOW),), seed=seed, phi=phi, events=events_frame(events)
        )

    assert holds(
        make,
        lambda f: (
            speaks("db", "event")(f) and not [c for c in f.of("api").anomalies if c.kind == "event"]
        ),
    )


# Logs.
USUAL = [(s, name, 9, f"served {s}") for s in range(0, LAST_S, 15) for name in ("front", "db")]


@phis
def test_a_new_line_tells_which_of_two_unmeasured_callees_it_was(phi):
    two = System({"front": {"api": 1.0}, "api": {"db": 1.0, "store": 1.0}})
    new = [(FIRST_S + 10 * i, "db", 17, f"deadlock found {i}") for i in range(60)]

    def make(seed):
        window = metrics_window(
            two, (Fault("db", "latency", SLOW),), seed=seed, phi=phi, edges=False
        )
        for hidden in ("db", "store"):
            window = without(window, hidden, "service.latency", "service.errors")
        return window.with_(tables={**window.tables, "logs": logs_frame([*USUAL, *new])})

    assert holds(make, speaks("db", "log"))


@phis
def test_new_lines_of_callers_and_of_bystanders_are_innocent(phi):
    echo = [(FIRST_S + 10 * i, "front", 17, f"call to api failed {i}") for i in range(100)]
    chat = [(FIRST_S + 10 * i, "cache", 13, f"rebalancing {i}") for i in range(60)]
    logs = logs_frame([*USUAL, *echo, *chat])
    make = simulated((Fault("api", "latency", SLOW),), phi, logs=logs)
    assert holds(make, "api")


# Spans: where an error began, and a callee suddenly missing.
def test_spans_tell_where_an_error_began():
    def make(faults):
        return lambda s: spans_window(
            System(CHAIN), faults, seed=s, minutes=8, rate=2, signal="errors"
        )

    assert holds(make((Fault("db", "errors", 0.3),)), "db")
    assert holds(make((Fault("api", "errors", 0.3),)), "api")


def test_a_callee_missing_from_its_callers_requests_is_the_callers_doing():
    def make(faults, **more):
        system = System(CHAIN, **more)
        return lambda s: spans_window(system, faults, seed=s, minutes=8, rate=2, signal="errors")

    raises = (Fault("api", "calls", -1.0, edge="db"), Fault("api", "errors", 0.5))
    assert holds(make(raises), "api")
    aborted = (Fault("db", "errors", 0.5),)
    assert holds(make(aborted, aborting=frozenset({"front", "api"})), "db")


# Clocks.
SKEW = {"api": 0.3, "db": -0.2, "cart": 1.5}


def test_clocks_that_disagree_hide_nobody_and_blame_nobody():
    def make(*faults):
        return lambda s: spans_window(System(CHAIN), faults, seed=s, minutes=8, rate=2, skew=SKEW)

    assert holds(make(Fault("db", "latency", SLOW)), "db")
    assert holds(make(Fault("api", "latency", SLOW)), "api")
    assert holds(make(), lambda found: found.named is None)


# Percentiles against means.
@everywhere
def quantiles(window: IncidentWindow, name: str) -> IncidentWindow:
    """The same window where only a quantile of latency is known, without calls."""
    frame = window.metrics
    frame = frame[~frame["metric"].astype(str).str.startswith("edge.")]
    metric = frame["metric"].astype(str).replace("service.latency", name)
    return window.with_(tables={**window.tables, "metrics": frame.assign(metric=metric)})


@phis
@pytest.mark.parametrize("name", ["service.latency_p50", "service.latency_p99"])
def test_quantiles_alone_find_the_place_and_claim_less(name, phi):
    def make(guilty):
        made = simulated((Fault(guilty, "latency", 2 * SLOW),), phi)
        return lambda seed: quantiles(made(seed), name)

    rough = any("rough" in note for note in rank(make("db")(0)).notes)
    assert rough
    assert holds(make("db"), "db")
    assert holds(make("api"), "api")


@phis
def test_a_tail_that_no_mean_feels_is_innocent(phi):
    def make(seed):
        window = metrics_window(System(CHAIN), (Fault("api", "latency", SLOW),), seed=seed, phi=phi)
        tail = window.metrics[
            window.metrics["metric"].eq("service.latency") & window.metrics["service"].eq("cart")
        ]
        late = (tail["ts"] >= window.when.start).to_numpy()
        tail = tail.assign(metric="service.latency_p99", value=tail["value"] * (3 + 9 * late))
        tables = {**window.tables, "metrics": pd.concat([window.metrics, tail])}
        return window.with_(tables=tables)

    assert holds(make, "api")


# Services that stop reporting, and signals that are not there.
@phis
def test_a_service_that_falls_silent_while_its_caller_waits_is_found(phi):
    faults = (Fault("db", "latency", 0.3), Fault("db", "gap"))
    assert holds(simulated(faults, phi), "db")


@phis
def test_a_service_that_falls_silent_beside_another_cause_is_innocent(phi):
    faults = (Fault("cache", "gap"), Fault("db", "latency", SLOW))
    assert holds(simulated(faults, phi), "db")
    silent = simulated((Fault("cache", "gap"),), phi)
    assert holds(silent, lambda found: found.named is None)


@phis
@pytest.mark.parametrize("gone", ["service.load", "service.errors"])
def test_a_missing_signal_of_the_guilty_or_of_others_hides_nobody(gone, phi):
    made = simulated((Fault("db", "latency", SLOW),), phi)
    for service in ("db", "cart"):
        assert holds(lambda s, name=service: without(made(s), name, gone), "db")


# Units.
@everywhere
def told_in(window: IncidentWindow, unit: str, factor: float, *services: str) -> IncidentWindow:
    """The same window whose latencies of these services are told in another unit."""
    frame = window.metrics
    rows = frame["metric"].isin(MEANS) & frame["service"].isin(services)
    value = frame["value"].where(~rows, factor * frame["value"])
    units = np.where(rows, unit, np.where(frame["metric"].isin(MEANS), "s", "1"))
    changed = frame.assign(value=value, unit=units)
    return window.with_(tables={**window.tables, "metrics": changed})


@phis
@pytest.mark.parametrize(("unit", "factor"), [("ms", 1e3), ("us", 1e6), ("min", 1 / 60)])
def test_latency_in_another_unit_changes_nothing(unit, factor, phi):
    for guilty in ("db", "cart"):
        plain = simulated((Fault(guilty, "latency", SLOW),), phi)(1)
        other = rank(told_in(plain, unit, factor, "db", "api"))
        assert other.rows[0].service == guilty
        assert other.rows[0].attribution == pytest.approx(rank(plain).rows[0].attribution)


def test_units_that_contradict_each_other_are_told():
    plain = metrics_window(System(CHAIN), seed=1)
    mixed = told_in(plain, "ms", 1e3, "db", "api")
    assert any("converted" in note for note in rank(mixed).notes)
    wrong = told_in(plain, "s", 1e3, "db")
    assert any("another unit" in note for note in rank(wrong).notes)
    assert not any("unit" in note for note in rank(plain).notes)


# Everything at once.
def test_all_sources_speak_in_one_score():
    faults = (Fault("payments", "latency", 0.2), Fault("payments", "memory", 3.0))
    events = [(FIRST_S + 60 * i, "OOMKilled", "Pod", "payments-0") for i in range(5)]
    lines = [(FIRST_S + 10 * i, "payments", 17, f"heap {i}") for i in range(60)]
    window = metrics_window(
        SHOP,
        faults,
        seed=1,
        gauges=("memory",),
        logs=logs_frame([*USUAL, *lines]),
        events=events_frame(events),
    )
    first = rank(window).rows[0]
    assert first.service == "payments"
    assert {"part of the change", "time", "saturation", "log", "event"} <= {
        c.kind for c in first.anomalies
    }


def test_a_host_edge_is_no_call():
    graph = System(CHAIN).graph
    graph.add_edge("node-1", "api", kind="hosts")
    graph.add_edge("front", "node-1", kind="hosts")
    found = rank(metrics_window(System(CHAIN), (Fault("api", "latency", SLOW),), topology=graph))
    assert found.rows[0].service == "api"
    assert isinstance(graph, nx.DiGraph)
