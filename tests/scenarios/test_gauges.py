"""Gauges alone, with an effect, and of single instances: whom they name and whom they do not."""

import pytest

from planted import Fault, System, blamed, diagnosed, holds_most, metrics_window, share_right
from workbench.causal import rank

pytestmark = pytest.mark.slow

REQUIRED = 0.8
SLOW = 0.05
CHAIN = {"front": {"api": 1.0, "cart": 1.0}, "api": {"db": 2.0}, "cart": {"cache": 1.0}}
KINDS = ("cpu", "memory", "pool", "queue", "lock", "disk")
COPIES = System(CHAIN, instances={"api": 3, "cart": 3})
MANY = System(CHAIN, instances={"api": 12})
APART = "1 of 3 instances, api-1"

phis = pytest.mark.parametrize("phi", [0.0, 0.8])
kinds = pytest.mark.parametrize("kind", KINDS)


def made(system, *faults, kind, phi=0.8, history=None):
    return lambda s: metrics_window(
        system, faults, seed=s, phi=phi, gauges=(kind,), history=history
    )


def singled_out(ranking):
    """Services of which one instance is told to have left the others."""
    return {
        row.service
        for row in ranking.rows
        for c in row.anomalies
        if "left the others" in c.statement
    }


def first_by(service, word):
    def told(found):
        row = found.rows[0]
        return row.service == service and any(
            word in c.statement for c in row.anomalies if c.kind == "saturation"
        )

    return told


@kinds
def test_what_ran_out_with_an_effect_is_supported_and_nobody_else_ever(kind):
    found = diagnosed(
        made(System(CHAIN), Fault("api", kind, 3.0), Fault("api", "latency", SLOW), kind=kind)
    )
    assert holds_most(found, lambda d: d.cause is not None)
    assert blamed(found) == {"api"}
    assert holds_most(
        found, lambda d: any(c.kind == "saturation" for c in d.ranking.of("api").anomalies)
    )


@kinds
def test_a_gauge_that_moves_alone_blames_nobody(kind):
    found = diagnosed(made(System(CHAIN), Fault("cache", kind, 10.0), kind=kind))
    assert not blamed(found)
    assert holds_most(found, lambda d: "caused by" not in d.verdict and not d.moved)


@kinds
def test_however_far_a_gauge_moves_beside_a_cause_it_is_not_blamed(kind):
    found = diagnosed(
        made(System(CHAIN), Fault("cache", kind, 10.0), Fault("db", "latency", SLOW), kind=kind)
    )
    assert holds_most(found, lambda d: d.cause is not None)
    assert blamed(found) == {"db"}


@kinds
def test_one_saturated_instance_of_several_is_told_by_its_gauge(kind):
    faults = (Fault("api", kind, 3.0, instance="api-1"), Fault("api", "latency", SLOW))
    assert share_right(made(COPIES, *faults, kind=kind), first_by("api", APART)) >= (REQUIRED)


@phis
def test_one_of_twelve_is_told_where_the_mean_of_all_hides_it(phi):
    faults = (Fault("api", "cpu", 1.0, instance="api-7"), Fault("api", "latency", SLOW))
    word = "1 of 12 instances, api-7"
    assert share_right(made(MANY, *faults, kind="cpu", phi=phi), first_by("api", word)) >= REQUIRED


@kinds
def test_a_gauge_of_all_instances_at_once_is_not_one_sick_instance(kind):
    faults = (Fault("api", kind, 3.0), Fault("api", "latency", SLOW))

    def whole(found):
        return found.rows[0].service == "api" and "api" not in singled_out(found)

    assert share_right(made(COPIES, *faults, kind=kind), whole) >= REQUIRED


@phis
def test_a_fleet_of_unequal_instances_that_grows_together_singles_nobody_out(phi):
    """The fuller one stays three times as full, then two units fuller: no ratio, no gap alone."""
    fuller = Fault("api", "memory", 2.0, at=0.0, instance="api-1")
    by_factor = (fuller, Fault("api", "memory", 1.0), Fault("api", "memory", 2.0, instance="api-1"))
    by_amount = (fuller, Fault("api", "memory", 1.0))
    for faults in (by_factor, by_amount, (fuller,)):
        make = made(COPIES, *faults, Fault("db", "latency", SLOW), kind="memory", phi=phi)
        found = [rank(make(seed)) for seed in range(5)]
        assert not any("api" in singled_out(each) for each in found)
        assert sum(each.rows[0].service == "db" for each in found) >= REQUIRED * len(found)


@phis
def test_an_instance_that_stays_while_the_others_empty_is_not_sick(phi):
    emptied = [Fault("api", "cpu", -0.8, instance=name) for name in ("api-0", "api-2")]
    make = made(COPIES, *emptied, Fault("db", "latency", SLOW), kind="cpu", phi=phi)
    assert share_right(make, lambda found: "api" not in singled_out(found)) == 1.0


@pytest.mark.parametrize("kind", ["cpu", "queue"])
def test_a_saturated_instance_without_an_effect_blames_nobody(kind):
    alone = diagnosed(made(COPIES, Fault("cart", kind, 5.0, instance="cart-2"), kind=kind))
    assert not blamed(alone)
    beside = diagnosed(
        made(
            COPIES,
            Fault("cart", kind, 5.0, instance="cart-2"),
            Fault("db", "latency", SLOW),
            kind=kind,
            history=True,
        )
    )
    assert blamed(beside) == {"db"}
    assert holds_most(beside, lambda d: d.cause is not None)


def test_gauges_and_latency_of_one_instance_are_two_kinds_of_clue_and_count_once_each():
    faults = (
        Fault("api", "cpu", 3.0, instance="api-1"),
        Fault("api", "latency", 3 * SLOW, instance="api-1"),
    )
    first = rank(made(COPIES, *faults, kind="cpu")(1)).rows[0]
    found = [c.kind for c in first.anomalies if APART in c.statement]
    assert sorted(found) == ["instance", "saturation"]
