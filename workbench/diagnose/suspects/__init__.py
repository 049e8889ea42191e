"""What may be the cause: services, hosts, changes, a surge of load."""

from __future__ import annotations

__all__ = []
