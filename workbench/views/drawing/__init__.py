"""What every picture shares: axes, marks, palette, and how a value becomes SVG."""

from __future__ import annotations

__all__ = []
