"""Running the curated notebooks without a browser."""

from __future__ import annotations

__all__ = []
