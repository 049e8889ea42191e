"""Sampled traces: single requests that go the ways and take the times of their bin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from workbench.simulate.course import Course
    from workbench.simulate.services import System
    from workbench.simulate.telemetry.observed import Observed

__all__ = ["spans_frame"]

_SIGMA = 0.5
_MOST_SPANS = 80  # of a trace
_COLUMNS = ("bin", "offset_s", "duration_s", "trace_id", "span_id", "parent_span_id", "service",
            "name", "kind", "status")  # fmt: skip


def spans_frame(observed: Observed, *, rng: np.random.Generator) -> pd.DataFrame | None:
    """Sample traces evenly over requests, half of them within the incident's reach."""
    course, instruments, calendar = observed.course, observed.instruments, observed.calendar
    if not instruments.traces:
        return None
    clock = calendar.clock
    weight = course.load[0] / max(course.load[0].sum(), 1.0)
    late = clock.active * course.load[0]
    weight = weight / 2 + late / max(late.sum(), 1.0) / 2
    if weight.sum() <= 0:
        return None
    bins = np.sort(rng.choice(clock.size, instruments.traces, p=weight / weight.sum()))
    tracer = _Tracer(observed.system, course, instruments.silent, rng)
    for number, bin_ in enumerate(bins.tolist()):
        tracer.trace(f"{number:032x}", bin_)
    frame = pd.DataFrame(tracer.rows, columns=list(_COLUMNS))
    if frame.empty:
        return None
    at = frame["bin"].to_numpy(float) + frame["offset_s"].to_numpy() / clock.step_s
    # A trace begun before the incident was noticed stays in the history, late spans too.
    shifted = np.where(frame["bin"] < calendar.noticed, calendar.stale_s, 0.0)
    seconds = at * clock.step_s - shifted
    stamps = calendar.start.value + np.round(seconds * 1e9).astype(np.int64)
    frame["ts"] = pd.DatetimeIndex(stamps.astype("datetime64[ns]")).tz_localize("UTC")
    return frame.drop(columns=["bin", "offset_s"])


class _Tracer:
    """Follows single requests; what it made is in `rows`."""

    def __init__(
        self,
        system: System,
        course: Course,
        silent: frozenset[int],
        rng: np.random.Generator,
    ) -> None:
        self.system, self.course, self.silent, self.rng = system, course, silent, rng
        self.rows: list[tuple[Any, ...]] = []
        self.calls = [np.flatnonzero(system.callers == s).tolist() for s in range(system.size)]
        with np.errstate(invalid="ignore", divide="ignore"):
            self.ratio = np.nan_to_num(course.calls / course.load[system.callers])
        seen = course.call_latency - course.latency[system.callees]
        self.network = np.maximum(np.nan_to_num(seen), 0.0005)
        self.spans = 0

    def trace(self, trace: str, bin_: int) -> None:
        """Let one request enter at the entry."""
        self.spans = 0
        self._serve(trace, "", 0, bin_, float(self.rng.uniform(0, 0.9)) * 10.0, "server")

    def _serve(
        self, trace: str, parent: str, service: int, bin_: int, start: float, kind: str
    ) -> tuple[float, bool]:
        """One request in one service: return when it ends, and whether it failed."""
        me = self._id()
        noise = np.exp(_SIGMA * self.rng.standard_normal() - _SIGMA**2 / 2)
        own = float(self.course.self_time[service, bin_] * noise)
        failed = bool(self.rng.random() < self.course.fail[service, bin_])
        at, ends = start + own / 2, [start + own / 2]
        for e in self.calls[service]:
            for _ in range(self._times(e, bin_)):
                begun = start + own / 2 if self.course.parallel[service] else at
                at, broke = self._call(trace, me, e, bin_, begun)
                ends.append(at)
                failed |= broke and bool(self.rng.random() < self.course.passed[e, bin_])
        end = max(ends) + own / 2
        self._add(trace, me, parent, service, "handle", kind, bin_, start, end, failed)
        return end, failed

    def _times(self, e: int, bin_: int) -> int:
        if self.spans > _MOST_SPANS:
            return 0
        return int(self.ratio[e, bin_] + self.rng.random())

    def _call(self, trace: str, parent: str, e: int, bin_: int, start: float) -> tuple[float, bool]:
        caller, callee = int(self.system.callers[e]), int(self.system.callees[e])
        client = self._id()
        name = f"call {self.system.names[callee]}"
        if self.course.asynchronous[e]:
            self._serve(trace, client, callee, bin_, start + 0.02, "consumer")
            self._add(trace, client, parent, caller, name, "producer", bin_, start, start + 0.001,
                      failed=False)  # fmt: skip
            return start + 0.001, False
        way = float(self.network[e, bin_])
        end, broke = self._serve(trace, client, callee, bin_, start + way / 2, "server")
        end += way / 2
        self._add(trace, client, parent, caller, name, "client", bin_, start, end, broke)
        return end, broke

    def _add(
        self,
        trace: str,
        span: str,
        parent: str,
        service: int,
        name: str,
        kind: str,
        bin_: int,
        start: float,
        end: float,
        failed: bool,  # noqa: FBT001 - a span's columns in order
    ) -> None:
        self.spans += 1
        if service not in self.silent:
            status = "error" if failed else "unset"
            owner = self.system.names[service]
            self.rows.append(
                (bin_, start, end - start, trace, span, parent, owner, name, kind, status)
            )

    def _id(self) -> str:
        return f"{int(self.rng.integers(1, 2**62)):016x}"
