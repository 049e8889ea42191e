"""Fetch many times through the fault proxy, and hold every answer against the whole one."""

from __future__ import annotations

import asyncio
import importlib
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import faultproxy

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from workbench import TimeRange
    from workbench.connectors.contract import Connector

MODULES = (
    "prometheus",
    "alertmanager",
    "loki",
    "opensearch",
    "trace_stores",
    "kubernetes",
    "pagerduty",
    "opsgenie",
    "delivery",
)
LIMITS = {"timeout_s": 0.5, "deadline_s": 4.0}
# For a machine that is busy with other things: there an answer without a fault takes long, too.
PATIENT = {"timeout_s": 3.0, "deadline_s": 24.0}


@dataclass(frozen=True)
class Drive:
    """How a connector is driven through the faults.

    `serve()` yields the address of a source that holds rows; `make(url, **settings)` makes the
    connector. A source that does not count its rows cannot show that an answer was cut short
    in silence: it is spared that one fault, which nobody can see.
    """

    serve: Callable[[], AbstractContextManager[str]]
    make: Callable[..., Connector]
    table: str
    when: TimeRange
    speaks: str = ""
    counts: bool = True

    @property
    def modes(self):
        return tuple(m for m in faultproxy.MODES if self.counts or m != "short")

    def run(self, *, fetches, at_once=8, seed=1, limits=LIMITS):
        def make(url):
            return self.make(url, **limits)

        hang_s = 10 * limits["timeout_s"]
        settings = {"speaks": self.speaks, "hang_s": hang_s, "modes": self.modes, "seed": seed}
        with self.serve() as url, faultproxy.proxied(url, **settings) as proxy:
            return driven(proxy, make, self.table, self.when, fetches=fetches, at_once=at_once)


def drives():
    """Every connector that speaks HTTP, by name."""
    found = {}
    for name in MODULES:
        found |= importlib.import_module(f"contract.test_{name}").DRIVES
    return found


@dataclass
class Outcome:
    fetches: int = 0
    unmarked: list = field(default_factory=list)  # incomplete, and said to be complete
    verdicts: Counter = field(default_factory=Counter)
    slowest_s: float = 0.0
    slowest_waited_s: float = 0.0  # without what this process was late by: see `_Lateness`
    requests: float = 0.0  # times those without faults
    said_whole: int = 0

    def __str__(self):
        said = ", ".join(f"{name} {n}" for name, n in sorted(self.verdicts.items()))
        return (
            f"{self.fetches} fetches at 30 %: {len(self.unmarked)} unmarked, {said}; "
            f"{self.requests:.2f} × requests, slowest {self.slowest_s:.1f} s"
        )


def same(one, two):
    plain = [f.astype("str").sort_values(list(f.columns), ignore_index=True) for f in (one, two)]
    return plain[0].equals(plain[1])


def verdict_of(found):
    """The verdict on the whole; services may have gaps of their own."""
    return next(row.status for row in found.coverage if row.service == "*")


def said(found):
    """What a fetch says of itself: complete, or what lacks beyond what always does."""
    row = next(row for row in found.coverage if row.service == "*")
    return "complete" if row.status == "complete" else (row.status, row.reason)


def driven(proxy, make, table, when, *, fetches, at_once):
    """Fetch without faults once, then `fetches` times with them.

    `make(url)` makes a connector; one connector serves the fetches that run at once, as in a
    collection.
    """
    rate, proxy.rate = proxy.rate, 0.0
    whole, needed = asyncio.run(_alone(proxy, make, table, when))
    assert len(whole.frame)
    proxy.rate, outcome = rate, Outcome(fetches)
    before = proxy.requests
    asyncio.run(_many(proxy, make, table, when, whole, fetches, at_once, outcome))
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
    gate, lateness = asyncio.Semaphore(at_once), _Lateness()

    async def one():
        async with gate:
            begun, late = time.monotonic(), lateness.seconds
            found = await made.fetch(table, when)
            took = time.monotonic() - begun
            outcome.slowest_s = max(outcome.slowest_s, took)
            waited = took - (lateness.seconds - late)
            outcome.slowest_waited_s = max(outcome.slowest_waited_s, waited)
            verdict = verdict_of(found)
            outcome.verdicts[verdict] += 1
            if said(found) == said(whole):
                outcome.said_whole += 1
                if not same(found.frame, whole.frame):
                    outcome.unmarked.append(found.coverage)

    counting = asyncio.create_task(lateness.count())
    await asyncio.gather(*(one() for _ in range(fetches)))
    counting.cancel()
    await made.aclose()


class _Lateness:
    """Seconds by which this event loop was late, all told, because it or its machine was busy."""

    _TICK_S = 0.02

    def __init__(self) -> None:
        self.seconds = 0.0

    async def count(self) -> None:
        while True:
            begun = time.monotonic()
            await asyncio.sleep(self._TICK_S)
            self.seconds += time.monotonic() - begun - self._TICK_S
