"""What every edge did over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.errors import BadInput
from workbench.semconv import EDGE_METRICS, PEER_LABELS, first_of
from workbench.tables import labels_of
from workbench.topology.calls import pair_spans

if TYPE_CHECKING:
    from workbench.window import IncidentWindow

__all__ = ["edge_history"]

_COLUMNS = ["ts", "caller", "callee", "calls", "errors", "latency_s"]


def edge_history(window: IncidentWindow, *, step_s: float = 60.0) -> pd.DataFrame:
    """Count calls, failures and mean latency of every edge, bin by bin.

    Parameters
    ----------
    window
        The incident window. Its spans are read; without spans, its ``edge.*`` aggregates.
        (`workbench.features.signals` reads client histograms too.)
    step_s
        Bin width in seconds.

    Returns
    -------
    pandas.DataFrame
        One row a bin and edge that saw a call: ``ts`` (bin start), ``caller``, ``callee``,
        ``calls``, ``errors``, ``latency_s`` (mean as the caller saw it; NaN where it did
        not wait). A bin without a row had no call, or nobody looked: `window.coverage`
        tells which.

    Raises
    ------
    BadInput
        The step is not positive.
    """
    if step_s <= 0:
        raise BadInput(fact="A step must be positive", value=step_s, hint="For example step_s=60")
    calls = _from_spans(window) if len(window.spans) else _from_aggregates(window)
    if calls.empty:
        return pd.DataFrame(columns=_COLUMNS)
    calls = calls.assign(ts=calls["ts"].dt.floor(pd.Timedelta(step_s, "s")))
    summed = calls.groupby(["ts", "caller", "callee"], as_index=False).sum()
    latency = summed["spent_s"] / summed["waited"].where(summed["waited"] > 0)
    return summed.assign(latency_s=latency)[_COLUMNS]


def _from_spans(window: IncidentWindow) -> pd.DataFrame:
    frame = pair_spans(window.spans).frame
    weight = frame["weight"].to_numpy()
    waited = np.isfinite(frame["duration_s"].to_numpy())
    return frame[["ts", "caller", "callee"]].assign(
        calls=weight,
        errors=weight * frame["failed"].to_numpy(dtype=float),
        waited=weight * waited,
        spent_s=weight * np.nan_to_num(frame["duration_s"].to_numpy()),
    )


def _from_aggregates(window: IncidentWindow) -> pd.DataFrame:
    rows = window.metrics[window.metrics["metric"].isin(list(EDGE_METRICS))]
    if rows.empty:
        return pd.DataFrame(columns=_COLUMNS)
    peers = {t: first_of(labels_of(t), PEER_LABELS) for t in rows["labels"].cat.categories}
    long = pd.DataFrame(
        {
            "ts": rows["ts"],
            "caller": rows["service"].astype("str"),
            "callee": rows["labels"].astype("str").map(peers),
            "signal": rows["metric"].astype("str").map(dict(EDGE_METRICS)),
            "value": rows["value"],
        }
    )
    wide = long.pivot_table(
        index=["ts", "caller", "callee"], columns="signal", values="value", aggfunc="last"
    ).reindex(columns=["calls", "errors", "latency"])
    waited = wide["calls"].where(wide["latency"].notna(), 0.0)
    wide = wide.assign(waited=waited, spent_s=(wide["latency"] * waited).fillna(0.0))
    return wide.drop(columns="latency").fillna({"errors": 0.0, "calls": 0.0}).reset_index()
