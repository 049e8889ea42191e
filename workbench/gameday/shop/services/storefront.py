"""Storefront: the pages behind the edge, put together from catalog, cart and the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.gameday.shop.web import Unavailable

if TYPE_CHECKING:
    from starlette.requests import Request

    from workbench.gameday.shop.web import Service

__all__ = ["build"]

_RENDER_S = 0.006


def build(service: Service) -> Service:
    """Register the storefront's routes."""

    async def recommended(sku: str) -> list[str]:
        try:
            answer = await service.call(
                "recommendations", "GET /recommendations/{sku}", names={"sku": sku}, timeout_s=4.0
            )
        except Unavailable as error:
            service.warn(f"page without recommendations: {error}")
            return []
        found: list[str] = answer["skus"]
        return found

    @service.route("GET /")
    async def home(_: Request) -> dict[str, Any]:
        items = await service.call("catalog", "GET /items", timeout_s=6.0)
        picks = await recommended("home")
        await service.work(_RENDER_S)
        return {"items": items["items"], "picks": picks}

    @service.route("GET /product/{sku}")
    async def product(request: Request) -> dict[str, Any]:
        sku = request.path_params["sku"]
        item = await service.call("catalog", "GET /items/{sku}", names={"sku": sku}, timeout_s=6.0)
        picks = await recommended(sku)
        await service.work(_RENDER_S)
        return {"item": item, "picks": picks}

    @service.route("POST /cart")
    async def add(request: Request) -> dict[str, Any]:
        body = await request.json()
        return await service.call(
            "cart", "POST /carts/{user}", names={"user": body["user"]}, body={"skus": body["skus"]}
        )

    @service.route("POST /checkout")
    async def checkout(request: Request) -> dict[str, Any]:
        body = await request.json()
        return await service.call("checkout", "POST /checkout", body=body, timeout_s=12.0)

    return service
