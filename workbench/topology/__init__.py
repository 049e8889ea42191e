"""The service graph: who calls whom, seen in traces and metrics or declared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.moved import renamed
from workbench.topology.build import from_metrics, from_spans, from_table
from workbench.topology.calls import SpanCalls, pair_spans
from workbench.topology.combine import merge
from workbench.topology.duplicate_views import DuplicateView, merge_duplicate_views
from workbench.topology.edge_kinds import calls_only
from workbench.topology.history import edge_history

__all__ = [
    "DuplicateView",
    "SpanCalls",
    "calls_only",
    "edge_history",
    "from_metrics",
    "from_spans",
    "from_table",
    "merge",
    "merge_duplicate_views",
    "pair_spans",
]

if not TYPE_CHECKING:
    __getattr__ = renamed(
        __name__, {"Twin": "DuplicateView", "merge_twins": "merge_duplicate_views"}
    )
