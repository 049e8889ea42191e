"""From what happened to what was measured: instrumentation, metrics, spans, logs, graph."""

from __future__ import annotations

from workbench.simulate.telemetry.instruments import Instruments, draw_instruments
from workbench.simulate.telemetry.window import measure

__all__ = ["Instruments", "draw_instruments", "measure"]
