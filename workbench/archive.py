"""Incident bundles on disk: Parquet tables beside a manifest with a digest of each file.

The truth of a recorded incident (``truth.json``) may lie in the same folder. It is listed
in the manifest so that it can be verified, and nothing here reads what it says.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import pandas as pd

from workbench.errors import BundleAltered, BundleMissing, BundleSchema
from workbench.tables import SCHEMAS, conform

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "MANIFEST",
    "SCHEMA_VERSION",
    "graph_from_dict",
    "graph_to_dict",
    "read_bundle",
    "read_manifest",
    "verify_bundle",
    "write_bundle",
    "write_text",
]

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"


def write_text(path: Path, text: str) -> Path:
    """Write a file whole or not at all: a temporary file beside it, then a rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return path


def write_bundle(folder: Path, tables: Mapping[str, pd.DataFrame], meta: Mapping[str, Any]) -> Path:
    """Write tables, topology, coverage and manifest; the manifest comes last.

    Parameters
    ----------
    folder
        Where to; made if missing. Files of other names in it are left alone.
    tables
        Conformed frames; empty ones are not written.
    meta
        JSON-able description of the window; ``meta["coverage"]`` is a frame.

    Returns
    -------
    Path
        The folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    present = {name: frame for name, frame in tables.items() if not frame.empty}
    for name, frame in present.items():
        _write_parquet(frame, folder / f"{name}.parquet")
    _write_parquet(meta["coverage"], folder / "coverage.parquet")
    window = {key: value for key, value in meta.items() if key != "coverage"}
    names = [f"{name}.parquet" for name in (*present, "coverage")]
    names += ["truth.json"] if (folder / "truth.json").exists() else []
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "window": window,
        "files": {name: _file_facts(folder / name) for name in sorted(names)},
    }
    write_text(folder / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    return folder


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read and check a bundle's manifest.

    Raises
    ------
    BundleMissing
        No such folder, or no manifest in it.
    BundleSchema
        The manifest is not one, or of another schema version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleMissing(
            "No incident bundle here",
            value=folder.name,
            hint=f"A bundle is a folder with a {MANIFEST}",
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        version = manifest["schema_version"]
        manifest["files"], manifest["window"]
    except (ValueError, KeyError, TypeError) as error:
        raise BundleSchema(f"{MANIFEST} is not a bundle's manifest", value=folder.name) from error
    if version != SCHEMA_VERSION:
        raise BundleSchema(
            "The bundle has another schema version",
            value=version,
            hint=f"This code reads version {SCHEMA_VERSION}; record or convert it anew",
        )
    return manifest


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
    files = read_manifest(folder)["files"]
    for name in files:
        _check(folder, name, files[name])
    return tuple(files)


def read_bundle(folder: Path) -> tuple[dict[str, pd.DataFrame], dict[str, Any]]:
    """Verify a bundle's tables and read them; ``truth.json`` is neither checked nor opened.

    Returns
    -------
    tables, meta
        What `write_bundle` was given, and ``meta["digest"]``: sha256 over the digests of
        the tables.

    Raises
    ------
    BundleMissing, BundleSchema, BundleAltered
        See `verify_bundle`.
    """
    manifest = read_manifest(folder)
    files = {name: facts for name, facts in manifest["files"].items() if name.endswith(".parquet")}
    for name in files:
        _check(folder, name, files[name])
    frames = {Path(name).stem: _read_parquet(folder / name) for name in files}
    meta = dict(manifest["window"])
    meta["coverage"] = frames.pop("coverage")
    tables = {name: conform(name, frames[name]) for name in SCHEMAS if name in frames}
    return tables, meta


def graph_to_dict(graph: nx.DiGraph) -> dict[str, Any]:
    """Write a service graph as JSON-able lists of nodes and edges."""
    return {
        "graph": dict(graph.graph),
        "nodes": [{"name": node, **data} for node, data in graph.nodes(data=True)],
        "edges": [{"src": u, "dst": v, **data} for u, v, data in graph.edges(data=True)],
    }


def graph_from_dict(plain: Mapping[str, Any]) -> nx.DiGraph:
    """Read back what `graph_to_dict` wrote."""
    graph: nx.DiGraph = nx.DiGraph()
    graph.graph.update(plain.get("graph", {}))
    for node in plain["nodes"]:
        graph.add_node(node["name"], **{k: v for k, v in node.items() if k != "name"})
    for edge in plain["edges"]:
        data = {k: v for k, v in edge.items() if k not in {"src", "dst"}}
        graph.add_edge(edge["src"], edge["dst"], **data)
    return graph


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
    return column.dtype != object and column.nunique() < len(column) / 2


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except (OSError, ValueError) as error:
        raise BundleSchema("Not a readable Parquet file", value=path.name) from error


def _file_facts(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _check(folder: Path, name: str, facts: Mapping[str, Any]) -> None:
    path = folder / name
    if Path(name).name != name:
        raise BundleSchema("The manifest names a file outside its folder", value=name)
    if not path.is_file():
        raise BundleMissing(
            f"A file of bundle {folder.name!r} is missing",
            value=name,
            hint="Restore it from version control, or record the incident anew",
        )
    if _file_facts(path)["sha256"] != facts["sha256"]:
        raise BundleAltered(
            f"A file of bundle {folder.name!r} differs from its manifest",
            value=name,
            hint="Restore it from version control; an altered recording proves nothing",
        )
