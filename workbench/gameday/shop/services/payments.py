"""Payments: authorises a card through a provider, whose delay the game day can turn up."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from workbench.gameday.shop.web import Refused, Unavailable

if TYPE_CHECKING:
    from starlette.requests import Request

    from workbench.gameday.shop.web import Service

__all__ = ["build"]

_AUTHORISE_S = 0.07
_DECLINED = 0.02
_PROVIDER_FAILS = 0.004
_LATE_S = 2.0  # a longer delay is logged as late
_LONGEST_S = 6.0  # the tail is cut here


def build(service: Service) -> Service:
    """Register the payments' route and the provider's delay."""
    delay = {"median_s": 0.0, "sigma": 0.0}

    @service.route("POST /payments")
    async def authorise(_: Request) -> dict[str, Any]:
        await service.work(_AUTHORISE_S, 0.35)
        if delay["median_s"]:
            # Heavy-tailed, like a provider that retries inside.
            slow = delay["median_s"] * math.exp(service.dice.gauss(0, delay["sigma"]))
            await service.work(min(slow, _LONGEST_S), 0.01)
            if slow > _LATE_S:
                service.warn("card provider answered late")
        luck = service.dice.random()
        if luck < _PROVIDER_FAILS:
            reason = "card provider refused the connection"
            raise Unavailable(reason, 503)
        if luck < _PROVIDER_FAILS + _DECLINED:
            service.note("card declined")
            raise Refused(402, "card declined")
        service.note("payment authorised")
        return {"authorised": True}

    @service.control("provider-delay")
    async def provider(request: Request) -> JSONResponse:
        delay.update(await request.json())
        return JSONResponse(delay)

    return service
