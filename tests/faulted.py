"""Fetch many times through the fault proxy, and hold every answer against the whole one."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Outcome:
    fetches: int = 0
    unmarked: list = field(default_factory=list)  # incomplete, and said to be complete
    verdicts: Counter = field(default_factory=Counter)
    slowest_s: float = 0.0
    requests: float = 0.0  # times those without faults

    def __str__(self):
        said = ", ".join(f"{name} {n}" for name, n in sorted(self.verdicts.items()))
        return (f"{self.fetches} fetches at 30 %: {len(self.unmarked)} unmarked, {said}; "
                f"{self.requests:.2f} × requests, slowest {self.slowest_s:.1f} s")  # fmt: skip


def same(one, two):
    plain = [f.astype("str").sort_values(list(f.columns), ignore_index=True) for f in (one, two)]
    return plain[0].equals(plain[1])


def verdict_of(found):
    """The verdict on the whole; services may have gaps of their own."""
    return next(row.status for row in found.coverage if row.service == "*")


def driven(proxy, make, table, when, *, fetches, at_once=8):
    """Fetch without faults once, then `fetches` times with them.

    `make(url)` makes a connector; one connector serves the fetches that run at once, as in a
    collection.
    """
    rate, proxy.rate = proxy.rate, 0.0
    whole, needed = asyncio.run(_alone(proxy, make, table, when))
    assert verdict_of(whole) == "complete", whole.coverage
    assert len(whole.frame)
    proxy.rate, outcome = rate, Outcome(fetches)
    before = proxy.requests
    asyncio.run(_many(proxy, make, table, when, whole.frame, fetches, at_once, outcome))
    outcome.requests = (proxy.requests - before) / (needed * fetches)
    return outcome


async def _alone(proxy, make, table, when):
    before = proxy.requests
    made = make(proxy.url)
    found = await made.fetch(table, when)
    await made.aclose()
    return found, proxy.requests - before


async def _many(proxy, make, table, when, whole, fetches, at_once, outcome):
    made = make(proxy.url)
    gate = asyncio.Semaphore(at_once)

    async def one():
        async with gate:
            begun = time.monotonic()
            found = await made.fetch(table, when)
            outcome.slowest_s = max(outcome.slowest_s, time.monotonic() - begun)
            verdict = verdict_of(found)
            outcome.verdicts[verdict] += 1
            if verdict in {"complete", "empty"} and not same(found.frame, whole):
                outcome.unmarked.append(found.coverage)

    await asyncio.gather(*(one() for _ in range(fetches)))
    await made.aclose()
