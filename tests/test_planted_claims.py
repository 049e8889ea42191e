"""What may be claimed when a source of evidence is there, and when it is not."""

import pytest

from planted import (
    SHOP,
    Fault,
    System,
    changes_frame,
    events_frame,
    logs_frame,
    metrics_window,
    without,
)
from workbench.diagnose import compare
from workbench.tables import empty

FIRST_S = 90 * 60
KINDS = ["deploy", "config", "flag", "scaling", "schema"]
LADDER = ["refuted", "observed", "correlated", "plausible", "supported"]
SLOW = (Fault("payments", "latency", 0.2),)
TWO = System({"front": {"api": 1.0}, "api": {"db": 1.0, "store": 1.0}})


def dropped(window, *tables):
    return window.with_(tables={**window.tables, **{name: empty(name) for name in tables}})


def lines(service):
    return logs_frame(
        [(float(s), "front", 9, f"served {s}") for s in range(0, 120 * 60, 20)]
        + [(FIRST_S + 10.0 * i, service, 17, f"deadlock {i}") for i in range(80)]
    )


def told(service):
    return events_frame([(FIRST_S + 60.0 * i, "OOMKilled", "Pod", f"{service}-0")
                         for i in range(8)])  # fmt: skip


def blind(**more):
    """Something below api is slow, and of what is below nobody measured the time."""
    window = metrics_window(TWO, (Fault("db", "latency", 0.05),), seed=2, edges=False, **more)
    for hidden in ("db", "store"):
        window = without(window, hidden, "service.latency", "service.errors")
    return window


def suspect(found, service):
    return next((s for s in found.suspects if s.service == service and not s.change), None)


@pytest.mark.parametrize("kind", KINDS)
def test_a_guilty_change_of_any_kind_is_the_cause_and_an_innocent_one_is_not(kind):
    changes = changes_frame(
        [(86 * 60, kind, "cart", "cart-9"), (FIRST_S - 20, kind, "payments", "payments-2")]
    )
    found = compare(metrics_window(SHOP, SLOW, seed=1, changes=changes))
    assert found.cause.change == "payments-2"
    assert next(s for s in found.suspects if s.change == "cart-9").claim == "refuted"


def test_a_change_ten_minutes_before_its_effect_is_still_asked_and_the_place_is_right():
    changes = changes_frame([(FIRST_S - 600, "config", "payments", "payments-2")])
    found = compare(metrics_window(SHOP, SLOW, seed=1, changes=changes))
    early = next(s for s in found.suspects if s.change == "payments-2")
    assert early.claim != "refuted" or found.cause.service == "payments"
    assert suspect(found, "payments").causal_rank == 1


def test_without_the_record_of_changes_no_change_is_claimed():
    changes = changes_frame([(FIRST_S - 20, "deploy", "payments", "payments-2")])
    window = metrics_window(SHOP, SLOW, seed=1, changes=changes)
    found = compare(dropped(window, "changes"))
    assert not [s for s in found.suspects if s.change]
    assert found.cause.service == "payments"
    assert "no changes" in found.missing


@pytest.mark.parametrize(("table", "make"), [("logs", lines), ("events", told)])
def test_what_only_logs_or_events_tell_is_never_supported_and_less_without_them(table, make):
    there = blind(**{table: make("db")})
    gone = dropped(there, table)
    with_it, without_it = compare(there), compare(gone)
    assert with_it.cause is None
    assert without_it.cause is None
    assert with_it.ranking.rows[0].service == "db"
    first = without_it.ranking.of("db")
    assert first.confidence < 0.5 < with_it.ranking.rows[0].confidence
    assert f"no {table}" in without_it.missing
    assert f"no {table}" not in with_it.missing


@pytest.mark.parametrize("table", ["logs", "events"])
def test_logs_and_events_of_a_bystander_do_not_lift_it(table):
    made = {"logs": lines("cache"), "events": told("cache")}[table]
    found = compare(metrics_window(SHOP, SLOW, seed=1, **{table: made}))
    assert found.cause.service == "payments"
    bystander = suspect(found, "cache")
    assert bystander is None or LADDER.index(bystander.claim) < LADDER.index("supported")


def test_without_the_guilty_services_metrics_it_is_not_supported():
    window = metrics_window(SHOP, SLOW, seed=1, edges=False)
    seen, unseen = compare(window), compare(without(window, "payments"))
    assert seen.cause.service == "payments"
    assert unseen.cause is None
    checkout = suspect(unseen, "checkout")
    assert ("its sources were there", False) in [test[:2] for test in checkout.tests]
    hidden = suspect(unseen, "payments")
    assert hidden is None or hidden.claim != "supported"
    assert "payments: in the graph, no telemetry" in unseen.missing


def test_a_caller_of_what_nobody_measured_is_not_supported_in_its_place():
    assert compare(blind()).cause is None


def test_a_service_that_stopped_reporting_is_told_and_not_supported():
    gap = (*SLOW, Fault("payments", "gap"))
    found = compare(metrics_window(SHOP, gap, seed=1, edges=False))
    silent = suspect(found, "payments")
    assert silent is None or silent.claim != "supported"
    assert any(text.startswith("payments") for text in found.missing)


def test_nothing_is_claimed_where_nothing_happened_whatever_is_told():
    calm = metrics_window(SHOP, seed=3, logs=lines("db"), events=told("db"))
    found = compare(calm)
    assert found.cause is None
