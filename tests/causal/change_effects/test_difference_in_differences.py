"""Difference-in-differences: who may serve as a control, and what controls take away."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from planted import START, Fault, System, metrics_window
from workbench import SLI
from workbench.causal.change_effects.change_data import bins_around, prepare
from workbench.causal.change_effects.difference_in_differences import (
    control_services,
    difference_in_differences,
)
from workbench.features import signals as make_signals
from workbench.features import sli_series

SIX = System(
    calls={"front": {"orders": 1.0, "cart": 1.0, "catalog": 1.0, "search": 1.0}},
    own_s={"front": 0.01, "orders": 0.05, "cart": 0.03, "catalog": 0.02, "search": 0.04},
)


def against(*faults: Fault, system: System = SIX, seed: int = 1, **more: object):
    told = pd.DataFrame(
        [{"ts": START + pd.Timedelta(90, "min"), "kind": "deploy", "service": "orders", "ref": "o"}]
    )
    window = metrics_window(system, faults, seed=seed, changes=told, **more)
    seen = prepare(window)
    return difference_in_differences(seen, bins_around(seen, "o", window.sli()))


def test_controls_neither_reach_nor_are_reached():
    graph = nx.DiGraph(
        [("front", "orders"), ("front", "cart"), ("orders", "db"), ("cart", "redis")]
    )
    assert control_services(graph, "orders") == ("cart", "redis")
    assert control_services(graph, "front") == ()
    assert control_services(graph, "unheard") == ()


def test_services_that_share_a_callee_serve_only_where_there_are_no_others():
    shared = nx.DiGraph(
        [("front", "orders"), ("front", "stock"), ("orders", "db"), ("stock", "db")]
    )
    assert control_services(shared, "orders") == ("stock",)
    shared.add_edge("front", "search")
    assert control_services(shared, "orders") == ("search",)


def test_a_step_of_the_service_alone_stays():
    found = against(Fault("orders", "latency", 0.05))
    assert found.low <= 0.05 <= found.high
    assert found.low > 0
    assert found.controls == ("cart", "catalog", "search")


def test_a_step_of_everything_is_taken_off():
    found = against(*(Fault(s, "latency", 0.5 * SIX.own(s)) for s in SIX.services))
    assert found.low <= 0 <= found.high
    assert found.high < 0.025, "half of the service's own 0.05 s was added to everything"


def test_an_interval_is_never_narrower_than_the_gap_moves_at_quiet_moments():
    """Fifteen bins before and five after tell little of how long the errors remember."""
    found = against(Fault("orders", "latency", 0.05), phi=0.95, seed=21)
    window = metrics_window(SIX, seed=21, phi=0.95)
    own = sli_series(make_signals(window), SLI("orders", "latency"))
    quiet = own[: len(own) // 2].to_numpy()
    moved = [quiet[i : i + 5].mean() - quiet[i - 15 : i].mean() for i in range(15, len(quiet) - 5)]
    assert (found.high - found.low) / 2 > 2 * np.std(moved)


@pytest.mark.slow
@pytest.mark.parametrize("phi", [0.8, 0.95])
def test_intervals_cover_the_truth_under_autocorrelation(phi):
    fault, rounds = Fault("orders", "latency", 0.05), 120
    spans = [against(fault, phi=phi, seed=seed) for seed in range(rounds)]
    # From the series alone it was .86 at φ = .95; P(fewer than 105 of 120 at .95) is .1 %.
    assert sum(s.low <= 0.05 <= s.high for s in spans) >= 105


def test_a_fault_in_one_control_does_no_harm():
    found = against(Fault("search", "latency", 1.0))
    assert abs(found.effect) < 0.02


def test_failures_are_compared_by_difference():
    found = against(Fault("orders", "errors", 0.1), signal="errors", load=1e5)
    assert found.unit == SLI("front", "errors").unit
    assert found.low > 0.05


@pytest.mark.parametrize("seed", [1, 2])
def test_trends_that_part_before_the_change_are_told(seed):
    ramp = tuple(Fault("orders", "latency", 0.02, at=i / 120) for i in range(1, 120))
    found = against(*ramp, seed=seed, noise=0.01, phi=0.0, load=1e6)
    assert not found.parallel
    assert found.trend > 0
    assert "not parallel" in found.statement


def test_without_a_service_out_of_reach_there_is_none():
    assert against(system=System(calls={"front": {"orders": 1.0}})) is None
