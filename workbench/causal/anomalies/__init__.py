"""What departed beside the SLI: one module a source of evidence, all yielding `Anomaly`."""

from __future__ import annotations

__all__ = []
