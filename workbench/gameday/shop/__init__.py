"""A small shop that really runs on loopback: nginx, Python services, PostgreSQL, Redis."""

from __future__ import annotations

__all__ = []
