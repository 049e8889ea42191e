"""Kubernetes → events and topology (which node hosts which service), live or from dumps.

Lists are read in chunks; one that expired (410) is begun again. Events are kept for an hour
unless the cluster says otherwise: a range that begins before the oldest event is not complete.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
import pydantic

from workbench.connectors.contract import Fetched, Query
from workbench.connectors.reading.file_source import FileSource
from workbench.connectors.reading.files import FilesSettings, RawFile
from workbench.connectors.reading.http_source import HttpSource
from workbench.connectors.reading.rows import (
    Parsed,
    RowReader,
    json_records,
    json_text,
    list_at,
    mapping_at,
    text_of,
    to_fetched,
)
from workbench.connectors.sources.kubernetes.payload import event_rows, host_edges, within
from workbench.connectors.transport.http import HttpSettings
from workbench.coverage import CoverageRow
from workbench.errors import SourceGarbled, SourceRefused

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workbench.coverage import Status
    from workbench.times import TimeRange

__all__ = ["Kubernetes", "KubernetesFiles", "KubernetesFilesSettings", "KubernetesSettings"]

_LISTS = ("", "List", "EventList")  # kinds of lists that hold events
_GONE = 410
_RESTARTS = 3
_MOST_CHUNKS = 10_000


class KubernetesSettings(HttpSettings):
    """Settings of a cluster's API server; ``auth`` is ``kind: bearer``, ``ca_file`` its own.

    Parameters
    ----------
    namespace
        Only this one; all where empty.
    chunk
        Objects of one answer.
    """

    namespace: str = pydantic.Field(default="", pattern=r"^[a-z0-9-]*$", description="all if empty")
    chunk: int = pydantic.Field(default=500, ge=1, le=5000, description="objects of one answer")


class KubernetesFilesSettings(FilesSettings):
    """Where dumps are: of ``kubectl get events -A -o json`` (a list), or one event a line."""


class Kubernetes(HttpSource[KubernetesSettings]):
    """Events and hosts of a cluster as it is now."""

    kind: ClassVar[str] = "kubernetes"
    tables: ClassVar[tuple[str, ...]] = ("events", "topology")
    uncounted: ClassVar[str] = "the API server does not count exactly"

    async def read(self, table: str, when: TimeRange, services: tuple[str, ...]) -> Fetched:
        """List the events, or the pods and where they run."""
        if table == "topology":
            return await self._topology(when, services)
        found = await self._list("/api/v1", "events")
        places = ((f"event {n}", one) for n, one in enumerate(found, start=1))
        read = RowReader("events").each(places, event_rows).parsed()
        part = within(_aged(read, when), when)
        return to_fetched(
            table,
            self.source,
            when,
            parts=[part],
            services=services,
            queries=[self._query("/api/v1/events", found, when)],
        )

    async def _topology(self, when: TimeRange, services: tuple[str, ...]) -> Fetched:
        pods = await self._list("/api/v1", "pods")
        sets = await self._list("/apis/apps/v1", "replicasets")
        edges = sorted(set(host_edges(pods, _owners(sets))))
        frame = pd.DataFrame(edges, columns=["src", "dst"], dtype="object")
        if services:
            frame = frame[frame["dst"].isin(services)].reset_index(drop=True)
        frame = frame.assign(source=self.source, kind="hosts")
        now = pd.Timestamp.now("UTC")
        past = when.end < now - pd.Timedelta("1h")
        why = "pods as they are now: where they ran in the range is not known" if past else ""
        status: Status = "empty" if frame.empty else "partial" if past else "complete"
        if frame.empty:
            why = "no pod has a node"
        row = CoverageRow(self.source, "topology", "*", status, len(frame), reason=why)
        return Fetched("topology", frame, (row,), (self._query("/api/v1/pods", pods, when),))

    async def _list(self, api: str, name: str) -> list[Any]:
        """List all objects of a kind; a list that expires on the way is begun again."""
        inside = f"/namespaces/{self.settings.namespace}" if self.settings.namespace else ""
        for _ in range(_RESTARTS):
            try:
                return await self._chunks(f"{api}{inside}/{name}")
            except SourceRefused as error:
                if error.status != _GONE:
                    raise
        raise SourceGarbled(
            fact="The list expired each time it was read",
            value=name,
            hint="Raise chunk: it is read in fewer answers",
        )

    async def _chunks(self, path: str) -> list[Any]:
        found: dict[str, Any] = {}
        params = {"limit": str(self.settings.chunk)}
        for _ in range(_MOST_CHUNKS):
            payload = mapping_at((await self.http.json("GET", path, params=params)).payload)
            listed, metadata = payload.get("items"), mapping_at(payload, "metadata")
            if not isinstance(listed, list) or not text_of(metadata.get("resourceVersion")):
                raise SourceGarbled(
                    fact="Not a list of the API", value=sorted(map(str, payload))[:6]
                )
            for one in listed:
                own = mapping_at(one, "metadata")
                found[text_of(own.get("uid")) or json_text(one)] = one
            following = text_of(metadata.get("continue"))
            if not following:
                return list(found.values())
            params = {**params, "continue": following}
        raise SourceGarbled(fact="A list without an end", value=path)

    def _query(self, path: str, found: list[Any], when: TimeRange) -> Query:
        digest = hashlib.sha256(json_text(found).encode()).hexdigest()
        return Query(
            self.source, path, (("limit", str(self.settings.chunk)),), when, len(found), digest
        )


class KubernetesFiles(FileSource):
    """Events of dumps."""

    kind: ClassVar[str] = "kubernetes_files"
    tables: ClassVar[tuple[str, ...]] = ("events",)

    settings: KubernetesFilesSettings

    def __init__(self, source: str, settings: KubernetesFilesSettings) -> None:
        super().__init__(source, settings)

    def parse(self, table: str, file: RawFile) -> Parsed:
        """Read the events of one file."""
        return RowReader(table).each(_events(file.data), event_rows).parsed()

    def join(self, table: str, parts: Sequence[Parsed], when: TimeRange) -> Sequence[Parsed]:
        """Place events that go on, and say where the range begins before the oldest event."""
        frames = [part.frame for part in parts if len(part.frame)]
        whole = Parsed(pd.concat(frames, ignore_index=True)) if frames else None
        aged = _aged(whole, when).problems if whole is not None else ()
        placed = [within(part, when) for part in parts]
        return [*placed, Parsed(placed[0].frame.iloc[:0], aged)] if aged else placed


def _events(data: bytes) -> Iterator[tuple[str, Any]]:
    for place, record in json_records(data):
        listed = mapping_at(record).get("items")
        if isinstance(listed, list) and text_of(mapping_at(record).get("kind")) in _LISTS:
            yield from ((f"{place}, item {n}", one) for n, one in enumerate(listed, start=1))
        elif "object" in mapping_at(record):  # of a watch
            yield place, mapping_at(record).get("object")
        else:
            yield place, record


def _aged(part: Parsed, when: TimeRange) -> Parsed:
    """Events expire: before the oldest that is kept there may have been others."""
    if part.frame.empty:
        why = "no event is kept: those of the range may have expired"
        return Parsed(part.frame, (*part.problems, why), part.notes)
    oldest = part.frame["ts"].min()
    if oldest <= when.start:
        return part
    why = f"the oldest event that is kept is of {oldest.isoformat()}; earlier ones may have expired"
    return Parsed(part.frame, (*part.problems, why), part.notes)


def _owners(sets: list[Any]) -> dict[str, str]:
    found = {}
    for one in sets:
        metadata = mapping_at(one, "metadata")
        owner = next((mapping_at(o) for o in list_at(metadata, "ownerReferences")), {})
        if owner.get("name"):
            key = f"{text_of(metadata.get('namespace'))}/{text_of(metadata.get('name'))}"
            found[key] = text_of(owner.get("name"))
    return found
