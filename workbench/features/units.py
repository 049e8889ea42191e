"""Units are converted at the door: seconds, bytes and shares, whatever a metric is told in."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from workbench.cards import quantity
from workbench.semconv import histogram_part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from workbench.features.columns import Columns

__all__ = ["factor_of", "in_plain_units", "unit_doubts"]

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
        "d": ("s", 86_400.0),
        "s": ("s", 1.0),
        "By": ("By", 1.0),
    }
)
# Written out, in any case, one or many: CloudWatch says Milliseconds, collectors millisecond.
_WORDS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        **dict.fromkeys(("nanosecond", "nanosec", "nano", "nsec"), ("s", 1e-9)),
        **dict.fromkeys(("microsecond", "microsec", "micro", "usec", "µsec"), ("s", 1e-6)),
        **dict.fromkeys(("millisecond", "millisec", "milli", "msec"), ("s", 1e-3)),
        **dict.fromkeys(("second", "sec"), ("s", 1.0)),
        **dict.fromkeys(("minute", "min"), ("s", 60.0)),
        **dict.fromkeys(("hour", "hr"), ("s", 3600.0)),
        "day": ("s", 86_400.0),
        "byte": ("By", 1.0),
        "kilobyte": ("By", 1e3),
        "megabyte": ("By", 1e6),
        "gigabyte": ("By", 1e9),
        "terabyte": ("By", 1e12),
        "kibibyte": ("By", 2.0**10),
        "mebibyte": ("By", 2.0**20),
        "gibibyte": ("By", 2.0**30),
        "tebibyte": ("By", 2.0**40),
        **dict.fromkeys(("percent", "percentage"), ("1", 0.01)),
    }
)
# Said where there is no unit, or of a pure number.
_NO_UNIT = frozenset({"", "nan", "1", "none", "null", "-", "unknown"})
_LATENCIES = ("service.latency", "edge.latency")
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
        The table in seconds, bytes and shares, durations in a unit that is no known time left
        out; and which metrics were told in several units, in one that their name contradicts,
        or in one that nobody knows.
    """
    if "unit" not in metrics or metrics.empty:
        return metrics, ()
    metrics, lost = _without_unknown(metrics)
    unit = metrics["unit"].cat
    factors = np.array([*(factor_of(str(u))[1] for u in unit.categories), 1.0])
    factor = factors[unit.codes.to_numpy()]
    if (factor == 1.0).all():
        return metrics, lost
    fitted = metrics.assign(value=metrics["value"].to_numpy() * factor)
    if "le" in metrics:
        # Counts of a histogram are counts; its bounds and its sum are in the unit.
        counts = metrics["metric"].astype(str).str.endswith(("_bucket", "_count")).to_numpy()
        fitted["value"] = np.where(counts, metrics["value"], fitted["value"])
        fitted["le"] = metrics["le"].to_numpy() * factor
    pairs = metrics[["metric", "unit"]].drop_duplicates().astype(str)
    return fitted, (*lost, *_told(pairs))


def factor_of(unit: str) -> tuple[str, float]:
    """Tell what a unit is converted to and by which factor; ``("", 1.0)`` where it is not known.

    Examples
    --------
    >>> factor_of("Milliseconds"), factor_of("GiBy"), factor_of("furlongs")
    (('s', 0.001), ('By', 1073741824.0), ('', 1.0))
    """
    plain = unit.strip()
    if plain in _FACTORS:
        return _FACTORS[plain]
    word = plain.lower()
    return _WORDS.get(word, _WORDS.get(word.removesuffix("s"), ("", 1.0)))


def _without_unknown(metrics: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Leave out durations in a unit that is no known time: as seconds they would be a guess."""
    names, units = metrics["metric"].cat, metrics["unit"].cat
    timed = np.array([_is_duration(str(name)) for name in names.categories], dtype=bool)
    strange = np.array(
        [u.strip().lower() not in _NO_UNIT and factor_of(u)[0] != "s" for u in units.categories],
        dtype=bool,
    )
    # A missing unit has the code -1: the last place is its.
    wrong = np.append(timed, False)[names.codes] & np.append(strange, False)[units.codes]
    if not wrong.any():
        return metrics, ()
    counted = metrics[wrong].groupby(["metric", "unit"], observed=True).size()
    notes = tuple(
        f"{metric} is told in {unit!r}, no unit of time that is known: {count:,} sample(s) left out"
        for (metric, unit), count in counted.items()
    )
    return metrics[~wrong].reset_index(drop=True), notes


def _is_duration(metric: str) -> bool:
    return metric.startswith(_LATENCIES) or histogram_part(metric)[1] == "_sum"


def _told(pairs: pd.DataFrame) -> Iterator[str]:
    base = pairs["metric"].str.replace(r"_(bucket|sum|count)$", "", regex=True)
    for metric, units in pairs.groupby(base)["unit"]:
        known = sorted(unit for unit in units.unique() if unit.lower() not in _NO_UNIT)
        if len(known) > 1:
            yield f"{metric} is told in {' and '.join(known)}: converted"
        elif known and str(metric).endswith("_seconds") and factor_of(known[0]) != ("s", 1.0):
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
