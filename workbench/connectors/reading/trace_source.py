"""Searching traces where answers are small and say nothing of what they left out.

Jaeger, Tempo and Zipkin answer with at most ``limit`` traces and no word on the rest: a full
answer is asked for again in halves of its time, down to a millisecond.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.connectors.contract import Fetched, Query, complete_fetch
from workbench.connectors.reading.rows import json_text, summarize_rejected
from workbench.connectors.reading.spans import odd_spans, without_doubles
from workbench.coverage import CoverageRow
from workbench.tables import empty
from workbench.times import TimeRange

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import TypeAlias

    Ask: TypeAlias = Callable[[TimeRange], Awaitable[dict[str, Any]]]

__all__ = ["Searched", "searched", "span_fetch"]

_SHORTEST = pd.Timedelta("1ms")
_UNCOUNTED = "no answer was full; the source does not count what it has"


@dataclass(slots=True)
class Searched:
    """Traces by id, and what is missing."""

    traces: dict[str, Any] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    requests: int = 0


async def searched(ask: Ask, when: TimeRange, *, limit: int) -> Searched:
    """Search a range, in halves wherever an answer was full.

    Parameters
    ----------
    ask
        Asks for the traces of a range, by id; it may give more than `limit`.
    when
        The range.
    limit
        Traces of one answer: as many mean that there may be more.
    """
    found, waiting = Searched(), [when]
    while waiting:
        part = waiting.pop()
        traces = await ask(part)
        found.requests += 1
        found.traces.update(traces)
        if len(traces) < limit:
            continue
        if part.duration > _SHORTEST:
            middle = part.start + part.duration / 2
            waiting += [TimeRange(middle, part.end), TimeRange(part.start, middle)]
        else:
            found.problems.append(f"more than {limit:,} traces within {part.start.isoformat()}")
    return found


def span_fetch(
    source: str,
    when: TimeRange,
    *,
    frames: Iterable[tuple[pd.DataFrame, list[str]]],
    found: Searched,
    path: str,
    services: tuple[str, ...] = (),
) -> Fetched:
    """Make a fetch of spans: doubles dropped, oddities told, those outside the range left out.

    Parameters
    ----------
    frames
        Spans and what was refused, a pair a trace or answer.
    found
        How they were found.
    path
        What was asked.
    """
    pairs = list(frames)
    filled = [frame for frame, _ in pairs if len(frame)]
    problems = [*found.problems, *summarize_rejected([one for _, lacks in pairs for one in lacks])]
    notes: list[str] = []
    whole = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame()
    if len(whole):
        whole, notes = without_doubles(whole)
        notes += odd_spans(whole)
        inside = when.mask(whole["ts"])
        if services:
            inside &= whole["service"].isin(services)
        whole = whole[inside].reset_index(drop=True)
    digest = hashlib.sha256(json_text(sorted(found.traces)).encode()).hexdigest()
    query = Query(source, path, (("requests", str(found.requests)),), when, len(whole), digest)
    rows = whole if len(whole) else empty("spans")
    why = "; ".join([*problems, *notes, _UNCOUNTED])
    if not problems:
        return complete_fetch("spans", rows, source, queries=[query], reason=why)
    done = complete_fetch("spans", rows, source, queries=[query])
    row = CoverageRow(source, "spans", "*", "partial", len(done.frame), reason=why)
    return Fetched("spans", done.frame, (row,), done.queries)
