"""Alerts as Prometheus itself remembers them: the ``ALERTS`` series, read as raw samples."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.connectors.reading.severities import severity_of
from workbench.connectors.sources.prometheus.payload import gaps_of
from workbench.tables import labels_text

if TYPE_CHECKING:
    from workbench.connectors.sources.prometheus.payload import Samples
    from workbench.times import TimeRange

__all__ = ["ALERTS", "SINCE", "alerts_frame"]

ALERTS = 'ALERTS{alertstate="firing"}'
SINCE = "ALERTS_FOR_STATE"
_MS = 1_000_000
_OWN = ("__name__", "alertstate")


def alerts_frame(firing: Samples, since: Samples, when: TimeRange) -> pd.DataFrame:
    """Read each unbroken run of a firing alert as one alert.

    Parameters
    ----------
    firing
        Samples of `ALERTS`: one at each evaluation while it fires.
    since
        Samples of `SINCE`: their value is when the alert became active, in seconds. Where an
        alert fires from the first evaluation of the range on, this is when it started.
    when
        The range that was read. An alert that fires until its end has no end yet.

    Returns
    -------
    pandas.DataFrame
        Rows of the alerts table; `labels` are dicts.
    """
    start, end = when.start.value // _MS, when.end.value // _MS
    begun = _latest(since)
    rows = []
    for place, labels in enumerate(firing.series):
        plain = {k: v for k, v in labels.items() if k not in _OWN}
        key = labels_text(plain)
        times = firing.ts_ms[firing.index == place]
        for first, last, cadence in _runs(times):
            clipped = first - start < 1.9 * cadence
            starts = min(begun.get(key, first), first) if clipped else first
            ends = pd.NaT if end - last < 1.9 * cadence else _stamp(last)
            status = "firing" if ends is pd.NaT else "resolved"
            rows.append(
                (
                    _stamp(starts),
                    ends,
                    plain.get("alertname", ""),
                    "",
                    severity_of(plain.get("severity", "")),
                    plain,
                    status,
                    _fingerprint(key),
                )
            )
    names = [
        "starts_at",
        "ends_at",
        "name",
        "service",
        "severity",
        "labels",
        "status",
        "fingerprint",
    ]
    frame = pd.DataFrame(rows, columns=names)
    for name in ("starts_at", "ends_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame


def _runs(times: np.ndarray) -> list[tuple[int, int, float]]:
    """First and last sample of each unbroken run, and the usual interval in ms."""
    if not len(times):
        return []
    gaps, cadence = gaps_of(times, int(times[0]), int(times[-1]))
    edges = [int(times[0]), *(edge for gap in gaps for edge in gap), int(times[-1])]
    if np.isnan(cadence):
        cadence = 60_000.0  # one sample alone: Prometheus evaluates every minute by default
    return [(edges[n], edges[n + 1], cadence) for n in range(0, len(edges), 2)]


def _latest(since: Samples) -> dict[str, int]:
    """When each alert became active, in ms, by its earliest sample in the range."""
    found: dict[str, int] = {}
    for place, labels in enumerate(since.series):
        values = since.value[since.index == place]
        key = labels_text({k: v for k, v in labels.items() if k not in _OWN})
        if len(values) and np.isfinite(values[0]):
            found[key] = round(float(values[0]) * 1000)
    return found


def _stamp(ms: int) -> pd.Timestamp:
    return pd.Timestamp(ms, unit="ms", tz="UTC")


def _fingerprint(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()[:16]
