"""Each world's physics: what a fault moves, from when on, and what is not conserved."""

import numpy as np
import pytest

from workbench import simulate
from workbench.simulate import fallbacks, hosts, pipelines, queueing, serverless, sparse, trees
from workbench.simulate.course import Setup
from workbench.simulate.faults import KINDS, Fault, draw_fault, effects_of
from workbench.simulate.services import Shape, System, draw_system
from workbench.simulate.traffic import Clock

CLOCK = Clock(60.0, 120, 90)
WORLDS = simulate.worlds()


def chain(*own_s, copies=2, ratio=1.0):
    """Services that call each other in a row, and one that nobody calls on the first's host."""
    size = len(own_s) + 1
    edges = len(own_s) - 1
    return System(
        names=tuple(f"n{i}" for i in range(size)),
        hosts=("h0", "h1"),
        callers=np.arange(edges),
        callees=np.arange(1, edges + 1),
        ratio=np.full(edges, ratio),
        own_s=np.array([*own_s, 0.02]),
        copies=np.full(size, copies),
        host=np.array([0] * (size - 1) + [0]),
        outside=frozenset(),
        roots=(0, size - 1),
    )


def setup_of(system, *faults, rate=20.0, seed=0):
    traffic = np.full(CLOCK.size, rate * CLOCK.step_s)
    return Setup(system, CLOCK, traffic, effects_of(faults, system, CLOCK), (seed,))


def fault(kind, service=0, *, size=1.0, edge=-1):
    return Fault(kind, kind, service, edge, size, "step")


def rise(values):
    """Mean during the incident over the mean before."""
    return np.nanmean(values[CLOCK.onset :]) / np.nanmean(values[: CLOCK.onset])


def at(course, system, place):
    """Everything that can be seen of a service, of its calls and of its host."""
    edges = (system.callers == place) | (system.callees == place)
    series = [course.load[place], course.errors[place], course.latency[place]]
    series += [course.self_time[place], course.fail[place]]
    series += [values[place] for values in course.gauges.values()]
    series += [values[system.host[place]] for values in course.host_gauges.values()]
    series += [said[place] for said in course.complaints]
    for values in (course.calls, course.call_errors, course.call_latency):
        series += list(values[edges])
    return np.stack(series)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", WORLDS)
def test_a_fault_moves_something_where_it_strikes_and_nothing_before(name, kind):
    world = WORLDS[name]
    recipe = world.recipe
    system = draw_system(Shape(least=9, most=9, beside=0.0), np.random.default_rng(5))
    places = recipe.places(system) if recipe.places else None
    drawn = draw_fault(kind, system, np.random.default_rng(1), places=places)
    strong = Fault(drawn.kind, drawn.mechanism, drawn.service, drawn.edge, 1.5, "step")
    rate = 0.05 if name == "sparse" else 20.0
    with_, without = (
        world.physics(setup_of(system, *faults, rate=rate)) for faults in ((strong,), ())
    )
    if kind == "host":
        place = int(np.flatnonzero(system.host == strong.service)[0])
    else:
        place = 0 if kind == "surge" else strong.service
    ours, theirs = at(with_, system, place), at(without, system, place)
    if not (name == "sparse" and kind == "surge"):  # its requests are drawn one by one
        np.testing.assert_allclose(
            ours[:, : CLOCK.onset], theirs[:, : CLOCK.onset], rtol=1e-9, equal_nan=True
        )
    now, usual = (np.nan_to_num(values[:, CLOCK.onset :]).mean(axis=1) for values in (ours, theirs))
    moved = np.abs(now - usual) / np.maximum(np.abs(usual), 1e-3)
    assert moved.max() > 0.05


def test_a_queue_waits_more_than_in_proportion_and_retries_are_load():
    system = chain(0.01, 0.03)
    calm = queueing.run(setup_of(system, rate=20.0))
    full = queueing.run(setup_of(system, fault("surge", size=2.0)))
    assert rise(full.load[0]) == pytest.approx(4.0, rel=0.1)
    assert rise(full.latency[1]) > 5, "far beyond what the load alone would do"
    assert rise(full.calls[0] / full.load[0]) > 1.3, "callers that gave up call again"
    assert rise(calm.latency[1]) == pytest.approx(1.0, rel=0.2)


def test_a_callee_that_times_out_hides_its_time_from_its_caller():
    course = queueing.run(setup_of(chain(0.01, 0.03), fault("delay", 1, size=200.0)))
    assert np.nanmean(course.call_latency[0][95:]) < 0.5 * np.nanmean(course.latency[1][95:])


