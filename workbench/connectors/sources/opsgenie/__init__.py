"""Opsgenie: the source and how its payloads are read."""

from __future__ import annotations

__all__ = []
