"""One data point of OTLP metrics, whatever its shape."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Point"]


@dataclass(slots=True)
class Point:
    """One data point, as far as its shape has it.

    `nth` counts equal deltas within one export request: they are of several writers, while an
    equal one of another request is the same, sent or kept twice.
    """

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
    nth: int = 0

    @property
    def identity(self) -> tuple[object, ...]:
        """What two points share that are the same."""
        told = (
            self.ts,
            self.start,
            self.value,
            self.buckets,
            self.zeros,
            self.negative,
            self.nth,
        )
        # NaN differs from itself: two points without a sum may still be the same.
        return tuple("nan" if one != one else one for one in told)
