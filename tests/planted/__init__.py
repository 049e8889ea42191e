"""Windows with a known story: services that call each other, and faults planted in them.

Two makers share one description of a system:

- `metrics_window`: aggregates a bin (``service.load``, ``edge.calls``, …), fast, for
  statistics over many seeds;
- `spans_window`: every request as a trace in continuous time, for span features.

Time is work-conserving: a request's latency is its service's own plus that of its calls.
"""

from __future__ import annotations

from .metrics import aggregates, metrics_window
from .rows import changes_frame, counter_rows, events_frame, logs_frame, span_row, spans_frame
from .spans import spans_window
from .system import SHOP, SMALL, START, Fault, System, ar1
from .telling import blamed, diagnosed, everywhere, first, holds_most, share_right, without

__all__ = [
    "SHOP",
    "SMALL",
    "START",
    "Fault",
    "System",
    "aggregates",
    "ar1",
    "blamed",
    "changes_frame",
    "counter_rows",
    "diagnosed",
    "events_frame",
    "everywhere",
    "first",
    "holds_most",
    "logs_frame",
    "metrics_window",
    "share_right",
    "span_row",
    "spans_frame",
    "spans_window",
    "without",
]
