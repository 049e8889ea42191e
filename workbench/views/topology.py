"""The service graph as a still picture: boxes that say what moved, and who was what."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from workbench.cards import escape
from workbench.views.deviation import LEVELS, troubled_range
from workbench.views.drawing.axes import shorten
from workbench.views.drawing.layout import layered
from workbench.views.drawing.marks import focus, service_marks
from workbench.views.drawing.palette import CARD, FAINT, FONT, INK, MOVED_FILLS, MUTED, WHITE
from workbench.views.drawing.rendering import Picture

if TYPE_CHECKING:
    from collections.abc import Iterable

    import networkx as nx

    from workbench.diagnose import Diagnosis
    from workbench.features import Signals
    from workbench.times import TimeRange
    from workbench.views.drawing.layout import Layout, Point
    from workbench.views.drawing.marks import ServiceMark
    from workbench.window import IncidentWindow

__all__ = ["topology"]

_MOST = 40
_BOX = (164, 60)
_GAP = (44, 20)
_PAD = 18
_HEAD = 62
_FOOT = 46
_WORD_COLOURS = {
    "CAUSE": "#b03a00",
    "STATE CHANGE": "#b03a00",
    "FIRST FAILURE": "#7a5200",
    "IMPACT": "#005a94",
    "UNDECIDED": INK,
}
_STROKES = {"CAUSE": 3.5, "STATE CHANGE": 3.0, "FIRST FAILURE": 2.5, "IMPACT": 2.5}


def topology(
    window: IncidentWindow,
    diagnosis: Diagnosis | None = None,
    *,
    signals: Signals | None = None,
) -> Picture:
    """Draw the service graph with what moved in each service, callers left of callees.

    Parameters
    ----------
    window
        The incident.
    diagnosis
        Marks cause, first failure, impact and what was ruled out, in words.
    signals
        Computed from the window if not handed in.

    Returns
    -------
    Picture
        At most 40 services; of a larger graph those that moved and their neighbours.
    """
    known = signals or _signals_of(window)
    marks = service_marks(window, diagnosis, known)
    graph, left_out = focus(window.topology, marks, most=_MOST)
    drawing = _Drawing(layered(graph), marks)
    body = [*drawing.edges(), *drawing.boxes(graph)]
    svg = _document(drawing, body, _title(troubled_range(window, diagnosis), left_out))
    return Picture(svg, _caption(graph, marks, left_out))


def _signals_of(window: IncidentWindow) -> Signals:
    from workbench.features import signals

    return signals(window)


@dataclass(frozen=True, slots=True)
class _Drawing:
    layout: Layout
    marks: dict[str, ServiceMark]

    @property
    def size(self) -> tuple[float, float]:
        wide = self.layout.columns * (_BOX[0] + _GAP[0]) - _GAP[0] + 2 * _PAD
        tall = self.layout.rows * (_BOX[1] + _GAP[1]) - _GAP[1] + 2 * _PAD + _HEAD + _FOOT
        return max(wide, 640.0), tall

    def centre(self, place: Point) -> Point:
        x = _PAD + place[0] * (_BOX[0] + _GAP[0]) + _BOX[0] / 2
        return x, _PAD + _HEAD + place[1] * (_BOX[1] + _GAP[1]) + _BOX[1] / 2

    def boxes(self, graph: nx.DiGraph[str]) -> Iterable[str]:
        for name in sorted(graph.nodes):
            yield _box(self.centre(self.layout.places[name]), self.marks[name])

    def edges(self) -> Iterable[str]:
        for route in self.layout.routes.values():
            yield _edge(self._course(route))

    def _course(self, route: tuple[Point, ...]) -> list[Point]:
        """Keep level over the width of a box where an edge passes between boxes."""
        first, *between, last = (self.centre(point) for point in route)
        half = _BOX[0] / 2 * (1 if last[0] > first[0] else -1)
        level = [(x + side, y) for x, y in between for side in (-half, half)]
        return [first, *level, last]


def _box(centre: Point, mark: ServiceMark) -> str:
    left, top = centre[0] - _BOX[0] / 2, centre[1] - _BOX[1] / 2
    colour = _WORD_COLOURS.get(mark.word, FAINT)
    unknown = np.isnan(mark.score)
    fill = CARD if unknown else MOVED_FILLS[mark.level]
    dashes = ' stroke-dasharray="5 4"' if unknown else ""
    lines = [
        _text((left + 10, top + 18), shorten(mark.service, 18), INK, weight=600, size=12),
        _text((left + 10, top + 34), mark.moved, MUTED if mark.level == 0 else INK),
        _word((left + 10, top + 51), mark.word),
    ]
    tip = f"{mark.service}: {mark.moved} ({mark.level_words})" + (
        f". {mark.why}" if mark.why else ""
    )
    return (
        f"<g><title>{escape(tip)}</title>"
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{_BOX[0]}" height="{_BOX[1]}" rx="7" '
        f'fill="{fill}" stroke="{colour}" stroke-width="{_STROKES.get(mark.word, 1.0)}"{dashes}/>'
        f"{''.join(lines)}</g>"
    )


def _text(at: Point, text: str, colour: str, *, weight: int = 400, size: float = 10.5) -> str:
    if not text:
        return ""
    return (
        f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" font-family="{FONT}" font-size="{size}" '
        f'font-weight="{weight}" fill="{colour}">{escape(text)}</text>'
    )


def _word(at: Point, word: str) -> str:
    """Write the role: on a pill of its colour where it matters, plain where it was ruled out."""
    if word not in _WORD_COLOURS:
        return _text(at, word, INK)
    wide = 12 + 7.4 * len(word)
    pill = (
        f'<rect x="{at[0] - 4:.1f}" y="{at[1] - 10:.1f}" width="{wide:.0f}" height="14" rx="3" '
        f'fill="{_WORD_COLOURS[word]}"/>'
    )
    return pill + _text((at[0] + 2, at[1] + 1), word, WHITE, weight=700)


def _edge(points: list[Point]) -> str:
    """Draw a smooth course between box sides with an arrowhead at the callee."""
    (x1, y1), (x2, y2) = points[0], points[-1]
    forward = x2 > x1
    side = _BOX[0] / 2 * (1 if forward else -1)
    course = [(x1 + side, y1), *points[1:-1], (x2 - side - (7 if forward else -7), y2)]
    path = f"M{course[0][0]:.1f},{course[0][1]:.1f}"
    for (ax, ay), (bx, by) in pairwise(course):
        middle = (ax + bx) / 2
        path += f" C{middle:.1f},{ay:.1f} {middle:.1f},{by:.1f} {bx:.1f},{by:.1f}"
    x, y = course[-1]
    head = f"{x:.1f},{y - 4:.1f} {x + (7 if forward else -7):.1f},{y:.1f} {x:.1f},{y + 4:.1f}"
    return (
        f'<path d="{path}" fill="none" stroke="{FAINT}" stroke-width="1.3"/>'
        f'<polygon points="{head}" fill="{FAINT}"/>'
    )


def _title(during: TimeRange, left_out: int) -> tuple[str, str]:
    more = f" · {left_out} services that did not move are not drawn" if left_out else ""
    return (
        "Service graph: callers left, what they call right",
        f"mean of the baseline → mean of {during}{more}",
    )


def _document(drawing: _Drawing, body: list[str], title: tuple[str, str]) -> str:
    wide, tall = drawing.size
    head = [
        f'<rect width="{wide:.0f}" height="{tall:.0f}" fill="{CARD}"/>',
        _text((_PAD, 30), title[0], INK, weight=600, size=15),
        _text((_PAD, 50), title[1], MUTED, size=12),
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{tall:.0f}" '
        f'viewBox="0 0 {wide:.0f} {tall:.0f}" role="img">'
        f"{''.join(head)}{''.join(body)}{''.join(_legend(tall - 26))}</svg>"
    )


def _legend(y: float) -> Iterable[str]:
    x = float(_PAD)
    entries = [(fill, words, "") for fill, (_, words) in zip(MOVED_FILLS, LEVELS, strict=True)]
    entries.append((CARD, "not known", ' stroke-dasharray="3 2"'))
    for fill, words, dashes in entries:
        yield (
            f'<rect x="{x:.0f}" y="{y:.0f}" width="16" height="12" rx="2" fill="{fill}" '
            f'stroke="{FAINT}"{dashes}/>'
        )
        yield _text((x + 22, y + 10), words, INK, size=11.5)
        x += 44 + 6.0 * len(words)


def _caption(graph: nx.DiGraph[str], marks: dict[str, ServiceMark], left_out: int) -> str:
    named = [f"{m.word.lower()}: {m.service}" for m in marks.values() if m.word in _WORD_COLOURS]
    moved = sum(marks[name].level > 0 for name in graph.nodes)
    text = f"Service graph of {len(graph)} services, {moved} of them moved"
    text += f" ({left_out} more not drawn)" if left_out else ""
    return f"{text}; {', '.join(named)}." if named else f"{text}."
