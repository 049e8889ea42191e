"""Shared fixtures: fixed seeds, and windows with a known story."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

# One thread before numpy loads: tests share two cores with the servers they start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import sync_playwright

from browser_pages import ARGUMENTS
from parts import require_program
from planted import SMALL, Fault, metrics_window, spans_window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

    from workbench import IncidentWindow

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
    return metrics_window(faults=(Fault("payments", "latency", 0.3),), id="slow-payments")


@pytest.fixture(scope="session")
def small_slow_payments() -> IncidentWindow:
    """Aggregates of a shop of four services whose payments become 0.2 s slower."""
    return metrics_window(SMALL, faults=(Fault("payments", "latency", 0.2),), seed=4)


@pytest.fixture(scope="session")
def quiet() -> IncidentWindow:
    """Aggregates of a shop with nothing wrong."""
    return metrics_window(id="quiet")


@pytest.fixture(scope="session")
def traced() -> IncidentWindow:
    """Traces of a shop whose payments become 0.3 s slower."""
    return spans_window(faults=(Fault("payments", "latency", 0.3),), minutes=4, rate=2)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's chromium through Playwright: one for all tests, no download."""
    path = require_program("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """An empty page; `page.asked` lists the addresses it asked for, `page.said` its errors."""
    opened = chromium.new_context(viewport={"width": 1200, "height": 900}).new_page()
    opened.asked, opened.said = [], []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    yield opened
    opened.context.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run browser tests last: their driver keeps an event loop running in this thread."""
    items.sort(key=lambda item: "browser" in item.path.parts)
