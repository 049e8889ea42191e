"""The graph a change's effect was read on, with what it was adjusted for marked."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from workbench.cards import escape
from workbench.views.drawing.axes import shorten
from workbench.views.drawing.layout import layered
from workbench.views.drawing.palette import (
    BASELINE,
    CARD,
    FAINT,
    FONT,
    INK,
    MUTED,
    RISE,
    SLI_LINE,
    WHITE,
)
from workbench.views.drawing.rendering import Picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from workbench.causal import Adjustment, Effect
    from workbench.views.drawing.layout import Layout, Point

__all__ = ["adjustment"]

_BOX = (178, 54)
_GAP = (52, 26)
_PAD = 18
_HEAD = 62
_FOOT = 40
_TIP = 7
_LEGEND = (
    "thick: the effect that was estimated · dashed arrow: closed by the adjustment · "
    "dashed box: not observed"
)
# Role to the colour of the outline, its width and the word in the box.
_LOOKS: Mapping[str, tuple[str, float, str]] = {
    "treatment": (RISE, 3.0, "the change"),
    "outcome": (SLI_LINE, 3.0, "what it acts on"),
    "adjusted for": (BASELINE, 3.5, "ADJUSTED FOR"),
    "affected": (FAINT, 1.2, "affected"),
    "other": (FAINT, 1.2, "needs no adjusting"),
    "not observed": (FAINT, 1.2, "not observed"),
}


def adjustment(effect: Effect) -> Picture:
    """Draw the graph that an effect was identified on, with its adjustment set marked.

    Parameters
    ----------
    effect
        From `workbench.causal.effect`.

    Returns
    -------
    Picture
        Thick: the way whose size was estimated. Dashed: arrows out of what was adjusted
        for, by which nothing is put down to the change any more.
    """
    adjusted, names = effect.adjustment, _names(effect)
    drawing = _Drawing(layered(adjusted.graph), adjusted, names)
    return Picture(drawing.svg(f"Effect of {shorten(effect.change)}"), _caption(adjusted, effect))


def _names(effect: Effect) -> dict[str, str]:
    return {
        "change": effect.change,
        "own": f"{effect.service}: own part",
        "sli": str(effect.sli),
        "elsewhere": "all other services",
        "moment": "the moment",
    }


def _subtitle(adjusted: Adjustment) -> str:
    return (
        f"adjusted for {', '.join(adjusted.adjusted_for) or 'nothing'}; arrows: what acts on what"
    )


def _caption(adjusted: Adjustment, effect: Effect) -> str:
    names = ", ".join(adjusted.adjusted_for) or "nothing"
    return f"Graph of the effect of {effect.change} on {effect.service}: adjusted for {names}."


@dataclass(frozen=True, slots=True)
class _Drawing:
    layout: Layout
    adjusted: Adjustment
    names: Mapping[str, str]

    @property
    def size(self) -> tuple[float, float]:
        wide = self.layout.columns * (_BOX[0] + _GAP[0]) - _GAP[0] + 2 * _PAD
        tall = self.layout.rows * (_BOX[1] + _GAP[1]) - _GAP[1] + 2 * _PAD + _HEAD + _FOOT
        return max(wide, 640.0), tall

    def svg(self, title: str) -> str:
        wide, tall = self.size
        head = [
            f'<rect width="{wide:.0f}" height="{tall:.0f}" fill="{CARD}"/>',
            _text((_PAD, 30), title, size=15, weight=600),
            _text((_PAD, 50), _subtitle(self.adjusted), colour=MUTED, size=12),
        ]
        foot = _text((_PAD, tall - 18), _LEGEND, colour=MUTED)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{tall:.0f}" '
            f'viewBox="0 0 {wide:.0f} {tall:.0f}" role="img">'
            f"{''.join(head)}{''.join(self.arrows())}{''.join(self.boxes())}{foot}</svg>"
        )

    def boxes(self) -> Iterable[str]:
        for name, role in self.adjusted.roles:
            yield _box(self.centre(self.layout.places[name]), self.names.get(name, name), role)

    def arrows(self) -> Iterable[str]:
        estimated = (self.adjusted.treatment, self.adjusted.outcome)
        # The thick one last: nothing lies over it.
        for edge in sorted(self.layout.routes, key=lambda edge: (edge == estimated, edge)):
            closed = edge[0] in self.adjusted.adjusted_for
            course = self._course(self.layout.routes[edge])
            yield _arrow(course, thick=edge == estimated, dashed=closed)

    def centre(self, place: Point) -> Point:
        x = _PAD + place[0] * (_BOX[0] + _GAP[0]) + _BOX[0] / 2
        return x, _PAD + _HEAD + place[1] * (_BOX[1] + _GAP[1]) + _BOX[1] / 2

    def _course(self, route: tuple[Point, ...]) -> list[Point]:
        """Leave and enter by the sides of boxes, and keep level where boxes are passed."""
        first, *between, last = (self.centre(point) for point in route)
        half = _BOX[0] / 2
        level = [(x + side, y) for x, y in between for side in (-half, half)]
        return [(first[0] + half, first[1]), *level, (last[0] - half - _TIP, last[1])]


def _box(centre: Point, name: str, role: str) -> str:
    left, top = centre[0] - _BOX[0] / 2, centre[1] - _BOX[1] / 2
    colour, width, word = _LOOKS[role]
    hidden = role == "not observed"
    dashes = ' stroke-dasharray="5 4"' if hidden else ""
    return (
        f"<g><title>{escape(name)}: {escape(word)}</title>"
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{_BOX[0]}" height="{_BOX[1]}" rx="7" '
        f'fill="{CARD if hidden else WHITE}" stroke="{colour}" stroke-width="{width}"{dashes}/>'
        f"{_text((left + 10, top + 21), shorten(name, 24), size=12, weight=600)}"
        f"{_text((left + 10, top + 41), word, colour=INK if word.isupper() else MUTED)}</g>"
    )


def _arrow(points: list[Point], *, thick: bool, dashed: bool) -> str:
    path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    for (ax, ay), (bx, by) in pairwise(points):
        middle = (ax + bx) / 2
        path += f" C{middle:.1f},{ay:.1f} {middle:.1f},{by:.1f} {bx:.1f},{by:.1f}"
    colour, width = (RISE, 3.0) if thick else (FAINT, 1.4)
    dashes = ' stroke-dasharray="6 4"' if dashed else ""
    x, y = points[-1]
    head = f"{x:.1f},{y - 5:.1f} {x + _TIP:.1f},{y:.1f} {x:.1f},{y + 5:.1f}"
    return (
        f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width}"{dashes}/>'
        f'<polygon points="{head}" fill="{colour}"/>'
    )


def _text(at: Point, text: str, *, colour: str = INK, size: float = 11, weight: int = 400) -> str:
    return (
        f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" font-family="{FONT}" font-size="{size}" '
        f'font-weight="{weight}" fill="{colour}">{escape(text)}</text>'
    )
