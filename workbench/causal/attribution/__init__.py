"""The SLI's change split over the service graph by conservation of work."""

from __future__ import annotations

__all__ = []
