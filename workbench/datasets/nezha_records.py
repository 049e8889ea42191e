"""Spans and logs of the Nezha layout."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from workbench.tables import conform, empty

__all__ = ["read_logs", "read_spans"]

_HASHES = r"-[a-z0-9]+-[a-z0-9]+$"


@lru_cache(maxsize=2)
def read_spans(day: str) -> pd.DataFrame:
    """Read a day's spans; the kind of a span follows from who called it.

    Parameters
    ----------
    day
        Folder of the day; an empty table comes back where it has no ``traces.parquet``.
    """
    path = Path(day) / "traces.parquet"
    if not path.exists():
        return empty("spans")
    raw = pd.read_parquet(path)
    pods = raw["PodName"].astype("category")
    services = pods.cat.categories.astype(str).str.replace(_HASHES, "", regex=True)
    service = np.asarray(services)[pods.cat.codes]
    is_root = (raw["ParentID"] == "root").to_numpy()
    spans = pd.DataFrame(
        {
            "ts": pd.to_datetime(raw["StartTimeUnixNano"].to_numpy(), utc=True),
            "duration_s": raw["Duration"].to_numpy() / 1e6,
            "trace_id": raw["TraceID"].to_numpy(),
            "span_id": raw["SpanID"].to_numpy(),
            "parent_span_id": np.where(is_root, "", raw["ParentID"].to_numpy()),
            "service": service,
            "name": raw["OperationName"].to_numpy(),
            "kind": _kinds(raw, service, is_root),
            "status": "unset",
        }
    )
    return conform("spans", spans.drop_duplicates(["trace_id", "span_id", "service"]))


@lru_cache(maxsize=2)
def read_logs(day: str) -> pd.DataFrame:
    """Read a day's logs; an empty table comes back where it has no ``logs.parquet``."""
    path = Path(day) / "logs.parquet"
    if not path.exists():
        return empty("logs")
    raw = pd.read_parquet(path)
    logs = pd.DataFrame(
        {
            "ts": pd.to_datetime(raw["TimeUnixNano"].astype("int64").to_numpy(), utc=True),
            "service": raw["PodName"].astype(str).str.replace(_HASHES, "", regex=True),
            "severity_number": _severity(raw["Log"].astype(str)),
            "body": raw["Log"].astype(str),
            "attributes": "{}",
            "trace_id": raw["TraceID"].astype(str),
            "span_id": raw["SpanID"].astype(str),
        }
    )
    return conform("logs", logs)


def _kinds(raw: pd.DataFrame, service: np.ndarray, is_root: np.ndarray) -> np.ndarray:
    key = pd.MultiIndex.from_arrays([raw["TraceID"], raw["SpanID"]])
    first = ~key.duplicated()
    owner = pd.Series(service[first], index=key[first])
    parent = pd.MultiIndex.from_arrays([raw["TraceID"], raw["ParentID"]])
    above = owner.reindex(parent).to_numpy(dtype=object)
    entered = is_root | ((above != service) & pd.notna(above))
    calls_out = key.isin(parent[entered & ~is_root])
    return np.where(entered, "server", np.where(calls_out, "client", "internal"))


def _severity(body: pd.Series) -> np.ndarray:
    """Severity as the text tells it; 9 (info) where it does not."""
    text = body.str.lower()
    error = text.str.contains(r"\berror\b|exception|fatal|severe|panic", regex=True)
    warning = text.str.contains(r"\bwarn", regex=True)
    return np.where(error, 17.0, np.where(warning, 13.0, 9.0))