def test_of_calls_at_once_only_the_slowest_counts():
    system = System(
        ("a", "b", "c"), ("h",), np.array([0, 0]), np.array([1, 2]), np.ones(2),
        np.array([0.005, 0.4, 0.01]), np.ones(3, int), np.zeros(3, int), frozenset(), (0,),
    )  # fmt: skip
    for seed in range(12):
        quiet = trees.run(setup_of(system, seed=seed))
        if not quiet.parallel[0]:
            continue
        slow = trees.run(setup_of(system, fault("delay", 2, size=0.1), seed=seed))
        grown = np.nanmean(slow.latency[2] - quiet.latency[2])
        felt = np.nanmean(slow.latency[0] - quiet.latency[0])
        assert felt < 0.7 * grown
        return
    pytest.fail("no seed whose first service calls all at once")


def test_times_in_trees_have_heavy_tails():
    course = trees.run(setup_of(draw_system(Shape(), np.random.default_rng(0))))
    p50, _, p99 = course.quantiles[:, 0].mean(axis=1)
    assert p99 > 2.5 * p50


def test_a_slow_consumer_slows_no_producer_and_its_delay_outlasts_nothing_upstream():
    system = chain(0.01, 0.02, 0.01)
    course = pipelines.run(setup_of(system, fault("cpu", 1, size=3.0)))
    assert course.sli == 2
    assert rise(course.latency[0]) == pytest.approx(1.0, abs=0.1)
    assert rise(course.latency[2]) > 20, "freshness at the end"
    assert rise(course.load[2]) < 0.95, "less arrives behind a stage that is behind"
    backlog = course.gauges["queue_depth"][1]
    assert backlog[-1] > 2 * backlog[CLOCK.onset + 5], "and it goes on growing"


def test_functions_share_a_limit_and_start_cold():
    system = chain(0.02, 0.02)
    slow = serverless.run(setup_of(system, fault("delay", 1, size=60.0)))
    other = len(system.names) - 1
    assert rise(slow.gauges["throttles"][other] + 1) > 1.05, "nobody calls the other one"
    deployed = Fault("deploy", "exception", 0, -1, 0.1, "step")
    starts = serverless.run(setup_of(system, deployed)).gauges["cold_starts"][0]
    assert starts[CLOCK.onset] > 2 * np.median(starts[: CLOCK.onset])


def test_a_neighbour_slows_what_never_meets_it():
    system = chain(0.01, 0.01)
    noisy = Fault("host", "neighbour", 2, -1, 2.0, "step")
    course = hosts.run(setup_of(system, noisy))
    assert rise(course.latency[0]) > 1.2
    assert rise(course.load[0]) == pytest.approx(1.0, abs=0.02)
    assert rise(course.host_gauges["node_cpu_utilization"][0]) > 1.2


def test_swallowed_errors_do_not_reach_the_entry_and_breakers_stop_calls():
    stopped = kept = 0
    for seed in range(20):
        setup = setup_of(chain(0.01, 0.02), fault("exception", 1, size=8.0), seed=seed)
        course = fallbacks.run(setup)
        kept += rise(course.errors[0] + 1) < 1.1 and rise(course.errors[1] + 1) > 5
        stopped += rise(course.calls[0]) < 0.4
    assert kept >= 5
    assert stopped >= 1


def test_sparse_bins_are_mostly_empty_or_nearly_so():
    world = WORLDS["sparse"]
    loads = [world.course(incident).load[0] for incident in world.ids[:10]]
    assert np.median([np.median(load) for load in loads]) <= 4
    assert np.mean([np.mean(load == 0) for load in loads]) > 0.1
    course = sparse.run(setup_of(chain(0.01, 0.02), rate=0.05))
    whole = sum(part.load for part in course.operations if part.service == 0)
    np.testing.assert_allclose(whole, course.load[0])
    assert len({part.name for part in course.operations}) >= 3


def test_lost_packets_slow_calls_and_fail_some():
    system = chain(0.01, 0.02)
    slow, failed = effects_of((fault("loss", 1, size=1.0),), system, CLOCK).lost(system)
    assert slow[0, 0] == 0
    assert slow[0, -1] == pytest.approx(0.15 / 0.85 * 0.2)
    assert failed[0, -1] == pytest.approx(0.15**3)


def test_flow_conserves_requests_and_failures_compound():
    system = chain(0.01, 0.01, 0.01, ratio=2.0)
    load, calls = system.flow(np.eye(4)[:, :1], system.ratio[:, None])
    assert load[:, 0].tolist() == [1, 2, 4, 0]
    assert calls[:, 0].tolist() == [2, 4]
    own = np.array([0.0, 0.0, 0.1, 0.0])[:, None]
    fail = system.failing(own, system.ratio[:, None], np.ones((2, 1)))
    assert fail[0, 0] == pytest.approx(1 - 0.9**4)
