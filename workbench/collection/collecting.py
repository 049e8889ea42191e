"""Collecting: every source is asked at once, what comes is masked and kept, gaps are told."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
import threading
import traceback
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from workbench.collection.cache import Cache
from workbench.collection.collected import Collected, Progress
from workbench.collection.joining import joined_window
from workbench.connectors.contract import FindsIncidents, IncidentRef, failed_fetch
from workbench.errors import BadInput, CannotWrite, SourceError, WindowTooLarge, WorkbenchError
from workbench.masking import Masker, Pseudonyms, mask_frame, workspace_key
from workbench.terminal import plain
from workbench.times import TimeRange, utc

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any, TypeVar

    from workbench.collection.sources import Sources
    from workbench.connectors.contract import Connector, Fetched
    from workbench.times import Instant
    from workbench.window import IncidentWindow

    T = TypeVar("T")

__all__ = ["collect", "collected", "run"]

_AT_ONCE = 4
_SAID = 10  # lines of progress where the output is a pipe
_SLICE = pd.Timedelta("1h")
_SLICED = frozenset({"metrics", "logs", "spans"})
_LONGEST_BEFORE = pd.Timedelta("90D")
_SETTLED = pd.Timedelta("5min")  # what is newer may still arrive


def collect(
    sources: Sources,
    start: Instant | None = None,
    end: Instant | None = None,
    *,
    incident: str = "",
    services: tuple[str, ...] = (),
    before: str = "2h",
    most_rows: int = 20_000_000,
    progress: Callable[[Progress], None] | None = None,
) -> IncidentWindow:
    """Collect an incident window from the sources.

    Parameters
    ----------
    sources
        Of `connect`.
    start, end
        The incident's range; times with a zone.
    incident
        Instead of a range: the incident's id where it is managed (PagerDuty, Opsgenie). Its
        times and services are taken from there.
    services
        Only these services; all where empty.
    before
        How much quiet time before the start is collected too: the baseline comes from it.
    most_rows
        Rows a window may hold; sources are asked for their counts first.
    progress
        Called as parts arrive; by default one line of text.

    Returns
    -------
    IncidentWindow
        Each source that failed, or gave less than all, is a row of its coverage.

    Raises
    ------
    BadInput
        Neither a range nor an incident, or both.
    WindowTooLarge
        More rows than `most_rows`, told before any is downloaded.
    SourceError
        The incident is not known to any source.
    KeyboardInterrupt
        Ctrl-C: the prompt is back within two seconds, finished parts are kept, and the same
        call goes on from there.
    """
    if bool(incident) == (start is not None):
        raise BadInput(
            fact="A collection needs either a range or an incident's id",
            hint="wb.collect(sources, start, end) or incident='P123'",
        )
    show = _shown if progress is None else progress
    reference = None
    if incident:
        reference = run(_find(sources, incident))
        start, end = reference.started, reference.ended or pd.Timestamp.now("UTC")
        services = services or tuple(sources.services.get(n, n) for n in reference.services)
    when = TimeRange(start if start is not None else "", end if end is not None else _now())
    wide = TimeRange(when.start - _length(before), when.end)
    brought = run(collected(sources, wide, services=services, most_rows=most_rows, show=show))
    return joined_window(brought, when, sources, incident=reference)


async def collected(
    sources: Sources,
    when: TimeRange,
    *,
    services: tuple[str, ...] = (),
    most_rows: int = 20_000_000,
    show: Callable[[Progress], None] | None = None,
) -> Collected:
    """Fetch every table of every source over a range, masked.

    Raises
    ------
    WindowTooLarge
        More rows than `most_rows`, told before any is downloaded.
    """
    pseudonyms = Pseudonyms(workspace_key(sources.masking_key))
    masker = Masker(pseudonyms, sources.policy)
    connectors = sources.connectors()
    thread = concurrent.futures.ThreadPoolExecutor(1, "mask")
    try:
        asked = _asked_names(sources, services)
        await _check_size(connectors, when, asked, most_rows)
        cache = Cache(sources.cache or _cache_folder(), pseudonyms)
        work = _Work(sources, masker, cache, show, thread)
        parts = [
            (made, table, part)
            for made in connectors.values()
            for table in made.tables
            for part in _slices(table, when)
        ]
        found = await work.all(parts, asked)
    finally:
        thread.shutdown(wait=False, cancel_futures=True)
        await asyncio.gather(
            *(made.aclose() for made in connectors.values()), return_exceptions=True
        )
    return Collected(when, tuple(found), dict(masker.counts))


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a thread of its own: a notebook's loop is already running.

    Ctrl-C cancels it and is back within two seconds, whatever a source does.
    """
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="collect", daemon=True)
    thread.start()
    future = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        while True:
            try:
                return future.result(timeout=0.2)
            except concurrent.futures.TimeoutError:
                if future.done():
                    raise
    except BaseException:
        future.cancel()
        concurrent.futures.wait([future], timeout=1.0)
        raise
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=0.5)
        if not thread.is_alive():
            loop.close()


