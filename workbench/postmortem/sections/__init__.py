"""The sections of a postmortem, in reading order."""

from __future__ import annotations

__all__ = []
