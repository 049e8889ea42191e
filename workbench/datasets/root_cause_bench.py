"""Importer of the Root Cause Bench layout (Edge Delta 2026, Apache 2.0): commits and deploys.

::

    <folder>/<incident>/metrics.csv      long, one row a minute
                       /logs.ndjson      single lines
                       /patterns.json    log patterns with their count, and against the baseline
                       /traces.json      a few spans; a trace_id of "same" continues the row above
                       /alert.json       what paged
                       /context/commits.json, deploys.json, flags.json
                       /truth.json

Metric names are of many makers; `_METRICS` says which of them are a request signal, and every
other one stays the gauge it is. Commits, deploys and flags become rows of ``changes``; a
commit's message, files and diff are its ``detail``, and the service of a commit is the one it
was deployed to, if it was. Patterns are counts without times: they become log lines at the
moment of the alert, with both counts in their attributes. The incident begins where the
alert's metric crossed its threshold for good, and ends with the telemetry.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench.connectors.reading.log_levels import severity_number
from workbench.datasets.labelled import LabelledSet, Truth, required
from workbench.slis import SLO, Signal
from workbench.times import TimeRange
from workbench.topology import from_spans
from workbench.window import IncidentWindow

__all__ = ["read_root_cause_bench"]

if TYPE_CHECKING:
    from collections.abc import Iterable

_STEP = pd.Timedelta("1min")
_PER_STEP = 60.0
_METRICS = {
    "requests_per_sec": ("service.load", _PER_STEP),
    "http_requests_per_second": ("service.load", _PER_STEP),
    "http_5xx_per_sec": ("service.errors", _PER_STEP),
    "http_server_duration_p99_ms": ("service.latency_p99", 1e-3),
    "http_5xx_ratio": ("service.error_ratio", 1.0),
    "error_rate_5xx_ratio": ("service.error_ratio", 1.0),
    "http_server_5xx_rate_pct": ("service.error_ratio", 1e-2),
    "search_error_rate_pct": ("service.error_ratio", 1e-2),
    "search_page_error_ratio": ("service.error_ratio", 1.0),
    "rpc_client_error_rate": ("service.error_ratio", 1.0),
    "record_validation_error_ratio": ("service.error_ratio", 1.0),
    "context_build_error_ratio": ("service.error_ratio", 1.0),
    "memory_persist_error_ratio": ("service.error_ratio", 1.0),
    "dynamodb_write_throttle_ratio": ("service.error_ratio", 1.0),
}
"""Published name to ours, and the factor to its unit (a minute a step, seconds, shares)."""

_SLI_OF: dict[str, Signal] = {
    "service.error_ratio": "errors",
    "service.errors": "errors",
    "service.latency_p99": "latency",
}
_HOST = "node_"


def read_root_cause_bench(path: str | Path) -> LabelledSet:
    """Read a folder in the Root Cause Bench layout: an incident a folder.

    Parameters
    ----------
    path
        Folder of the incidents' folders.

    Returns
    -------
    LabelledSet
        The truth's ``services`` is the first that failed; its ``details`` hold ``change``
        (the guilty commit, or "none") and ``decoys`` (innocent commits that were deployed).

    Raises
    ------
    BundleMissing
        No folder with an ``alert.json`` in it.
    """
    folder = Path(path)
    incidents = sorted(found.parent.name for found in folder.glob("*/alert.json"))
    if not incidents:
        required(folder / "<incident>" / "alert.json", "Root Cause Bench incident")
    return LabelledSet(
        layout="root-cause-bench",
        groups=dict.fromkeys(incidents, folder.name),
        load=lambda incident: _window(folder / incident),
        truth=lambda incident: _truth(folder / incident),
    )


def _truth(folder: Path) -> Truth:
    told = _json(folder / "truth.json")
    return Truth(
        (str(told["first_failing_service"]),),
        fault=str(told["scenario"]),
        details={
            "change": told["root_cause_commit"],
            "decoys": tuple(told["decoy_deploy_commits"]),
            "blast_radius": tuple(told["blast_radius"]),
        },
    )


def _window(folder: Path) -> IncidentWindow:
    raw = pd.read_csv(required(folder / "metrics.csv", "metrics"))
    raw["ts"] = pd.to_datetime(raw["timestamp"], utc=True)
    alert = _json(folder / "alert.json")
    when = TimeRange(_onset(raw, alert), raw["ts"].max() + _STEP)
    logs = _logs(folder, pd.Timestamp(alert["fired_at"]))
    spans = _spans(folder)
    metrics = _metrics(raw, _hosts(folder))
    return IncidentWindow.from_frames(
        id=folder.name,
        title=str(alert["summary"]),
        when=when,
        metrics=metrics,
        logs=logs,
        spans=spans,
        alerts=_alerts(alert),
        changes=_changes(folder / "context"),
        topology=from_spans(spans),
        slos=_objectives(metrics, alert),
    )


def _onset(raw: pd.DataFrame, alert: dict[str, Any]) -> pd.Timestamp:
    """First minute of the stretch above the alert's threshold that lasted until it fired."""
    fired = pd.Timestamp(alert["fired_at"])
    own = raw[(raw["service"] == alert["service"]) & (raw["metric"] == alert["metric"])]
    own = own[own["ts"] <= fired]
    below = own.loc[own["value"] < alert["threshold"], "ts"]
    start = below.max() + _STEP if len(below) else own["ts"].min()
    return min(start, fired) if pd.notna(start) else fired


