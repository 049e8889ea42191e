"""Dependencies between services as trace stores tell them, to edges of the topology."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.connectors.contract import Fetched, Query, complete_fetch
from workbench.connectors.reading.otlp_values import integer
from workbench.connectors.reading.rows import json_text, mapping_at, text_of
from workbench.errors import SourceGarbled

if TYPE_CHECKING:
    from workbench.times import TimeRange

__all__ = ["dependency_fetch", "dependency_frame"]

_SHOWN = 100  # characters of an answer that is not what it should be
_DIGEST = 64  # characters of the answer that stand for it


def dependency_frame(payload: object, source: str, when: TimeRange) -> pd.DataFrame:
    """Read a list of ``{parent, child, callCount, errorCount}``: Zipkin's, and Jaeger's too.

    Raises
    ------
    SourceGarbled
        Not a list, or a count that is no number.
    """
    if not isinstance(payload, list):
        raise SourceGarbled(fact="Not a list of dependencies", value=str(payload)[:_SHOWN])
    rows = [
        (
            text_of(mapping_at(one).get("parent")),
            text_of(mapping_at(one).get("child")),
            source,
            when.start,
            when.end,
            "http",
            float(integer(mapping_at(one).get("callCount") or 0)),
            float(integer(mapping_at(one).get("errorCount") or 0)),
        )
        for one in payload
    ]
    names = ["src", "dst", "source", "valid_from", "valid_to", "kind", "calls", "errors"]
    frame = pd.DataFrame(rows, columns=names)
    return frame[(frame["src"] != "") & (frame["dst"] != "")].reset_index(drop=True)


def dependency_fetch(
    source: str, when: TimeRange, *, payload: object, path: str, services: tuple[str, ...]
) -> Fetched:
    """Make a fetch of topology: the edges at one end of which a service was asked for.

    Parameters
    ----------
    payload
        The list, see `dependency_frame`.
    path
        What was asked.
    services
        Only edges of these; all where empty.

    Raises
    ------
    SourceGarbled
        See `dependency_frame`.
    """
    frame = dependency_frame(payload, source, when)
    if services:
        kept = frame["src"].isin(services) | frame["dst"].isin(services)
        frame = frame[kept].reset_index(drop=True)
    query = Query(source, path, (), when, len(frame), json_text(payload)[:_DIGEST])
    return complete_fetch("topology", frame, source, queries=[query])
