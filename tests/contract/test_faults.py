"""RELIABILITY Q2: fifteen faults at 30 %, every connector that speaks HTTP.

``make bench`` makes a thousand fetches of each; sixty are made here, with
patience for a busy machine.
"""

from __future__ import annotations

import pytest

import faulted

DRIVES = faulted.drives()


@pytest.mark.slow
@pytest.mark.parametrize("name", DRIVES)
def test_no_incomplete_fetch_is_unmarked(name):
    outcome = DRIVES[name].run(fetches=60, at_once=6, limits=faulted.PATIENT)
    print(name, outcome)
    assert not outcome.unmarked, outcome.unmarked[:2]
    assert outcome.slowest_waited_s <= 1.25 * faulted.PATIENT["deadline_s"]
    assert outcome.requests <= 1.5
    assert outcome.said_whole, "none came whole: the faults are not what is tried here"
