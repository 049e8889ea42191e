"""Spans paired into calls: who called whom, how long the caller waited, did it fail."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.semconv import (
    GRPC_STATUS_ATTRIBUTES,
    PEER_ATTRIBUTES,
    STATUS_CODE_ATTRIBUTES,
    first_of,
    is_grpc_failure,
)
from workbench.tables import labels_of
from workbench.topology.critical_path import awaited_share

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SpanCalls", "failed_spans", "pair_spans", "parents_of", "span_weights"]


@dataclass(frozen=True, slots=True)
class SpanCalls:
    """Calls read from spans.

    Parameters
    ----------
    frame
        One row a call: ``ts`` (start, UTC), ``caller``, ``callee``, ``duration_s`` (as the
        caller saw it; NaN where it did not wait), ``callee_s`` (as the callee measured it;
        NaN without its span), ``awaited_s`` (the part of ``duration_s`` in which the caller
        waited for nothing that ended later), ``failed``, ``kind`` (http, rpc, db, messaging),
        ``asynchronous``, ``seen`` (the callee sent a span), ``weight``.
    missing_parents
        Spans that name a parent which is not there.
    """

    frame: pd.DataFrame
    missing_parents: int


def parents_of(spans: pd.DataFrame) -> tuple[np.ndarray, int]:
    """Row number of each span's parent, -1 where there is none.

    Returns
    -------
    parents, missing
        Shape ``(n,)``; and the number of spans whose parent is named but not there.
    """
    named = spans["parent_span_id"].fillna("").to_numpy(dtype=object)
    has = (named != "") & (named != "0000000000000000")
    parents = np.full(len(spans), -1, dtype=np.int64)
    trace, _ = pd.factorize(spans["trace_id"].fillna("").to_numpy(dtype=object))
    ids = spans["span_id"].fillna("").to_numpy(dtype=object)
    number, found = pd.factorize(np.concatenate([ids, named[has]]))
    own = trace * (len(found) + 1) + number[: len(ids)]
    wanted = trace[has] * (len(found) + 1) + number[len(ids) :]
    order = np.argsort(own, kind="stable")  # of spans with one id the last counts
    place = np.searchsorted(own[order], wanted, side="right") - 1
    there = (place >= 0) & (own[order][place] == wanted)
    parents[has] = np.where(there, order[place], -1)
    parents[parents == np.arange(len(spans))] = -1
    return parents, int((parents[has] < 0).sum())


def failed_spans(spans: pd.DataFrame) -> np.ndarray:
    """Which spans failed: status error, or unset with a 5xx status code."""
    status: np.ndarray = spans["status"].astype("object").to_numpy()
    failed: np.ndarray = status == "error"
    if "attributes" not in spans:
        return failed
    server_error = _from_attributes(spans, _is_5xx)
    failed |= (status != "ok") & server_error.astype(bool)
    return failed


def span_weights(spans: pd.DataFrame) -> np.ndarray:
    """How many requests each span stands for: column ``weight`` where spans are sampled."""
    if "weight" not in spans:
        return np.ones(len(spans))
    weight = pd.to_numeric(spans["weight"], errors="coerce").to_numpy(dtype=float)
    return np.where(np.isfinite(weight) & (weight > 0), weight, 1.0)


def pair_spans(spans: pd.DataFrame) -> SpanCalls:
    """Pair the spans of callers with those of callees.

    A call is a span whose parent belongs to another service, or a client or producer span
    without such a child and with an attribute that names its peer. The caller waited as
    long as its own client span lasted; where it made none, as long as the callee's span.
    """
    parents, missing = parents_of(spans)
    service = spans["service"].astype("object").to_numpy()
    kind = spans["kind"].astype("object").to_numpy()
    entered = (parents >= 0) & (service != np.where(parents >= 0, service[parents], ""))
    callee = np.flatnonzero(entered)
    caller = parents[callee]
    leaves = _leaf_calls(kind, caller)
    peers = _peers(spans, leaves)
    leaves, peers = leaves[peers != ""], peers[peers != ""]
    waited = _caller_side(kind, parents, service, caller)
    pairs, alone = _pairs(spans, caller, callee, waited), _leaves(spans, leaves, peers)
    share = awaited_share(spans, parents)
    described = np.concatenate([np.where(waited, caller, callee), leaves])
    frame = pd.concat([pairs, alone], ignore_index=True)
    frame = frame.assign(awaited_s=frame["duration_s"] * share[described])
    return SpanCalls(frame.sort_values("ts", kind="stable", ignore_index=True), missing)


def _leaf_calls(kind: np.ndarray, callers: np.ndarray) -> np.ndarray:
    """Client and producer spans that no other service answered with a span."""
    outgoing = np.isin(kind, ["client", "producer"])
    outgoing[callers] = False
    return np.flatnonzero(outgoing)


def _caller_side(
    kind: np.ndarray, parents: np.ndarray, service: np.ndarray, caller: np.ndarray
) -> np.ndarray:
    """Whether each parent span is the caller's own view of this one call."""
    client = np.isin(kind[caller], ["client", "producer"])
    above = parents[caller]
    nested = (above >= 0) & (service[above] == service[caller])
    alone = np.bincount(caller, minlength=len(kind))[caller] == 1
    own: np.ndarray = client | ((kind[caller] == "unspecified") & nested & alone)
    return own


