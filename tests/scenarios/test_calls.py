"""Who calls whom, and how: each pattern once as the cause and once beside another cause."""

import networkx as nx
import numpy as np
import pytest

from planted import SHOP, Fault, System, metrics_window, share_right, spans_window, without

pytestmark = pytest.mark.slow

PHIS = (0.0, 0.8)
REQUIRED = 0.8

CHAIN = {"front": {"api": 1.0, "cart": 1.0}, "api": {"db": 2.0}, "cart": {"cache": 1.0}}
SLOW = 0.05


def holds(system, faults, right, **more):
    """Over five seeds: the ranking puts one of these first."""
    right = {right} if isinstance(right, str) else right
    return share_right(lambda s: metrics_window(system, faults, seed=s, **more), right) >= REQUIRED


def traced(system, faults, right, **more):
    more = {"minutes": 8, "rate": 1.5} | more
    right = {right} if isinstance(right, str) else right
    return share_right(lambda s: spans_window(system, faults, seed=s, **more), right) >= REQUIRED


def nobody(system, faults=(), **more):
    """At most one of five quiet windows names anybody."""
    return (
        share_right(
            lambda s: metrics_window(system, faults, seed=s, **more),
            lambda found: found.named is None,
        )
        >= REQUIRED
    )


phis = pytest.mark.parametrize("phi", PHIS)

# Client-side twins: "to-api" is what the client side of front reports of api.
TWINS = System(
    {"front": {"to-api": 1.0}, "to-api": {"api": 1.0}, "api": {"db": 2.0}},
    own_s={"to-api": 0.001, "db": 0.004},
)


@phis
def test_a_service_behind_its_client_side_twin_is_found(phi):
    assert holds(TWINS, (Fault("api", "latency", SLOW),), "api", phi=phi, edges=False)


@phis
def test_a_twin_slow_by_itself_leaves_its_service_innocent(phi):
    assert holds(TWINS, (Fault("to-api", "latency", SLOW),), "to-api", phi=phi, edges=False)


@phis
def test_twins_on_the_way_to_a_slow_callee_are_both_innocent(phi):
    assert holds(TWINS, (Fault("db", "latency", SLOW / 2),), "db", phi=phi, edges=False)


# Callees that appear and vanish.
NEW = System({"front": {"api": 1.0, "cart": 1.0}, "api": {"db": 2.0, "audit": 0.0}})


@phis
def test_a_callee_that_appears_is_its_callers_doing(phi):
    begins = Fault("api", "begin", 2.0, edge="audit")
    assert holds(NEW, (begins,), "api", phi=phi)


@phis
def test_a_callee_that_appears_without_harm_is_not_the_cause(phi):
    calls = Fault("api", "begin", 0.05, edge="audit")
    assert holds(NEW, (calls, Fault("cart", "latency", SLOW)), "cart", phi=phi)


@phis
def test_a_bypassed_cache_is_its_callers_doing(phi):
    cached = System(
        {"front": {"api": 1.0}, "api": {"cache": 2.0, "db": 0.2}},
        own_s={"cache": 0.001, "db": 0.03},
    )
    faults = (Fault("api", "calls", -1.0, edge="cache"), Fault("api", "calls", 9.0, edge="db"))
    assert holds(cached, faults, "api", phi=phi)


@phis
def test_callees_that_vanish_because_an_earlier_one_fails_are_innocent(phi):
    aborting = System(CHAIN, aborting=frozenset({"front"}))
    faults = (Fault("api", "errors", 0.9),)
    assert holds(aborting, faults, "api", phi=phi, signal="errors")


@phis
def test_starved_callees_do_not_hide_who_aborted_the_requests(phi):
    aborting = System(
        {"front": {"auth": 1.0, "api": 1.0, "mail": 1.0}, "api": {"db": 2.0}},
        aborting=frozenset({"front", "api"}),
    )
    assert holds(aborting, (Fault("db", "errors", 0.3),), "db", phi=phi, signal="errors")
    assert holds(aborting, (Fault("mail", "errors", 0.4),), "mail", phi=phi, signal="errors")


# Load without a caller.
BURST = System(CHAIN, own_s={"db": 0.01}, outside={"batch": 5.0})


