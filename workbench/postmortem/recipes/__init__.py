"""How each number of a postmortem is computed, and computed again."""

from __future__ import annotations

__all__ = []
