"""Names with markup through every view, in a real browser: nothing runs, nothing is fetched."""

from __future__ import annotations

import json

import pytest

from browser.every_view import PAYLOADS, every_view
from browser_pages import OUTPUTS, outside, page_of
from pictures import SERVICES

pytestmark = pytest.mark.browser

DRAWN = "typeof network === 'object' && network !== null"


@pytest.fixture(scope="module")
def shown() -> dict[str, object]:
    assert set(PAYLOADS) <= set(SERVICES)
    return every_view()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_runs_and_nothing_is_fetched(page, shown, tmp_path, theme) -> None:
    path = tmp_path / "all.html"
    path.write_text(page_of(shown, theme), encoding="utf-8")
    page.goto(path.as_uri())
    page.wait_for_load_state("networkidle")
    assert len(page.frames) == 2
    page.frames[1].wait_for_function(DRAWN)
    page.wait_for_timeout(500)  # what a name had smuggled in would run by then
    frames = [frame.evaluate("window.pwned") for frame in page.frames]
    assert frames == [None] * len(frames), "a name was executed"
    assert outside(page.asked) == []
    assert page.said == []
    page.screenshot(path=OUTPUTS / f"views-{theme}.png", full_page=True)


def test_the_graph_is_drawn_and_its_hover_text_is_text(page, shown, tmp_path) -> None:
    path = tmp_path / "network.html"
    path.write_text(page_of({"network": shown["network"]}, "dark"), encoding="utf-8")
    page.goto(path.as_uri())
    frame = page.frames[1]
    frame.wait_for_function(DRAWN)
    for name in PAYLOADS.values():
        where = frame.evaluate(f"network.canvasToDOM(network.getPosition({json.dumps(name)}))")
        box = page.locator("iframe").bounding_box()
        page.mouse.move(box["x"] + where["x"] + 1, box["y"] + where["y"] + 1)
        page.wait_for_timeout(250)
    frame.wait_for_function("document.querySelectorAll('.vis-tooltip').length === 1")
    assert frame.evaluate("window.pwned") is None
    assert frame.evaluate("document.querySelectorAll('.vis-tooltip').length") == 1
    inside = "[...document.querySelectorAll('.vis-tooltip *')].map(e => e.tagName)"
    assert set(frame.evaluate(inside)) <= {"BR"}
    assert outside(page.asked) == []
