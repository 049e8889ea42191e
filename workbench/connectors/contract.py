"""What every connector is: settings in, tables out, and always a word on what is missing.

A connector reads one source. It never raises for what the source did: trouble on the way is a
`CoverageRow` of the `Fetched` it returns, so that one bad source hides no other. It raises only
`BadInput` for what its user asked of it, and lets a cancellation pass.

A connector of one's own is one file: a class with the attributes and methods of `Connector`,
and a test class that inherits `workbench.connectors.conformance.ConnectorContract` and says how
to make one. ``sources.yaml`` names it as ``kind: my_package.my_module:MyConnector``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

import pandas as pd

from workbench.coverage import CoverageRow
from workbench.moved import warn_renamed
from workbench.tables import conform, empty

if TYPE_CHECKING:
    from collections.abc import Iterable

    from workbench.coverage import Status
    from workbench.times import TimeRange

__all__ = [
    "Connector",
    "Estimate",
    "Fetched",
    "FindsIncidents",
    "IncidentRef",
    "Query",
    "complete_fetch",
    "failed_fetch",
]


@dataclass(frozen=True, slots=True)
class Query:
    """One request as it was made: enough to ask it again and to see whether it changed.

    Parameters
    ----------
    source
        Name of the source in ``sources.yaml``.
    text
        The query in the source's own language, or the path asked for. No credentials.
    parameters
        Name and value of everything else that was sent. No credentials.
    when
        The range asked for.
    rows
        Rows that came back.
    digest
        SHA-256 of the rows as they came, hexadecimal.
    """

    source: str
    text: str
    parameters: tuple[tuple[str, str], ...]
    when: TimeRange
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a source gave of one table.

    Parameters
    ----------
    table
        Name of the table, one of `workbench.tables.SCHEMAS` or ``"topology"``.
    frame
        Its rows, conformed. Of topology: ``src dst source`` and what else is known of an edge
        (``valid_from valid_to kind calls errors``), caller → callee.
    coverage
        At least one row: the verdict. ``complete`` is said only when the source proved it.
    queries
        How the rows were asked for.
    """

    table: str
    frame: pd.DataFrame
    coverage: tuple[CoverageRow, ...]
    queries: tuple[Query, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the source proved that nothing asked for is missing; silence proves nothing."""
        said = {row.status for row in self.coverage}
        return bool(said) and said <= {"complete", "empty"}

    def with_coverage(self, *rows: CoverageRow) -> Fetched:
        """Return the same with more rows of coverage."""
        return replace(self, coverage=(*self.coverage, *rows))

    def told(self, *rows: CoverageRow) -> Fetched:
        """Return `with_coverage`, by the name it had."""
        warn_renamed("Fetched.told", "Fetched.with_coverage")
        return self.with_coverage(*rows)


@dataclass(frozen=True, slots=True)
class Estimate:
    """How much a fetch would bring, asked before it is made.

    Parameters
    ----------
    rows
        Rows expected, or None where the source cannot say.
    basis
        How that is known, for a person.
    """

    rows: int | None
    basis: str


@runtime_checkable
class Connector(Protocol):
    """A source of telemetry. Made with ``cls(source, settings, http)``, see the modules here.

    Attributes
    ----------
    kind
        What ``sources.yaml`` calls it.
    tables
        Names of the tables it can give.
    cacheable
        Whether a whole answer may be kept and given again for the same settings and range, once
        the range has settled: true of a system that is asked, false of files, which may be
        exchanged under their names.
    source
        The name its user gave this source; it stands in coverage and provenance.
    """

    kind: ClassVar[str]
    tables: ClassVar[tuple[str, ...]]
    cacheable: ClassVar[bool]
    source: str

    async def fetch(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Fetched:
        """Fetch the rows of one table with ``when.start <= time < when.end``.

        Parameters
        ----------
        table
            One of `tables`.
        when
            Half-open range.
        services
            Only these services, as the source names them; all where empty.

        Raises
        ------
        BadInput
            The table is not one of `tables`, or a service is not text.
        """
        ...

    async def estimate(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Estimate:
        """Say how many rows `fetch` would bring, at a small part of its cost."""
        ...

    async def aclose(self) -> None:
        """Give back connections and server-side cursors."""
        ...


@dataclass(frozen=True, slots=True)
class IncidentRef:
    """An incident as the tool that manages it knows it.

    Parameters
    ----------
    id, title
        Its identity there.
    started
        When it was opened (UTC).
    ended
        When it was resolved; None while it is open.
    services
        Services it names, as the tool calls them.
    """

    id: str
    title: str
    started: pd.Timestamp
    ended: pd.Timestamp | None = None
    services: tuple[str, ...] = ()


@runtime_checkable
class FindsIncidents(Protocol):
    """A source that knows incidents by their id."""

    async def incident(self, id: str) -> IncidentRef:
        """Find one incident.

        Raises
        ------
        SourceError
            It is not known there, or the source could not be asked.
        """
        ...


def complete_fetch(
    table: str, frame: pd.DataFrame, source: str, *, queries: Iterable[Query] = (), reason: str = ""
) -> Fetched:
    """Wrap rows that are proved to be all there are; no rows is ``empty``, not ``complete``."""
    rows = conform(table, frame) if table != "topology" else frame
    status: Status = "complete" if len(rows) else "empty"
    why = reason or ("" if len(rows) else "the source has no rows in this range")
    row = CoverageRow(source, table, "*", status, len(rows), reason=why)
    return Fetched(table, rows, (row,), tuple(queries))


def failed_fetch(table: str, source: str, reason: str) -> Fetched:
    """Wrap a source that gave nothing, with the reason a person reads."""
    frame = empty(table) if table != "topology" else pd.DataFrame(columns=["src", "dst", "source"])
    return Fetched(table, frame, (CoverageRow(source, table, "*", "failed", 0, reason=reason),))