def _pairs(
    spans: pd.DataFrame, caller: np.ndarray, callee: np.ndarray, waited: np.ndarray
) -> pd.DataFrame:
    duration = spans["duration_s"].to_numpy()
    kind = spans["kind"].astype("object").to_numpy()
    service = spans["service"].astype("object").to_numpy()
    failed, weight = failed_spans(spans), span_weights(spans)
    asynchronous = (kind[callee] == "consumer") | (kind[caller] == "producer")
    seen_s = np.where(waited, duration[caller], duration[callee])
    described = np.where(waited, caller, callee)
    return pd.DataFrame(
        {
            "ts": spans["ts"].array[described],
            "caller": service[caller],
            "callee": service[callee],
            "duration_s": np.where(asynchronous, np.nan, seen_s),
            "callee_s": duration[callee],
            "failed": failed[described],
            "kind": np.where(asynchronous, "messaging", _protocols(spans, described)),
            "asynchronous": asynchronous,
            "seen": True,
            "weight": weight[callee],
        }
    )


def _leaves(spans: pd.DataFrame, leaves: np.ndarray, peers: np.ndarray) -> pd.DataFrame:
    kind = spans["kind"].astype("object").to_numpy()[leaves]
    asynchronous = kind == "producer"
    duration = spans["duration_s"].to_numpy()[leaves]
    return pd.DataFrame(
        {
            "ts": spans["ts"].array[leaves],
            "caller": spans["service"].astype("object").to_numpy()[leaves],
            "callee": peers,
            "duration_s": np.where(asynchronous, np.nan, duration),
            "callee_s": np.nan,
            "failed": failed_spans(spans)[leaves],
            "kind": np.where(asynchronous, "messaging", _protocols(spans, leaves)),
            "asynchronous": asynchronous,
            "seen": False,
            "weight": span_weights(spans)[leaves],
        }
    )


def _peers(spans: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    if "attributes" not in spans:
        return np.full(len(rows), "", dtype=object)
    return _from_attributes(spans.iloc[rows], lambda labels: first_of(labels, PEER_ATTRIBUTES))


def _protocols(spans: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    if "attributes" not in spans:
        return np.full(len(rows), "http", dtype=object)
    return _from_attributes(spans.iloc[rows], _protocol)


def _protocol(labels: dict[str, object]) -> str:
    systems = (
        ("db.system.name", "db"),
        ("db.system", "db"),
        ("messaging.system", "messaging"),
        ("rpc.system", "rpc"),
        ("rpc.system.name", "rpc"),
    )
    return next((kind for name, kind in systems if name in labels), "http")


def _is_5xx(labels: dict[str, object]) -> bool:
    if is_grpc_failure(first_of(labels, GRPC_STATUS_ATTRIBUTES)):
        return True
    code = first_of(labels, STATUS_CODE_ATTRIBUTES)
    return code.isdigit() and int(code) >= HTTPStatus.INTERNAL_SERVER_ERROR


def _from_attributes(
    spans: pd.DataFrame, read: Callable[[dict[str, object]], object]
) -> np.ndarray:
    """Apply a function to each distinct attribute mapping, once."""
    column = spans["attributes"].cat
    codes = column.codes.to_numpy()
    used = np.unique(codes[codes >= 0])
    values = np.full(len(column.categories) + 1, read({}), dtype=object)
    for code in used:
        values[code] = read(labels_of(column.categories[code]))
    each: np.ndarray = values[codes]
    return each
