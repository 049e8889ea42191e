"""Clues in the shape of traces: steps that are suddenly missing from, or new in, a request.

Each span has a shape: the set of operations it called. A shape that becomes more frequent
than it ever was in past minutes says that the span's service took another way: it returned
early, raised, or calls something new. Where a request stops right after a call to one
other service, and does so for several callers, the callee is what stopped it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import binom

from workbench.causal.anomalies.anomaly import Anomaly, in_incident_and_normal
from workbench.causal.thresholds import (
    DEEPEST_TRACE,
    FEWEST_TRACE_BLOCKS,
    MOST_TRACE_DOUBLINGS,
    MOSTLY_THERE,
    RARE_PATH,
)
from workbench.topology.calls import parents_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.times import TimeRange
    from workbench.window import IncidentWindow

__all__ = ["shape_anomalies"]


def shape_anomalies(window: IncidentWindow, quiet: TimeRange) -> Iterator[Anomaly]:
    """Find operations whose requests changed shape.

    Parameters
    ----------
    window
        The incident window.
    quiet
        Range to compare with; the incident and as long again after it are left out.
    """
    spans = window.spans
    # Spans of nobody blame nobody.
    spans = spans[~spans["service"].isin([""]) & spans["service"].notna()].reset_index(drop=True)
    if spans.empty:
        return
    parent, _ = parents_of(spans)
    seen = _shapes(spans, parent)
    during, normal = in_incident_and_normal(seen["ts"], window.when, quiet)
    changed = _changed(seen[during], seen[normal])
    changed = changed[~_explained(changed, seen, parent, during.to_numpy())]
    blamed = _blamed(changed)
    for row, service in zip(changed.itertuples(), blamed, strict=True):
        yield Anomaly(
            service,
            "requests",
            "shape",
            float(row.weight),
            float(row.before),
            float(row.share),
            f"{100 * row.share:.1f} % of {row.name} took a way that "
            f"{100 * row.before:.1f} % took before",
        )


def _shapes(spans: pd.DataFrame, parent: np.ndarray) -> pd.DataFrame:
    """One row a span: its time, service, operation, shape and the service it called last."""
    service = spans["service"].cat.codes.to_numpy().astype(np.int64)
    name = spans["name"].cat.codes.to_numpy().astype(np.int64)
    operation, _ = pd.factorize(service * (name.max() + 2) + name)
    shape = _child_sets(parent, operation, len(spans))
    end = spans["ts"].array.asi8 + (np.nan_to_num(spans["duration_s"]) * 1e9).astype(np.int64)
    names = spans["service"].cat.categories.to_numpy(dtype=object)
    ender = _ended_by(_last_child(parent, end, len(spans)), service)
    return pd.DataFrame(
        {
            "ts": spans["ts"],
            "service": names[service],
            "name": spans["name"],
            "operation": operation,
            "shape": shape,
            "ended_by": names[ender],
        }
    )


def _ended_by(last: np.ndarray, service: np.ndarray) -> np.ndarray:
    """Service a span heard from last: down its last calls to the first foreign one."""
    at = last.copy()
    for _ in range(DEEPEST_TRACE):
        inside = (at >= 0) & (service[at] == service)
        if not inside.any():
            break
        at[inside] = last[at[inside]]
    return np.where(at >= 0, service[at], service)


def _child_sets(parent: np.ndarray, operation: np.ndarray, size: int) -> np.ndarray:
    """Hash of the set of operations among a span's children; 0 for none."""
    draws = np.random.default_rng(0).integers(1, 2**62, size=int(operation.max()) + 1)
    child = np.flatnonzero(parent >= 0)
    pairs = np.unique(np.column_stack([parent[child], operation[child]]), axis=0)
    shape = np.zeros(size, dtype=np.int64)
    np.add.at(shape, pairs[:, 0], draws[pairs[:, 1]])
    return shape