def _metrics(raw: pd.DataFrame, hosts: dict[str, str]) -> pd.DataFrame:
    known = raw["metric"].map(_METRICS)
    named = known.notna()
    host = raw["service"].map(hosts)
    host = host.where(~raw["metric"].str.startswith(_HOST), raw["service"])
    return pd.DataFrame(
        {
            "ts": raw["ts"],
            "metric": np.where(named, known.str[0], raw["metric"]),
            "value": raw["value"] * known.str[1].where(named, 1.0).astype(float),
            "service": raw["service"],
            "labels": [{"node": name} if isinstance(name, str) else {} for name in host],
        }
    )


def _hosts(folder: Path) -> dict[str, str]:
    """Host of each service whose lines name one."""
    lines = _lines(folder)
    return {str(line["service"]): str(line["k8s.node"]) for line in lines if "k8s.node" in line}


def _objectives(metrics: pd.DataFrame, alert: dict[str, Any]) -> tuple[SLO, ...]:
    """Take the alert's own SLI; where it is of a gauge, what some service's users feel."""
    rows = metrics[metrics["metric"].isin(_SLI_OF)]
    pairs = rows[["service", "metric"]].drop_duplicates().sort_values(["service", "metric"])
    asked = _METRICS.get(alert["metric"], ("",))[0]
    found = [
        (str(s), _SLI_OF[str(m)], (s, m) == (alert["service"], asked)) for s, m in pairs.values
    ]
    found.sort(key=lambda sli: (not sli[2], sli[0] != alert["service"]))
    unique = dict.fromkeys((service, signal) for service, signal, _ in found)
    return tuple(SLO(f"{service} {signal}", service, signal, 0.99) for service, signal in unique)


def _alerts(alert: dict[str, Any]) -> pd.DataFrame:
    told = {name: alert[name] for name in ("metric", "threshold", "observed", "summary")}
    row = {
        "starts_at": pd.Timestamp(alert["fired_at"]),
        "ends_at": pd.NaT,
        "name": alert["monitor"],
        "service": alert["service"],
        "severity": alert["severity"],
        "status": "firing",
        "fingerprint": f"{alert['monitor']}/{alert['service']}",
        "source": "alert.json",
        "labels": told,
    }
    return pd.DataFrame([row])


