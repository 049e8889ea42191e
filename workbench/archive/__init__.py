"""Incident bundles: written whole, read with every digest checked, searched many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.archive.bundles import (
    MANIFEST,
    SCHEMA_VERSION,
    read_bundle,
    read_manifest,
    verify_bundle,
    write_bundle,
)
from workbench.archive.csv_files import read_csv, write_csv
from workbench.archive.graphs import graph_from_dict, graph_to_dict
from workbench.archive.packing import pack, unpack
from workbench.archive.results import Gap, QueryResult, Resampled
from workbench.archive.searching import Archive
from workbench.archive.searching import open_archive as open
from workbench.moved import renamed
from workbench.writing import write_text

__all__ = [
    "MANIFEST",
    "SCHEMA_VERSION",
    "Archive",
    "Gap",
    "QueryResult",
    "Resampled",
    "graph_from_dict",
    "graph_to_dict",
    "open",
    "pack",
    "read_bundle",
    "read_csv",
    "read_manifest",
    "unpack",
    "verify_bundle",
    "write_bundle",
    "write_csv",
    "write_text",
]

if not TYPE_CHECKING:
    __getattr__ = renamed(__name__, {"Found": "QueryResult"})
