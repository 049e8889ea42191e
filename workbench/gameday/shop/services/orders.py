"""Orders: writes the order, keeps totals of each item, queues its fulfilment.

From version 2.4 on it locks each item's totals in the order of the cart and quotes the
shipping while it holds them: the query pattern that blocks and deadlocks.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import redis.asyncio as redis
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from workbench.gameday.shop.config import HOST
from workbench.gameday.shop.pools import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import psycopg
    from starlette.requests import Request

    from workbench.gameday.shop.web import Service

__all__ = ["QUEUE", "build"]

QUEUE = "fulfilment"
_QUOTE_S = 0.16
_INSERT = "INSERT INTO orders (customer, skus) VALUES (%s, %s) RETURNING id"
_ADD = "UPDATE item_totals SET ordered = ordered + 1 WHERE sku = ANY(%s)"
_LOCK_IN_ORDER = "SELECT sku FROM item_totals WHERE sku = ANY(%s) ORDER BY sku FOR UPDATE"
_LOCK_ONE = "SELECT ordered FROM item_totals WHERE sku = %s FOR UPDATE"


def build(service: Service) -> Service:
    """Register the orders' route, in the query pattern of the service's version."""
    database = Database(service, size=6)
    queue = redis.Redis(host=HOST, port=service.config.ports["redis"], socket_timeout=3)
    locks_in_cart_order = service.version >= "2.4"

    @asynccontextmanager
    async def connection() -> AsyncIterator[None]:
        yield
        await queue.aclose()

    service.resources.append(connection)

    @service.route("POST /orders")
    async def place(request: Request) -> dict[str, Any]:
        body = await request.json()
        skus = list(dict.fromkeys(body["skus"]))
        async with database.transaction() as held:
            cursor = await database.run(held, _INSERT, (body["user"], skus), table="orders")
            number = (await cursor.fetchone() or (0,))[0]
            if locks_in_cart_order:
                await _totals_in_cart_order(service, database, held, skus)
            else:
                await _totals_in_fixed_order(database, held, skus)
        await service.work(0.005)
        await _publish(service, queue, number)
        service.note("order placed", {"items": len(skus)})
        return {"order": number}

    return service


async def _totals_in_fixed_order(
    database: Database, held: psycopg.AsyncConnection[Any], skus: list[str]
) -> int:
    await database.run(held, _LOCK_IN_ORDER, (skus,), table="item_totals")
    await database.run(held, _ADD, (skus,), table="item_totals")
    return len(skus)


async def _totals_in_cart_order(
    service: Service, database: Database, held: psycopg.AsyncConnection[Any], skus: list[str]
) -> int:
    for sku in skus:
        await database.run(held, _LOCK_ONE, (sku,), table="item_totals")
        await service.work(_QUOTE_S)
    await database.run(held, _ADD, (skus,), table="item_totals")
    return len(skus)


async def _publish(service: Service, queue: redis.Redis, number: int) -> int:
    attributes: dict[str, str | int | bool] = {
        "messaging.system": "redis",
        "messaging.operation.name": "publish",
        "messaging.destination.name": QUEUE,
        "server.address": HOST,
        "server.port": service.config.ports["redis"],
    }
    with service.telemetry.span(f"publish {QUEUE}", SpanKind.PRODUCER, attributes=attributes):
        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier)
        message = json.dumps({"order": number, **carrier})
        return await queue.lpush(QUEUE, message)
