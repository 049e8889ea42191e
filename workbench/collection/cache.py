"""What was fetched is kept, masked, so that a collection that was stopped goes on.

A result is found again by everything that could have changed it: the source's settings (which
hold no secrets), the table, the range, the services and the masking policy.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from workbench.archive.writing import sweep, whole_file
from workbench.connectors.contract import Fetched, Query
from workbench.coverage import Coverage
from workbench.errors import BundleError
from workbench.tables import SCHEMAS, conform
from workbench.times import TimeRange
from workbench.version import __version__

if TYPE_CHECKING:
    import pydantic

__all__ = ["Cache"]

_FORMAT = 1


class Cache:
    """A folder of results.

    Parameters
    ----------
    folder
        Where they are kept; made at the first `keep`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder).expanduser()

    def key(self, settings: pydantic.BaseModel, asked: dict[str, object]) -> str:
        """Name a result by all that could change it."""
        parts = {name: str(value) for name, value in asked.items()}
        told = {
            "settings": settings.model_dump(mode="json"),
            "version": __version__,
            "format": _FORMAT,
            **parts,
        }
        text = json.dumps(told, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    def find(self, key: str) -> Fetched | None:
        """Return a result that was kept, or None; one that cannot be read is as none."""
        meta, rows = self._files(key)
        try:
            told = json.loads(meta.read_text(encoding="utf-8"))
            frame = pd.read_parquet(rows)
            return _fetched(told, frame)
        except (OSError, ValueError, KeyError, TypeError, BundleError):
            return None

    def keep(self, key: str, fetched: Fetched) -> Path:
        """Keep a result; it is there whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        meta, rows = self._files(key)
        with whole_file(rows) as temporary:
            fetched.frame.to_parquet(temporary)
        with whole_file(meta) as temporary:
            temporary.write_text(json.dumps(_told(fetched)), encoding="utf-8")
        return meta

    def sweep(self) -> int:
        """Remove what a stopped writer left half written; return how many files."""
        return sweep(self.folder) if self.folder.is_dir() else 0

    def _files(self, key: str) -> tuple[Path, Path]:
        return self.folder / f"{key}.json", self.folder / f"{key}.parquet"


def _told(fetched: Fetched) -> dict[str, Any]:
    return {
        "table": fetched.table,
        "coverage": json.loads(Coverage(fetched.coverage).to_frame().to_json(orient="records")),
        "queries": [{**asdict(q), "when": q.when.to_dict()} for q in fetched.queries],
    }


def _fetched(told: dict[str, Any], frame: pd.DataFrame) -> Fetched:
    rows = pd.DataFrame(told["coverage"]).fillna({"cadence_s": float("nan")})
    rows["gaps"] = [tuple(tuple(gap) for gap in gaps) for gaps in rows["gaps"]]
    queries = tuple(
        Query(
            q["source"],
            q["text"],
            tuple((a, b) for a, b in q["parameters"]),
            TimeRange(**q["when"]),
            q["rows"],
            q["digest"],
        )
        for q in told["queries"]
    )
    table = told["table"]
    fitted = conform(table, frame) if table in SCHEMAS else frame
    return Fetched(table, fitted, tuple(Coverage.from_frame(rows)), queries)
