"""The ledger of hypotheses: what tests say, and what people decide beside them."""

from __future__ import annotations

__all__ = []
