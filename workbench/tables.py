"""The tables of an incident window: their schemas, and one way to fit a frame to them.

Times are ``datetime64[ns, UTC]``, durations float seconds, repeating strings
categoricals. `labels` and `attributes` hold canonical JSON text (sorted keys), so
that a label set is stored once a series and compares as a plain value.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.errors import BadTable, unknown_name
from workbench.times import utc_column

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SCHEMAS", "Schema", "conform", "empty", "labels_of", "labels_text", "problems"]

_BLOCK = 250_000  # rows


@dataclass(frozen=True, slots=True)
class Schema:
    """Columns of one table.

    Parameters
    ----------
    required, optional
        Column name to kind: ``time``, ``number``, ``word`` (a repeating string),
        ``text`` or ``json`` (canonical JSON text of a mapping).
    time
        The column rows are ordered by.
    identity
        Columns that together tell one row from another; used to report duplicates.
    """

    required: Mapping[str, str]
    optional: Mapping[str, str]
    time: str
    identity: tuple[str, ...]

    @property
    def kinds(self) -> dict[str, str]:
        """All columns and their kinds, required first."""
        return {**self.required, **self.optional}


def _columns(spec: str) -> dict[str, str]:
    return dict(pair.split(":") for pair in spec.split())


def _schema(required: str, optional: str = "", *, identity: str) -> Schema:
    columns = _columns(required)
    time = next(name for name, kind in columns.items() if kind == "time")
    return Schema(columns, _columns(optional), time, tuple(identity.split()))


SCHEMAS: Mapping[str, Schema] = MappingProxyType(
    {
        "metrics": _schema(
            "ts:time metric:word value:number service:word labels:json",
            "unit:word kind:word temporality:word le:number",
            identity="ts metric service labels le",
        ),
        "logs": _schema(
            "ts:time service:word severity_number:number body:text attributes:json",
            "observed_ts:time severity_text:word trace_id:text span_id:text template_id:word",
            identity="ts service body span_id",
        ),
        "spans": _schema(
            "ts:time duration_s:number trace_id:text span_id:text parent_span_id:text "
            "service:word name:word kind:word status:word",
            "attributes:json links:json skew_s:number",
            identity="trace_id span_id service kind",
        ),
        "alerts": _schema(
            "starts_at:time ends_at:time name:word service:word severity:word status:word "
            "fingerprint:text source:word labels:json",
            "silenced_by:text inhibited_by:text muted_by:text",
            identity="fingerprint starts_at",
        ),
        "changes": _schema(
            "ts:time kind:word service:word ref:text",
            "end_ts:time version:text actor:text url:text environment:word detail:text",
            identity="ts kind service ref",
        ),
        "events": _schema(
            "ts:time reason:word type:word kind:word namespace:word name:text "
            "message:text count:number",
            identity="ts reason kind namespace name",
        ),
        "incidents": _schema(
            "id:text title:text severity:word status:word created_at:time "
            "acked_at:time resolved_at:time",
            "detected_at:time impact_start:time impact_end:time services:json responders:json",
            identity="id",
        ),
        "costs": _schema(
            "period_start:time period_end:time effective_cost:number currency:word "
            "resource_id:text service:word charge_category:word",
            "tags:json",
            identity="period_start resource_id service charge_category",
        ),
        "tests": _schema(
            "ts:time run_id:text suite:word classname:word name:text outcome:word "
            "duration_s:number message:text commit:text attempt:number",
            identity="run_id suite classname name attempt",
        ),
        "audits": _schema(
            "ts:time actor:text action:word target:text decision:word reason:text",
            "prev_hash:text hash:text",
            identity="ts actor action target",
        ),
    }
)


def labels_text(labels: Mapping[str, object]) -> str:
    """Write a label or attribute mapping as canonical JSON text (sorted keys)."""
    return json.dumps(labels, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def labels_of(text: str) -> dict[str, object]:
    """Read canonical JSON text back; empty text is an empty mapping.

    Raises
    ------
    BadTable
        The text is not a JSON object.
    """
    try:
        read = json.loads(text) if text else {}
    except ValueError:
        read = None
    if not isinstance(read, dict):
        hint = 'Labels and attributes are JSON objects, for example {"route": "/cart"}'
        raise BadTable(
            fact="Labels or attributes that are not a JSON object", value=text, hint=hint
        )
    return read


def empty(table: str) -> pd.DataFrame:
    """Return the empty frame of a table, with its required columns and types.

    Raises
    ------
    UnknownName
        No table has this name.
    """
    return _empty(table).copy(deep=False)


@cache  # a window without some table is asked for it again and again
def _empty(table: str) -> pd.DataFrame:
    schema = _schema_of(table)
    return conform(table, pd.DataFrame({name: [] for name in schema.required}))


def conform(table: str, frame: pd.DataFrame) -> pd.DataFrame:
    r"""Fit a frame to a table's schema: types, column order, rows ordered by time.

    Labels and attributes that are not there at all are empty ones. No row and no column is
    dropped: unknown columns follow the known ones, NaN,
    infinities and duplicates stay (`problems` counts them). A change without a `ref` is named by
    its version or service and its time: by its ref it is found again. Bytes in text are decoded
    with invalid bytes written as ``\xNN``.

    Raises
    ------
    UnknownName
        No table has this name.
    BadTable
        A required column is missing, a value has the wrong type, or a row has no time.
    NaiveTimestamp
        A time column carries no zone.
    """
    schema = _schema_of(table)
    if table == "changes":
        frame = _named_changes(frame)
    if _is_conformed(schema, frame):
        return frame
    unlabelled = [n for n, kind in schema.required.items() if kind == "json" and n not in frame]
    frame = frame.assign(**dict.fromkeys(unlabelled, "{}"))
    missing = [name for name in schema.required if name not in frame.columns]
    if missing:
        raise BadTable(
            fact=f"Table {table!r} misses required columns",
            value=missing,
            hint=f"It needs {', '.join(schema.required)}",
        )
    known = [name for name in schema.kinds if name in frame.columns]
    others = [name for name in frame.columns if name not in known]
    fitted = {name: _fit(frame[name], schema.kinds[name], table) for name in known}
    result = pd.DataFrame({**fitted, **{name: frame[name] for name in others}})
    if result[schema.time].isna().any():
        raise BadTable(
            fact=f"Table {table!r} has rows without {schema.time!r}",
            value=int(result[schema.time].isna().sum()),
            hint="A row without a time cannot be placed in a window",
        )
    return result.sort_values(schema.time, kind="stable", ignore_index=True)


def problems(table: str, raw: pd.DataFrame, fitted: pd.DataFrame) -> list[str]:
    """Say in words what is odd about a frame: for coverage, nothing is repaired.

    Parameters
    ----------
    table
        Name of the table.
    raw, fitted
        The frame as handed in, and what `conform` made of it.

    Returns
    -------
    list of str
        Counts of rows out of time order, duplicated rows, infinite and missing numbers
        and bytes that are not UTF-8; empty where all is well.
    """
    schema = _schema_of(table)
    counts = {
        "rows out of time order": _unordered(utc_column(raw[schema.time])),
        "duplicated rows": _duplicated(fitted, schema),
        **_odd_numbers(fitted, schema),
        "texts that are not UTF-8": _undecodable(raw, schema),
    }
    return [f"{count:,} {what}" for what, count in counts.items() if count]


def _named_changes(frame: pd.DataFrame) -> pd.DataFrame:
    """Name changes that have no ref, as lists of deploys without versions do."""
    if not {"ref", "ts", "service"} <= set(frame.columns):
        return frame
    texts = frame["ref"].astype("object")
    lacks = (texts.isna() | (texts == "")).to_numpy(dtype=bool)
    if not lacks.any():
        return frame
    lacking = frame[lacks]
    times = utc_column(lacking["ts"])
    if times.isna().any():
        return frame  # a row without a time is refused for that
    places = lacking["service"].astype("object").fillna("").replace("", "change")
    if "version" in frame:
        versions = lacking["version"].astype("object").fillna("")
        places = versions.where(versions != "", places)
    return frame.assign(
        ref=texts.where(~lacks, places.astype("str") + times.dt.strftime("@%Y-%m-%dT%H:%M:%SZ"))
    )


def _is_conformed(schema: Schema, frame: pd.DataFrame) -> bool:
    known = [name for name in schema.kinds if name in frame.columns]
    return (
        list(frame.columns[: len(known)]) == known
        and all(name in frame.columns for name in schema.required)
        and all(_is_kind(frame[name].dtype, schema.kinds[name]) for name in known)
        and isinstance(frame.index, pd.RangeIndex)
        and frame.index.start == 0
        and bool(frame[schema.time].is_monotonic_increasing)
    )


def _is_kind(dtype: object, kind: str) -> bool:
    if kind == "time":
        return str(dtype) == "datetime64[ns, UTC]"
    if kind == "number":
        return str(dtype) == "float64"
    if kind == "text":
        return isinstance(dtype, pd.StringDtype)
    return isinstance(dtype, pd.CategoricalDtype) and isinstance(
        dtype.categories.dtype, pd.StringDtype
    )


def _schema_of(table: str) -> Schema:
    if table not in SCHEMAS:
        raise unknown_name(what="table", name=table, known=SCHEMAS)
    return SCHEMAS[table]


def _fit(column: pd.Series, kind: str, table: str) -> pd.Series:
    if kind == "time":
        return utc_column(column)
    if kind == "number":
        return _as_number(column, table)
    texts = column if _is_plain_text(column, kind) else _as_texts(column, kind)
    return texts.astype("str") if kind == "text" else texts.astype("category")


def _as_number(column: pd.Series, table: str) -> pd.Series:
    if pd.api.types.is_float_dtype(column.dtype):
        return column.astype("float64")
    read = pd.to_numeric(column, errors="coerce").astype("float64")
    bad = read.isna() & column.notna() & ~column.astype("str").str.lower().isin(["nan", ""])
    if bad.any():
        raise BadTable(
            fact=f"Column {column.name!r} of table {table!r} holds something that is not a number",
            value=column[bad].iloc[0],
            hint=f"{int(bad.sum()):,} such values",
        )
    return read


def _is_plain_text(column: pd.Series, kind: str) -> bool:
    dtype = column.dtype
    values = dtype.categories.dtype if isinstance(dtype, pd.CategoricalDtype) else dtype
    return isinstance(values, pd.StringDtype) and not (kind == "json" and column.isna().any())


def _as_texts(column: pd.Series, kind: str) -> pd.Series:
    if kind == "json":
        return column.astype("object").map(_as_json).astype("str")
    return column.astype("object").map(_as_text, na_action="ignore").astype("str")


def _as_text(value: object) -> str:
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _as_json(value: object) -> str:
    if isinstance(value, str):
        return value or "{}"
    if isinstance(value, dict):
        return labels_text(value)
    return json.dumps(value) if isinstance(value, list) else "{}"


def _unordered(times: pd.Series) -> int:
    stamps = times.array.asi8
    return int((stamps[1:] < stamps[:-1]).sum())


def _duplicated(frame: pd.DataFrame, schema: Schema) -> int:
    """Count rows that came before. Rows are in order of time: what is equal lies side by side."""
    named = [name for name in schema.identity if name in frame]
    if schema.time not in named:
        return int(frame.duplicated(named).sum())
    times, count, start = frame[schema.time].array.asi8, 0, 0
    while start < len(frame):  # in blocks: pandas takes 100 bytes a row for this
        end = int(np.searchsorted(times, times[min(start + _BLOCK, len(frame)) - 1], "right"))
        count += int(frame.iloc[start:end][named].duplicated().sum())
        start = end
    return count


def _odd_numbers(frame: pd.DataFrame, schema: Schema) -> dict[str, int]:
    read = [frame[c] for c, kind in schema.required.items() if kind == "number"]
    infinite = sum(int(np.isinf(column.to_numpy()).sum()) for column in read)
    return {
        "infinite values": infinite,
        "missing values": sum(int(column.isna().sum()) for column in read),
    }


def _undecodable(frame: pd.DataFrame, schema: Schema) -> int:
    texts = [c for c, kind in schema.kinds.items() if kind == "text" and c in frame]
    return sum(
        _is_undecodable(value) for c in texts for value in frame[c] if isinstance(value, bytes)
    )


def _is_undecodable(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False
