"""Incident bundles on disk: Parquet tables beside a manifest with a digest of each file.

The truth of a recorded incident (``truth.json``) may lie in the same folder. It is listed
in the manifest so that it can be verified, and nothing here reads what it says.

A bundle changes in one step, when its manifest takes the place of the old one: a table whose
name is taken by other bytes gets a name of its own (``metrics.1f0c….parquet``), so that the
old manifest holds until that moment. A writer that is killed leaves the old bundle or the new.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.errors import BundleAltered, BundleError, BundleMissing, BundleSchema
from workbench.tables import SCHEMAS, conform
from workbench.writing import locked, make_folder, put, sweep, temporary_beside, write_text

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "MANIFEST",
    "SCHEMA_VERSION",
    "check_file",
    "read_bundle",
    "read_manifest",
    "table_of",
    "verify_bundle",
    "write_bundle",
]

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
_OWN_DIGEST = "sha256"  # of the rest of the manifest: a damaged title or time is found too
_SUFFIX = ".parquet"
_MOST_MANIFEST_BYTES = 64_000_000
# More rows than these in one table are for `resample`; more for each byte of the file than a
# table with distinct times can have are a bomb.
_MOST_ROWS = 50_000_000
_MOST_ROWS_A_BYTE = 100
_SMALL = 1_000_000


def write_bundle(folder: Path, tables: Mapping[str, pd.DataFrame], meta: Mapping[str, Any]) -> Path:
    """Write tables, topology, coverage and manifest; the manifest comes last.

    Interrupted at any point, the folder holds the bundle that was there or the new one.

    Parameters
    ----------
    folder
        Where to; made if missing. Files that the old manifest does not name are left alone.
    tables
        Conformed frames; empty ones are not written.
    meta
        JSON-able description of the window; ``meta["coverage"]`` is a frame.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    BundleSchema
        A newer version wrote the bundle that is there: it is not replaced by an older one.
    CannotWrite
        The disk is full or read-only, or another process holds the folder.
    """
    make_folder(folder)
    sweep(folder)
    with locked(folder):
        _check_not_newer(folder)
        before = _named_before(folder)
        frames = {name: frame for name, frame in tables.items() if not frame.empty}
        files = dict(
            _write_table(folder, name, frame)
            for name, frame in {**frames, "coverage": meta["coverage"]}.items()
        )
        if (folder / "truth.json").exists():
            files["truth.json"] = _file_facts(folder / "truth.json")
        manifest = {
            "schema_version": SCHEMA_VERSION,
            "window": {key: value for key, value in meta.items() if key != "coverage"},
            "files": dict(sorted(files.items())),
        }
        manifest[_OWN_DIGEST] = _digest_of(manifest)
        write_text(folder / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True) + "\n")
        for name in (before | _own_names(folder)) - set(files):
            (folder / name).unlink(missing_ok=True)
    return folder


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check a bundle's manifest.

    Raises
    ------
    BundleMissing
        No such folder, or no manifest in it.
    BundleSchema
        The manifest is not one, names a file outside its folder, or is of another schema
        version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleMissing(
            fact="No incident bundle here",
            value=folder.name,
            hint=f"A bundle is a folder with a {MANIFEST}",
        )
    manifest = _manifest_of(path)
    for name in manifest["files"]:
        if Path(name).name != name or "\0" in name:
            raise BundleSchema(fact="The manifest names a file outside its folder", value=name)
    return manifest


def _manifest_of(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MOST_MANIFEST_BYTES:
            raise BundleSchema(fact=f"{MANIFEST} is too large", value=path.stat().st_size)
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(manifest, dict):
            raise _no_manifest(path)
        if (version := manifest["schema_version"]) != SCHEMA_VERSION:
            raise BundleSchema(
                fact="The bundle has another schema version",
                value=version,
                hint=f"This code reads version {SCHEMA_VERSION}; record or convert it anew",
            )
        digest = manifest.pop(_OWN_DIGEST, None)  # bundles of old have none
        files, known = manifest["files"], set(manifest) == {"schema_version", "window", "files"}
        sound = known and all(isinstance(files[name]["sha256"], str) for name in files)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise _no_manifest(path) from error
    except OSError as error:
        fact = f"{MANIFEST} cannot be read ({error.strerror or type(error).__name__})"
        raise BundleMissing(fact, value=path.parent.name) from error
    if not (sound and isinstance(files, dict) and isinstance(manifest["window"], dict)):
        raise _no_manifest(path)
    if digest is not None and digest != _digest_of(manifest):
        raise BundleAltered(
            fact=f"{MANIFEST} of bundle {path.parent.name!r} is not as it was written",
            value=MANIFEST,
            hint="Restore it from version control; an altered recording proves nothing",
        )
    return dict(manifest)


def _digest_of(manifest: Mapping[str, Any]) -> str:
    """Digest of what a manifest says, whatever blanks it is written with."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _no_manifest(path: Path) -> BundleSchema:
    return BundleSchema(f"{MANIFEST} is not a bundle's manifest", value=path.parent.name)


def table_of(name: str) -> str:
    """Say which table a file of a bundle holds, ``""`` where it is none.

    Examples
    --------
    >>> table_of("metrics.parquet"), table_of("metrics.1f0c55aa.parquet"), table_of("truth.json")
    ('metrics', 'metrics', '')
    """
    return name.split(".", maxsplit=1)[0] if name.endswith(_SUFFIX) else ""


