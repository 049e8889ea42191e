"""Faults: scripts in order, decoys named, and a truth that scoring can read."""

from __future__ import annotations

import pytest

from workbench.errors import UnknownName
from workbench.gameday.capture import Timing
from workbench.gameday.faults import FAULTS, fault


@pytest.mark.parametrize("name", FAULTS)
def test_steps_are_in_order_and_fit_the_recording(name):
    steps, timing = FAULTS[name].steps, Timing()
    assert [s.at_s for s in steps] == sorted(s.at_s for s in steps)
    assert all(-60 * timing.normal < s.at_s < 60 * timing.after for s in steps)


@pytest.mark.parametrize("name", FAULTS)
def test_every_truth_says_where_and_every_incident_has_a_decoy(name):
    script = FAULTS[name]
    assert {"service", "signal", "change"} <= set(script.truth)
    assert script.name == name
    assert bool(script.decoys) == (name != "quiet")
    broken = any(step.what == "inject" for step in script.steps)
    assert broken == (script.truth["service"] is not None)


def test_a_surge_stays_below_the_machine_limit():
    assert all((script.surge_rps or 0) <= 20 for script in FAULTS.values())


def test_an_unknown_fault_suggests_a_known_one():
    with pytest.raises(UnknownName, match="Did you mean 'payments-slow'"):
        fault("payment-slow")
