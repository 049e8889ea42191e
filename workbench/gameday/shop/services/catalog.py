"""Catalog: what is sold; a small pool of workers reads it, the rest waits in line."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from workbench.gameday.shop.web import Refused, Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from workbench.gameday.shop.instruments import Instruments
    from workbench.gameday.shop.web import Service

__all__ = ["SKUS", "WorkerPool", "build"]

SKUS = ("lamp", "chair", "table", "shelf", "rug", "mirror", "clock", "vase")
_WORKERS = 2
_LINE = 30
_LOOKUP_S = 0.11


class WorkerPool:
    """A fixed number of workers and a bounded line in front of them.

    Parameters
    ----------
    size
        Workers.
    line
        Requests that may wait; one more is turned away.
    """

    def __init__(self, size: int, line: int, instruments: Instruments) -> None:
        self._free = asyncio.Semaphore(size)
        self._line = line
        self._busy = instruments.gauge("worker_pool_busy", "Workers at work.")
        self._waiting = instruments.gauge("worker_pool_queue", "Requests waiting for a worker.")
        self._queued = 0
        instruments.gauge("worker_pool_size", "Workers there are.").set(size)

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[int]:
        """Wait for a worker and hold it; gives how many were waiting.

        Raises
        ------
        Unavailable
            If the line is full.
        """
        if self._queued >= self._line:
            reason = "worker pool exhausted"
            raise Unavailable(reason, 503)
        self._queue(1)
        try:
            await self._free.acquire()
        finally:
            self._queue(-1)
        self._busy.inc()
        try:
            yield self._queued
        finally:
            self._busy.dec()
            self._free.release()

    def _queue(self, change: int) -> None:
        self._queued += change
        self._waiting.set(self._queued)


def build(service: Service) -> Service:
    """Register the catalog's routes."""
    pool = WorkerPool(_WORKERS, _LINE, service.instruments)

    def item(sku: str) -> dict[str, Any]:
        return {"sku": sku, "price_cents": 900 + 350 * SKUS.index(sku)}

    @service.route("GET /items")
    async def items(_: Request) -> dict[str, Any]:
        async with pool.worker():
            await service.work(_LOOKUP_S)
        return {"items": [item(sku) for sku in SKUS]}

    @service.route("GET /items/{sku}")
    async def one(request: Request) -> dict[str, Any]:
        sku = request.path_params["sku"]
        async with pool.worker() as waiting:
            await service.work(_LOOKUP_S)
        if waiting > _LINE // 2:
            service.warn("lookups are queueing for a worker")
        if sku not in SKUS:
            raise Refused(404, "no such item")
        return item(sku)

    return service
