"""Checkout: cart, stock, payment, order, in this order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workbench.gameday.shop.web import Refused

if TYPE_CHECKING:
    from starlette.requests import Request

    from workbench.gameday.shop.web import Service

__all__ = ["build"]

_VALIDATE_S = 0.004


def build(service: Service) -> Service:
    """Register the checkout's route."""

    @service.route("POST /checkout")
    async def checkout(request: Request) -> dict[str, Any]:
        user = (await request.json())["user"]
        cart = await service.call("cart", "GET /carts/{user}", names={"user": user})
        if not cart["skus"]:
            raise Refused(409, "the cart is empty")
        await service.work(_VALIDATE_S)
        body = {"user": user, "skus": cart["skus"]}
        await service.call("inventory", "POST /reservations", body=body, timeout_s=6.0)
        await service.call("payments", "POST /payments", body=body, timeout_s=8.0)
        order = await service.call("orders", "POST /orders", body=body, timeout_s=8.0)
        await service.call("cart", "DELETE /carts/{user}", names={"user": user})
        service.note("checkout completed")
        return order

    return service
