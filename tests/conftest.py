"""Shared fixtures: fixed seeds, and windows with a known story."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

# One thread before numpy loads: tests share two cores with the servers they start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# The planted windows are loaded inside fixtures: the process that hands tests to its workers
# reads this file as well, and need not load what they do.
if TYPE_CHECKING:
    from workbench import IncidentWindow

# Files that take longest are begun first, so that no worker ends alone with one of them.
LONGEST_FIRST = (
    "notebooks/test_notebooks.py",
    "contract/test_trace_stores.py",
    "contract/test_prometheus.py",
    "gameday/test_record.py",
    "gameday/test_shop.py",
    "contract/test_faults.py",
    "scenarios/test_calls.py",
    "collection/test_long_work.py",
    "scenarios/test_telemetry.py",
    "archive/test_engines.py",
    "causal/change_effects/test_difference_in_differences.py",
    "scenarios/test_gauges.py",
    "masking/test_everywhere.py",
)

settings.register_profile(
    "house",
    deadline=None,
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def fixed_seeds() -> None:
    """Fix the global generators, which nothing here should be using anyway."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002


@pytest.fixture(scope="session")
def slow_payments() -> IncidentWindow:
    """Aggregates of a shop whose payments become 0.3 s slower."""
    from planted import Fault, metrics_window

    return metrics_window(faults=(Fault("payments", "latency", 0.3),), id="slow-payments")


@pytest.fixture(scope="session")
def small_slow_payments() -> IncidentWindow:
    """Aggregates of a shop of four services whose payments become 0.2 s slower."""
    from planted import SMALL, Fault, metrics_window

    return metrics_window(SMALL, faults=(Fault("payments", "latency", 0.2),), seed=4)


@pytest.fixture(scope="session")
def quiet() -> IncidentWindow:
    """Aggregates of a shop with nothing wrong."""
    from planted import metrics_window

    return metrics_window(id="quiet")


@pytest.fixture(scope="session")
def traced() -> IncidentWindow:
    """Traces of a shop whose payments become 0.3 s slower."""
    from planted import Fault, spans_window

    return spans_window(faults=(Fault("payments", "latency", 0.3),), minutes=4, rate=2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order whole files: what takes longest first, all else as it was."""
    tests = Path(__file__).parent
    place = {tests / name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))
