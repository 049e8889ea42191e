"""Inventory: stock of each item, in its own PostgreSQL table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.gameday.shop.pools import Database

if TYPE_CHECKING:
    from starlette.requests import Request

    from workbench.gameday.shop.web import Service

__all__ = ["build"]

_RESERVE = "UPDATE stock SET reserved = reserved + 1 WHERE sku = ANY(%s)"
_LOCK_IN_ORDER = "SELECT sku FROM stock WHERE sku = ANY(%s) ORDER BY sku FOR UPDATE"


def build(service: Service) -> Service:
    """Register the inventory's route."""
    database = Database(service, size=4)

    @service.route("POST /reservations")
    async def reserve(request: Request) -> dict[str, Any]:
        skus = sorted(set((await request.json())["skus"]))
        async with database.transaction() as connection:
            # Always in the same order: two reservations can wait, never deadlock.
            await database.run(connection, _LOCK_IN_ORDER, (skus,), table="stock")
            await database.run(connection, _RESERVE, (skus,), table="stock")
        await service.work(0.004)
        return {"reserved": len(skus)}

    return service
