"""The service graph: who calls whom, seen in traces and metrics or declared."""

from __future__ import annotations

from workbench.topology.build import from_metrics, from_spans, from_table
from workbench.topology.calls import SpanCalls, pair_spans
from workbench.topology.combine import merge
from workbench.topology.duplicate_views import Twin, merge_twins
from workbench.topology.history import edge_history

__all__ = [
    "SpanCalls",
    "Twin",
    "edge_history",
    "from_metrics",
    "from_spans",
    "from_table",
    "merge",
    "merge_twins",
    "pair_spans",
]
