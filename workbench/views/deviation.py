"""How far each service moved from its baseline: the one number that colours the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.times import TimeRange
from workbench.views.drawing.readings import REQUEST_SIGNALS, reading

if TYPE_CHECKING:
    from workbench.diagnose import Diagnosis
    from workbench.features import Signals
    from workbench.window import IncidentWindow

__all__ = ["LEVELS", "deviations", "level", "strongest", "troubled_range"]

LEVELS: tuple[tuple[float, str], ...] = (
    (0.0, "in its normal range"),
    (3.0, "moved: over 3 σ"),
    (10.0, "moved far: over 10 σ"),
    (30.0, "moved very far: over 30 σ"),
)
"""Least absolute deviation in robust standard deviations of the baseline, and its words."""

_FLOORS = {"s": 1e-3, "ratio": 5e-3, "req/s": 0.2}
_COLUMNS = ["service", "signal", "before", "during", "unit", "score"]


def deviations(signals: Signals, baseline: TimeRange | None, during: TimeRange) -> pd.DataFrame:
    """Compare each signal's mean during the incident with its baseline.

    Parameters
    ----------
    signals
        What `workbench.features.signals` returns.
    baseline, during
        The normal range and the range to look at.

    Returns
    -------
    DataFrame
        A row for each (service, signal) with samples in both: means ``before`` and
        ``during`` in ``unit``, and ``score``, their difference in robust standard
        deviations of the baseline's bins (1.4826 times the median absolute deviation; at
        least half the standard deviation and a floor, so that a line that is mostly flat
        does not make a ripple look like a flood).

    Notes
    -----
    A description for colouring, not a test: which suspects moved beyond their own past is
    judged in `workbench.diagnose`.
    """
    rows = [
        _row(signals, str(service), str(signal), baseline, during)
        for service, signal in signals.nodes.columns
        if baseline is not None
    ]
    return pd.DataFrame([row for row in rows if row], columns=_COLUMNS)


def strongest(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep each service's most deviating signal, indexed by service.

    Gauges speak for a service only where nothing was seen of its requests; quantiles of
    latency, which rest on few requests a bin, never do.
    """
    of_requests = frame["signal"].isin(REQUEST_SIGNALS)
    quantile = frame["signal"].str.startswith("latency_")
    kept = frame[~quantile].assign(second=~of_requests[~quantile], size=frame["score"].abs())
    ordered = kept.sort_values(["second", "size"], ascending=[True, False], kind="stable")
    return ordered.drop_duplicates("service").set_index("service")


def level(score: float) -> int:
    """Index into `LEVELS` of a deviation; 0 where it is not known."""
    return max(0, sum(abs(score) >= least for least, _ in LEVELS) - 1)


def troubled_range(window: IncidentWindow, diagnosis: Diagnosis | None) -> TimeRange:
    """Range compared with the baseline: from the onset, where there is one, to the end."""
    onset = diagnosis.onset if diagnosis else None
    if onset is None or not window.when.contains(onset):
        return window.when
    return TimeRange(onset, window.when.end)


def _row(
    signals: Signals, service: str, signal: str, baseline: TimeRange, during: TimeRange
) -> dict[str, object]:
    read = reading(signals, service, signal)
    times = pd.Series(read.series.index, index=read.series.index)
    before = read.series[baseline.mask(times)].dropna().to_numpy()
    after = read.series[during.mask(times)].dropna().to_numpy()
    if not len(before) or not len(after):
        return {}
    score = (after.mean() - before.mean()) / _spread(before, read.unit)
    values = (service, signal, float(before.mean()), float(after.mean()), read.unit, float(score))
    return dict(zip(_COLUMNS, values, strict=True))


def _spread(values: np.ndarray, unit: str) -> float:
    robust = 1.4826 * float(np.median(np.abs(values - np.median(values))))
    floor = max(0.02 * abs(float(np.median(values))), _FLOORS.get(unit, 1e-9))
    return max(robust, 0.5 * float(values.std()), floor)
