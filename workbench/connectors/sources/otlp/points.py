"""One data point of OTLP metrics, whatever its shape."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Point"]


@dataclass(slots=True)
class Point:
    """One data point, as far as its shape has it."""

    ts: int
    start: int
    delta: bool
    value: float = 0.0
    bounds: tuple[float, ...] = ()
    buckets: tuple[int, ...] = ()
    scale: int | None = None
    zeros: int = 0
    offsets: tuple[int, int] = (0, 0)
    negative: tuple[int, ...] = ()
    quantiles: tuple[tuple[float, float], ...] = ()
