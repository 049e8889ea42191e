"""What a view hands out: charts, pictures and cards that show themselves, offline, anywhere.

A chart goes out as one bundle: the Vega-Lite 5 specification that JupyterLab carries its own
renderer for, the same picture as SVG for exported pages, and one sentence for text. Nothing
is fetched from anywhere.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vl_convert

from workbench.cards import card
from workbench.views.drawing.palette import CARD, CONFIG
from workbench.writing import write_bytes

if TYPE_CHECKING:
    import altair as alt

    from workbench.errors import WorkbenchError

__all__ = ["VEGA_LITE_MIME", "Card", "Chart", "Picture", "message", "problem"]

VEGA_LITE_MIME = "application/vnd.vegalite.v5+json"

_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.21.0.json"
_VL_VERSION = "5.21"
# No menu entry leads to an editor on another site; SVG keeps text selectable and sharp.
_EMBED = {
    "embedOptions": {
        "renderer": "svg",
        "actions": {"export": True, "source": False, "compiled": False, "editor": False},
    }
}
_SCALE = 2.0
_ROOM = 20
_SIZE = re.compile(r'width="(?P<width>[\d.]+)" height="(?P<height>[\d.]+)" viewBox="[^"]*">')
_ROOT_SIZE = re.compile(r'width="(?P<width>[\d.]+)" height="(?P<height>[\d.]+)"(?= viewBox)')
_CELL_WIDTH = 1000.0
_SMALLEST = 0.75
_ID = re.compile(r'(\bid="|url\(#|href="#)([A-Za-z_][\w.-]*)')


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Picture:
    """A finished SVG with the sentence that says what it shows.

    Parameters
    ----------
    svg
        Self-contained SVG; everything from outside is escaped already.
    caption
        One sentence for screen readers, text output and a postmortem's figure.
    evidence
        Ids of the evidence behind the figures shown.
    """

    svg: str
    caption: str
    evidence: tuple[str, ...] = ()

    def to_svg(self) -> str:
        """SVG whose ids clash with no other picture's on the same page."""
        return _own_ids(self.svg)

    def to_png(self, path: str | Path) -> Path:
        """Write a PNG at twice the nominal size and return its path."""
        return _write_png(self.to_svg(), Path(path))

    def __repr__(self) -> str:
        """Read the caption."""
        return self.caption

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {"image/svg+xml": _fitted(self.to_svg()), "text/plain": self.caption}


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Chart:
    """An Altair chart with the sentence that says what it shows.

    Parameters
    ----------
    chart
        Any Altair chart using nothing newer than Vega-Lite 5.
    caption, evidence
        As for `Picture`.
    """

    chart: alt.TopLevelMixin
    caption: str
    evidence: tuple[str, ...] = ()

    def spec(self) -> dict[str, Any]:
        """Vega-Lite 5 specification as plain values, with the house's colours."""
        plain: dict[str, Any] = self.chart.to_dict()
        return {
            **plain,
            "$schema": _SCHEMA,
            "config": dict(CONFIG),
            "usermeta": _EMBED,
            "description": self.caption,
        }

    def to_svg(self) -> str:
        """Render as SVG without a browser and without any request."""
        svg = vl_convert.vegalite_to_svg(self.spec(), vl_version=_VL_VERSION, allowed_base_urls=[])
        return _own_ids(_roomier(svg))

    def to_png(self, path: str | Path) -> Path:
        """Write a PNG at twice the nominal size and return its path."""
        return _write_png(self.to_svg(), Path(path))

    def __repr__(self) -> str:
        """Read the caption."""
        return self.caption

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return {
            VEGA_LITE_MIME: self.spec(),
            "image/svg+xml": self.to_svg(),
            "text/plain": self.caption,
        }


@dataclass(frozen=True, slots=True, repr=False)
class Card:
    """Escaped HTML beside the same thing as text.

    Parameters
    ----------
    html
        Made by `workbench.cards`.
    text
        What it says, for terminals and text output.
    """

    html: str
    text: str

    def __repr__(self) -> str:
        """Read the text."""
        return self.text

    def _repr_html_(self) -> str:
        """Show the card."""
        return self.html


def message(title: str, text: str = "") -> Card:
    """Build a small card for what there is nothing to draw of.

    Parameters
    ----------
    title
        The fact, in a few words.
    text
        A sentence more: why, or what to do.
    """
    return Card(card(title, {}, note=text), f"{title}. {text}".strip())


def problem(error: WorkbenchError) -> Card:
    """Show an error as a card: fact, value and hint, never a traceback."""
    facts = {"value": repr(error.value)[:200]} if error.value is not None else {}
    return Card(card(error.fact, facts, note=error.hint), str(error))


def _roomier(svg: str) -> str:
    """Widen the card on both sides: elsewhere another font may write the same text wider."""
    declared = _SIZE.search(svg)
    if declared is None:
        return svg
    width, height = float(declared["width"]), declared["height"]
    card_ = f'<rect x="{-_ROOM}" width="{width + 2 * _ROOM:g}" height="{height}" fill="{CARD}"/>'
    size = (
        f'width="{width + 2 * _ROOM:g}" height="{height}" '
        f'viewBox="{-_ROOM} 0 {width + 2 * _ROOM:g} {height}">'
    )
    return f"{svg[: declared.start()]}{size}{card_}{svg[declared.end() :]}"


def _fitted(svg: str) -> str:
    """Narrow a wide picture to a cell as far as its text stays readable; a file keeps its size.

    JupyterLab shows a picture at the width that it names, and cuts off what is beyond the cell.
    """
    size = _ROOT_SIZE.search(svg)
    if size is None or float(size["width"]) <= _CELL_WIDTH:
        return svg
    shrink = max(_CELL_WIDTH / float(size["width"]), _SMALLEST)
    width, height = (round(float(size[side]) * shrink) for side in ("width", "height"))
    return f'{svg[: size.start()]}width="{width}" height="{height}"{svg[size.end() :]}'


def _own_ids(svg: str) -> str:
    """Rename ids by place and digest: unique on a page, and the same each time it is drawn."""
    names: dict[str, str] = {}
    placed = _ID.sub(lambda f: f"{f[1]}{names.setdefault(f[2], f'@{len(names)}')}", svg)
    prefix = f"p{hashlib.sha256(placed.encode()).hexdigest()[:8]}-"
    renamed = {old: f"{prefix}{new[1:]}" for old, new in names.items()}
    return _ID.sub(lambda match: f"{match[1]}{renamed[match[2]]}", svg)


def _write_png(svg: str, path: Path) -> Path:
    return write_bytes(path, vl_convert.svg_to_png(svg, scale=_SCALE))
