"""The effect of one change: guilty, innocent, beside placebos, earlier changes and controls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from planted import SHOP, START, Fault, System, metrics_window
from workbench.errors import BadInput, UnknownName

MINUTE = pd.Timedelta(minutes=1)
BESIDE = System(
    calls={"front": {"orders": 1.0, "cart": 1.0, "catalog": 1.0, "search": 1.0}},
    own_s={"front": 0.01, "orders": 0.05, "cart": 0.03, "catalog": 0.02, "search": 0.04},
)


def changes(*rows: tuple[str, str, float]) -> pd.DataFrame:
    """Deploys as (service, reference, minutes after the start)."""
    return pd.DataFrame(
        [
            {"ts": START + minute * MINUTE, "kind": "deploy", "service": s, "ref": ref}
            for s, ref, minute in rows
        ]
    )


@pytest.fixture(scope="module")
def slow_payments():
    told = changes(("payments", "p-2", 89.5), ("catalog", "c-3", 89.5))
    return metrics_window(faults=(Fault("payments", "latency", 0.2),), seed=1, changes=told)


@pytest.mark.slow
def test_a_guilty_change_moved_the_sli(slow_payments):
    found = wb.causal.effect(slow_payments, change="p-2")
    assert found.moved_it
    assert found.low <= 0.06 <= found.high  # 0.2 s on the 0.3 payments calls of a front request
    assert found.linear == pytest.approx(found.effect, rel=0.05)
    assert found.adjusted_for == ("traffic",)
    assert f"placebo changes moved it this much 0 times in {found.placebos}" in found.statement
    assert max(map(abs, found.placebo_effects)) < found.effect


def test_an_innocent_change_at_the_same_moment_did_not(slow_payments):
    found = wb.causal.effect(slow_payments, change="c-3")
    assert not found.moved_it
    assert abs(found.effect) < 0.01


def test_beyond_services_out_of_its_reach_the_effect_stays(slow_payments):
    found = wb.causal.effect(slow_payments, change="p-2")
    assert found.against is not None
    assert found.against.controls == ("cache", "cart", "catalog", "db", "orders")
    assert found.against.low <= 0.06 <= found.against.high


@pytest.mark.slow
def test_controls_only_speak_where_trends_were_parallel(slow_payments):
    for change in ("p-2", "c-3"):
        found = wb.causal.effect(slow_payments, change)
        told = {r.name for r in found.refutations}
        assert ("difference-in-differences" in told) == found.against.parallel


def test_a_slowdown_of_everything_is_not_put_down_to_a_deploy():
    """A host that slows all services alike at the moment of the deploy."""
    shock = tuple(Fault(s, "latency", 0.4 * BESIDE.own(s)) for s in BESIDE.services)
    window = metrics_window(BESIDE, shock, seed=3, phi=0.5, changes=changes(("orders", "o-2", 90)))
    found = wb.causal.effect(window, change="o-2")
    assert found.low > 0, "by its own series alone the deploy looks guilty"
    assert not found.moved_it
    assert "difference-in-differences" in found.to_frame().query("not survived")["refuter"].tolist()


def test_earlier_deploys_of_the_service_stand_beside_it():
    told = changes(
        ("orders", "o-1", 20), ("orders", "o-2", 50), ("orders", "o-3", 90), ("cart", "c-9", 30)
    )
    faults = (Fault("orders", "latency", 0.05), Fault("orders", "latency", 0.2, 50 / 120, 60 / 120))
    found = wb.causal.effect(metrics_window(BESIDE, faults, seed=2, changes=told), change="o-3")
    assert [e.change for e in found.earlier] == ["o-1", "o-2"]
    assert found.earlier_as_large == 1
    assert "1 of 2 earlier changes of orders did" in found.statement


def test_a_placebo_moment_never_holds_a_real_change():
    """A huge step by an earlier deploy inside the baseline is no part of the null."""
    told = changes(("orders", "o-1", 45), ("orders", "o-2", 90))
    faults = (Fault("orders", "latency", 1.0, 45 / 120, 1.0), Fault("orders", "latency", 0.5))
    window = metrics_window(BESIDE, faults, seed=2, changes=told)
    found = wb.causal.effect(window, change="o-2")
    assert found.placebos
    assert max(map(abs, found.placebo_effects)) < 0.5
    assert found.earlier[0].effect == pytest.approx(1.0, rel=0.1)


def test_the_adjustment_set_comes_with_its_graph(slow_payments):
    graph = wb.causal.effect(slow_payments, change="p-2").adjustment.graph
    assert {n for n, role in graph.nodes(data="role") if role == "adjusted for"} == {"traffic"}
    assert graph.has_edge("traffic", "own")


@pytest.mark.slow
def test_the_same_seed_gives_the_same_effect(slow_payments):
    assert wb.causal.effect(slow_payments, "p-2") == wb.causal.effect(slow_payments, "p-2")
    other = wb.causal.effect(slow_payments, "p-2", seed=1)
    assert other.effect == wb.causal.effect(slow_payments, "p-2").effect


def test_an_unknown_change_is_a_named_error(slow_payments):
    with pytest.raises(UnknownName, match="p-3"):
        wb.causal.effect(slow_payments, change="p-3")


def test_a_change_at_the_very_end_cannot_be_judged():
    window = metrics_window(seed=1, changes=changes(("payments", "p-2", 119)))
    with pytest.raises(BadInput, match="Too few bins"):
        wb.causal.effect(window, change="p-2")


def test_names_from_outside_are_escaped(slow_payments):
    found = replace(wb.causal.effect(slow_payments, "p-2"), change="<img src=x>")
    assert "<img" not in found._repr_html_()


@pytest.mark.slow
@pytest.mark.parametrize("phi", [0.0, 0.8])
def test_innocent_deploys_beside_a_fault_are_rarely_blamed(phi):
    """The benchmark `effects` has the figures over 200 seeds; this is the guard."""
    blamed = 0
    for seed in range(25):
        window = metrics_window(
            SHOP,
            (Fault("payments", "latency", 0.2),),
            phi=phi,
            seed=seed,
            changes=changes(("catalog", "c", 90)),
        )
        blamed += wb.causal.effect(window, "c").moved_it
    assert blamed <= 4, "P(more than 4 of 25 at 5 %) is .7 %"


@pytest.mark.slow
def test_guilty_deploys_are_found():
    found = []
    for seed in range(10):
        window = metrics_window(
            SHOP,
            (Fault("payments", "latency", 0.2),),
            seed=seed,
            changes=changes(("payments", "p", 90)),
        )
        found.append(wb.causal.effect(window, "p").moved_it)
    assert np.mean(found) >= 0.8
