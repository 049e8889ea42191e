"""Everything that DoWhy does: seeded, in batches, under a deadline."""

from __future__ import annotations

__all__ = []
