"""HTTP within a deadline: paging, retries, secrets and the address guard."""

from __future__ import annotations

__all__ = []
