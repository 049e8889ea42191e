"""Alertmanager: the alerts it holds now, and the webhook messages somebody kept."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, ClassVar

import pandas as pd
import pydantic

from workbench.connectors.contract import Fetched, Query
from workbench.connectors.reading.file_source import FileSource
from workbench.connectors.reading.files import FilesSettings
from workbench.connectors.reading.http_source import HttpSource
from workbench.connectors.reading.rows import Parsed, json_records, summarize_rejected
from workbench.connectors.sources.alertmanager.payload import (
    api_alerts,
    first_of_each,
    webhook_alerts,
)
from workbench.connectors.transport.http import HttpSettings
from workbench.coverage import CoverageRow
from workbench.errors import SourceError
from workbench.tables import conform, empty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.connectors.reading.files import RawFile
    from workbench.coverage import Status
    from workbench.times import TimeRange

__all__ = [
    "Alertmanager",
    "AlertmanagerSettings",
    "AlertmanagerWebhook",
    "AlertmanagerWebhookSettings",
]

_SERVICE = ("service", "service_name", "app", "job")
_NOW_ONLY = "Alertmanager holds the alerts of now: those that ended before are not among them"


class AlertmanagerSettings(HttpSettings):
    """Settings of an Alertmanager.

    Parameters
    ----------
    service_from
        Labels that hold the service's name, the first present one counts.
    """

    service_from: tuple[str, ...] = pydantic.Field(
        default=_SERVICE, description="labels of the service"
    )


class AlertmanagerWebhookSettings(FilesSettings):
    """Settings of kept webhook messages: one JSON document a file, or one a line.

    Parameters
    ----------
    service_from
        Labels that hold the service's name, the first present one counts.
    """

    service_from: tuple[str, ...] = pydantic.Field(
        default=_SERVICE, description="labels of the service"
    )


class Alertmanager(HttpSource[AlertmanagerSettings]):
    """Alerts an Alertmanager holds, with what silences and inhibits them."""

    kind: ClassVar[str] = "alertmanager"
    tables: ClassVar[tuple[str, ...]] = ("alerts",)
    uncounted: ClassVar[str] = "Alertmanager does not count its alerts"

    async def read(self, table: str, when: TimeRange, services: tuple[str, ...]) -> Fetched:
        """Fetch what fires; never complete for the past, see the module."""
        path = "/api/v2/alerts"
        answer = await self.http.json("GET", path)
        frame, refused = api_alerts(answer.payload, self.source, self.settings.service_from)
        frame, again = first_of_each(frame)
        kept = frame[frame["starts_at"] < when.end] if len(frame) else empty("alerts")
        if services and len(kept):
            kept = kept[kept["service"].isin(services)]
        text = json.dumps(answer.payload, sort_keys=True).encode()
        query = Query(self.source, path, (), when, len(frame), hashlib.sha256(text).hexdigest())
        notes = [
            *summarize_rejected(refused),
            *([f"{again} told twice"] if again else []),
            _NOW_ONLY,
        ]
        rows = conform("alerts", kept.reset_index(drop=True))
        row = CoverageRow(self.source, table, "*", "partial", len(rows), reason="; ".join(notes))
        return Fetched(table, rows, (row,), (query,))


class AlertmanagerWebhook(FileSource):
    """Alerts of kept webhook messages: what repeats is one alert, its end the last told."""

    kind: ClassVar[str] = "alertmanager_webhook"
    tables: ClassVar[tuple[str, ...]] = ("alerts",)
    told_apart: ClassVar[bool] = True

    settings: AlertmanagerWebhookSettings

    def parse(self, table: str, file: RawFile) -> Parsed:
        """Read the messages of one file."""
        frames, refused = [], []
        for place, message in json_records(file.data):
            try:
                if isinstance(message, SourceError):
                    raise message
                frame, lacks = webhook_alerts(message, self.source, self.settings.service_from)
            except SourceError as error:
                refused.append(f"{file.name} {place}: {error}")
                continue
            frames.append(frame)
            refused += [f"{file.name} {place}: {one}" for one in lacks]
        return Parsed(_stacked(frames), summarize_rejected(refused))

    def settle(
        self, table: str, when: TimeRange, *, parts: Sequence[Parsed], services: tuple[str, ...]
    ) -> Fetched:
        """Join messages across files; an alert counts where it fired within the range."""
        whole, again = first_of_each(_stacked([part.frame for part in parts]))
        overlaps = (whole["starts_at"] < when.end) & ~(whole["ends_at"] <= when.start)
        kept = whole[overlaps] if len(whole) else whole
        asked = kept[kept["service"].isin(services)] if services else kept
        notes = (f"{again:,} alert(s) told again",) if again else ()
        problems = tuple(one for part in parts for one in part.problems)
        return _verdict(table, self.source, Parsed(asked, problems, notes))


def _verdict(table: str, source: str, part: Parsed) -> Fetched:
    rows = conform(table, part.frame.reset_index(drop=True))
    why = "; ".join([*part.problems, *part.notes])
    status: Status = "partial" if part.problems else "complete" if len(rows) else "empty"
    reason = why or ("" if len(rows) else "no alert fired in this range")
    return Fetched(
        table, rows, (CoverageRow(source, table, "*", status, len(rows), reason=reason),)
    )


def _stacked(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Put frames one after another, in the order their messages were told."""
    filled = [conform("alerts", frame) for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else empty("alerts")
