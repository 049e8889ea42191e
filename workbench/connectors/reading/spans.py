"""What every source of spans has to look out for: doubles, missing parents, clocks that differ."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.connectors.reading.otlp_values import integer

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["COLUMNS", "microseconds", "odd_spans", "span_frame", "without_doubles"]

COLUMNS = (
    "ts",
    "duration_s",
    "trace_id",
    "span_id",
    "parent_span_id",
    "service",
    "name",
    "kind",
    "status",
    "attributes",
    "links",
)
_IDENTITY = ["trace_id", "span_id", "service", "kind"]
_SKEW_S = 0.05


def span_frame(rows: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    """Build the spans table.

    Parameters
    ----------
    rows
        In the order of `COLUMNS`; `ts` in integer nanoseconds, attributes and links as JSON text.
    """
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(COLUMNS)
    frame = pd.DataFrame(dict(zip(COLUMNS, map(list, columns), strict=True)))
    frame["ts"] = pd.to_datetime(np.array(columns[0], dtype=np.int64), unit="ns", utc=True)
    frame["duration_s"] = np.array(columns[1], dtype=np.float64)
    return frame


def microseconds(value: object) -> float:
    """Read a duration in microseconds as seconds; one that is not told is NaN, not zero.

    A span without a duration was not finished, or not reported whole (Zipkin, Jaeger).

    Raises
    ------
    SourceGarbled
        Not a number.
    """
    if value is None or value == "":
        return math.nan
    read = integer(value)
    return read / 1e6 if read >= 0 else math.nan


def without_doubles(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Keep the first span of each id; client and server may share one (Zipkin).

    Returns
    -------
    tuple
        The spans, and a note where some came twice.
    """
    again = frame.duplicated(_IDENTITY)
    note = [f"{int(again.sum()):,} duplicated span(s) dropped"] if again.any() else []
    return frame[~again].reset_index(drop=True), note


def odd_spans(frame: pd.DataFrame) -> list[str]:
    """Tell what is odd about spans: nothing is repaired.

    Parameters
    ----------
    frame
        Spans of whole traces.

    Returns
    -------
    list of str
        Spans whose parent is not there, and services whose spans begin before the calls that
        caused them: their clocks differ by at least that much.
    """
    if frame.empty:
        return []
    known = frame[["trace_id", "span_id", "service", "ts"]].drop_duplicates(["trace_id", "span_id"])
    joined = frame.merge(
        known,
        left_on=["trace_id", "parent_span_id"],
        right_on=["trace_id", "span_id"],
        how="left",
        suffixes=("", "_parent"),
    )
    child = joined["parent_span_id"].astype("str").str.len() > 0
    lost = int((child & joined["ts_parent"].isna()).sum())
    told = [f"{lost:,} span(s) whose parent is not there"] if lost else []
    endless = int(frame["duration_s"].isna().sum())
    told += [f"{endless:,} span(s) without a duration: it is not known"] if endless else []
    nameless = int((frame["service"].astype("object").fillna("") == "").sum())
    told += [f"{nameless:,} span(s) without service.name"] if nameless else []
    early = (joined["ts_parent"] - joined["ts"]).dt.total_seconds()
    apart = joined["service"].astype("str") != joined["service_parent"].astype("str")
    skewed = joined[child & apart & (early > _SKEW_S)].assign(early=early)
    for service, found in skewed.groupby(skewed["service"].astype("str"))["early"]:
        told.append(
            f"{len(found):,} span(s) of {service} begin up to {found.max():.3g} s before the call "
            "that caused them: clocks differ, and times were left as they are"
        )
    return told
