"""A service's PostgreSQL connections: a bounded pool whose use is a metric."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from workbench.gameday.shop.web import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from workbench.gameday.shop.web import Service

__all__ = ["Database"]


class Database:
    """Connections of one service to the shop's database.

    Parameters
    ----------
    size
        Connections at most; one more request waits.
    wait_s
        Seconds a request waits for one.
    """

    def __init__(self, service: Service, *, size: int, wait_s: float = 6.0) -> None:
        self.service = service
        options = f"{service.config.database} application_name={service.name}"
        self.pool = AsyncConnectionPool(
            options, min_size=size, max_size=size, open=False, timeout=wait_s
        )
        service.resources.append(lambda: self.pool)
        self._expose(size)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
        """Hold a connection in one transaction; a database error fails the request.

        Raises
        ------
        Unavailable
            On a deadlock, a lock timeout, or when no connection comes free.
        """
        try:
            async with self.pool.connection() as connection:
                yield connection
        except PoolTimeout as error:
            reason = "no database connection came free"
            raise Unavailable(reason, 503) from error
        except psycopg.Error as error:
            reason = f"database: {str(error).splitlines()[0]}"
            raise Unavailable(reason, 500) from error

    async def run(
        self,
        connection: psycopg.AsyncConnection[Any],
        query: str,
        values: Sequence[Any] = (),
        *,
        table: str,
    ) -> psycopg.AsyncCursor[Any]:
        """Run one statement under a client span."""
        with self.service.database("postgresql", query.split(" ", 1)[0], table):
            return await connection.execute(query, values)

    def _expose(self, size: int) -> None:
        instruments = self.service.instruments
        count = instruments.gauge(
            "db_client_connection_count", "Connections of the pool.", ("state",)
        )
        stats: Callable[[], dict[str, int]] = self.pool.get_stats

        def idle() -> int:
            return stats().get("pool_available", 0)

        count.labels("idle").set_function(idle)
        count.labels("used").set_function(lambda: stats().get("pool_size", 0) - idle())
        instruments.gauge(
            "db_client_connection_pending_requests", "Requests waiting for a connection."
        ).set_function(lambda: stats().get("requests_waiting", 0))
        instruments.gauge("db_client_connection_max", "Connections at most.").set(size)
