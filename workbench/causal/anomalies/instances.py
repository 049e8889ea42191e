"""One sick instance of several: what tells a service's own trouble from its callees'.

Instances of one service run the same code, get a share of the same requests and wait for the
same callees. What only one of them shows is its own.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.causal.anomalies.anomaly import Anomaly
from workbench.causal.anomalies.regrouped_gauges import PREFIX, gauges_by
from workbench.causal.thresholds import (
    FEWEST_INSTANCES,
    INSTANCE_ITS_OWN,
    INSTANCE_SEEN,
    INSTANCE_THAT_MATTERS,
    MANY_INSTANCES,
)
from workbench.features import self_time
from workbench.features.columns import values_of
from workbench.semconv import COPY_ATTRIBUTES, COPY_LABELS, first_of
from workbench.stats.past_windows import doublings, empirical_p, medians, peak_contrast
from workbench.tables import labels_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from workbench.features.aligned import AlignedSignals
    from workbench.stats.past_windows import Split
    from workbench.window import IncidentWindow

__all__ = ["instance_anomalies"]

_LEAST = {"latency": 1e-4, "errors": 0.01}
_TINY = 1e-12
_OF = "\x1f"  # between service and instance: in no name
_TIMED = {
    "service.latency": "latency",
    "service.latency_p50": "latency",
    "service.error_ratio": "errors",
}


def instance_anomalies(aligned: AlignedSignals) -> Iterator[Anomaly]:
    """Find services of which one instance left the others.

    Each instance is held against the median of its siblings, bin by bin, both the difference
    and the ratio against their own past: one that always was slower says nothing, nor does a
    shift of all at once, by an amount or by a factor, nor one that stayed while others left.
    A gauge of one instance is a clue of the kind of gauges, so it counts once.

    Parameters
    ----------
    aligned
        The window's signals; labels and resource attributes tell instances apart.
    """
    window = aligned.window
    for signal, table in [*_from_metrics(window), *_from_spans(window)]:
        binned = table.groupby([table["ts"].dt.floor(aligned.step), "service", "copy"])
        sums = binned[["total", "count"]].sum()
        wide = (sums["total"] / sums["count"].where(sums["count"] > 0)).unstack([1, 2])  # noqa: PD010
        wide = wide.reindex(aligned.index)
        for service in wide.columns.get_level_values(0).unique():
            yield from _odd_one(str(service), wide[service], signal, aligned.split)
    yield from _gauges(aligned)


def _gauges(aligned: AlignedSignals) -> Iterator[Anomaly]:
    """Gauges of instances, of services that have several."""
    metrics = aligned.window.metrics
    if metrics.empty:
        return
    owner = _owners(metrics)
    if owner is None:
        return
    found = gauges_by(owner, aligned)
    if found is None:
        return
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for column in found.nodes.columns:
        if str(column[1]).startswith(PREFIX):
            of = str(column[0]).partition(_OF)[0]
            groups.setdefault((of, str(column[1])), []).append(column)
    for (of, signal), columns in groups.items():
        names = [str(owner).partition(_OF)[2] for owner, _ in columns]
        copies = pd.DataFrame(values_of(found.nodes, columns), found.index, names)
        yield from _odd_one(of, copies, signal, found.split)


def _owners(metrics: pd.DataFrame) -> NDArray[np.object_] | None:
    """Service and instance of each row, empty where a service has one; None if none has more."""
    labels, services = metrics["labels"].cat, metrics["service"].cat
    copies = [first_of(labels_of(text), COPY_LABELS) for text in labels.categories]
    if len(set(copies) - {""}) < FEWEST_INSTANCES:
        return None
    width = len(services.categories) + 1  # the last one is that of rows without a service
    both = labels.codes.to_numpy().astype(np.int64) * width + services.codes.to_numpy() % width
    pairs, row = np.unique(both, return_inverse=True)
    found = [
        (str(services.categories[p % width]), copies[p // width])
        if p >= 0 and p % width < width - 1 and copies[p // width]
        else None
        for p in pairs
    ]
    number = Counter(pair[0] for pair in {pair for pair in found if pair})
    told = [_OF.join(pair) if pair and number[pair[0]] > 1 else "" for pair in found]
    return np.array(told, dtype=object)[row] if any(told) else None


def _odd_one(service: str, copies: pd.DataFrame, signal: str, split: Split) -> Iterator[Anomaly]:
    seen_before = copies.iloc[split.baseline].notna().mean() >= INSTANCE_SEEN
    copies = copies.loc[:, seen_before]
    if copies.shape[1] < FEWEST_INSTANCES:
        return
    values = copies.to_numpy(float)
    weight, before, during = _apart(values, split, least=_LEAST.get(signal, _TINY))
    i = int(np.argmax(weight))
    if weight[i] > 0:
        kind = "saturation" if signal.startswith(PREFIX) else "instance"
        yield Anomaly(
            service,
            signal,
            kind,
            float(weight[i]),
            before[i],
            during[i],
            f"1 of {copies.shape[1]} instances, {copies.columns[i]}, left the others: "
            f"{_figures(signal, before[i], during[i])}",
        )


def _apart(
    values: NDArray[np.float64], split: Split, *, least: float
) -> tuple[NDArray[np.float64], list[float], list[float]]:
    """Doublings by which each instance left the others upwards, its level before and then."""
    others = _median_of_others(values)
    gap, itself = peak_contrast(values - others, split), peak_contrast(values, split)
    before = medians(values[split.baseline])
    typical = np.maximum(np.nan_to_num(medians(others[split.baseline])), np.nan_to_num(before))
    usual = np.maximum(np.nan_to_num(gap.normal), INSTANCE_THAT_MATTERS * typical)
    size = np.clip(np.nan_to_num(gap.departure), 0, None) / np.maximum(usual, least)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = peak_contrast(np.where(others > least, values / others, np.nan), split)
    usual = np.maximum(np.nan_to_num(ratio.normal), INSTANCE_THAT_MATTERS)
    times = np.where(np.isnan(ratio.level), size, np.nan_to_num(ratio.departure) / usual)
    own = np.nan_to_num(itself.change) >= INSTANCE_ITS_OWN * np.nan_to_num(gap.change)
    weight = doublings(np.where(own, np.minimum(size, np.clip(times, 0, None)), 0.0))
    bits = -np.log2(empirical_p(gap.departure, gap.past))
    return np.minimum(weight, bits), list(map(float, before)), list(map(float, before + gap.change))


def _figures(signal: str, before: float, during: float) -> str:
    if signal == "latency":
        return f"{1e3 * before:.3g} to {1e3 * during:.3g} ms"
    if signal == "errors":
        return f"{100 * before:.2g} to {100 * during:.3g} %"
    return f"{signal.removeprefix(PREFIX)} {before:.3g} to {during:.3g}"


def _median_of_others(values: NDArray[np.float64]) -> NDArray[np.float64]:
    if values.shape[1] > MANY_INSTANCES:
        return np.repeat(medians(values.T)[:, None], values.shape[1], axis=1)
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


def _long(
    frame: pd.DataFrame, copy: NDArray[np.object_], values: NDArray[np.float64]
) -> pd.DataFrame:
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
    instances: NDArray[np.object_] = np.array([*read, ""], dtype=object)[labels.codes.to_numpy()]
    return instances
