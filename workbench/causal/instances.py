"""One sick instance of several: what tells a service's own trouble from its callees'.

Instances of one service run the same code, get a share of the same requests and wait for the
same callees. What only one of them shows is its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.causal.clues import Clue
from workbench.causal.pastwindows import doublings, extreme, medians
from workbench.features import self_time
from workbench.semconv import COPY_ATTRIBUTES, COPY_LABELS, first_of
from workbench.tables import labels_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from workbench.causal.panel import Panel
    from workbench.window import IncidentWindow

__all__ = ["instance_clues"]

_MATTERS = 0.1  # of what the others read: less of a difference is worth nothing
_SEEN = 0.5  # share of baseline bins in which an instance must have been seen
_LEAST = {"latency": 1e-4, "errors": 0.01}
_TIMED = {"service.latency": "latency", "service.latency_p50": "latency",
          "service.error_ratio": "errors"}  # fmt: skip


def instance_clues(window: IncidentWindow, panel: Panel) -> Iterator[Clue]:
    """Find services of which one instance left the others.

    Each instance is held against the median of its siblings, bin by bin, and the difference
    against its own past: one that always was slower says nothing, nor do all at once.

    Parameters
    ----------
    window
        For labels and resource attributes that tell instances apart.
    panel
        Its bins.
    """
    for signal, table in [*_from_metrics(window), *_from_spans(window)]:
        binned = table.groupby([table["ts"].dt.floor(panel.step), "service", "copy"])
        sums = binned[["total", "count"]].sum()
        wide = (sums["total"] / sums["count"].where(sums["count"] > 0)).unstack([1, 2])  # noqa: PD010
        wide = wide.reindex(panel.index)
        for service in wide.columns.get_level_values(0).unique():
            yield from _odd_one(str(service), wide[service], signal, panel)


def _odd_one(service: str, copies: pd.DataFrame, signal: str, panel: Panel) -> Iterator[Clue]:
    seen_before = copies.iloc[panel.split.baseline].notna().mean() >= _SEEN
    copies = copies.loc[:, seen_before]
    if copies.shape[1] < 2:
        return
    values = copies.to_numpy(float)
    others = _median_of_others(values)
    seen = extreme(values - others, panel.split)
    typical = np.nan_to_num(medians(others[panel.split.baseline]))
    usual = np.maximum(np.nan_to_num(seen.normal), _MATTERS * typical)
    size = np.clip(np.nan_to_num(seen.departure), 0, None) / np.maximum(usual, _LEAST[signal])
    weight = doublings(size)
    i = int(np.argmax(weight))
    if weight[i] > 0:
        before = float(medians(values[panel.split.baseline])[i])
        during = before + float(seen.change[i])
        figures = (f"{1e3 * before:.3g} to {1e3 * during:.3g} ms" if signal == "latency"
                   else f"{100 * before:.2g} to {100 * during:.3g} %")  # fmt: skip
        yield Clue(service, signal, "instance", float(weight[i]), before, during,
                   f"1 of {copies.shape[1]} instances, {copies.columns[i]}, left the others: "
                   f"{figures}")  # fmt: skip


def _median_of_others(values: NDArray[np.float64]) -> NDArray[np.float64]:
    rest = [np.delete(values, i, axis=1) for i in range(values.shape[1])]
    return np.column_stack([medians(part.T) for part in rest])


def _from_metrics(window: IncidentWindow) -> Iterator[tuple[str, pd.DataFrame]]:
    metrics = window.metrics
    if metrics.empty:
        return
    copy = _named(metrics["labels"], COPY_LABELS)
    for metric, signal in _TIMED.items():
        rows = (copy != "") & metrics["metric"].eq(metric).to_numpy()
        if rows.any():
            yield signal, _long(metrics[rows], copy[rows], metrics["value"].to_numpy()[rows])


def _from_spans(window: IncidentWindow) -> Iterator[tuple[str, pd.DataFrame]]:
    spans = window.spans
    if spans.empty or "attributes" not in spans:
        return
    copy = _named(spans["attributes"], COPY_ATTRIBUTES)
    if not (copy != "").any():
        return
    frame = self_time(spans).frame
    entry = frame["entry"].to_numpy(bool)
    inside = (copy != "") & frame["kind"].isin(["server", "internal", "consumer"]).to_numpy()
    table = _long(frame[inside], copy[inside], frame["self_s"].to_numpy()[inside])
    yield "latency", table.assign(count=entry[inside].astype(float))
    rows = (copy != "") & entry
    origin = frame["origin"].to_numpy(bool).astype(float)
    yield "errors", _long(frame[rows], copy[rows], origin[rows])


def _long(frame: pd.DataFrame, copy: NDArray[np.object_], values: NDArray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "ts": frame["ts"].to_numpy(),
            "service": frame["service"].astype(str).to_numpy(),
            "copy": copy,
            "total": values,
            "count": 1.0,
        }
    ).assign(ts=frame["ts"].array)


def _named(column: pd.Series, names: tuple[str, ...]) -> NDArray[np.object_]:
    """Name of the instance of each row, or empty."""
    labels = column.cat
    read = [first_of(labels_of(text), names) for text in labels.categories]
    return np.array([*read, ""], dtype=object)[labels.codes.to_numpy()]
