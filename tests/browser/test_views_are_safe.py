"""Names with markup through every view, in a real browser: nothing runs, nothing is fetched."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from browser_pages import OUTPUTS, outside, page_of
from pictures import NASTY, SERVICES, diagnosis, signals, suspect, window
from test_views_results import ranking
from workbench import views
from workbench.causal.changegraph import adjustment, change_graph
from workbench.errors import BadInput

# Each closes something that a view might have opened around a name.
PAYLOADS = {
    "payments": NASTY,
    "checkout": "</script></title></style><script>window.pwned=2</script>",
    "cart": '"><svg onload="window.pwned=3">',
    "recommendations": "]]></text><script>window.pwned=4</script>",
    "redis": "javascript:window.pwned=5//{{constructor.constructor('window.pwned=6')()}}",
    "orders": "&lt;script&gt;window.pwned=7&lt;/script&gt;",
}


def every_view() -> dict[str, object]:
    odd, found, known = window(PAYLOADS), diagnosis(PAYLOADS), signals(PAYLOADS)
    tested = diagnosis(suspects=(suspect(change=NASTY, tests=((NASTY, False, NASTY),)),))
    what_if = SimpleNamespace(
        actual=0.4,
        counterfactual=0.1,
        low=0.0,
        high=0.2,
        before=0.1,
        unit="s",
        service=NASTY,
        statement=NASTY,
    )
    effect = SimpleNamespace(
        change=NASTY, service=NASTY, sli=found.sli, adjustment=adjustment(change_graph())
    )
    return {
        "adjustment": views.adjustment(effect),
        "window": odd,
        "coverage": odd.coverage,
        "timeline": views.timeline(odd, found, signals=known),
        "network": views.network(odd, found, signals=known),
        "topology": views.topology(odd, found, signals=known),
        "ladder": views.ladder(found),
        "ranks": views.ranks(found),
        "waterfall": views.waterfall(ranking((NASTY, 0.3), (PAYLOADS["cart"], 0.08))),
        "evidence": views.evidence(odd, found, signals=known),
        "effects": views.effects(tested),
        "refutations": views.refutations(tested),
        "counterfactual": views.counterfactual(what_if),
        "message": views.message(NASTY, NASTY),
        "problem": views.problem(BadInput(NASTY, value=NASTY, hint=NASTY)),
    }


@pytest.fixture(scope="module")
def shown() -> dict[str, object]:
    assert set(PAYLOADS) <= set(SERVICES)
    return every_view()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_runs_and_nothing_is_fetched(page, shown, tmp_path, theme) -> None:
    path = tmp_path / "all.html"
    path.write_text(page_of(shown, theme), encoding="utf-8")
    page.goto(path.as_uri())
    page.wait_for_timeout(1500)
    frames = [frame.evaluate("window.pwned") for frame in page.frames]
    assert frames == [None] * len(frames), "a name was executed"
    assert len(page.frames) == 2
    assert outside(page.asked) == []
    assert page.said == []
    page.screenshot(path=OUTPUTS / f"views-{theme}.png", full_page=True)


def test_the_graph_is_drawn_and_its_hover_text_is_text(page, shown, tmp_path) -> None:
    path = tmp_path / "network.html"
    path.write_text(page_of({"network": shown["network"]}, "dark"), encoding="utf-8")
    page.goto(path.as_uri())
    frame = page.frames[1]
    frame.wait_for_function("typeof network === 'object' && network !== null")
    for name in PAYLOADS.values():
        where = frame.evaluate(f"network.canvasToDOM(network.getPosition({json.dumps(name)}))")
        box = page.locator("iframe").bounding_box()
        page.mouse.move(box["x"] + where["x"] + 1, box["y"] + where["y"] + 1)
        page.wait_for_timeout(250)
    assert frame.evaluate("window.pwned") is None
    assert frame.evaluate("document.querySelectorAll('.vis-tooltip').length") == 1
    inside = "[...document.querySelectorAll('.vis-tooltip *')].map(e => e.tagName)"
    assert set(frame.evaluate(inside)) <= {"BR"}
    assert outside(page.asked) == []
