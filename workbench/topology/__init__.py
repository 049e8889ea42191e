"""The service graph: who calls whom."""

from __future__ import annotations

from workbench.topology.calls import SpanCalls, pair_spans

__all__ = ["SpanCalls", "pair_spans"]
