"""What was fetched is kept, masked, so that a collection that was stopped goes on.

A result is found again by everything that could have changed it: the kind of source and all of
its settings, the table, the range, the services, the masking policy and its key. It is one file
under a seal of that key: a file that was damaged, altered or written by others is as none.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pydantic

from workbench.connectors.contract import Fetched, Query
from workbench.connectors.transport.secret import Auth, read_secret
from workbench.coverage import Coverage
from workbench.errors import WorkbenchError
from workbench.tables import SCHEMAS, conform
from workbench.times import TimeRange
from workbench.version import __version__
from workbench.writing import make_folder, sweep, write_bytes

if TYPE_CHECKING:
    from workbench.masking import Pseudonyms

__all__ = ["Cache"]

_FORMAT = 2
_SUFFIX = ".result"


class Cache:
    """A folder of results, its owner's alone.

    Parameters
    ----------
    folder
        Where they are kept; made at the first `keep`.
    pseudonyms
        Those of the results: what another key has masked is never found.
    """

    def __init__(self, folder: Path, pseudonyms: Pseudonyms) -> None:
        self.folder = Path(folder).expanduser()
        self._pseudonyms = pseudonyms

    def key(self, kind: str, settings: pydantic.BaseModel, asked: Mapping[str, object]) -> str:
        """Name a result by all that could change it, the key of its pseudonyms first.

        Parameters
        ----------
        kind
            Of the source.
        settings
            Of the source; a secret counts by its seal, so that another account is another result.
        asked
            Table, range and whatever else was asked.
        """
        told = {
            "kind": kind,
            "settings": self._plain(settings),
            "asked": self._plain(asked),
            "version": __version__,
            "format": _FORMAT,
        }
        text = json.dumps(told, sort_keys=True, default=str)
        return f"{self._pseudonyms.fingerprint}-{hashlib.sha256(text.encode()).hexdigest()}"

    def find(self, key: str) -> Fetched | None:
        """Return a whole result that was kept, or None; one that is not as it was is as none."""
        try:
            seal, _, rest = self._file(key).read_bytes().partition(b"\n")
            if not hmac.compare_digest(seal, self._seal(key, rest)):
                return None
            told, _, rows = rest.partition(b"\n")
            fetched = _fetched(json.loads(told), pd.read_parquet(io.BytesIO(rows)))
        except (OSError, ValueError, KeyError, TypeError, WorkbenchError):
            return None
        return fetched if fetched.complete else None

    def keep(self, key: str, fetched: Fetched) -> Path | None:
        """Keep a whole result, whole or not at all; of one that is not whole nothing is kept.

        Raises
        ------
        CannotWrite
            The disk is full or read-only.
        """
        if not fetched.complete:
            return None
        make_folder(self.folder, private=True)
        rows = io.BytesIO()
        fetched.frame.to_parquet(rows)
        rest = json.dumps(_told(fetched)).encode() + b"\n" + rows.getvalue()
        return write_bytes(self._file(key), self._seal(key, rest) + b"\n" + rest, private=True)

    def sweep(self) -> int:
        """Remove what a stopped writer left half written; return how many files."""
        return sweep(self.folder) if self.folder.is_dir() else 0

    def _file(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _seal(self, key: str, rest: bytes) -> bytes:
        """Seal a result under its own name: it is none under another."""
        return self._pseudonyms.seal(key.encode() + b"\n" + rest).encode()

    def _plain(self, value: object) -> object:
        """Write settings as JSON can, with every field, and of a secret its seal alone."""
        if isinstance(value, pydantic.SecretStr | pydantic.SecretBytes):
            return self._pseudonyms.seal(str(value.get_secret_value()).encode())
        if isinstance(value, pydantic.BaseModel):
            fields = {**dict(value), **(value.model_extra or {})}
            if isinstance(value, Auth) and value.secret:
                fields["account"] = self._account(value.secret)
            kind = f"{type(value).__module__}.{type(value).__qualname__}"
            return {"is": kind, **{name: self._plain(one) for name, one in fields.items()}}
        if isinstance(value, Mapping):
            return {str(name): self._plain(one) for name, one in value.items()}
        if isinstance(value, set | frozenset):
            return sorted(str(one) for one in value)
        if isinstance(value, list | tuple):
            return [self._plain(one) for one in value]
        return value if isinstance(value, str | int | float | None) else str(value)

    def _account(self, reference: str) -> str:
        try:
            secret = read_secret(reference)
        except WorkbenchError:
            return ""  # the fetch will say so
        return self._pseudonyms.seal(secret.encode("utf-8", "surrogatepass"))


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
