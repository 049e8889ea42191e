"""Rows of the tables of a window, written shortly."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from workbench.tables import labels_text

from .system import START


def span_row(
    *,
    trace: str = "t",
    span: str,
    parent: str = "",
    service: str,
    kind: str = "server",
    start: float = 0.0,
    duration: float = 1.0,
    status: str = "unset",
    name: str = "op",
    attributes: dict[str, object] | None = None,
) -> dict[str, Any]:
    """One span; `start` in seconds after `START`."""
    return {
        "ts": START + pd.Timedelta(round(start * 1e9), "ns"),
        "duration_s": duration,
        "trace_id": trace,
        "span_id": span,
        "parent_span_id": parent,
        "service": service,
        "name": name,
        "kind": kind,
        "status": status,
        "attributes": attributes or {},
    }


def spans_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows)


Part: TypeAlias = tuple[str, str, dict[str, object], np.ndarray]
"""One gauge's series: metric, service, labels and a value a bin."""


def gauges_frame(parts: list[Part], step_s: float) -> pd.DataFrame:
    """Series of equal length as one table of metrics, one after another.

    Texts are categories from the start: fitting them row by row would take longer than
    whatever is tested.
    """
    size = len(parts[0][3])
    ts = START + pd.to_timedelta(np.arange(size) * step_s, unit="s")

    def column(values: list[str]) -> pd.Series:
        return pd.Series(values, dtype="str").astype("category").repeat(size).reset_index(drop=True)

    return pd.DataFrame(
        {
            "ts": pd.Series(ts).take(np.tile(np.arange(size), len(parts))).array,
            "metric": column([part[0] for part in parts]),
            "value": np.concatenate([part[3] for part in parts]).astype(float),
            "service": column([part[1] for part in parts]),
            "labels": column([labels_text(part[2]) for part in parts]),
            "kind": column(["gauge"] * len(parts)),
        }
    )


def logs_frame(rows: list[tuple[float, str, int, str]]) -> pd.DataFrame:
    """Lines as (second, service, severity, body)."""
    return pd.DataFrame(
        [
            {
                "ts": _at(second),
                "service": service,
                "severity_number": severity,
                "body": body,
                "attributes": {},
            }
            for second, service, severity, body in rows
        ]
    )


def changes_frame(rows: list[tuple[float, str, str, str]]) -> pd.DataFrame:
    """Changes as (second, kind, service, ref)."""
    return pd.DataFrame(
        [
            {"ts": _at(second), "kind": kind, "service": service, "ref": ref}
            for second, kind, service, ref in rows
        ]
    )


def events_frame(rows: list[tuple[float, str, str, str]]) -> pd.DataFrame:
    """Events as (second, reason, kind, name); Kubernetes calls these Warning but a few."""
    usual = {"Scheduled", "Pulled", "Created", "Started", "SuccessfulRescale", "Killing"}
    return pd.DataFrame(
        [
            {
                "ts": _at(second),
                "reason": reason,
                "type": "Normal" if reason in usual else "Warning",
                "kind": kind,
                "namespace": "shop",
                "name": name,
                "message": reason,
                "count": 1,
            }
            for second, reason, kind, name in rows
        ]
    )


def counter_rows(
    metric: str,
    service: str,
    totals: np.ndarray,
    *,
    every_s: float = 5.0,
    start_s: float = 0.0,
    kind: str = "counter",
    labels: dict[str, object] | None = None,
    le: float = float("nan"),
) -> pd.DataFrame:
    """Samples of one cumulative counter, scraped at a fixed interval."""
    seconds = start_s + every_s * np.arange(len(totals))
    return pd.DataFrame(
        {
            "ts": START + pd.to_timedelta(seconds, unit="s"),
            "metric": metric,
            "value": np.asarray(totals, dtype=float),
            "service": service,
            "labels": [labels or {}] * len(totals),
            "kind": kind,
            "le": le,
        }
    )


def _at(second: float) -> pd.Timestamp:
    return START + pd.Timedelta(round(second * 1e9), "ns")
