"""Backstage catalog files → topology as it is meant to be, and who owns what.

A catalog says intent, traces say fact: `workbench.topology.merge` keeps both and lists where
they disagree. Nothing a file points to is opened: no placeholder, location or link.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

import pandas as pd
import pydantic

from workbench.connectors.contract import Fetched
from workbench.connectors.reading.file_source import FileSource
from workbench.connectors.reading.files import FilesSettings, RawFile, read_files
from workbench.connectors.reading.rows import Parsed, json_text, summarize_rejected
from workbench.connectors.sources.backstage.payload import Entity, edges_of, entities_of
from workbench.coverage import CoverageRow
from workbench.errors import SourceError, SourceGarbled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from workbench.coverage import Status
    from workbench.times import TimeRange

__all__ = ["Backstage", "BackstageSettings"]

_EDGE_COLUMNS = ["src", "dst", "source", "kind", "src_owner", "dst_owner", "said"]
_OWNER_COLUMNS = [
    "name",
    "kind",
    "namespace",
    "owner",
    "system",
    "type",
    "lifecycle",
    "annotations",
    "links",
]


class BackstageSettings(FilesSettings):
    """Where the catalog files are, and what telemetry calls their entities.

    Parameters
    ----------
    name_from
        Annotation that holds the service's name in telemetry, such as
        ``backstage.io/kubernetes-id``; entities without it go by their own name.
    """

    cap_mb: float = pydantic.Field(
        default=2.0, gt=0, le=64, description="largest file, unpacked, in MB; YAML reads slowly"
    )
    name_from: str = pydantic.Field(default="", description="annotation with the telemetry's name")


class Backstage(FileSource):
    """A software catalog in files, YAML or what its API was asked for."""

    kind: ClassVar[str] = "backstage"
    tables: ClassVar[tuple[str, ...]] = ("topology",)
    settings: BackstageSettings

    def __init__(self, source: str, settings: BackstageSettings) -> None:
        super().__init__(source, settings)

    def parse(self, table: str, file: RawFile) -> Parsed:
        """Read the entities of one file; their edges are known once all files are read."""
        notes: list[str] = []
        refused: list[str] = []
        entities: list[Entity] = []
        for place, entity in entities_of(file.data, notes):
            if isinstance(entity, SourceGarbled):
                refused.append(f"{file.name}, {place}: {entity}")
            else:
                entities.append(entity)
        if refused and not entities:
            raise SourceGarbled(fact="No catalog entity in the file", value=refused[0])
        return Parsed(
            pd.DataFrame({"entity": entities}, dtype="object"),
            summarize_rejected(refused),
            tuple(notes),
        )

    def settle(
        self, table: str, when: TimeRange, *, parts: Sequence[Parsed], services: tuple[str, ...]
    ) -> Fetched:
        """Make edges of all entities, those of the services asked for alone where any are."""
        entities, notes = _distinct([one for part in parts for one in part.frame["entity"]])
        frame = self._edges(entities, notes)
        if services:
            frame = frame[frame["src"].isin(services) | frame["dst"].isin(services)]
        problems = [trouble for part in parts for trouble in part.problems]
        said = [*problems, *(note for part in parts for note in part.notes), *notes]
        status: Status = "partial" if problems else "complete" if len(frame) else "empty"
        why = "; ".join(dict.fromkeys(said)) or ("" if len(frame) else "no dependency is declared")
        row = CoverageRow(self.source, table, "*", status, len(frame), reason=why)
        return Fetched(table, frame.reset_index(drop=True), (row,))

    def late(self, when: TimeRange, written: Sequence[pd.Timestamp]) -> list[str]:
        """Return nothing: a catalog holds what is meant to be, not what happened in a range."""
        return []

    async def owners(self) -> pd.DataFrame:
        """List who owns what, a row an entity.

        Returns
        -------
        pandas.DataFrame
            ``name`` (as in the topology) ``kind namespace owner system type lifecycle``, and
            as JSON text ``annotations`` (identifiers in other tools) and ``links``.

        Raises
        ------
        SourceError
            Not one of the files can be read.
        """
        return await asyncio.to_thread(self._owners)

    def _owners(self) -> pd.DataFrame:
        entities: list[Entity] = []
        errors: list[SourceError] = []
        for file in read_files(self.settings.files, cap_bytes=self.settings.cap_bytes):
            try:
                if file.error is not None:
                    raise file.error
                entities.extend(self.parse("topology", file).frame["entity"])
            except SourceError as error:
                errors.append(error)
        if errors and not entities:
            raise errors[0]
        rows = [self._owned(entity) for entity in _distinct(entities)[0]]
        return pd.DataFrame(rows, columns=_OWNER_COLUMNS, dtype="str")

    def _owned(self, entity: Entity) -> dict[str, str]:
        links = [{"title": title, "url": url} for title, url in entity.links]
        return {
            "name": self._name(entity),
            "kind": entity.kind,
            "namespace": entity.namespace,
            "owner": entity.owner,
            "system": entity.system,
            "type": entity.type,
            "lifecycle": entity.lifecycle,
            "annotations": json_text(dict(entity.annotations)),
            "links": json_text(links),
        }

    def _edges(self, entities: Sequence[Entity], notes: list[str]) -> pd.DataFrame:
        known = {entity.ref: entity for entity in entities}
        rows = []
        for edge in edges_of(entities, notes):
            ends = [known.get(edge.src), known.get(edge.dst)]
            unknown = [ref for ref, end in zip((edge.src, edge.dst), ends, strict=True) if not end]
            notes += [f"{ref}: referred to, in no file read" for ref in unknown]
            names = [
                self._name(end) if end else ref.rpartition("/")[2]
                for ref, end in zip((edge.src, edge.dst), ends, strict=True)
            ]
            owners = [end.owner if end else "" for end in ends]
            rows.append([*names, "catalog", edge.kind, *owners, edge.said])
        return pd.DataFrame(rows, columns=_EDGE_COLUMNS, dtype="object")

    def _name(self, entity: Entity) -> str:
        return entity.annotations.get(self.settings.name_from, "") or entity.name


def _distinct(entities: Sequence[Entity]) -> tuple[list[Entity], list[str]]:
    """Keep the first of entities declared twice, as the catalog itself does, and say so."""
    known: dict[str, Entity] = {}
    notes = []
    for entity in entities:
        if entity.ref in known and known[entity.ref] != entity:
            notes.append(f"{entity.ref}: declared twice and differently, the first one stands")
        known.setdefault(entity.ref, entity)
    return list(known.values()), notes
