"""Open-loop load: Poisson arrivals whose rate wanders, and users who browse and buy."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import numpy as np

from workbench.gameday.shop.config import ShopConfig
from workbench.gameday.shop.services.catalog import SKUS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from numpy.typing import NDArray

__all__ = ["JOURNEYS", "Load", "Surge", "arrivals", "journeys", "main", "rates"]

JOURNEYS = {"browse": 0.44, "product": 0.26, "add": 0.10, "checkout": 0.20}
_REQUESTS_PER_JOURNEY = 1.0 + JOURNEYS["checkout"]
_HIGHEST_REQUESTS_PER_S = 20.0
_USERS = 150
_FAVOURITES = np.array([0.27, 0.22, 0.16, 0.11, 0.09, 0.06, 0.05, 0.04])


@dataclass(frozen=True)
class Surge:
    """A stretch of higher load: from `start_s`, for `seconds`, `requests_per_s` on average."""

    start_s: float
    seconds: float
    requests_per_s: float


@dataclass(frozen=True)
class Load:
    """The law of the arrival rate.

    Parameters
    ----------
    requests_per_s
        Mean over a long time.
    swing
        Amplitude of the slow sine, as a share of the mean.
    period_s
        Its period.
    noise
        Standard deviation of the autocorrelated part of the log rate.
    memory_s
        Its correlation time.
    """

    requests_per_s: float = 5.5
    swing: float = 0.3
    period_s: float = 840.0
    noise: float = 0.16
    memory_s: float = 45.0


def rates(
    load: Load, seconds: int, *, seed: int, surge: Surge | None = None
) -> NDArray[np.float64]:
    """Journeys per second, one value a second, shape ``(seconds,)``.

    The log rate is a slow sine plus a first-order autoregressive process; requests never
    exceed 20 a second on average, because two cores tip over not far above that.
    """
    draw = np.random.default_rng(seed)
    at = np.arange(seconds, dtype=np.float64)
    phase = draw.uniform(0, 2 * np.pi)
    noise = _autoregressive(load, draw.standard_normal(seconds))
    base = load.requests_per_s * (1 + load.swing * np.sin(2 * np.pi * at / load.period_s + phase))
    wanted = base * np.exp(noise - load.noise**2 / 2)
    if surge is not None:
        during = (at >= surge.start_s) & (at < surge.start_s + surge.seconds)
        wanted = np.where(during, surge.requests_per_s * np.exp(0.3 * noise), wanted)
    return np.minimum(wanted, _HIGHEST_REQUESTS_PER_S) / _REQUESTS_PER_JOURNEY


def arrivals(rate: NDArray[np.float64], *, seed: int) -> NDArray[np.float64]:
    """Poisson arrival times in seconds, sorted, for a rate given second by second."""
    draw = np.random.default_rng([seed, 1])
    counts = draw.poisson(rate)
    starts = np.repeat(np.arange(rate.size, dtype=np.float64), counts)
    return np.sort(starts + draw.uniform(size=starts.size))


def journeys(count: int, *, seed: int) -> NDArray[np.str_]:
    """Kinds of `count` journeys, by their weights."""
    draw = np.random.default_rng([seed, 2])
    return draw.choice(list(JOURNEYS), size=count, p=list(JOURNEYS.values()))


def main(arguments: list[str] | None = None) -> int:
    """Send the load, then end: ``python -m workbench.gameday.shop.load CONFIG``."""
    parser = argparse.ArgumentParser(prog="load", description="Open-loop load for the shop.")
    parser.add_argument("config", type=Path)
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--surge", type=json.loads, default=None)
    options = parser.parse_args(arguments)
    surge = Surge(*options.surge) if options.surge else None
    rate = rates(Load(), options.seconds, seed=options.seed, surge=surge)
    asyncio.run(_send(ShopConfig.load(options.config), rate, seed=options.seed))
    return 0


async def _send(config: ShopConfig, rate: NDArray[np.float64], *, seed: int) -> int:
    times = arrivals(rate, seed=seed)
    kinds = journeys(times.size, seed=seed)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=40)
    with config.path("load.ndjson").open("a") as log:
        async with httpx.AsyncClient(
            base_url=config.url("edge"), limits=limits, timeout=25.0, trust_env=False
        ) as http:
            visits = _Visits(http, np.random.default_rng([seed, 3]), log.write)
            began = time.monotonic()
            config.path("load.began").write_text(repr(time.time()))
            async with asyncio.TaskGroup() as group:
                for at, kind in zip(times, kinds, strict=True):
                    await asyncio.sleep(max(0.0, began + at - time.monotonic()))
                    group.create_task(visits.journey(str(kind)))
    return int(times.size)


class _Visits:
    """Sends the requests of one journey and writes what the client saw."""

    def __init__(
        self, http: httpx.AsyncClient, draw: np.random.Generator, write: Callable[[str], object]
    ) -> None:
        self.http = http
        self.draw = draw
        self.write = write

    def _skus(self, count: int) -> list[str]:
        return [str(s) for s in self.draw.choice(SKUS, count, replace=False, p=_FAVOURITES)]

    async def journey(self, kind: str) -> int:
        user = f"user-{self.draw.integers(_USERS)}"
        if kind == "browse":
            return await self._get("/")
        if kind == "product":
            return await self._get(f"/product/{self._skus(1)[0]}")
        count = 1 if kind == "add" else int(self.draw.integers(2, 5))
        added = await self._post("/cart", {"user": user, "skus": self._skus(count)})
        if kind == "add":
            return added
        await asyncio.sleep(float(self.draw.uniform(0.4, 1.6)))
        return await self._post("/checkout", {"user": user})

    async def _get(self, path: str) -> int:
        return await self._timed(path, self.http.get(path))

    async def _post(self, path: str, body: dict[str, str | list[str]]) -> int:
        return await self._timed(path, self.http.post(path, json=body))

    async def _timed(self, path: str, request: Awaitable[httpx.Response]) -> int:
        began = time.time()
        try:
            status = (await request).status_code
        except httpx.HTTPError:
            status = 0
        row = {"ts": began, "path": path, "status": status, "s": time.time() - began}
        self.write(json.dumps(row) + "\n")
        return status


def _autoregressive(load: Load, shocks: NDArray[np.float64]) -> NDArray[np.float64]:
    memory = np.exp(-1.0 / load.memory_s)
    noise = np.empty_like(shocks)
    state = load.noise * shocks[0]
    for i, shock in enumerate(shocks):
        state = memory * state + load.noise * np.sqrt(1 - memory**2) * shock
        noise[i] = state
    return noise


if __name__ == "__main__":
    raise SystemExit(main())
