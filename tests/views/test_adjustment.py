"""The adjustment set on its graph: marked in words and outline, escaped, in one picture."""

from __future__ import annotations

import re
from types import SimpleNamespace

from pictures import NASTY
from workbench.causal.change_effects.adjustment import adjustment as read
from workbench.causal.change_effects.adjustment import change_graph
from workbench.slis import SLI
from workbench.views import adjustment


def effect(change: str = "orders@2.4.0", **more: object) -> SimpleNamespace:
    found = read(change_graph(), **more)
    return SimpleNamespace(
        change=change, service="orders", sli=SLI("checkout", "latency"), adjustment=found
    )


def marked(svg: str, word: str) -> list[str]:
    """Titles of the boxes that carry a word."""
    return re.findall(rf"<title>([^<]*): {word}</title>", svg)


def test_what_was_adjusted_for_is_marked_in_words() -> None:
    picture = adjustment(effect())
    assert marked(picture.svg, "ADJUSTED FOR") == ["traffic"]
    assert marked(picture.svg, "the change") == ["orders@2.4.0"]
    assert marked(picture.svg, "not observed") == ["the moment"]
    assert picture.caption.endswith("adjusted for traffic.")


def test_another_outcome_has_another_set() -> None:
    picture = adjustment(effect(outcome="sli"))
    assert set(marked(picture.svg, "ADJUSTED FOR")) == {"traffic", "all other services"}


def test_every_node_and_arrow_is_drawn_and_closed_ways_are_dashed() -> None:
    svg = adjustment(effect()).svg
    graph = change_graph()
    assert svg.count("<polygon") == graph.number_of_edges()
    assert svg.count("<g><title>") == len(graph)
    arrows = re.findall(r"<path [^>]*>", svg)
    assert sum("stroke-dasharray" in arrow for arrow in arrows) == graph.out_degree("traffic")
    assert sum('stroke-width="3.0"' in arrow for arrow in arrows) == 1


def test_names_from_outside_are_escaped() -> None:
    picture = adjustment(effect(NASTY))
    assert "<img" not in picture.svg
    assert "<script" not in picture.svg