@phis
def test_load_from_outside_is_found_where_it_enters(phi):
    faults = (Fault("db", "load", 4.0), Fault("db", "latency", 0.03))
    assert holds(System(CHAIN), faults, "db", phi=phi)


@phis
def test_load_from_outside_that_slows_nothing_is_innocent(phi):
    faults = (Fault("db", "load", 0.6), Fault("cart", "latency", SLOW))
    assert holds(System(CHAIN), faults, "cart", phi=phi)


@phis
def test_more_traffic_at_the_entry_blames_no_callee(phi):
    more = (Fault("front", "load", 0.5), Fault("cart", "latency", SLOW))
    assert holds(System(CHAIN), more, "cart", phi=phi)


# Errors: passed on, swallowed, retried.


@phis
def test_failures_that_are_passed_on_are_found_at_the_callee(phi):
    assert holds(System(CHAIN), (Fault("db", "errors", 0.1),), "db", phi=phi, signal="errors")


@phis
def test_swallowed_failures_are_innocent(phi):
    hiding = System(CHAIN, swallowed=frozenset({("front", "cart")}))
    faults = (Fault("cart", "errors", 0.5), Fault("api", "errors", 0.1))
    assert holds(hiding, faults, "api", phi=phi, signal="errors")


RETRYING = System(CHAIN, retried={("api", "db"): 3})


@phis
def test_retries_point_to_what_failed_first(phi):
    faults = (Fault("db", "errors", 0.8),)
    assert holds(RETRYING, faults, "db", phi=phi, signal="errors")
    assert holds(RETRYING, faults, "db", phi=phi)


@phis
def test_a_caller_that_retries_without_a_failure_is_the_cause(phi):
    faults = (Fault("api", "calls", 2.0, edge="db"),)
    assert holds(RETRYING, faults, "api", phi=phi)


@phis
def test_a_changed_fan_out_is_the_callers_and_slow_calls_are_the_callees(phi):
    assert holds(System(CHAIN), (Fault("api", "calls", 3.0, edge="db"),), "api", phi=phi)
    assert holds(System(CHAIN), (Fault("db", "latency", SLOW),), "db", phi=phi)


@phis
def test_a_fan_out_that_costs_nothing_is_innocent(phi):
    cheap = System(CHAIN, own_s={"cache": 0.0001})
    faults = (Fault("cart", "calls", 3.0, edge="cache"), Fault("db", "latency", SLOW))
    assert holds(cheap, faults, "db", phi=phi)


# Calls nobody waits for.
MAILING = System(
    {"front": {"api": 1.0, "mailer": 1.0}, "api": {"db": 2.0}},
    asynchronous=frozenset({("front", "mailer")}),
)


@phis
def test_a_slow_queue_consumer_nobody_waits_for_is_innocent(phi):
    faults = (Fault("mailer", "latency", 2.0), Fault("api", "latency", SLOW))
    assert holds(MAILING, faults, "api", phi=phi)
    assert nobody(MAILING, faults[:1], phi=phi)


@phis
def test_a_slow_queue_consumer_is_found_where_its_own_time_is_the_sli(phi):
    faults = (Fault("mailer", "latency", 0.2), Fault("api", "latency", SLOW))
    assert holds(MAILING, faults, "mailer", phi=phi, sli="mailer")


def test_traces_tell_that_nobody_waits_for_a_queue():
    faults = (Fault("mailer", "latency", 2.0), Fault("api", "latency", SLOW))
    assert traced(MAILING, faults, "api")
    topology = nx.DiGraph([("front", "api"), ("front", "mailer"), ("api", "db")])
    assert traced(MAILING, faults, "api", topology=topology)


# Calls that overlap.
ABREAST = System(
    {"front": {"ads": 1.0, "search": 1.0}, "search": {"index": 1.0}},
    own_s={"ads": 0.02, "search": 0.06, "index": 0.04},
    parallel=frozenset({"front"}),
)


@phis
def test_the_longest_of_parallel_calls_is_found(phi):
    assert holds(ABREAST, (Fault("index", "latency", SLOW),), "index", phi=phi)


