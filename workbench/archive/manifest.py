"""What an archive knows of a bundle before it is asked: manifest, sizes, columns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.archive.bundles import read_manifest, table_of
from workbench.archive.results import Gap
from workbench.errors import BadInput, BundleError
from workbench.tables import SCHEMAS
from workbench.times import TimeRange

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["PATTERN", "Bundle", "read_head"]

PATTERN = frozenset("*?[]{}\\,\"'`")
"""Characters that some engine reads in a path as more than letters."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """One bundle of an archive, as its manifest describes it.

    Parameters
    ----------
    name
        Name of its folder.
    title, when
        Of the incident.
    folder
        Where it lies.
    files
        Table to its Parquet file.
    digests
        File name to what the manifest says of it.
    """

    name: str
    title: str
    when: TimeRange
    folder: Path
    files: Mapping[str, Path]
    digests: Mapping[str, Mapping[str, Any]] = field(repr=False)


def read_head(folder: Path) -> Bundle | Gap:
    """Read what a bundle says of itself, or why it cannot be asked."""
    try:
        manifest = read_manifest(folder)
        window, facts = manifest["window"], manifest["files"]
        when, title = TimeRange(**window["when"]), str(window["title"])
        files = {table_of(name): folder / name for name in facts if table_of(name) in SCHEMAS}
        problem = _problem(folder, files, facts)
    except (BundleError, BadInput) as error:
        return Gap(folder.name, str(error))
    except (KeyError, TypeError, OSError):
        return Gap(folder.name, "its manifest describes no window")
    return problem or Bundle(folder.name, title, when, folder, files, facts)


def _problem(folder: Path, files: Mapping[str, Path], facts: Mapping[str, Any]) -> Gap | None:
    if PATTERN & set(folder.name):
        return Gap(folder.name, "engines would read its name as a pattern")
    for table, path in files.items():
        if not path.is_file() or path.is_symlink():
            return Gap(folder.name, f"{path.name} is missing")
        if path.stat().st_size != facts[path.name].get("bytes"):
            return Gap(folder.name, f"{path.name} is not as long as its manifest says")
        if odd := _odd_columns(table, path):
            return Gap(folder.name, f"{path.name} {odd}")
    return None


def _odd_columns(table: str, path: Path) -> str:
    """Say why a file cannot hold this table; read from its end, where Parquet describes itself."""
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError, ValueError):
        return "is not a readable Parquet file"
    if missing := [name for name in SCHEMAS[table].required if name not in schema.names]:
        return f"has no column {', '.join(missing)}"
    times = [n for n, kind in SCHEMAS[table].kinds.items() if kind == "time" and n in schema.names]
    naive = [n for n in times if getattr(schema.field(n).type, "tz", None) is None]
    return f"has times without a zone: {', '.join(naive)}" if naive else ""