def _lines(folder: Path) -> list[dict[str, Any]]:
    text = required(folder / "logs.ndjson", "logs").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _logs(folder: Path, fired: pd.Timestamp) -> pd.DataFrame:
    rows = [
        {
            "ts": pd.Timestamp(line["timestamp"]),
            "service": line["service"],
            "severity_number": severity_number(line["severity_text"]),
            "severity_text": line["severity_text"],
            "body": line["msg"],
            "attributes": _others(line, "timestamp service severity_text msg trace_id"),
            "trace_id": line.get("trace_id", ""),
        }
        for line in _lines(folder)
    ]
    return pd.DataFrame([*rows, *(_pattern(p, fired) for p in _json(folder / "patterns.json"))])


def _pattern(pattern: dict[str, Any], fired: pd.Timestamp) -> dict[str, Any]:
    count, more = int(pattern["count"]), int(pattern["delta_vs_baseline"])
    word = "WARN" if pattern["sentiment"] == "negative" else "INFO"
    return {
        "ts": fired,
        "service": pattern["service"],
        "severity_number": severity_number(word),
        "severity_text": word,
        "body": pattern["signature"],
        "attributes": {"pattern.count": count, "pattern.baseline_count": count - more},
        "trace_id": "",
    }


def _spans(folder: Path) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    owners: dict[tuple[str, str], str] = {}
    trace = ""
    for span in _json(folder / "traces.json"):
        trace = trace if span["trace_id"] == "same" else str(span["trace_id"])
        parent = str(span["parent_id"] or "")
        owners[trace, str(span["span_id"])] = span["service"]
        inside = owners.get((trace, parent)) == span["service"]
        rows.append(
            {
                "ts": pd.Timestamp(span["start"]),
                "duration_s": float(span["duration_ms"]) / 1e3,
                "trace_id": trace,
                "span_id": str(span["span_id"]),
                "parent_span_id": parent,
                "service": span["service"],
                "name": span["name"],
                "kind": "internal" if inside else "server",
                "status": "error" if span["status"] == "ERROR" else "ok",
                "attributes": _attributes(span),
            }
        )
    return pd.DataFrame(rows)


def _attributes(span: dict[str, Any]) -> dict[str, Any]:
    known = "trace_id span_id parent_id service name start duration_ms status attributes"
    return {**_others(span, known), **span.get("attributes", {})}


def _changes(context: Path) -> pd.DataFrame:
    deploys = _json(context / "deploys.json")
    places = {deploy["commit_sha"]: deploy["service"] for deploy in deploys}
    rows = [
        _change("deploy", d, d["service"], d["commit_sha"], version=d["version"]) for d in deploys
    ]
    rows += [
        _change("flag", f, f["service"], f["flag"], actor=f["actor"], detail=f["change"])
        for f in _json(context / "flags.json")
    ]
    rows += [
        _change("commit", c, places.get(c["sha"], ""), c["sha"], actor=c["author"], detail=text)
        for c in _json(context / "commits.json")
        for text in [_detail(c)]
    ]
    return pd.DataFrame(rows)


def _change(
    kind: str, told: dict[str, Any], service: str, ref: str, **more: str
) -> dict[str, object]:
    empty = {"version": "", "actor": "", "detail": ""}
    when = pd.Timestamp(told["timestamp"])
    return {"ts": when, "kind": kind, "service": service, "ref": ref, **empty, **more}


def _detail(commit: dict[str, Any]) -> str:
    """Write message, files and diff of a commit as one text."""
    parts: Iterable[str] = (commit["message"], *commit["files_changed"], commit["diff"] or "")
    return "\n".join(part for part in parts if part)


def _others(record: dict[str, Any], known: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in known.split()}


def _json(path: Path) -> Any:  # noqa: ANN401 - what a file holds
    return json.loads(required(path, "file of the incident").read_text(encoding="utf-8"))
