"""Numbers alone: numpy and scipy, knowing no window."""

from __future__ import annotations

__all__ = []