@dataclass(slots=True)
class _Work:
    """The parts of one collection."""

    sources: Sources
    masker: Masker
    cache: Cache
    show: Callable[[Progress], None] | None
    thread: concurrent.futures.Executor  # one: several would each hold memory of their own
    done: int = 0
    rows: int = 0
    cached: int = 0

    async def all(
        self, parts: list[tuple[Connector, str, TimeRange]], services: tuple[str, ...]
    ) -> list[Fetched]:
        """Fetch all parts, a few of each source at once, in their order."""
        gates = {made.source: asyncio.Semaphore(_AT_ONCE) for made, _, _ in parts}

        async def one(made: Connector, table: str, when: TimeRange) -> Fetched:
            async with gates[made.source]:
                found = await self._part(made, table, when, services)
            self.done += 1
            self.rows += len(found.frame)
            if self.show is not None:
                place = f"{made.source} {table}"
                self.show(Progress(self.done, len(parts), self.rows, self.cached, place))
            return found

        return list(await asyncio.gather(*(one(*part) for part in parts)))

    async def _part(
        self, made: Connector, table: str, when: TimeRange, services: tuple[str, ...]
    ) -> Fetched:
        kind, own = self.sources.settings[made.source]
        asked = {
            "source": made.source,
            "table": table,
            "when": when.to_dict(),
            "services": services,
            "policy": self.sources.policy,
            "names": self.sources.services,
        }
        key = self.cache.key(kind, own, asked)
        lasting = made.cacheable and when.end <= pd.Timestamp.now("UTC") - _SETTLED
        kept = self.cache.find(key) if lasting else None
        if kept is not None:
            self.cached += 1
            return kept
        found = await self._fetched(made, table, when, services)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.thread, self._kept, found, key if lasting else "")

    async def _fetched(
        self, made: Connector, table: str, when: TimeRange, services: tuple[str, ...]
    ) -> Fetched:
        try:
            return await made.fetch(table, when, services=services)
        except WorkbenchError as error:
            return failed_fetch(table, made.source, str(error))
        except Exception as error:  # noqa: BLE001 - a connector's fault hides no other source
            return failed_fetch(table, made.source, _fault(error))

    def _kept(self, found: Fetched, key: str) -> Fetched:
        """Mask a part, and keep it under its key where it is whole and will not change."""
        try:
            masked = self._masked(found)
        except Exception as error:  # noqa: BLE001 - rows that cannot be masked hide no other source
            source = found.coverage[0].source if found.coverage else ""
            return failed_fetch(found.table, source, f"not masked, so not shown: {_fault(error)}")
        if not key:
            return masked
        try:
            self.cache.keep(key, masked)
        except CannotWrite as error:  # the rows are there; they are only asked for again
            first, *rest = masked.coverage
            why = "; ".join(filter(None, (first.reason, f"not kept in the cache: {error}")))
            masked = replace(masked, coverage=(replace(first, reason=why), *rest))
        return masked

    def _masked(self, found: Fetched) -> Fetched:
        frame = mask_frame(found.table, found.frame, self.masker)
        rows = tuple(replace(r, reason=self.masker.text(r.reason)) for r in found.coverage)
        return replace(found, frame=frame, coverage=rows)


async def _check_size(
    connectors: dict[str, Connector], when: TimeRange, services: tuple[str, ...], most: int
) -> None:
    async def one(made: Connector, table: str) -> int:
        try:
            return (await made.estimate(table, when, services=services)).rows or 0
        except Exception:  # noqa: BLE001 - the fetch will say why
            return 0

    counted = await asyncio.gather(
        *(one(made, table) for made in connectors.values() for table in made.tables)
    )
    rows = sum(counted)
    if rows > most:
        raise WindowTooLarge(
            fact=f"{rows:,} rows are {rows / most:.1f} times what a window may hold",
            value=most,
            hint="Ask for fewer services or less time before, give the source a coarser step_s "
            "or an aggregating query, or raise most_rows",
        )


async def _find(sources: Sources, incident: str) -> IncidentRef:
    connectors = sources.connectors()
    finders = {n: made for n, made in connectors.items() if isinstance(made, FindsIncidents)}
    told = []
    try:
        for name, made in finders.items():
            try:
                return await made.incident(incident)
            except SourceError as error:
                told.append(f"{name}: {error}")
    finally:
        await asyncio.gather(
            *(made.aclose() for made in connectors.values()), return_exceptions=True
        )
    hint = "; ".join(told) or "No source here manages incidents: give start and end instead"
    raise SourceError(fact="No source knows this incident", value=incident, hint=hint)


def _slices(table: str, when: TimeRange) -> list[TimeRange]:
    """Parts of a range that are kept by themselves: whole hours where rows have their time."""
    if table not in _SLICED:
        return [when]
    edges = [when.start, *pd.date_range(when.start.ceil(_SLICE), when.end, freq=_SLICE), when.end]
    known = sorted(set(edges))
    return [TimeRange(a, b) for a, b in pairwise(known)]


def _asked_names(sources: Sources, services: tuple[str, ...]) -> tuple[str, ...]:
    """Names a service goes by in telemetry, its own among them."""
    also = [met for met, name in sources.services.items() if name in services]
    return (*services, *also) if services else ()


def _length(before: str) -> pd.Timedelta:
    try:
        length = pd.Timedelta(before)
    except ValueError as error:
        hint = 'For example "2h"'
        raise BadInput(fact="before is not a length of time", value=before, hint=hint) from error
    if not pd.Timedelta(0) <= length <= _LONGEST_BEFORE:
        raise BadInput(fact="A time before the start that is none", value=before, hint="Up to 90 d")
    return length


def _cache_folder() -> Path:
    return Path(".workbench-cache")


def _fault(error: Exception) -> str:
    """Say what a fault was and where; its words are not repeated, a secret may stand in them."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"fault of the connector: {type(error).__name__}{place}"


def _now() -> pd.Timestamp:
    return utc(pd.Timestamp.now("UTC"))


def _shown(progress: Progress) -> None:
    """Show progress on one line; where the output is no terminal, each tenth of it on its own."""
    line, done = plain(str(progress)), progress.done == progress.total
    if sys.stdout.isatty():
        sys.stdout.write(f"\r{line}".ljust(100) + ("\n" if done else ""))
    elif done or progress.done % max(progress.total // _SAID, 1) == 0:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
