"""The simulated worlds: the same id gives the same bytes, and truth stays outside."""

import networkx as nx
import numpy as np
import pytest

from workbench import features, simulate
from workbench.errors import UnknownName
from workbench.simulate.faults import KINDS
from workbench.simulate.incidents import QUIET
from workbench.simulate.noticing import felt
from workbench.simulate.world import World, _drawn
from workbench.tables import conform

WORLDS = simulate.worlds()
SOME = [
    pytest.param(f"{name}-{number:02d}", marks=marks)
    for name in WORLDS
    for number, marks in ((3, ()), (17, pytest.mark.slow), (31, pytest.mark.slow))
]


def world_of(incident: str) -> World:
    return WORLDS[incident.rpartition("-")[0]]


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_a_world_has_forty_incidents_of_every_kind_and_ten_quiet_ones(name):
    world = WORLDS[name]
    kinds = [world.drawn(incident).kind for incident in world.ids]
    assert len(set(world.ids)) == 40
    assert sum(kind in QUIET for kind in kinds) == 10
    assert set(KINDS) <= set(kinds)
    faults = [fault for i in world.ids for fault in world.drawn(i).faults]
    assert len(faults) == 30
    sizes = [fault.size for fault in faults]
    assert max(sizes) > 5 * min(sizes), "some are barely there, some are plain"


def test_at_least_seven_worlds_say_what_their_physics_break():
    assert len(WORLDS) >= 7
    physics = {world.physics.__module__ for world in WORLDS.values()}
    assert len(physics) == len(WORLDS), "one file a world"
    for world in WORLDS.values():
        text = __import__(world.physics.__module__, fromlist=["run"]).__doc__
        assert "conserved" in text


@pytest.mark.parametrize("incident", SOME)
def test_the_same_id_gives_the_same_bytes(incident):
    world = world_of(incident)
    first = world.load(incident).digest
    _drawn.cache_clear()
    assert world.load(incident).digest == first


@pytest.mark.slow
def test_incidents_differ():
    world = WORLDS["trees"]
    assert len({world.load(incident).digest for incident in world.ids[:4]}) == 4


@pytest.mark.parametrize("incident", SOME)
def test_windows_conform_and_their_sli_is_measured(incident):
    window = world_of(incident).load(incident)
    for name, table in window.tables.items():
        assert conform(name, table) is table
    assert isinstance(window.topology, nx.DiGraph)
    (slo,) = window.slos
    assert slo.service in window.services
    series = features.sli_series(window, slo.sli)
    inside = (series.index >= window.when.start) & (series.index < window.when.end)
    assert series[inside].notna().any(), "the SLI is seen during the incident"


@pytest.mark.parametrize("incident", SOME)
def test_the_window_does_not_tell_the_truth(incident, monkeypatch):
    world = world_of(incident)
    expected = world.load(incident).digest

    def refuse(*_: object) -> None:
        raise AssertionError("the label was looked at")

    monkeypatch.setattr(World, "truth", refuse)
    monkeypatch.setattr(World, "_right", refuse)
    window = world.load(incident)
    assert window.digest == expected
    assert (window.id, window.title) == (incident, incident)
    drawn = world.drawn(incident)
    told = " ".join([window.id.removeprefix(world.name), *(slo.name for slo in window.slos)])
    assert not any(kind in told for kind in (*KINDS, "quiet"))
    assert all(drawn.guilty != name for name in window.services)


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_guilty_and_innocent_changes_look_alike(name):
    world = WORLDS[name]
    guilty = [i for i in world.ids if world.truth(i).change]
    assert {world.truth(i).kind for i in guilty} == {"deploy", "config"}
    for incident in guilty[:3]:
        label, window = world.truth(incident), world.load(incident)
        row = window.changes[window.changes["ref"] == label.change]
        assert len(row) == 1
        drawn = world.drawn(incident)
        assert row["service"].iloc[0] == drawn.system.names[drawn.faults[0].service]
        assert row["ts"].iloc[0] < window.when.start
    innocent = [i for i in world.ids if not world.truth(i).change and world.drawn(i).changes]
    assert innocent


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_quiet_incidents_have_no_fault_and_harm_nobody(name):
    world = WORLDS[name]
    for incident in world.ids:
        drawn = world.drawn(incident)
        if drawn.kind not in QUIET:
            continue
        assert world.truth(incident) == simulate.Label((), drawn.kind)
        with_, without = world.course(incident), world.course(incident, faults=False)
        np.testing.assert_array_equal(with_.errors, without.errors)
        assert max(felt(with_, drawn.clock.onset)) < 3.5
        if drawn.kind == "quiet, deploy":
            assert any(change.kind == "deploy" for change in drawn.changes)


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
def test_right_answers_can_be_named(name):
    world = WORLDS[name]
    for incident in world.ids[::5]:
        label = world.truth(incident)
        if not label.nothing:
            known = {*world.drawn(incident).system.names, *world.drawn(incident).system.hosts}
            assert set(label.services) <= known


@pytest.mark.slow
def test_instrumentation_differs_between_incidents_and_worlds():
    drawn = [world.instruments(i) for world in WORLDS.values() for i in world.ids]
    assert {d.latency for d in drawn} == {"mean", "quantiles", "both", "histogram"}
    assert {d.graph for d in drawn} == {"whole", "partial", "one_sided", "wrong", "none"}
    for has in (
        lambda d: d.counters,
        lambda d: d.counts,
        lambda d: d.errors,
        lambda d: d.saturation,
        lambda d: d.per_pod,
        lambda d: d.traces > 0,
        lambda d: d.logs,
        lambda d: d.calls,
        lambda d: d.stale_s > 0,
        lambda d: d.missing > 0,
        lambda d: len(d.silent) > 1,
    ):
        share = np.mean([has(d) for d in drawn])
        assert 0.02 < share < 0.98
    assert any(w.drawn(i).repeated for w in WORLDS.values() for i in w.ids)


@pytest.mark.slow
def test_a_wrong_answer_is_measured_somewhere():
    for world in WORLDS.values():
        for incident in world.ids:
            told = world.instruments(incident)
            if world.truth(incident).mechanism == "wrong_return":
                assert told.calls or told.traces or told.logs


def test_an_unknown_incident_is_refused():
    with pytest.raises(UnknownName):
        WORLDS["trees"].load("trees-99")
