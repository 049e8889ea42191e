"""What may be claimed when a source of evidence is there, and when it is not.

Five seeds a story: what is planted is told on four of them at least, and on none is anybody
innocent supported.
"""

import pytest

from planted import (
    SHOP,
    Fault,
    System,
    blamed,
    changes_frame,
    diagnosed,
    events_frame,
    everywhere,
    holds_most,
    logs_frame,
    metrics_window,
    without,
)
from workbench.tables import empty

pytestmark = pytest.mark.slow

FIRST_S = 90 * 60
KINDS = ["deploy", "config", "flag", "scaling", "schema"]
LADDER = ["refuted", "observed", "correlated", "plausible", "supported"]
SLOW = (Fault("payments", "latency", 0.2),)
TWO = System({"front": {"api": 1.0}, "api": {"db": 1.0, "store": 1.0}})


@everywhere
def dropped(window, *tables):
    return window.with_(tables={**window.tables, **{name: empty(name) for name in tables}})


def lines(service):
    return logs_frame(
        [(float(s), "front", 9, f"served {s}") for s in range(0, 120 * 60, 20)]
        + [(FIRST_S + 10.0 * i, service, 17, f"deadlock {i}") for i in range(80)]
    )


def told(service):
    return events_frame(
        [(FIRST_S + 60.0 * i, "OOMKilled", "Pod", f"{service}-0") for i in range(8)]
    )


def blind(seed, **more):
    """Something below api is slow, and of what is below nobody measured the time."""
    window = metrics_window(TWO, (Fault("db", "latency", 0.05),), seed=seed, edges=False, **more)
    for hidden in ("db", "store"):
        window = without(window, hidden, "service.latency", "service.errors")
    return window


def suspect(found, service):
    return next((s for s in found.suspects if s.service == service and not s.change), None)


def claim_of(found, service):
    """Rung of a service, the lowest if it is no suspect at all."""
    there = suspect(found, service)
    return "refuted" if there is None else there.claim


@pytest.mark.parametrize("kind", KINDS)
def test_a_guilty_change_of_any_kind_is_the_cause_and_an_innocent_one_is_not(kind):
    changes = changes_frame(
        [(86 * 60, kind, "cart", "cart-9"), (FIRST_S - 20, kind, "payments", "payments-2")]
    )
    found = diagnosed(lambda s: metrics_window(SHOP, SLOW, seed=s, changes=changes))
    assert holds_most(found, lambda d: d.cause is not None and d.cause.change == "payments-2")
    assert blamed(found) <= {"payments-2", "payments"}
    decoys = [next(s for s in d.suspects if s.change == "cart-9") for d in found]
    assert {decoy.claim for decoy in decoys} == {"refuted"}


def test_a_change_ten_minutes_before_its_effect_is_still_asked_and_the_place_is_right():
    changes = changes_frame([(FIRST_S - 600, "config", "payments", "payments-2")])
    found = diagnosed(lambda s: metrics_window(SHOP, SLOW, seed=s, changes=changes))
    assert all(any(s.change == "payments-2" for s in d.suspects) for d in found)
    assert all(suspect(d, "payments").causal_rank == 1 for d in found)
    assert blamed(found) <= {"payments-2", "payments"}
    assert holds_most(found, lambda d: d.cause is not None)


def test_without_the_record_of_changes_no_change_is_claimed():
    changes = changes_frame([(FIRST_S - 20, "deploy", "payments", "payments-2")])
    found = diagnosed(
        lambda s: dropped(metrics_window(SHOP, SLOW, seed=s, changes=changes), "changes")
    )
    assert not [s for d in found for s in d.suspects if s.change]
    assert holds_most(found, lambda d: d.cause is not None and d.cause.service == "payments")
    assert blamed(found) == {"payments"}
    assert all("no changes" in d.missing for d in found)


@pytest.mark.parametrize(("table", "make"), [("logs", lines), ("events", told)])
def test_what_only_logs_or_events_tell_is_never_supported_and_less_without_them(table, make):
    with_it = diagnosed(lambda s: blind(s, **{table: make("db")}))
    without_it = diagnosed(lambda s: dropped(blind(s, **{table: make("db")}), table))
    assert not blamed([*with_it, *without_it])
    assert holds_most(with_it, lambda d: d.ranking.rows[0].service == "db")
    assert holds_most(with_it, lambda d: d.ranking.rows[0].confidence > 0.5)
    assert all(d.ranking.of("db").confidence < 0.5 for d in without_it)
    assert all(f"no {table}" in d.missing for d in without_it)
    assert not any(f"no {table}" in d.missing for d in with_it)


@pytest.mark.parametrize("table", ["logs", "events"])
def test_logs_and_events_of_a_bystander_do_not_lift_it(table):
    made = {"logs": lines("cache"), "events": told("cache")}[table]
    found = diagnosed(lambda s: metrics_window(SHOP, SLOW, seed=s, **{table: made}))
    assert holds_most(found, lambda d: d.cause is not None)
    assert blamed(found) == {"payments"}
    rungs = [LADDER.index(claim_of(d, "cache")) for d in found]
    assert max(rungs) < LADDER.index("plausible")


def test_without_the_guilty_services_metrics_it_is_not_supported():
    make = lambda s: metrics_window(SHOP, SLOW, seed=s, edges=False)  # noqa: E731
    seen, unseen = diagnosed(make), diagnosed(lambda s: without(make(s), "payments"))
    assert holds_most(seen, lambda d: d.cause is not None)
    assert blamed(seen) == {"payments"}
    assert not blamed(unseen)
    for found in unseen:
        tests = [(test.name, test.passed) for test in suspect(found, "checkout").tests]
        assert ("its sources were there", False) in tests
        assert claim_of(found, "payments") != "supported"
        assert "payments: in the graph, no telemetry" in found.missing


def test_a_caller_of_what_nobody_measured_is_not_supported_in_its_place():
    assert not blamed(diagnosed(blind))


def test_a_service_that_stopped_reporting_is_told_and_not_supported():
    gap = (*SLOW, Fault("payments", "gap"))
    found = diagnosed(lambda s: metrics_window(SHOP, gap, seed=s, edges=False))
    assert not blamed(found)
    assert all(claim_of(d, "payments") != "supported" for d in found)
    assert all(any(text.startswith("payments") for text in d.missing) for d in found)


def test_nothing_is_claimed_where_nothing_happened_whatever_is_told():
    found = diagnosed(lambda s: metrics_window(SHOP, seed=s, logs=lines("db"), events=told("db")))
    assert not blamed(found)
