"""Fulfilment: takes orders off the queue; nobody waits for it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import redis.asyncio as redis
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from workbench.gameday.shop.config import HOST
from workbench.gameday.shop.pools import Database
from workbench.gameday.shop.services.orders import QUEUE
from workbench.gameday.shop.web import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from workbench.gameday.shop.web import Service

__all__ = ["build"]

_PACK_S = 0.12
_SHIP = "UPDATE orders SET shipped = now() WHERE id = %s"


def build(service: Service) -> Service:
    """Start the worker with the service and show the queue's depth."""
    database = Database(service, size=2)
    queue = redis.Redis(host=HOST, port=service.config.ports["redis"], decode_responses=True)
    depth = service.instruments.gauge(
        "messaging_queue_depth", "Messages waiting.", ("messaging_destination_name",)
    ).labels(QUEUE)

    async def work_off() -> None:
        while True:
            depth.set(await queue.llen(QUEUE))
            if taken := await queue.brpop([QUEUE], timeout=1):
                await _process(service, database, json.loads(taken[1]))

    @asynccontextmanager
    async def worker() -> AsyncIterator[None]:
        task = asyncio.create_task(work_off())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await queue.aclose()

    service.resources.append(worker)
    return service


async def _process(service: Service, database: Database, message: dict[str, Any]) -> bool:
    parent = TraceContextTextMapPropagator().extract(message)
    producer = trace.get_current_span(parent).get_span_context()
    attributes: dict[str, str | int | bool] = {
        "messaging.system": "redis",
        "messaging.operation.name": "process",
        "messaging.destination.name": QUEUE,
    }
    with (
        suppress(Unavailable),
        service.telemetry.span(
            f"process {QUEUE}", SpanKind.CONSUMER, attributes=attributes, parent=parent
        ) as span,
    ):
        span.add_link(producer)
        await service.work(_PACK_S)
        async with database.transaction() as connection:
            await database.run(connection, _SHIP, (message["order"],), table="orders")
        service.note("order shipped")
    return True
