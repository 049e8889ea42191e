"""One FOCUS file, CSV or Parquet, as rows of costs."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.connectors.reading.rows import Parsed, parse_timestamp, summarize_rejected, text_of
from workbench.errors import SourceGarbled, WorkbenchError
from workbench.tables import labels_text

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["focus_rows"]

_NEEDED = (
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "EffectiveCost",
    "BillingCurrency",
    "ChargeCategory",
)
_WANTED = (
    "ResourceId",
    "ServiceName",
    "Tags",
    "ChargeClass",
    "BilledCost",
    "ChargeFrequency",
    "ProviderName",
    "PricingCurrency",
)
# What tells one charge of a resource and period from another, where a file has it.
_TELLING = (
    "SkuId",
    "SkuPriceId",
    "ChargeDescription",
    "PricingCategory",
    "PricingUnit",
    "ConsumedUnit",
    "CommitmentDiscountId",
    "SubAccountId",
    "RegionId",
    "AvailabilityZone",
    "InvoiceId",
)
_MOST_ROWS = 5_000_000
_PARQUET = b"PAR1"


def focus_rows(data: bytes, service_tags: Sequence[str]) -> Parsed:
    """Read the charges of one file.

    Parameters
    ----------
    data
        CSV with a header line, or Parquet.
    service_tags
        See `workbench.connectors.sources.focus.source.FocusSettings`.

    Returns
    -------
    Parsed
        Columns of ``costs``, and ``charge_class``, ``billed_cost`` and ``provider_service``;
        ``telling``, which with period, resource and category tells charges apart.

    Raises
    ------
    SourceGarbled
        Neither CSV nor Parquet, or a column FOCUS requires is missing.
    """
    notes: list[str] = []
    refused: list[str] = []
    read = _parquet(data, notes) if data.startswith(_PARQUET) else _csv(data, refused)
    starts, bad_start = _times(read["ChargePeriodStart"])
    ends, bad_end = _times(read["ChargePeriodEnd"])
    cost = pd.to_numeric(read["EffectiveCost"].replace("", None), errors="coerce")
    refused += _refused(read, {**bad_start, **bad_end}, cost)
    tags = {text: _tags(text) for text in read["Tags"].unique()}
    broken = sum(int((read["Tags"] == text).sum()) for text, one in tags.items() if one is None)
    if broken:
        notes.append(f"{broken:,} charge(s) with tags that are not a JSON object")
    provider = read["ServiceName"]
    frame = pd.DataFrame(
        {
            "period_start": starts,
            "period_end": ends,
            "effective_cost": cost.astype("float64"),
            "currency": read["BillingCurrency"],
            "resource_id": read["ResourceId"],
            "service": [
                _service(tags[text] or {}, service_tags) or name
                for text, name in zip(read["Tags"], provider, strict=True)
            ],
            "charge_category": read["ChargeCategory"],
            "tags": [labels_text(tags[text] or {}) for text in read["Tags"]],
            "charge_class": read["ChargeClass"],
            "billed_cost": pd.to_numeric(read["BilledCost"], errors="coerce").astype("float64"),
            "provider_service": provider,
            "telling": _joined_text(read),
        }
    )
    whole = frame["period_start"].notna() & frame["period_end"].notna() & np.isfinite(cost)
    return Parsed(frame[whole].reset_index(drop=True), summarize_rejected(refused), tuple(notes))


def _csv(data: bytes, refused: list[str]) -> pd.DataFrame:
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        header = [name.strip() for name in next(reader, [])]
        at = {name: header.index(name) for name in _columns(header)}
        rows: list[list[str]] = []
        for row in reader:
            if len(rows) + len(refused) >= _MOST_ROWS:
                raise SourceGarbled(fact="Too many charges in one file", value=f"> {_MOST_ROWS:,}")
            if len(row) == len(header):
                rows.append([row[n] for n in at.values()])
            elif row:  # the last line of a file that is cut short
                refused.append(f"line {reader.line_num}: {len(row)} cells, not {len(header)}")
    except UnicodeDecodeError as error:
        raise SourceGarbled(fact="Not UTF-8", value=error.reason) from error
    except csv.Error as error:
        raise SourceGarbled(fact="Not CSV", value=str(error)) from error
    return _filled(pd.DataFrame(rows, columns=list(at), dtype="object"))


def _parquet(data: bytes, notes: list[str]) -> pd.DataFrame:
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        if file.metadata.num_rows > _MOST_ROWS:
            raise SourceGarbled(fact="Too many charges in one file", value=file.metadata.num_rows)
        read = file.read(columns=_columns(file.schema_arrow.names))
        columns = {name: read.column(name).to_pylist() for name in read.column_names}
    except (pa.ArrowException, OSError, ValueError, OverflowError, TypeError) as error:
        raise SourceGarbled(fact="Not Parquet, or damaged", value=str(error)[:200]) from error
    types = {name: read.schema.field(name).type for name in read.column_names}
    naive = [n for n, kind in types.items() if pa.types.is_timestamp(kind) and kind.tz is None]
    if naive:
        notes.append("timestamps without a zone read as UTC, as FOCUS prescribes")
    plain = {name: [_plain(value) for value in values] for name, values in columns.items()}
    return _filled(pd.DataFrame(plain, dtype="object"))


def _is_pair(value: object) -> bool:
    match value:
        case (_, _):
            return isinstance(value, tuple)
    return False


def _plain(value: Any) -> str:  # noqa: ANN401 - a cell of any column type
    """Write a Parquet cell as the CSV would have it; a map of tags as JSON."""
    if isinstance(value, pd.Timestamp) or hasattr(value, "isoformat"):
        text = value.isoformat()
        return text if getattr(value, "tzinfo", None) else f"{text}Z"
    if isinstance(value, list) and all(_is_pair(one) for one in value):
        return labels_text({text_of(key): text_of(one) for key, one in value})
    return text_of(value)


def _columns(header: Sequence[str]) -> list[str]:
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        hint = f"FOCUS requires {', '.join(missing)}; the file has {', '.join(header[:8])}"
        raise SourceGarbled(fact="Not a FOCUS file", value=missing, hint=hint)
    return [name for name in (*_NEEDED, *_WANTED, *_TELLING) if name in header]


def _joined_text(read: pd.DataFrame) -> pd.Series:
    there = [name for name in (*_TELLING, "ChargeFrequency", "ProviderName") if name in read]
    parts = [read[name].astype("str") for name in there]
    joined = pd.Series("", index=read.index, dtype="object")
    for part in parts:
        joined = joined + "\x1f" + part
    return joined


def _filled(read: pd.DataFrame) -> pd.DataFrame:
    absent = {name: "" for name in _WANTED if name not in read}
    return read.assign(**absent).fillna("")


def _times(column: pd.Series) -> tuple[pd.Series, dict[str, str]]:
    """Read times once each distinct text; those that are none by their text, with why."""
    known: dict[str, pd.Timestamp | None] = {}
    bad: dict[str, str] = {}
    for text in column.unique():
        try:
            known[text] = parse_timestamp(text)
        except WorkbenchError as error:
            bad[text] = str(error)
    if "" in known:
        bad[""] = "No time"
    times = pd.to_datetime(column.map(lambda text: known.get(text)), utc=True)
    return times.astype("datetime64[ns, UTC]"), bad


def _refused(read: pd.DataFrame, bad: dict[str, str], cost: pd.Series) -> list[str]:
    found: list[str] = []
    for name in ("ChargePeriodStart", "ChargePeriodEnd"):
        wrong = read[name].isin(list(bad))
        found += [f"row {n + 1}: {name}: {bad[read[name][n]]}" for n in read.index[wrong]]
    odd = read.index[~np.isfinite(cost.to_numpy(dtype="float64"))]
    return found + [f"row {n + 1}: EffectiveCost {read['EffectiveCost'][n]!r}" for n in odd]


def _tags(text: str) -> dict[str, object] | None:
    try:
        read = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return None
    return {text_of(k): text_of(v) for k, v in read.items()} if isinstance(read, dict) else None


def _service(tags: dict[str, object], names: Sequence[str]) -> str:
    """Find the first tag that names a service, with or without a provider's prefix."""
    bare = {key.rpartition(":")[2]: value for key, value in tags.items()}
    return next((str(one) for name in names if (one := tags.get(name) or bare.get(name))), "")
