"""Game days: a small real shop, faults injected into it, and their recording."""

from __future__ import annotations

__all__ = []
