"""RELIABILITY L1 and L2, smaller than ``make bench`` runs them."""

from __future__ import annotations

import pytest

import longwork

pytestmark = pytest.mark.server


@pytest.mark.slow
def test_an_interrupt_leaves_nothing_half_done():
    found = longwork.apart("interrupts", "12")
    print(found)
    assert found["interrupts"] == 12
    assert found["slowest_cpu_s"] <= 2
    assert set(found["states"]) <= {"collect: resumed", "analyse: no file", "export: whole"}


@pytest.mark.slow
def test_memory_stays_small():
    """A quarter of what L2 says, and three quarters of the room: most of it is fixed."""
    found = longwork.apart("memory", "500000")
    print(found)
    assert found["samples"] == 500_000
    assert found["grown MB"] <= 150
