"""Which sources of the leading services are not loaded, or not for the whole incident."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.diagnose.thresholds import ENOUGH_HISTORY, LONGER_HISTORY
from workbench.times import TimeRange

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

    from workbench.diagnose.case import Case

__all__ = ["Unseen", "unseen"]

"""Independent past windows without which little can be told from the past."""

_GAUGE = "saturation:"
_MEASURED = {
    "latency": ("latency", "self_time"),
    "errors": ("errors", "error_ratio"),
    "load": ("load",),
}


@dataclass(frozen=True, slots=True)
class Unseen:
    """One source of one service that is not loaded.

    Parameters
    ----------
    source
        As in `workbench.diagnose.value_of_information.likelihoods`.
    service
        Of whom.
    when
        The range to load.
    words
        What to load, in words.
    reason
        What is known of why it is not there, or empty.
    """

    source: str
    service: str
    when: TimeRange
    words: str
    reason: str = ""


def unseen(case: Case, services: Iterable[str]) -> tuple[Unseen, ...]:
    """Find what could be loaded of some services.

    Parameters
    ----------
    case
        The incident, with its panel and topology.
    services
        Leading suspects. A source that was loaded and shows nothing is not unseen.
    """
    names = list(services)
    found = [gap for name in names for gap in (*_metrics(case, name), *_tables(case, name, names))]
    return (*found, *_history(case, names))


def _metrics(case: Case, name: str) -> Iterator[Unseen]:
    when = case.window.when
    nodes = case.study.aligned.nodes
    seen = {
        str(signal)
        for service, signal in nodes.columns
        if service == name
        and nodes[service, signal].iloc[case.study.aligned.split.incident].notna().any()
    }
    if not any(signal.startswith(_GAUGE) for signal in seen):
        yield Unseen(
            "gauges", name, when, f"saturation gauges of {name}", _told(case, "metrics", name)
        )
    if not any(signal.startswith(_MEASURED[case.sli.signal]) for signal in seen):
        words = f"{case.sli.signal} of {name}"
        yield Unseen("requests", name, when, words, _told(case, "metrics", name))


def _tables(case: Case, name: str, leading: list[str]) -> Iterator[Unseen]:
    window = case.window
    for table in ("spans", "logs"):
        if not _covers(getattr(window, table), window.when, name):
            reason = _told(case, table, name) or _told(case, table, "*")
            words = _traced(case, name, leading) if table == "spans" else f"logs of {name}"
            yield Unseen(table, name, window.when, words, reason)
    if window.changes.empty:
        yield Unseen(
            "changes", name, window.when, f"changes of {name}", _told(case, "changes", "*")
        )
    if window.events.empty:
        words = f"events of {name} and its host"
        yield Unseen("events", name, window.when, words, _told(case, "events", "*"))


def _traced(case: Case, name: str, leading: list[str]) -> str:
    """Spans of a service, by the call that joins it to another leading suspect."""
    below = [callee for callee in case.study.graph.callees.get(name, ()) if callee in leading]
    return f"spans of {name}" + (f" → {', '.join(below)}" if below else "")


def _covers(frame: pd.DataFrame, when: TimeRange, service: str) -> bool:
    """Whether there are rows of a service in the incident and before it."""
    if frame.empty:
        return False
    times = frame.loc[frame["service"].astype(str) == service, "ts"]
    return bool(when.mask(times).any() and (times < when.start).any())


def _told(case: Case, table: str, service: str) -> str:
    """Say why a source is not there, as the coverage has it; nothing where it merely is not."""
    for row in case.window.coverage:
        if (row.table, row.service) == (table, service) and row.status in {"failed", "stale"}:
            return f"{row.status}: {row.reason}" if row.reason else row.status
    return ""


def _history(case: Case, leading: list[str]) -> Iterator[Unseen]:
    if case.past_windows >= ENOUGH_HISTORY:
        return
    window = case.window
    start = window.when.start - LONGER_HISTORY * window.when.duration
    words = f"longer history of {leading[0]}"
    yield Unseen("history", leading[0], TimeRange(start, window.when.start), words)
