"""Systems: what there is to be scored on, and what is missing and why."""

import numpy as np
import pytest

from workbench import datasets, simulate
from workbench.evaluate import score
from workbench.evaluate.systems import PUBLIC_DATA, as_labelled, systems


def test_at_least_twelve_systems_are_listed_and_absent_ones_say_why(tmp_path, monkeypatch):
    monkeypatch.delenv(PUBLIC_DATA, raising=False)
    found = systems(public=tmp_path, recorded=tmp_path)
    assert len(found) >= 12
    absent = [system for system in found if system.labelled is None]
    assert [system.kind for system in absent] == ["public"] * 4 + ["recorded"]
    assert all(system.missing for system in absent)
    assert all(not system.missing for system in found if system.labelled)
    unset = systems(recorded=tmp_path)[0]
    assert PUBLIC_DATA in unset.missing


def test_every_simulated_world_is_a_system_of_its_own():
    simulated = [system for system in systems() if system.kind == "simulated"]
    assert [system.name for system in simulated] == list(simulate.worlds())
    for system in simulated:
        assert len(system.labelled) == 40
        assert set(system.labelled.groups.values()) == {system.name}


def test_a_worlds_labels_reach_scoring_as_truths():
    world = simulate.worlds()["trees"]
    labelled = as_labelled(world)
    for name in labelled.ids[:6]:
        label, truth = world.truth(name), labelled.truth(name)
        assert isinstance(truth, datasets.Truth)
        assert (truth.services, truth.fault) == (label.services, label.kind)
        assert truth.details["change"] == label.change


@pytest.mark.slow
def test_a_world_can_be_scored():
    labelled = as_labelled(simulate.worlds()["sparse"])
    found = score(labelled, limit=2)
    assert len(found.cases) == 2
    assert all(np.isfinite(case.seconds) for case in found.cases)
