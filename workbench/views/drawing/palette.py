"""Colours and chart settings in one place: colour-blind safe, readable on any page.

No grey reaches 4.5:1 on white and on JupyterLab's dark #111 at once (the ranges miss each
other by a hair), so every picture brings its own quiet, light card and dark text. Hues are
those of Okabe and Ito (2008), some darkened to 3:1 or better on the card; no meaning rests on
colour alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from workbench.diagnose import Role

__all__ = [
    "BASELINE",
    "CARD",
    "CONFIG",
    "FAINT",
    "FALL",
    "FONT",
    "GRID",
    "INCIDENT",
    "INK",
    "MOVED_FILLS",
    "MUTED",
    "ONSET",
    "RISE",
    "ROLE_COLOURS",
    "ROLE_WORDS",
    "SLI_LINE",
    "TOTAL",
    "WHITE",
    "contrast",
]

_SRGB_LINEAR = 0.04045  # channels up to here are linear (IEC 61966-2-1)
CARD = "#f5f6f8"
INK = "#1d2733"
MUTED = "#4c5866"
FAINT = "#8a94a0"
GRID = "#dde1e6"
WHITE = "#ffffff"

SLI_LINE = "#005a94"
BASELINE = "#3f8f7b"
INCIDENT = "#d08a00"
ONSET = "#7a3b8f"
RISE = "#c04a00"
FALL = "#00699e"
TOTAL = "#5c6773"

ROLE_COLOURS: Mapping[Role, str] = {
    "state change": "#c04a00",
    "first failure": "#8a6100",
    "impact": "#005a94",
    "symptom": "#67717d",
    "confounded": "#67717d",
    "coincidence": "#67717d",
    "undecided": "#1d2733",
}
"""Causes warm, effects blue, what was ruled out grey; the words say it again."""

ROLE_WORDS: Mapping[Role, str] = {
    "state change": "state change",
    "first failure": "first failure",
    "impact": "impact",
    "symptom": "ruled out: symptom",
    "confounded": "ruled out: confounded",
    "coincidence": "ruled out: coincidence",
    "undecided": "undecided",
}

MOVED_FILLS = ("#ffffff", "#fbe8cf", "#f5c28a", "#e8935a")
"""Fill of a service: in its normal range, moved, moved far, moved very far."""

FONT = "DejaVu Sans, Verdana, Arial, sans-serif"
"""The widest first: text measured with it fits wherever a narrower one takes its place."""

CONFIG: Mapping[str, Any] = {
    "background": CARD,
    "padding": 14,
    "font": FONT,
    "view": {"stroke": "transparent"},
    "title": {
        "anchor": "start",
        "color": INK,
        "fontSize": 14,
        "fontWeight": 600,
        "offset": 12,
        "subtitleColor": MUTED,
        "subtitleFontSize": 11.5,
        "subtitlePadding": 5,
        "subtitleLineHeight": 16,
    },
    "axis": {
        "domainColor": FAINT,
        "gridColor": GRID,
        "tickColor": FAINT,
        "labelColor": INK,
        "titleColor": MUTED,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": 400,
    },
    "legend": {
        "labelColor": INK,
        "titleColor": MUTED,
        "labelFontSize": 11,
        "titleFontSize": 11,
        "titleFontWeight": 400,
        "labelLimit": 320,
        "orient": "top",
        "symbolSize": 110,
        "offset": 4,
        "layout": {"bottom": {"direction": "vertical", "anchor": "start"}},
    },
    "header": {"labelColor": INK, "titleColor": MUTED, "labelFontSize": 12},
    "text": {"color": INK, "fontSize": 11},
}
"""Vega-Lite config of every chart; all colours are explicit, so a page's theme adds none."""


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two ``#rrggbb`` colours (WCAG 2.2), from 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (_linear(c) for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= _SRGB_LINEAR else float(((channel + 0.055) / 1.055) ** 2.4)
