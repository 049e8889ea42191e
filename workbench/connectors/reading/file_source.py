"""A source that is files in a folder: what is left to a connector is to parse one of them."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from workbench.connectors.contract import Estimate, Fetched, Query
from workbench.connectors.reading.files import read_files, unread_rows
from workbench.connectors.reading.rows import check_asked, to_fetched
from workbench.coverage import CoverageRow
from workbench.errors import SourceError, SourceGarbled, WorkbenchError
from workbench.tables import empty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.connectors.reading.files import FilesSettings, RawFile
    from workbench.connectors.reading.rows import Parsed
    from workbench.times import TimeRange

__all__ = ["FileSource"]


class FileSource:
    """Base of the connectors of files; satisfies `workbench.connectors.contract.Connector`.

    A connector inherits it, says its `kind`, `tables` and `settings`, and parses one file.

    Parameters
    ----------
    source
        Name its user gave the source.
    settings
        Pattern, cap and whatever else the connector needs.
    """

    kind: ClassVar[str] = "files"
    tables: ClassVar[tuple[str, ...]] = ()
    cacheable: ClassVar[bool] = False
    # Rows that the connector has told from duplicates itself (see `rows.to_fetched`).
    told_apart: ClassVar[bool] = False

    def __init__(self, source: str, settings: FilesSettings) -> None:
        self.source = source
        self.settings = settings

    def parse(self, table: str, file: RawFile) -> Parsed:
        """Read the rows of one file, whatever bytes it holds.

        Raises
        ------
        SourceGarbled, BadInput
            Nothing in it can be used; where only some records cannot, they are problems.
        """
        raise NotImplementedError

    def join(self, table: str, parts: Sequence[Parsed], when: TimeRange) -> Sequence[Parsed]:
        """Settle what spans files, e.g. an export that was matched twice; by default nothing."""
        return parts

    async def fetch(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Fetched:
        """Read every matching file; see `workbench.connectors.contract.Connector.fetch`."""
        check_asked(table, self.tables, services)
        return await asyncio.to_thread(self._fetch, table, when, services)

    async def estimate(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Estimate:
        """Say that rows of files are counted by reading them."""
        check_asked(table, self.tables, services)
        return Estimate(None, "the rows of files are known once they are read")

    async def aclose(self) -> None:
        """Nothing is held open."""

    def _fetch(self, table: str, when: TimeRange, services: tuple[str, ...]) -> Fetched:
        parts: list[Parsed] = []
        queries: list[Query] = []
        unread: list[CoverageRow] = []
        written: list[pd.Timestamp] = []
        for file in read_files(self.settings.files, cap_bytes=self.settings.cap_bytes):
            unread += unread_rows([file], self.source, table)
            if file.modified is not None:
                written.append(file.modified)
            if file.error is not None and not file.data:
                continue
            try:
                parts.append(self.parse(table, file))
            except WorkbenchError as error:
                unread += unread_rows([_with_error(file, error)], self.source, table)
                continue
            digest = hashlib.sha256(file.data).hexdigest()
            rows = len(parts[-1].frame)
            queries.append(Query(self.source, file.name, (), when, rows, digest))
        if not parts:
            return Fetched(table, self._nothing(table), tuple(unread), tuple(queries))
        fetched = self.settle(table, when, parts=self.join(table, parts, when), services=services)
        problems = [*_files_unread(unread), *self.late(when, written)]
        return _joined(fetched, tuple(unread), problems, tuple(queries))

    def settle(
        self, table: str, when: TimeRange, *, parts: Sequence[Parsed], services: tuple[str, ...]
    ) -> Fetched:
        """Join the parts; see `workbench.connectors.reading.rows.to_fetched`."""
        return to_fetched(
            table,
            self.source,
            when,
            parts=parts,
            services=services,
            told_apart=self.told_apart,
        )

    def late(self, when: TimeRange, written: Sequence[pd.Timestamp]) -> list[str]:
        """Say where no file was written after the range: what came later cannot be in them."""
        until = min(when.end, pd.Timestamp.now("UTC"))
        if not written or max(written) >= until:
            return []
        return [f"last written {max(written):%Y-%m-%dT%H:%M:%SZ}, before the end of the range"]

    def _nothing(self, table: str) -> pd.DataFrame:
        if table == "topology":
            return pd.DataFrame(columns=["src", "dst", "source"])
        return empty(table)


def _with_error(file: RawFile, error: WorkbenchError) -> RawFile:
    known = error if isinstance(error, SourceError) else SourceGarbled(str(error))
    return type(file)(file.name, b"", file.modified, known)


def _files_unread(unread: Sequence[CoverageRow]) -> list[str]:
    return [f"{len(unread)} file(s) not read, or not to the end"] if unread else []


def _joined(
    fetched: Fetched,
    unread: tuple[CoverageRow, ...],
    problems: list[str],
    queries: tuple[Query, ...],
) -> Fetched:
    """Put rows of files before the verdict, and their problems into it."""
    rows = fetched.coverage
    if problems:
        last = rows[-1]
        why = "; ".join([*problems, last.reason] if last.reason else problems)
        worst = CoverageRow(last.source, last.table, last.service, "partial", last.rows, reason=why)
        rows = (*rows[:-1], worst)
    return Fetched(fetched.table, fetched.frame, (*unread, *rows), queries)
