"""Units are converted at the door: seconds, bytes and shares, whatever a metric is told in."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from workbench.cards import quantity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from workbench.features.columns import Columns

__all__ = ["in_plain_units", "unit_doubts"]

_FACTORS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        "ns": ("s", 1e-9),
        "us": ("s", 1e-6),
        "µs": ("s", 1e-6),
        "ms": ("s", 1e-3),
        "milliseconds": ("s", 1e-3),
        "microseconds": ("s", 1e-6),
        "min": ("s", 60.0),
        "h": ("s", 3600.0),
        "kB": ("By", 1e3),
        "MB": ("By", 1e6),
        "GB": ("By", 1e9),
        "kBy": ("By", 1e3),
        "MBy": ("By", 1e6),
        "GBy": ("By", 1e9),
        "KB": ("By", 1e3),
        "KiBy": ("By", 2.0**10),
        "MiBy": ("By", 2.0**20),
        "GiBy": ("By", 2.0**30),
        "KiB": ("By", 2.0**10),
        "MiB": ("By", 2.0**20),
        "GiB": ("By", 2.0**30),
        "%": ("1", 0.01),
        "percent": ("1", 0.01),
    }
)
_APART = 200.0  # callee's own time over what its callers saw: another unit, not another view


def in_plain_units(metrics: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Convert values (and bucket bounds) told in another unit, as their `unit` column says.

    Parameters
    ----------
    metrics
        A conformed metrics table.

    Returns
    -------
    metrics, notes
        The table in seconds, bytes and shares; and which metrics were told in several units,
        or in one that their name contradicts.
    """
    if "unit" not in metrics or metrics.empty:
        return metrics, ()
    unit = metrics["unit"].cat
    factors = np.array([*(_FACTORS.get(str(u), ("", 1.0))[1] for u in unit.categories), 1.0])
    factor = factors[unit.codes.to_numpy()]
    if (factor == 1.0).all():
        return metrics, ()
    fitted = metrics.assign(value=metrics["value"].to_numpy() * factor)
    if "le" in metrics:
        # Counts of a histogram are counts; its bounds and its sum are in the unit.
        counts = metrics["metric"].astype(str).str.endswith(("_bucket", "_count")).to_numpy()
        fitted["value"] = np.where(counts, metrics["value"], fitted["value"])
        fitted["le"] = metrics["le"].to_numpy() * factor
    return fitted, tuple(_told(metrics[["metric", "unit"]].drop_duplicates().astype(str)))


def _told(pairs: pd.DataFrame) -> Iterator[str]:
    base = pairs["metric"].str.replace(r"_(bucket|sum|count)$", "", regex=True)
    for metric, units in pairs.groupby(base)["unit"]:
        known = sorted(unit for unit in units.unique() if unit not in {"", "nan"})
        if len(known) > 1:
            yield f"{metric} is told in {' and '.join(known)}: converted"
        elif known and str(metric).endswith("_seconds") and known[0] != "s":
            yield f"{metric} is named in seconds and told in {known[0]}: converted from that"


def unit_doubts(nodes: Columns, edges: Columns) -> Iterator[str]:
    """Tell services whose own latency cannot be in the unit in which their callers saw it."""
    for (caller, callee, signal), (seen, _) in sorted(edges.items()):
        own = nodes.get((callee, "latency"))
        if signal != "latency" or own is None or own[1].startswith("callers:"):
            continue
        both = np.isfinite(seen) & np.isfinite(own[0]) & (seen > 0) & (own[0] > 0)
        if not both.any():
            continue
        ratio = float(np.median(own[0][both] / seen[both]))
        if not 1.0 / _APART < ratio < _APART:
            own_s, seen_s = float(np.median(own[0][both])), float(np.median(seen[both]))
            yield (
                f"{callee} reads {quantity(own_s, 's')} where {caller} waited "
                f"{quantity(seen_s, 's')}: another unit?"
            )
