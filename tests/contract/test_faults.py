"""RELIABILITY Q2: fifteen faults at 30 %, every connector that speaks HTTP.

``make bench`` makes a thousand fetches of each; a hundred are made here.
"""

from __future__ import annotations

import pytest

import faulted

DRIVES = faulted.drives()


@pytest.mark.parametrize("name", DRIVES)
def test_no_incomplete_fetch_is_unmarked(name):
    outcome = DRIVES[name].run(fetches=60, at_once=12)
    print(name, outcome)
    assert not outcome.unmarked, outcome.unmarked[:2]
    assert outcome.slowest_waited_s <= faulted.LIMITS["deadline_s"] + 1
    assert outcome.requests <= 1.5
    assert outcome.said_whole, "none came whole: the faults are not what is tried here"
