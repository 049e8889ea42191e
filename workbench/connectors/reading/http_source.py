"""A source that answers over HTTP: what is left to a connector is to ask and to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from workbench.connectors.contract import Estimate, Fetched, failed_fetch
from workbench.connectors.reading.rows import check_asked
from workbench.errors import SourceError

if TYPE_CHECKING:
    from workbench.connectors.transport.http import HttpClient, HttpSettings
    from workbench.times import TimeRange

__all__ = ["HttpSource", "Settings"]

Settings = TypeVar("Settings", bound="HttpSettings")
"""The settings of a connector's own."""


class HttpSource(Generic[Settings]):
    """Base of the connectors over HTTP; satisfies `workbench.connectors.contract.Connector`.

    A connector inherits it, says its `kind` and `tables`, and implements `read`. One deadline
    holds for all requests of a fetch, and an error of the source on the way ends as coverage.

    Parameters
    ----------
    source
        Name its user gave the source.
    settings
        Address, limits and whatever else the connector needs.
    http
        A client of its address.
    """

    kind: ClassVar[str] = "http"
    tables: ClassVar[tuple[str, ...]] = ()
    cacheable: ClassVar[bool] = True
    # Why there is no estimate, where the source does not count and `estimate` is as here.
    uncounted: ClassVar[str] = "the source does not count"

    def __init__(self, source: str, settings: Settings, http: HttpClient) -> None:
        self.source = source
        self.settings = settings
        self.http = http

    def __repr__(self) -> str:
        """Name and address."""
        return f"{type(self).__name__}({self.source!r}, {self.settings.url!r})"

    async def read(self, table: str, when: TimeRange, services: tuple[str, ...]) -> Fetched:
        """Ask for the rows of one table and read them; what was asked is checked already.

        Raises
        ------
        SourceError
            Nothing at all could be read.
        """
        raise NotImplementedError

    async def fetch(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Fetched:
        """Fetch rows; see `workbench.connectors.contract.Connector.fetch`."""
        check_asked(table, self.tables, services)
        try:
            async with self.http.fetching():
                return await self.read(table, when, services)
        except SourceError as error:
            return failed_fetch(table, self.source, str(error))

    async def estimate(
        self, table: str, when: TimeRange, *, services: tuple[str, ...] = ()
    ) -> Estimate:
        """Say that the source does not count."""
        check_asked(table, self.tables, services)
        return Estimate(None, self.uncounted)

    async def aclose(self) -> None:
        """Give back connections."""
        await self.http.aclose()