@phis
def test_a_parallel_call_that_stays_in_anothers_shadow_is_innocent(phi):
    """Aggregates show that calls overlap where together they outlast their caller."""
    wide = System(
        {"front": {"ads": 1.0, "tips": 1.0, "search": 1.0}, "search": {"index": 1.0}},
        own_s={"ads": 0.04, "tips": 0.05, "search": 0.06, "index": 0.04},
        parallel=frozenset({"front"}),
    )
    faults = (Fault("ads", "latency", 0.05), Fault("index", "latency", 0.06))
    assert holds(wide, faults, "index", phi=phi)
    assert nobody(wide, faults[:1], phi=phi)


def test_traces_tell_what_is_waited_for_of_parallel_calls():
    assert traced(ABREAST, (Fault("index", "latency", SLOW),), "index")
    shadow = (Fault("ads", "latency", 0.06), Fault("front", "latency", 0.03))
    assert traced(ABREAST, shadow, "front")
    shadow = (Fault("ads", "latency", 0.06), Fault("index", "latency", 0.03))
    assert traced(ABREAST, shadow, "index")


# Calls seen from one side.
def unseen(faults, *names):
    def make(seed, phi):
        window = metrics_window(System(CHAIN), faults, seed=seed, phi=phi)
        for name in names:
            window = without(window, name)
        return window

    return make


@phis
def test_a_callee_only_its_callers_saw_is_found_and_is_not_blamed_for_others(phi):
    guilty, innocent = (Fault("db", "latency", SLOW),), (Fault("api", "latency", SLOW),)
    seen = unseen(guilty, "db")
    assert share_right(lambda s: seen(s, phi), {"db"}) >= REQUIRED
    seen = unseen(innocent, "db")
    assert share_right(lambda s: seen(s, phi), {"api"}) >= REQUIRED


@phis
def test_a_callee_whose_callers_count_no_calls_is_found_and_acquitted(phi):
    for guilty in ("db", "api"):
        faults = (Fault(guilty, "latency", SLOW),)
        assert holds(System(CHAIN), faults, guilty, phi=phi, edges=False)


# Time between the two sides of a call.
@phis
def test_time_lost_on_the_way_is_told_from_time_at_the_callee(phi):
    lost = (Fault("api", "network", SLOW, edge="db"),)
    ends = {"api", "db"}
    assert holds(System(CHAIN), lost, ends, phi=phi, callee_view=True)
    slow = (Fault("db", "latency", SLOW),)
    assert holds(System(CHAIN), slow, "db", phi=phi, callee_view=True)


def test_traces_tell_the_way_from_the_callee():
    assert traced(System(CHAIN), (Fault("api", "network", SLOW, edge="db"),), {"api", "db"})
    assert traced(System(CHAIN), (Fault("cart", "latency", SLOW),), "cart")


# Rings.
@phis
def test_a_ring_of_calls_hides_neither_of_its_members(phi):
    ring = System(CHAIN).graph
    ring.add_edge("db", "front")
    ring.add_edge("cart", "api")
    for guilty in ("db", "cart", "api"):
        faults = (Fault(guilty, "latency", SLOW),)
        assert holds(System(CHAIN), faults, guilty, phi=phi, topology=ring)
    assert nobody(System(CHAIN), phi=phi, topology=ring)


# Two at once.
@phis
def test_of_two_causes_both_come_before_everybody_else(phi):
    faults = (Fault("payments", "latency", 0.2), Fault("catalog", "latency", 0.03))

    def both(found):
        return {row.service for row in found.rows[:2]} == {"payments", "catalog"}

    make = lambda s: metrics_window(SHOP, faults, seed=s, phi=phi)  # noqa: E731
    assert share_right(make, both) >= REQUIRED


@phis
def test_one_cause_does_not_drag_its_callers_along(phi):
    def alone(found):
        second = found.rows[1]
        return found.rows[0].service == "payments" and second.confidence < 0.1

    faults = (Fault("payments", "latency", 0.2),)
    make = lambda s: metrics_window(SHOP, faults, seed=s, phi=phi)  # noqa: E731
    assert share_right(make, alone) >= REQUIRED


def test_the_simulator_conserves_work():
    """The front's time is its own plus its calls': what the tests above rely on."""
    nodes = metrics_window(System(CHAIN), seed=1, noise=0.0).metrics
    level = nodes.groupby(["service", "metric"], observed=True)["value"].mean()
    own = level["front", "service.latency"] - level["api", "service.latency"]
    own -= level["cart", "service.latency"]
    assert np.isclose(own, 0.02, rtol=0.05)
