"""The services of the shop, one file each."""

from __future__ import annotations

__all__ = []
