"""What a recipe is: a name and a function from a window and parameters to figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from workbench.window import IncidentWindow

__all__ = ["Parameters", "Recipe"]

Parameters: TypeAlias = Mapping[str, str | int | float | None]
"""What a recipe is asked with: plain values, so that they can be kept as JSON."""

Recipe: TypeAlias = "Callable[[IncidentWindow, Parameters], Mapping[str, float]]"
"""From a window and parameters to figures by name; the same answer each time."""
