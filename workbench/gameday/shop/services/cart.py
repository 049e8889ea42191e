"""Cart: each user's items, kept in Redis."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import redis.asyncio as redis

from workbench.gameday.shop.config import HOST

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

    from workbench.gameday.shop.web import Service

__all__ = ["build"]

_EXPIRES_S = 900


def build(service: Service) -> Service:
    """Register the cart's routes."""
    store = redis.Redis(
        host=HOST, port=service.config.ports["redis"], decode_responses=True, socket_timeout=3
    )

    @asynccontextmanager
    async def connection() -> AsyncIterator[None]:
        yield
        await store.aclose()

    service.resources.append(connection)

    @service.route("POST /carts/{user}")
    async def add(request: Request) -> dict[str, Any]:
        key = f"cart:{request.path_params['user']}"
        skus = (await request.json())["skus"]
        with service.database("redis", "RPUSH"):
            size = await store.rpush(key, *skus)
        with service.database("redis", "EXPIRE"):
            await store.expire(key, _EXPIRES_S)
        return {"size": size}

    @service.route("GET /carts/{user}")
    async def read(request: Request) -> dict[str, Any]:
        key = f"cart:{request.path_params['user']}"
        with service.database("redis", "LRANGE"):
            skus = await store.lrange(key, 0, -1)
        return {"skus": skus}

    @service.route("DELETE /carts/{user}")
    async def clear(request: Request) -> dict[str, Any]:
        key = f"cart:{request.path_params['user']}"
        with service.database("redis", "DEL"):
            removed = await store.delete(key)
        return {"removed": removed}

    return service
