"""A plain list of deploys, CSV or JSON, as a script or a release calendar writes it → changes."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import pydantic

from workbench.connectors.reading.file_source import FileSource
from workbench.connectors.reading.files import FilesSettings, RawFile
from workbench.connectors.reading.rows import (
    EVERY_SERVICE,
    Parsed,
    RowReader,
    epoch,
    json_records,
    parse_timestamp,
    text_of,
)
from workbench.errors import SourceGarbled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

__all__ = ["Deploys", "DeploysSettings"]

_COLUMNS = ("ts", "kind", "service", "ref", "end_ts", "version", "actor", "url", "environment")
_KINDS = {
    "deployment": "deploy",
    "release": "deploy",
    "rolledback": "rollback",
    "revert": "rollback",
    "configuration": "config",
    "scaling": "scale",
    "migration": "schema",
    "feature_flag": "flag",
    "feature flag": "flag",
    "infrastructure": "infra",
}


class DeploysSettings(FilesSettings):
    """Where the list is, and what its columns are called.

    Parameters
    ----------
    columns
        Our name → the file's: ``{"ts": "deployed_at", "service": "meta.app"}``. A dot leads
        into nested JSON. Ours are ``ts kind service ref end_ts version actor url environment``;
        those not named here are looked for under our name.
    kind
        Kind of the changes where the file has no column for it.
    kinds
        The file's word for a kind → ours, where they differ.
    times
        How times are written: ISO 8601 with a zone, or seconds or milliseconds since 1970.
    delimiter
        Between the cells of a CSV file.
    """

    columns: dict[str, str] = pydantic.Field(
        default_factory=dict, description="our column name to the file's"
    )
    kind: str = pydantic.Field(default="deploy", description="kind where no column says it")
    kinds: dict[str, str] = pydantic.Field(default_factory=dict, description="their kind to ours")
    times: Literal["iso", "s", "ms"] = pydantic.Field(default="iso", description="form of times")
    delimiter: str = pydantic.Field(
        default=",", min_length=1, max_length=1, description="between CSV cells"
    )

    @pydantic.field_validator("columns")
    @classmethod
    def _known(cls, columns: dict[str, str]) -> dict[str, str]:
        unknown = sorted(set(columns) - set(_COLUMNS))
        if unknown:
            message = f"unknown column(s) {unknown}; ours are {', '.join(_COLUMNS)}"
            raise ValueError(message)
        return columns


class Deploys(FileSource):
    """Deploys and other changes from CSV (with a header line), JSON or JSON lines."""

    kind: ClassVar[str] = "deploys"
    tables: ClassVar[tuple[str, ...]] = ("changes",)
    settings: DeploysSettings

    def __init__(self, source: str, settings: DeploysSettings) -> None:
        super().__init__(source, settings)

    def parse(self, table: str, file: RawFile) -> Parsed:
        """Read the changes of one file; a row that cannot be read is refused by its line."""
        is_json = file.data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"[", b"{"}
        records = _listed(file.data) if is_json else self._lines(file.data)
        return RowReader(table).each(records, self._row).parsed()

    def _lines(self, data: bytes) -> Iterator[tuple[str, Any]]:
        reader = csv.DictReader(io.StringIO(_decoded(data)), delimiter=self.settings.delimiter)
        try:
            names = list(reader.fieldnames or ())
            for name in ("ts", "service"):
                self._check_column(name, names)
            for row in reader:
                wide = row.get(None) is not None
                error = SourceGarbled("More cells than the header has", value=len(names))
                yield f"line {reader.line_num}", error if wide else row
        except csv.Error as error:
            raise SourceGarbled(fact="Not CSV", value=f"line {reader.line_num}: {error}") from error

    def _check_column(self, name: str, names: list[str]) -> None:
        theirs = self.settings.columns.get(name, name)
        if theirs not in names:
            hint = f"It has {', '.join(names[:12])}; say columns: {{{name}: …}}"
            raise SourceGarbled(fact=f"No column for {name!r}", value=theirs, hint=hint)

    def _row(self, record: object) -> Iterator[dict[str, object]]:
        if not isinstance(record, dict):
            raise SourceGarbled(fact="Not an object", value=record)
        found = {name: self._cell(record, name) for name in _COLUMNS}
        ts = self._time(found["ts"])
        if ts is None:
            raise SourceGarbled(fact="A change without a time", value=found["ts"])
        kind = text_of(found["kind"]).strip() or self.settings.kind
        row = {name: text_of(found[name]) for name in _COLUMNS}
        service = row["service"] or EVERY_SERVICE
        yield {
            **row,
            "ts": ts,
            "end_ts": self._time(found["end_ts"]),
            "kind": self.settings.kinds.get(kind, _KINDS.get(kind.lower(), kind.lower())),
            "service": service,
            "ref": row["ref"] or f"{row['version'] or service}@{ts:%Y-%m-%dT%H:%M:%SZ}",
        }

    def _cell(self, record: Mapping[str, object], name: str) -> object:
        theirs = self.settings.columns.get(name, name)
        if theirs in record:
            return record[theirs]
        found: object = record
        for part in theirs.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return found

    def _time(self, value: object) -> pd.Timestamp | None:
        if value is None or value == "":
            return None
        times = self.settings.times
        return parse_timestamp(value) if times == "iso" else epoch(value, unit=times)


def _listed(data: bytes) -> Iterator[tuple[str, Any]]:
    """Read records; one document may hold them in a list of its own."""
    for place, record in json_records(data):
        lists = (
            [one for one in record.values() if isinstance(one, list)]
            if (place == "document" and isinstance(record, dict))
            else []
        )
        if len(lists) == 1:
            yield from ((f"item {n}", one) for n, one in enumerate(lists[0], start=1))
        else:
            yield place, record


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise SourceGarbled(fact="Not UTF-8", value=f"line {line}") from error
