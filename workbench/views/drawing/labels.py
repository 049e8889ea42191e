"""Figures in words that several views share: one unit said once, real minus signs."""

from __future__ import annotations

import math

from workbench.cards import quantity
from workbench.views.drawing.axes import shorten
from workbench.views.drawing.readings import scale_of

__all__ = ["movement_label", "plain_signal", "share_label"]

_NB = "\u00a0"  # a figure and its unit stay on one line


def plain_signal(name: str) -> str:
    """Name a signal without the prefix that marks gauges."""
    return name.replace("saturation:", "")


def movement_label(
    signal: str, before: float, during: float, *, unit: str, longest: int = 60
) -> str:
    """Write a movement as ``latency 40 → 320 ms``; a long signal's name is cut, never a figure."""
    first, last, short = _scaled([before, during], unit)
    figures = f"{first} → {last}{short}"
    return f"{shorten(plain_signal(signal), max(5, longest - len(figures) - 1))} {figures}"


def share_label(value: float, low: float, high: float, *, unit: str) -> str:
    """Write a part with its interval as ``+360 ms (330 … 400)``; without one, the part alone."""
    if math.isnan(value):
        return "–"
    if value == low == high == 0:
        return "0"
    part, least, most, short = _scaled([value, low, high], unit)
    sign = "+" if value > 0 and part != "0" else ""
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{sign}{part}{short}"
    return f"{sign}{part}{short} ({least}{_NB}…{_NB}{most})"


def _scaled(values: list[float], unit: str) -> list[str]:
    """Write values in one unit and to the digits of the largest; then the unit with a space."""
    finite = [abs(v) for v in values if math.isfinite(v)]
    factor, short = scale_of(unit, max(finite, default=0.0))
    places = 2 - math.floor(math.log10(max(finite) * factor)) if any(finite) else 0
    rounded = [round(v * factor, max(0, places)) + 0.0 for v in values]
    texts = [quantity(v).replace("-", "−") for v in rounded]
    return [*texts, f"{_NB}{short}" if short else ""]
