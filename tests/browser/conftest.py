"""The browser of the tests in this folder; nobody else pays for loading its driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from browser_pages import ARGUMENTS
from parts import AMPLE_S, require_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Debian's chromium through Playwright, no download.

    One a module: the driver keeps an event loop running in this thread until it is closed, and
    what is tested after it has loops of its own.
    """
    path = require_program("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """An empty page; `page.asked` lists the addresses it asked for, `page.said` its errors."""
    opened = chromium.new_context(viewport={"width": 1200, "height": 900}).new_page()
    opened.set_default_timeout(AMPLE_S * 1000)
    opened.asked, opened.said = [], []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("pageerror", lambda error: opened.said.append(str(error)))
    yield opened
    opened.context.close()
