"""What runs out, of a service or of its host: as the cause, and beside another cause."""

import pytest

from planted import Fault, System, metrics_window, share_right, spans_window
from workbench.causal import rank

pytestmark = pytest.mark.slow

REQUIRED = 0.8
SLOW = 0.05
CHAIN = {"front": {"api": 1.0, "cart": 1.0}, "api": {"db": 2.0}, "cart": {"cache": 1.0}}
KINDS = ("cpu", "memory", "pool", "queue", "lock")

phis = pytest.mark.parametrize("phi", [0.0, 0.8])
# With the memory of real telemetry the same is asked in tests/test_planted_gauges.py.
kinds = pytest.mark.parametrize("kind", KINDS)


def holds(system, faults, right, **more):
    right = {right} if isinstance(right, str) else right
    return share_right(lambda s: metrics_window(system, faults, seed=s, **more), right) >= REQUIRED


def says(service, kind, word=""):
    """The first service is this one, and a clue of this kind speaks for it with this word."""

    def told(found):
        first = found.rows[0]
        anomalies = [c for c in first.anomalies if c.kind == kind and word in c.statement]
        return first.service == service and bool(anomalies)

    return told


@kinds
def test_what_ran_out_is_told_with_the_service_it_slowed(kind):
    faults = (Fault("api", kind, 3.0), Fault("api", "latency", SLOW))
    gauge = {"cpu": "cpu", "memory": "memory", "pool": "pool", "queue": "queue", "lock": "lock"}
    told = says("api", "saturation", gauge[kind])
    assert holds(System(CHAIN), faults, told, phi=0.0, gauges=(kind,))


@kinds
def test_a_gauge_that_fills_without_slowing_anybody_is_innocent(kind):
    faults = (Fault("cache", kind, 1.0), Fault("db", "latency", SLOW))
    assert holds(System(CHAIN), faults, "db", phi=0.0, gauges=(kind,))


@phis
def test_pools_and_queues_that_fill_because_a_callee_is_slow_are_symptoms(phi):
    faults = (Fault("db", "latency", 0.2),)
    assert holds(System(CHAIN), faults, "db", phi=phi, gauges=("pool", "queue"))


@phis
def test_gauges_that_follow_the_load_name_nobody(phi):
    def quiet(found):
        return found.named is None

    more = (Fault("front", "load", 0.8),)
    assert holds(System(CHAIN), more, quiet, phi=phi, gauges=("cpu", "pool", "queue"))


@phis
def test_a_slow_leak_is_found_before_it_is_a_step(phi):
    leak = (
        Fault("api", "memory", 4.0, at=0.4, ramp=True),
        Fault("api", "latency", 0.1, at=0.6, ramp=True),
    )
    assert holds(System(CHAIN), leak, "api", phi=phi, gauges=("memory",))


@phis
def test_memory_that_grows_slowly_beside_another_cause_is_innocent(phi):
    faults = (Fault("cart", "memory", 1.0, at=0.1, ramp=True), Fault("db", "latency", SLOW))
    assert holds(System(CHAIN), faults, "db", phi=phi, gauges=("memory",))


@phis
def test_a_cause_that_fills_something_minutes_before_is_found(phi):
    faults = (Fault("api", "queue", 5.0, at=0.68), Fault("api", "latency", SLOW, at=0.75))
    assert holds(System(CHAIN), faults, "api", phi=phi, gauges=("queue",))


@phis
def test_what_filled_minutes_before_another_cause_is_innocent(phi):
    faults = (Fault("cache", "queue", 5.0, at=0.68), Fault("db", "latency", SLOW, at=0.75))
    assert holds(System(CHAIN), faults, "db", phi=phi, gauges=("queue",))


SHARED = System(
    CHAIN | {"front": {"api": 1.0, "cart": 1.0}},
    outside={"batch": 30.0},
    own_s={"batch": 1.0},
    hosts={
        "api": "node-1",
        "cart": "node-1",
        "batch": "node-1",
        "db": "node-2",
        "cache": "node-2",
        "front": "node-3",
    },
)


@phis
def test_a_noisy_neighbour_is_found_and_not_its_victims(phi):
    faults = (Fault("batch", "cpu", 4.0), Fault("node-1", "steal", 3.0))
    assert holds(SHARED, faults, says("batch", "host", "node-1"), phi=phi, gauges=("cpu",))


@phis
def test_a_busy_neighbour_that_harms_nobody_is_innocent(phi):
    faults = (Fault("batch", "cpu", 4.0), Fault("api", "latency", SLOW))
    assert holds(SHARED, faults, "api", phi=phi, gauges=("cpu",))
    elsewhere = (Fault("batch", "cpu", 4.0), Fault("db", "latency", SLOW))
    assert holds(SHARED, elsewhere, "db", phi=phi, gauges=("cpu",))


@phis
def test_two_slow_services_of_a_host_without_a_noisy_neighbour_answer_for_themselves(phi):
    faults = (Fault("api", "latency", SLOW), Fault("cart", "latency", SLOW))
    assert holds(SHARED, faults, {"api", "cart"}, phi=phi, gauges=("cpu",))


COPIES = System(CHAIN, instances={"api": 3, "cart": 3})


@phis
def test_one_sick_instance_is_found_and_named(phi):
    faults = (Fault("api", "latency", 3 * SLOW, instance="api-1"),)
    assert holds(COPIES, faults, says("api", "instance", "api-1"), phi=phi)


@phis
def test_an_instance_that_always_was_slower_is_innocent(phi):
    slower = Fault("api", "latency", SLOW, at=0.0, instance="api-1")
    faults = (slower, Fault("db", "latency", SLOW))
    assert holds(COPIES, faults, "db", phi=phi)
    ranking = rank(metrics_window(COPIES, (slower,), phi=phi))
    assert not [c for row in ranking.rows for c in row.anomalies if c.kind == "instance"]


@phis
def test_all_instances_slow_at_once_are_not_one_sick_one(phi):
    def whole(found):
        first = found.rows[0]
        return first.service == "api" and "instance" not in {c.kind for c in first.anomalies}

    assert holds(COPIES, (Fault("api", "latency", SLOW),), whole, phi=phi)


def test_traces_tell_one_sick_instance_and_acquit_callers_of_a_slow_callee():
    def make(faults):
        return lambda s: spans_window(COPIES, faults, seed=s, minutes=8, rate=2, attributes=True)

    faulty = (Fault("api", "latency", 3 * SLOW, instance="api-1"),)
    assert share_right(make(faulty), says("api", "instance", "api-1")) >= REQUIRED
    failing = (Fault("db", "latency", SLOW),)
    assert share_right(make(failing), {"db"}) >= REQUIRED