def verify_bundle(folder: Path) -> tuple[str, ...]:
    """Check every file's digest against the manifest and return the names checked.

    Raises
    ------
    BundleMissing
        The bundle or one of its files is not there.
    BundleSchema
        The manifest cannot be read by this code.
    BundleAltered
        A file's sha256 differs from the manifest's.
    """
    with locked(folder, shared=True):
        files = read_manifest(folder)["files"]
        for name in files:
            check_file(folder, name, files[name])
    return tuple(files)


def read_bundle(folder: Path) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Verify a bundle's tables and read them; ``truth.json`` is neither checked nor opened.

    Returns
    -------
    tables, meta
        What `write_bundle` was given.

    Raises
    ------
    BundleMissing, BundleSchema, BundleAltered
        See `verify_bundle`.
    """
    with locked(folder, shared=True):
        manifest = read_manifest(folder)
        files = {name: facts for name, facts in manifest["files"].items() if table_of(name)}
        for name in files:
            check_file(folder, name, files[name])
        frames = {table_of(name): _read_parquet(folder / name) for name in files}
    if "coverage" not in frames:
        raise BundleSchema(fact="The bundle has no coverage", value=folder.name)
    meta = dict(manifest["window"])
    meta["coverage"] = frames.pop("coverage")
    tables = {name: conform(name, frames[name]) for name in SCHEMAS if name in frames}
    return tables, meta


def check_file(folder: Path, name: str, facts: Mapping[str, Any]) -> None:
    """Check one file of a bundle against what its manifest says of it.

    Raises
    ------
    BundleMissing, BundleAltered
        See `verify_bundle`.
    """
    path = folder / name
    if not path.is_file():
        raise BundleMissing(
            fact=f"A file of bundle {folder.name!r} is missing",
            value=name,
            hint="Restore it from version control, or record the incident anew",
        )
    try:
        found = _file_facts(path)
    except OSError as error:
        fact = f"A file of bundle {folder.name!r} cannot be read ({error.strerror})"
        raise BundleMissing(fact, value=name) from error
    if found["sha256"] != facts["sha256"]:
        raise BundleAltered(
            fact=f"A file of bundle {folder.name!r} differs from its manifest",
            value=name,
            hint="Restore it from version control; an altered recording proves nothing",
        )


def _named_before(folder: Path) -> set[str]:
    try:
        return {name for name in read_manifest(folder)["files"] if table_of(name)}
    except BundleError:
        return set()


def _check_not_newer(folder: Path) -> None:
    """Refuse to replace what a newer version wrote: it holds what this one cannot write."""
    try:
        version = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["schema_version"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise BundleSchema(
            fact="A newer version wrote the bundle that is there; it is left as it is",
            value=version,
            hint=f"This code writes version {SCHEMA_VERSION}: update it, or save elsewhere",
        )


def _own_names(folder: Path) -> set[str]:
    """Tables under names of their own, among them what a killed writer left."""
    own = re.compile(rf"({'|'.join((*SCHEMAS, 'coverage'))})\.[0-9a-f]{{16}}\.parquet")
    return {path.name for path in folder.iterdir() if own.fullmatch(path.name)}


def _write_table(folder: Path, table: str, frame: pd.DataFrame) -> tuple[str, dict[str, Any]]:
    """Write a table under its plain name, or under one of its own if others hold that name."""
    plain = folder / f"{table}{_SUFFIX}"
    with temporary_beside(plain) as temporary:
        _write_parquet(frame, temporary)
        facts = _file_facts(temporary)
        free = not plain.exists() or _file_facts(plain) == facts
        path = plain if free else folder / f"{table}.{facts['sha256'][:16]}{_SUFFIX}"
        put(temporary, path)
    return path.name, facts


def _write_parquet(frame: pd.DataFrame, path: Path) -> None:
    # A dictionary of values that hardly repeat (ids, times, durations) only adds to the file;
    # categoricals need one to come back as they were.
    repeating = [
        c for c in frame if isinstance(frame[c].dtype, pd.CategoricalDtype) or _repeats(frame[c])
    ]
    frame.to_parquet(
        path,
        engine="pyarrow",
        index=False,
        compression="zstd",
        compression_level=9,
        use_dictionary=repeating,
    )


def _repeats(column: pd.Series) -> bool:
    """Whether at most half of the values differ; columns of lists are not asked."""
    return bool(column.dtype != object and column.nunique() < len(column) / 2)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        _refuse_large(pq.read_metadata(path), path)
        return pq.read_table(path, partitioning=None).to_pandas()
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise BundleSchema(fact="Not a readable Parquet file", value=path.name) from error


def _refuse_large(facts: pq.FileMetaData, path: Path) -> None:
    rows, size = facts.num_rows, path.stat().st_size
    if rows > _MOST_ROWS or rows > max(_SMALL, _MOST_ROWS_A_BYTE * size):
        raise BundleSchema(
            fact=f"{rows:,} rows in a file of {size:,} bytes are more than a window holds",
            value=path.name,
            hint="workbench.archive.resample reads tables larger than memory",
        )


def _file_facts(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        return {
            "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
            "bytes": path.stat().st_size,
        }
