"""A window that grows while an incident goes on, for whoever is on call."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pandas as pd

from workbench.collection.collected import Collected
from workbench.collection.collecting import collected, run
from workbench.collection.joining import joined_window
from workbench.connectors.sources.prometheus.queries import PrometheusSettings
from workbench.errors import BadInput
from workbench.tables import SCHEMAS
from workbench.times import TimeRange, utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.collection.sources import Sources
    from workbench.connectors.contract import Fetched
    from workbench.times import Instant
    from workbench.window import IncidentWindow

__all__ = ["Watch", "watch"]

_WHOLE = frozenset({"alerts", "incidents", "topology"})  # states, asked for anew each time


class Watch:
    """Collects what is new at each turn and gives the window as it is then.

    Iterate over it: each turn waits until the next is due, collects the time since the last one
    and yields the whole window. `stop` ends it from another thread or a widget.

    Parameters
    ----------
    sources
        Of `connect`.
    start
        When the incident began, as far as is known.
    every
        Time between two turns.
    before
        Quiet time before the start that is collected too.
    lag
        How late telemetry arrives: the newest this much is asked for again next time, and
        longer where points look back: they stand at the start of what they count.
    services
        Only these; all where empty.
    """

    def __init__(
        self,
        sources: Sources,
        start: Instant,
        *,
        every: pd.Timedelta,
        before: pd.Timedelta,
        lag: pd.Timedelta,
        services: tuple[str, ...],
    ) -> None:
        self.start = utc(start)
        self.turns = 0
        self._sources, self._services = sources, services
        self._every, self._before = every, before
        self._lag = lag + _longest_range(sources)
        self._kept: list[Fetched] = []
        self._until = self.start - before
        self._stopped = threading.Event()

    def __repr__(self) -> str:
        """Say since when, and how far."""
        state = "stopped" if self._stopped.is_set() else "watching"
        return f"Watch({state}, since {self.start}, {self.turns} turns)"

    def __iter__(self) -> Iterator[IncidentWindow]:
        """Yield the window at each turn, until `stop`."""
        while not self._stopped.is_set():
            yield self.turn()
            self._stopped.wait(self._every.total_seconds())

    def stop(self) -> Watch:
        """End after the turn that runs; return itself."""
        self._stopped.set()
        return self

    def turn(self) -> IncidentWindow:
        """Collect what is new now and return the whole window."""
        now = pd.Timestamp.now("UTC").floor("ms")
        settled = max(now - self._lag, self._until)
        new = TimeRange(self._until, now)
        brought = run(collected(self._sources, new, services=self._services))
        lasting = TimeRange(self._until, settled) if settled > self._until else None
        parts = [*self._kept, *brought.fetched]
        window = joined_window(
            Collected(TimeRange(self.start - self._before, now), tuple(parts)),
            TimeRange(self.start, now),
            self._sources,
        )
        if lasting is not None:
            self._kept += [
                _only(part, lasting) for part in brought.fetched if part.table not in _WHOLE
            ]
            self._until = settled
        self.turns += 1
        return window


def watch(
    sources: Sources,
    start: Instant | None = None,
    *,
    every: str = "15s",
    before: str = "1h",
    lag: str = "30s",
    services: tuple[str, ...] = (),
) -> Watch:
    """Watch an incident as it goes on.

    Parameters
    ----------
    sources
        Of `connect`.
    start
        When it began, as far as is known; 15 minutes ago where nobody knows.
    every, before, lag, services
        See `Watch`.

    Raises
    ------
    BadInput
        A length of time that cannot be read, or a start that lies ahead.

    Examples
    --------
    ::

        for window in wb.watch(sources, every="15s"):
            show(wb.diagnose.compare(window))
    """
    lengths = {}
    for name, text in (("every", every), ("before", before), ("lag", lag)):
        try:
            lengths[name] = pd.Timedelta(text)
        except ValueError as error:
            raise BadInput(fact=f"{name} is not a length of time", value=text) from error
    now = pd.Timestamp.now("UTC")
    begun = utc(start) if start is not None else now - pd.Timedelta("15min")
    if begun >= now or lengths["every"] <= pd.Timedelta(0):
        raise BadInput(fact="A watch begins before now, and turns take time", value=str(begun))
    return Watch(sources, begun, services=services, **lengths)


def _longest_range(sources: Sources) -> pd.Timedelta:
    known = [made for _, made in sources.settings.values() if isinstance(made, PrometheusSettings)]
    return pd.Timedelta(seconds=max((one.longest_range_s for one in known), default=0.0))


def _only(part: Fetched, when: TimeRange) -> Fetched:
    frame = part.frame[when.mask(part.frame[SCHEMAS[part.table].time])].reset_index(drop=True)
    return type(part)(part.table, frame, part.coverage, part.queries)
