"""Service graphs from spans, from metrics and from a declared table of edges.

Edges point from caller to callee. Their attributes are plain values: ``calls``,
``errors``, ``latency_s`` (mean, as the caller saw it), ``valid_from`` and ``valid_to``
(ISO 8601), ``source``, ``kind`` (http, rpc, db, messaging, hosts), ``asynchronous`` (the
caller does not wait) and ``confidence``: 1 where both sides saw the call, 0.8 where one
did, 0.6 where it was only declared. Nodes carry ``kind``: service, database, queue or
external (nobody but its callers has seen it).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pandas as pd

from workbench.errors import BadTable
from workbench.semconv import (
    CLIENT_HISTOGRAMS,
    PEER_LABELS,
    failed_labels,
    first_of,
    histogram_part,
)
from workbench.tables import conform, labels_of
from workbench.times import utc_column
from workbench.topology.calls import pair_spans

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

__all__ = ["from_metrics", "from_spans", "from_table"]

_MAJORITY = 0.5  # of the calls of an edge: more that nobody waited for make it asynchronous
_BOTH_SAW, _ONE_SAW, _DECLARED = 1.0, 0.8, 0.6
_UNSEEN = {"db": "database", "messaging": "queue"}


def from_spans(spans: pd.DataFrame) -> nx.DiGraph[str]:
    """Read the service graph that traces show.

    Parameters
    ----------
    spans
        Spans with the columns of `workbench.tables.SCHEMAS`.

    Returns
    -------
    networkx.DiGraph
        ``graph.graph["missing_parents"]`` counts the spans whose parent is not there: each
        may hide an edge.
    """
    fitted = conform("spans", spans)
    graph: nx.DiGraph[str] = nx.DiGraph(source="spans")
    for name in sorted(str(s) for s in fitted["service"].dropna().unique()):
        graph.add_node(name, kind="service")
    paired = pair_spans(fitted)
    for (caller, callee), calls in paired.frame.groupby(["caller", "callee"], sort=True):
        kind = str(calls["kind"].mode().iloc[0])
        if callee not in graph:
            graph.add_node(str(callee), kind=_UNSEEN.get(kind, "external"))
        graph.add_edge(str(caller), str(callee), **_facts(calls), kind=kind, source="spans")
    graph.graph["missing_parents"] = paired.missing_parents
    return graph


def from_metrics(metrics: pd.DataFrame) -> nx.DiGraph[str]:
    """Read the calls that client metrics with a peer label show.

    Request histograms of clients (OpenTelemetry names) and ``edge.calls`` are read.

    Parameters
    ----------
    metrics
        Metric samples with the columns of `workbench.tables.SCHEMAS`.
    """
    fitted = conform("metrics", metrics)
    graph: nx.DiGraph[str] = nx.DiGraph(source="metrics")
    calls = _client_counts(fitted)
    for name in sorted(str(s) for s in fitted["service"].dropna().unique()):
        graph.add_node(name, kind="service")
    for (caller, callee), part in calls.groupby(["caller", "callee"], sort=True):
        kind = str(part["kind"].iloc[0])
        if callee not in graph or kind in _UNSEEN:
            graph.add_node(str(callee), kind=_UNSEEN.get(kind, "external"))
        graph.add_edge(
            str(caller),
            str(callee),
            calls=float(part["calls"].sum()),
            errors=float(part.loc[part["failed"], "calls"].sum()),
            valid_from=part["first"].min().isoformat(),
            valid_to=part["last"].max().isoformat(),
            kind=kind,
            asynchronous=kind == "messaging",
            confidence=_ONE_SAW,
            source="metrics",
        )
    return graph


def from_table(edges: pd.DataFrame) -> nx.DiGraph[str]:
    """Read a declared table of edges.

    Parameters
    ----------
    edges
        One row an edge: ``src`` and ``dst``; optional ``kind``, ``valid_from``,
        ``valid_to``, ``calls``, ``errors``, ``confidence``, ``asynchronous``, ``source``.

    Raises
    ------
    BadTable
        ``src`` or ``dst`` is missing, as a column or in a row.
    NaiveTimestamp
        A validity time carries no zone.
    """
    missing = [name for name in ("src", "dst") if name not in edges]
    if missing or edges[["src", "dst"]].isna().to_numpy().any():
        hint = "Each row needs src (the caller) and dst (the callee)"
        raise BadTable(fact="Not a table of edges", value=missing or "empty src or dst", hint=hint)
    graph: nx.DiGraph[str] = nx.DiGraph(source="declared")
    times = {n: utc_column(edges[n]) for n in ("valid_from", "valid_to") if n in edges}
    for row in edges.assign(**times).to_dict("records"):
        facts = {name: _plain(row[name]) for name in _DECLARABLE if _is_set(row.get(name))}
        kind = str(facts.get("kind", "http"))
        graph.add_node(str(row["src"]), kind="service")
        if str(row["dst"]) not in graph:
            graph.add_node(str(row["dst"]), kind=_UNSEEN.get(kind, "service"))
        defaults = {
            "kind": kind,
            "source": "declared",
            "confidence": _DECLARED,
            "asynchronous": kind == "messaging",
        }
        graph.add_edge(str(row["src"]), str(row["dst"]), **{**defaults, **facts})
    return graph


_DECLARABLE = (
    "kind",
    "valid_from",
    "valid_to",
    "calls",
    "errors",
    "confidence",
    "asynchronous",
    "source",
)


def _facts(calls: pd.DataFrame) -> dict[str, object]:
    weight = calls["weight"].to_numpy()
    duration = calls["duration_s"].to_numpy()
    waited = np.isfinite(duration)
    facts: dict[str, object] = {
        "calls": float(weight.sum()),
        "errors": float(weight[calls["failed"].to_numpy(dtype=bool)].sum()),
        "valid_from": calls["ts"].min().isoformat(),
        "valid_to": calls["ts"].max().isoformat(),
        "asynchronous": bool(calls["asynchronous"].mean() > _MAJORITY),
        "confidence": _BOTH_SAW if calls["seen"].any() else _ONE_SAW,
    }
    if waited.any():
        facts["latency_s"] = float(np.average(duration[waited], weights=weight[waited]))
    return facts


def _client_counts(metrics: pd.DataFrame) -> pd.DataFrame:
    """Count the calls of each client series: a row a series."""
    kinds = {
        name: CLIENT_HISTOGRAMS[base]
        for name in metrics["metric"].cat.categories
        for base, part in [histogram_part(name)]
        if part == "_count" and base in CLIENT_HISTOGRAMS
    }
    rows = metrics[metrics["metric"].isin([*kinds, "edge.calls"])]
    rows = rows[np.isfinite(rows["value"].to_numpy())]
    found = [
        _count_of(str(metric), str(service), str(labels), part, kinds)
        for (metric, service, labels), part in rows.groupby(
            ["metric", "service", "labels"], observed=True
        )
    ]
    columns = ["caller", "callee", "calls", "failed", "kind", "first", "last"]
    frame = pd.DataFrame(found, columns=columns)
    return frame[frame["callee"] != ""]


def _count_of(
    metric: str, service: str, labels: str, part: pd.DataFrame, kinds: Mapping[str, str]
) -> dict[str, object]:
    read = labels_of(labels)
    values = part["value"].to_numpy()
    if metric in kinds:
        steps = np.diff(values)
        values = np.where(steps < 0, values[1:], steps)
    return {
        "caller": service,
        "callee": first_of(read, PEER_LABELS),
        "calls": float(values.sum()),
        "failed": metric in kinds and failed_labels(read),
        "kind": kinds.get(metric, str(read.get("kind", "http"))),
        "first": part["ts"].min(),
        "last": part["ts"].max(),
    }


def _is_set(value: Hashable) -> bool:
    return (
        value is not None
        and value is not pd.NaT
        and not (isinstance(value, float) and math.isnan(value))
    )


def _plain(value: Hashable) -> object:
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return value.item() if isinstance(value, np.generic) else value
