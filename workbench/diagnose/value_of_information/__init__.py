"""What to load next, by the expected value of its answer."""

from __future__ import annotations

__all__ = []
