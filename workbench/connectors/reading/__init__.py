"""What many sources share to turn files and records into rows."""

from __future__ import annotations

__all__ = []
