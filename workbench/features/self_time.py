"""Self time: how long a span worked itself, its children's time taken out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.cards import ResultCard, quantity, table_html
from workbench.topology.calls import failed_spans, parents_of, span_weights

if TYPE_CHECKING:
    from workbench.features.columns import Columns
    from workbench.features.grid import Grid

__all__ = ["SelfTime", "self_time", "self_time_columns"]

_CLOCK_TOLERANCE_S = 1e-4
_OWN_KINDS = ("server", "internal", "consumer", "unspecified")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class SelfTime(ResultCard):
    """Self time of every span.

    Parameters
    ----------
    frame
        One row a span, in the order of the spans: ``ts``, ``service``, ``name``, ``kind``,
        ``duration_s``, ``self_s``, ``entry`` (a request came in with it), ``origin``
        (failed, and none of its children did), ``weight``.
    clamped
        Spans cut to their parent's interval, because clocks disagree or the parent did not
        wait for them.
    missing_parents
        Spans that name a parent which is not there: their time stays in no one's children.
    """

    frame: pd.DataFrame
    clamped: int
    missing_parents: int

    def to_frame(self) -> pd.DataFrame:
        """Self time by service: spans, total and share of all self time, most first."""
        weighted = self.frame["self_s"] * self.frame["weight"]
        total = weighted.groupby(self.frame["service"], observed=True).sum()
        spans = self.frame.groupby("service", observed=True).size()
        frame = pd.DataFrame({"spans": spans, "self_s": total, "share": total / total.sum()})
        return frame.sort_values("self_s", ascending=False).reset_index()

    def _facts(self) -> dict[str, str]:
        return {
            "spans": f"{len(self.frame):,}",
            "self time": quantity(float((self.frame["self_s"] * self.frame["weight"]).sum()), "s"),
            "clamped": f"{self.clamped:,} reached beyond their parent",
            "missing parents": f"{self.missing_parents:,}",
        }

    def __repr__(self) -> str:
        """Facts a line each."""
        return "\n".join(["SelfTime", *(f"{k:>15}: {v}" for k, v in self._facts().items())])

    def _headline(self) -> str:
        return "Self time"

    def _body(self) -> str:
        return table_html(self.to_frame())


def self_time(spans: pd.DataFrame) -> SelfTime:
    """Compute each span's duration minus the union of its children's intervals.

    Children that ran at the same time are counted once. Producer and consumer children do
    not count: nobody waits for them. A child that reaches beyond its parent counts only
    inside it.

    Parameters
    ----------
    spans
        The window's spans.
    """
    parents, missing = parents_of(spans)
    start, duration = _seconds(spans), spans["duration_s"].to_numpy()
    duration = np.where(np.isfinite(duration), np.maximum(duration, 0.0), 0.0)
    kind = spans["kind"].astype("object").to_numpy()
    counts = (parents >= 0) & ~np.isin(kind, ["producer", "consumer"])
    child = np.flatnonzero(counts)
    owner = parents[child]
    low, high = start[child], start[child] + duration[child]
    first, last = start[owner], start[owner] + duration[owner]
    reaches = (low < first - _CLOCK_TOLERANCE_S) | (high > last + _CLOCK_TOLERANCE_S)
    low, high = np.clip(low, first, last), np.clip(high, first, last)
    covered = _union(owner, low, high, len(spans))
    frame = spans[["ts", "service", "name", "kind", "duration_s"]].assign(
        self_s=np.maximum(duration - covered, 0.0),
        entry=_entries(spans, parents, kind),
        origin=_origins(failed_spans(spans), parents),
        weight=span_weights(spans),
    )
    return SelfTime(frame, int(reaches.sum()), missing)


def self_time_columns(spent: SelfTime, grid: Grid) -> Columns:
    """Mean self time and number of own failures of each service's requests, a bin.

    Returns
    -------
    Columns
        ``self_time``: seconds a request; ``self_errors``: failures that no callee caused.
        A service's client spans count towards its edges, not here.
    """
    frame = spent.frame
    names = frame["service"].cat.categories
    code = frame["service"].cat.codes.to_numpy().astype(np.int64)
    ts, weight = frame["ts"].array.asi8, frame["weight"].to_numpy()
    own = frame["kind"].isin(_OWN_KINDS).to_numpy()
    entry = frame["entry"].to_numpy()
    worked = grid.sums(ts, frame["self_s"].to_numpy() * weight * own, code=code, codes=len(names))
    failed = grid.sums(ts, frame["origin"].to_numpy() * weight, code=code, codes=len(names))
    load = grid.sums(ts, weight * entry, code=code, codes=len(names))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(load > 0, worked / load, np.nan)
    seen = load.sum(axis=1) > 0
    failed[~seen] = np.nan
    with_load = np.flatnonzero(load.sum(axis=0) > 0)
    return {
        **{(str(names[i]), "self_time"): (mean[:, i], "spans") for i in with_load},
        **{(str(names[i]), "self_errors"): (failed[:, i], "spans") for i in with_load},
    }


def _seconds(spans: pd.DataFrame) -> np.ndarray:
    ts = spans["ts"].array.asi8
    return (ts - ts[0]) / 1e9 if len(ts) else np.zeros(0)


def _union(owner: np.ndarray, low: np.ndarray, high: np.ndarray, size: int) -> np.ndarray:
    """Length of the union of intervals of each owner; shape ``(size,)``."""
    order = np.lexsort((low, owner))
    owner, low, high = owner[order], low[order], high[order]
    reached = pd.Series(high).groupby(owner).cummax().to_numpy()
    before = np.concatenate([[-np.inf], reached[:-1]])
    fresh = np.append(True, np.diff(owner) != 0) if len(owner) else np.zeros(0, dtype=bool)
    begin = np.where(fresh, low, np.maximum(low, before[: len(low)]))
    return np.bincount(owner, weights=np.maximum(high - begin, 0.0), minlength=size)


def _entries(spans: pd.DataFrame, parents: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Spans that a request came in with.

    Server and consumer spans; where kinds are unknown, those whose parent is in another
    service or not there.
    """
    service = spans["service"].astype("object").to_numpy()
    foreign = (parents < 0) | (service != service[parents])
    entries: np.ndarray = np.isin(kind, ["server", "consumer"]) | (
        (kind == "unspecified") & foreign
    )
    return entries


def _origins(failed: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Failed spans none of whose children failed."""
    blamed = np.zeros(len(failed), dtype=bool)
    blamed[parents[failed & (parents >= 0)]] = True
    return failed & ~blamed
