"""Recommendations: similar items; a batch job may refresh the model beside the requests."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from workbench.gameday.shop.services.catalog import SKUS

if TYPE_CHECKING:
    from starlette.requests import Request

    from workbench.gameday.shop.web import Service

__all__ = ["build"]

_SCORING_S = 0.018


def build(service: Service) -> Service:
    """Register the recommendations' route and the batch job's switch."""
    jobs: set[asyncio.Task[int]] = set()

    @service.route("GET /recommendations/{sku}")
    async def similar(request: Request) -> dict[str, Any]:
        sku = request.path_params["sku"]
        seed = SKUS[0] if sku == "home" else sku
        await service.call("catalog", "GET /items/{sku}", names={"sku": seed}, timeout_s=4.0)
        await service.work(_SCORING_S)
        return {"skus": service.dice.sample(SKUS, 3)}

    @service.control("refresh")
    async def refresh(request: Request) -> JSONResponse:
        seconds = float((await request.json())["seconds"])
        job = asyncio.create_task(_refresh_model(service, seconds))
        jobs.add(job)
        job.add_done_callback(jobs.discard)
        return JSONResponse({"seconds": seconds})

    return service


async def _refresh_model(service: Service, seconds: float) -> int:
    """Burn some CPU in small slices and log about it; gives the slices done."""
    until = time.monotonic() + seconds
    slices = 0
    while time.monotonic() < until:
        await asyncio.to_thread(_burn, 0.02)
        await asyncio.sleep(0.08)
        slices += 1
        if slices % 12 == 0:
            service.warn(f"model refresh: segment {slices // 12} has sparse features, imputing")
    service.note("model refresh finished")
    return slices


def _burn(seconds: float) -> int:
    until = time.thread_time() + seconds
    rounds = 0
    while time.thread_time() < until:
        rounds += sum(range(200)) & 1
    return rounds
