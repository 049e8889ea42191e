"""How trouble spreads: a forecast from before the incident, and doubts about the graph."""

from __future__ import annotations

__all__ = []