def _last_child(parent: np.ndarray, end: np.ndarray, size: int) -> np.ndarray:
    child = np.flatnonzero(parent >= 0)
    child = child[np.argsort(end[child], kind="stable")]
    last = np.full(size, -1, dtype=np.int64)
    last[parent[child]] = child
    return last


def _changed(now: pd.DataFrame, past: pd.DataFrame) -> pd.DataFrame:
    """Shapes that became more frequent than in any usual past minute."""
    place = ["operation", "shape"]
    share = now.groupby(place).size() / now.groupby("operation").size()
    block = past["ts"].dt.floor("min")
    counts = past.groupby([*place, block]).size().unstack(fill_value=0)  # noqa: PD010
    totals = past.groupby(["operation", block]).size().unstack(fill_value=0)  # noqa: PD010
    if totals.shape[1] < FEWEST_TRACE_BLOCKS:
        return pd.DataFrame(columns=[*now.columns, "weight", "share", "before"])
    shares = counts / totals.where(totals > 0).reindex(counts.index.get_level_values(0)).to_numpy()
    # A way never taken in a minute that saw the operation was taken by 0 % of it.
    before = shares.median(axis=1).reindex(share.index).fillna(0.0)
    usual = shares.sub(shares.median(axis=1), axis=0).abs().quantile(0.9, axis=1)
    # The binomial tail asks how often a rarely taken way would be taken this often.
    number = now.groupby("operation").size().reindex(share.index.get_level_values(0)).to_numpy()
    often = np.clip(
        before + np.maximum(usual.reindex(share.index).fillna(0.0), RARE_PATH), 0.0, 1.0
    )
    known = share.index.get_level_values(0).isin(totals.index) & (share > often)
    bits = _bits(now.groupby(place).size().to_numpy(), number, often.to_numpy())
    weight = bits * np.sqrt(np.clip(share - before, 0, None)).where(known, 0.0)
    # A way that was common before may only tell of another mix of requests.
    weight *= np.clip(1.0 - before / share, 0.0, None) ** 2
    first = now.drop_duplicates(place).set_index(place, drop=False)
    table = first.assign(weight=weight, share=share, before=before)
    return table[table["weight"] > 0]


def _bits(taken: np.ndarray, number: np.ndarray, often: np.ndarray) -> np.ndarray:
    """Surprise in bits, at most 7: minus log2 of the chance to see it taken so often."""
    chance = binom.sf(taken - 1, number, often)
    bits: np.ndarray = np.minimum(-np.log2(np.maximum(chance, 1e-300)), MOST_TRACE_DOUBLINGS)
    return bits


def _explained(
    changed: pd.DataFrame, seen: pd.DataFrame, parent: np.ndarray, during: np.ndarray
) -> np.ndarray:
    """Say which changed shapes come with a changed shape in a service further down."""
    keys = set(changed.index)
    odd = np.array([key in keys for key in zip(seen["operation"], seen["shape"], strict=True)])
    odd &= during
    below = np.zeros(len(seen), dtype=bool)
    service = seen["service"].to_numpy()
    marked = np.flatnonzero(odd)
    for start in marked:
        at, own = parent[start], service[start]
        while at >= 0:
            below[at] |= service[at] != own
            at = parent[at]
    part = (
        pd.Series(below[odd])
        .groupby([seen["operation"].to_numpy()[odd], seen["shape"].to_numpy()[odd]])
        .mean()
    )
    explained: np.ndarray = (part.reindex(changed.index).fillna(0.0) >= MOSTLY_THERE).to_numpy()
    return explained


def _blamed(changed: pd.DataFrame) -> list[str]:
    """Service each changed shape speaks for: the callee that ended requests of several."""
    ended = changed[changed["ended_by"] != changed["service"]]
    callers = ended.groupby("ended_by")["service"].nunique()
    stoppers = set(callers[callers > 1].index)
    return [
        str(row.ended_by) if row.ended_by in stoppers else str(row.service)
        for row in changed.itertuples()
    ]
