"""A source of records over HTTP: what is left to a connector is to list and to read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote

import pandas as pd

from workbench.connectors.contract import Fetched
from workbench.connectors.reading.http_source import HttpSource, Settings
from workbench.connectors.reading.rows import Parsed, to_fetched
from workbench.coverage import CoverageRow
from workbench.moved import renamed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.connectors.contract import Query
    from workbench.connectors.transport.paging import Paginated
    from workbench.coverage import Status
    from workbench.times import TimeRange

__all__ = ["RecordSource", "edge_frame", "problems_of", "segment"]

if not TYPE_CHECKING:
    __getattr__ = renamed(__name__, {"troubles_of": "problems_of"})


class RecordSource(HttpSource[Settings]):
    """Base of the connectors of incident and delivery tools; see `HttpSource`.

    A connector inherits it, says its `kind` and `tables`, and implements `rows` (and `edges`
    where it gives topology). An error of the source on the way ends as coverage.
    """

    kind: ClassVar[str] = "records"
    uncounted: ClassVar[str] = "the source counts only what it lists"

    async def rows(self, table: str, when: TimeRange) -> tuple[Parsed, list[Query]]:
        """List the records of a table and read their rows.

        Raises
        ------
        SourceError
            Nothing at all could be read.
        """
        raise NotImplementedError

    async def edges(self, when: TimeRange) -> tuple[Parsed, list[Query]]:
        """List the edges of the topology: ``src dst source`` and what else is known.

        Raises
        ------
        SourceError
            Nothing at all could be read.
        """
        raise NotImplementedError

    async def read(self, table: str, when: TimeRange, services: tuple[str, ...]) -> Fetched:
        """List and read one table."""
        if table == "topology":
            return self._topology(*await self.edges(when), services)
        parsed, queries = await self.rows(table, when)
        return to_fetched(
            table, self.source, when, parts=[parsed], services=services, queries=queries
        )

    def _topology(
        self, parsed: Parsed, queries: Sequence[Query], services: tuple[str, ...]
    ) -> Fetched:
        frame = parsed.frame
        if services:
            frame = frame[frame["src"].isin(services) | frame["dst"].isin(services)]
        frame = frame.drop_duplicates(["src", "dst"]).reset_index(drop=True)
        status: Status = "partial" if parsed.problems else "complete" if len(frame) else "empty"
        why = "; ".join([*parsed.problems, *parsed.notes])
        row = CoverageRow(
            self.source,
            "topology",
            "*",
            status,
            len(frame),
            reason=why or ("" if len(frame) else "no dependency is declared"),
        )
        return Fetched("topology", frame, (row,), tuple(queries))


def segment(identifier: str) -> str:
    """Quote what a source called a record, so that it can stand in a path and change none."""
    return quote(identifier, safe="") if identifier not in {".", ".."} else "%2E" * len(identifier)


def problems_of(listed: Paginated) -> list[str]:
    """Return the problems of a list, what ended it early among them.

    Raises
    ------
    SourceError
        It ended before the first record came.
    """
    if listed.error is None:
        return listed.problems
    if not listed.records:
        raise listed.error
    return [f"reading ended early: {listed.error}", *listed.problems]


def edge_frame(edges: Sequence[tuple[str, str]], source: str) -> pd.DataFrame:
    """Make edges of pairs caller → callee."""
    frame = pd.DataFrame(list(edges), columns=["src", "dst"], dtype="object")
    return frame.assign(source=source, kind="")
