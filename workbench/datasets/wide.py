"""Wide tables (a column a service and metric, a row a moment) as metric samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from workbench.errors import BadTable
from workbench.tables import conform
from workbench.times import utc_column

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["from_wide"]

_EPOCH_UNITS = {"s": 1e9, "ms": 1e12, "us": 1e15, "ns": 1e18}  # least value of this century


def from_wide(
    wide: pd.DataFrame,
    *,
    names: Mapping[str, str],
    time: str = "time",
    separator: str = "_",
    scale: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Melt a wide table into the metrics table of `IncidentWindow.from_frames`.

    Parameters
    ----------
    wide
        A row a moment; columns ``<service><separator><ending>``, cut at the last separator.
    names
        Ending to metric name, for what is known of requests: ``{"latency":
        "service.latency", "load": "service.load"}``. Other endings become gauges of their
        service under their own name (``cpu``, ``mem``).
    time
        Column of moments: with a zone, or numbers since 1970 in s, ms, µs or ns.
    separator
        Between service and ending.
    scale
        Ending to a factor, for units: ``{"latency": 0.001}`` turns ms into seconds, and a
        rate a second times the step is a count a step.

    Returns
    -------
    DataFrame
        The metrics table; empty cells are left out, so that a gap stays a gap.

    Raises
    ------
    BadTable
        No such time column, an ending of `names` or `scale` that no column has, or
        columns that hold no separator.
    NaiveTimestamp
        Moments without a zone.

    Examples
    --------
    >>> wide = pd.DataFrame({"time": [1700000000, 1700000060], "cart_latency": [40.0, 42.0],
    ...                      "cart_cpu": [0.2, 0.3]})
    >>> found = from_wide(wide, names={"latency": "service.latency"}, scale={"latency": 1e-3})
    >>> found[["metric", "value", "service"]].to_dict("records")[0]
    {'metric': 'service.latency', 'value': 0.04, 'service': 'cart'}
    """
    if time not in wide.columns:
        raise BadTable(
            fact="No such time column",
            value=time,
            hint=f"Columns: {', '.join(map(str, wide.columns[:8]))}",
        )
    columns = [str(column) for column in wide.columns if column != time]
    split = {column: column.rpartition(separator) for column in columns}
    _check_names(split, {*names, *(scale or {})}, separator)
    values = wide.set_axis([str(column) for column in wide.columns], axis=1)
    values = values.assign(**{time: _moments(wide[time])})
    long = values.melt(id_vars=time, var_name="column", value_name="value").dropna(subset="value")
    ending = long["column"].map({column: parts[2] for column, parts in split.items()})
    factor = ending.map(dict(scale or {})).fillna(1.0).astype(float)
    table = pd.DataFrame(
        {
            "ts": long[time],
            "metric": ending.map(dict(names)).fillna(ending),
            "value": pd.to_numeric(long["value"]) * factor,
            "service": long["column"].map({column: parts[0] for column, parts in split.items()}),
            "labels": "{}",
            "kind": "gauge",
        }
    )
    return conform("metrics", table)


def _check_names(split: Mapping[str, tuple[str, str, str]], used: set[str], separator: str) -> None:
    odd = [column for column, (service, _, _) in split.items() if not service]
    if odd:
        raise BadTable(
            fact=f"Columns without {separator!r} between service and metric",
            value=odd[:5],
            hint="Drop them, or give another separator",
        )
    endings = {ending for _, _, ending in split.values()}
    if used - endings:
        raise BadTable(
            fact="No column ends in this",
            value=sorted(used - endings),
            hint=f"Endings: {', '.join(sorted(endings))}",
        )


def _moments(column: pd.Series) -> pd.Series:
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return utc_column(column)
    largest = float(column.abs().max())
    unit = next((u for u, least in reversed(_EPOCH_UNITS.items()) if largest >= least), "s")
    return pd.to_datetime(column, unit=unit, utc=True)
