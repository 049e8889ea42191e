"""CDEvents and CloudEvents from files → changes, incidents and tests.

What an event must look like is in `workbench.connectors.reading.cloudevents` (the envelope) and
`workbench.connectors.sources.cdevents.payload` (what it tells).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
import pydantic

from workbench.connectors.reading.cloudevents import cloud_events
from workbench.connectors.reading.file_source import FileSource
from workbench.connectors.reading.files import FilesSettings, RawFile
from workbench.connectors.reading.rows import Parsed, RowReader
from workbench.connectors.sources.cdevents.payload import (
    CHANGE_KINDS,
    CDEvent,
    changes_of,
    incidents_of,
    read_event,
    tests_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workbench.connectors.reading.cloudevents import CloudEvent
    from workbench.times import TimeRange

__all__ = ["CDEvents", "CDEventsSettings"]


class CDEventsSettings(FilesSettings):
    """Where the events are, and what types of others' events are changes.

    Parameters
    ----------
    kinds
        Kind of change by type, for CloudEvents that are not CDEvents
        (``{"com.example.deploy": "deploy"}``) or to override what a CDEvent is called.
    """

    kinds: dict[str, str] = pydantic.Field(
        default_factory=dict, description="kind of change by event type"
    )


class CDEvents(FileSource):
    """Events of delivery tools, recorded to files."""

    kind: ClassVar[str] = "cdevents"
    tables: ClassVar[tuple[str, ...]] = ("changes", "incidents", "tests")
    told_apart: ClassVar[bool] = True  # by source and id, before they become rows
    settings: CDEventsSettings

    def __init__(self, source: str, settings: CDEventsSettings) -> None:
        super().__init__(source, settings)

    def parse(self, table: str, file: RawFile) -> Parsed:
        """Read the events of one file that this table holds."""
        kinds = {**CHANGE_KINDS, **self.settings.kinds}
        others: Counter[str] = Counter()

        def read(event: CloudEvent) -> Iterator[dict[str, object]]:
            told = read_event(event)
            rows = list(_rows(table, told, kinds))
            if not rows and not any(list(_rows(t, told, kinds)) for t in self.tables):
                others[told.what] += 1
            for row in rows:
                yield {**row, "event": f"{told.source} {told.id}" if told.id else ""}

        gathering = RowReader(table).each(cloud_events(file.data), read)
        gathering.notes += _types(others)
        return gathering.parsed()

    def join(self, table: str, parts: Sequence[Parsed], when: TimeRange) -> Sequence[Parsed]:
        """Drop events delivered twice, and join the events of one incident or test."""
        filled = [part.frame for part in parts if len(part.frame)]
        if not filled:
            return parts
        frame = pd.concat(filled, ignore_index=True)
        again = frame.duplicated("event") & (frame["event"] != "")
        notes = [f"{int(again.sum()):,} event(s) delivered twice, dropped"] if again.any() else []
        kept = frame[~again].drop(columns="event").reset_index(drop=True)
        if table == "incidents":
            kept = _incidents(kept)
        if table == "tests":
            kept = _attempts(kept)
        told = tuple(trouble for part in parts for trouble in part.problems)
        said = tuple(note for part in parts for note in part.notes)
        return [Parsed(kept, told, (*said, *notes))]


def _rows(table: str, told: CDEvent, kinds: dict[str, str]) -> Iterator[dict[str, object]]:
    if table == "changes":
        return changes_of(told, kinds)
    return incidents_of(told) if table == "incidents" else tests_of(told)


def _types(others: Counter[str]) -> list[str]:
    if not others:
        return []
    named = ", ".join(f"{name} ({count:,})" for name, count in others.most_common(3))
    return [f"{sum(others.values()):,} event(s) of types that no table holds: {named}"]


def _incidents(events: pd.DataFrame) -> pd.DataFrame:
    """Join the events of each incident: the first time it was told, the last it was resolved."""
    rows: list[dict[str, Any]] = []
    ordered = events.sort_values("created_at", kind="stable")
    for _, told in ordered.groupby("id", sort=False):
        last = told.iloc[-1]
        titles = [title for title in told["title"] if title]
        services = [text for text in told["services"] if text != "[]"]
        rows.append(
            {
                **last.to_dict(),
                "title": titles[0] if titles else "",
                "created_at": told["created_at"].iloc[0],
                "detected_at": _first(told["detected_at"]),
                # An incident reported again after it was resolved is open again.
                "resolved_at": last["resolved_at"],
                "acked_at": None,
                "services": services[0] if services else "[]",
            }
        )
    return pd.DataFrame(rows, dtype="object")


def _attempts(tests: pd.DataFrame) -> pd.DataFrame:
    """Count the runs of one test in one run of its suite, in order of time."""
    ordered = tests.sort_values("ts", kind="stable")
    same = ordered.groupby(["run_id", "suite", "classname", "name"], sort=False)
    return ordered.assign(attempt=same.cumcount() + 1).reset_index(drop=True)


def _first(times: pd.Series) -> object:
    known = [time for time in times if time is not None and not pd.isna(time)]
    return known[0] if known else None
