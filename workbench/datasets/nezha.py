"""Importer of the Nezha layout (Yu et al. 2023, MIT): pod metrics, spans and logs by day.

::

    <folder>/<day>/fault_list.json       what was injected, when and where
    <folder>/<day>/metric/*_metric.csv   one file a pod, one row a minute
                         /front_service.csv, source_50.csv, destination_50.csv, dependency.csv
    <folder>/<day>/traces.parquet, logs.parquet

A day without ``dependency.csv`` has the calls that its spans show. A service is its pod's
name without the two hashes. Times are read from the written-out
column: the epoch column of some pods is wrong by years. The pods' own success rate is not
filled in, their client latency repeats what the edges say, their byte and syscall counts
repeat the load; these are left out, and so are host metrics, which belong to no single
service.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pandas as pd

from workbench.datasets.labelled import LabelledSet, Truth, required
from workbench.datasets.nezha_records import read_logs, read_spans
from workbench.slis import SLO, Signal
from workbench.tables import conform, labels_text
from workbench.times import TimeRange
from workbench.topology import from_spans
from workbench.window import IncidentWindow

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["read_nezha", "service_of"]

_LENGTH = pd.Timedelta("5min")
_HISTORY = pd.Timedelta("3h")
_ENOUGH = pd.Timedelta("1h")
_ROWS_A_MINUTE = 4000
_HASHES = re.compile(r"-[a-z0-9]+-[a-z0-9]+$")
_POD = {
    "PodWorkload(Ops)": "service.load",
    "PodServerLatencyP90(s)": "service.latency_p90",
    "PodServerLatencyP95(s)": "service.latency_p95",
    "PodServerLatencyP99(s)": "service.latency_p99",
    "CpuUsage(m)": "pod_cpu_millicores",
    "MemoryUsage(Mi)": "pod_memory_mebibytes",
}
_FRONT = {
    "SuccessRate(%)": "service.error_ratio",
    "LatencyP50(s)": "service.latency_p50",
    "LatencyP90(s)": "service.latency_p90",
    "LatencyP95(s)": "service.latency_p95",
    "LatencyP99(s)": "service.latency_p99",
}


def read_nezha(path: str | Path) -> LabelledSet:
    """Read a folder in the Nezha layout: a day, or a folder of days.

    Raises
    ------
    BundleMissing
        No day with a ``fault_list.json`` in it.
    """
    folder = Path(path)
    lists = sorted([*folder.glob("fault_list.json"), *folder.glob("*/fault_list.json")])
    if not lists:
        required(folder / "fault_list.json", "Nezha fault list")
    cases = {
        f"{day.name}-{number:02d}": (day, number)
        for day in (found.parent for found in lists)
        for number in range(len(_faults(day)))
    }
    return LabelledSet(
        layout="nezha",
        groups={name: day.name for name, (day, _) in cases.items()},
        load=lambda incident: _window(incident, *cases[incident]),
        truth=lambda incident: _truth(*cases[incident]),
    )


def service_of(pod: str) -> str:
    """Name of the service a pod belongs to."""
    return _HASHES.sub("", pod)


def _faults(day: Path) -> list[dict[str, str]]:
    listed = json.loads((day / "fault_list.json").read_text(encoding="utf-8"))
    return [fault for hour in listed.values() for fault in hour]


def _truth(day: Path, number: int) -> Truth:
    fault = _faults(day)[number]
    return Truth((service_of(fault["inject_pod"]),), fault=fault["inject_type"])


def _window(incident: str, day: Path, number: int) -> IncidentWindow:
    onset = pd.Timestamp(_faults(day)[number]["inject_time"], tz="UTC")
    when = TimeRange(onset, onset + _LENGTH)
    metrics, graph = _metrics(str(day)), _graph(day)
    seen = _history(metrics, when)
    tables = {
        "metrics": metrics[seen.mask(metrics["ts"])],
        "spans": _near(read_spans(str(day)), when, seen),
        "logs": _near(read_logs(str(day)), when, seen),
    }
    front = str(_front(str(day)))
    counted = bool((metrics["metric"] == "service.error_ratio").any())
    asked: tuple[Signal, ...] = ("errors", "latency") if counted else ("latency",)
    return IncidentWindow.from_frames(
        id=incident,
        title=f"Incident at {onset:%Y-%m-%d %H:%M:%S} UTC",
        when=when,
        baseline=seen,
        topology=graph if graph.size() else from_spans(tables["spans"]),
        slos=tuple(SLO(f"{front} {s}", front, s, 0.99) for s in asked),
        **{name: frame for name, frame in tables.items() if len(frame)},
    )


def _history(metrics: pd.DataFrame, when: TimeRange) -> TimeRange:
    """Hours before the incident; where less than one is there, what follows it as well."""
    first = max(metrics["ts"].iloc[0], when.start - _HISTORY)
    short = _ENOUGH - (when.start - first)
    return TimeRange(first, when.end + max(short, pd.Timedelta(0)))


def _near(frame: pd.DataFrame, when: TimeRange, seen: TimeRange) -> pd.DataFrame:
    """Keep the incident whole and past minutes thinned: whole days are too much to carry."""
    if frame.empty:
        return frame
    frame = frame[seen.mask(frame["ts"]) | when.mask(frame["ts"])]
    minute = frame["ts"].dt.floor("min")
    rows = minute.map(minute.value_counts()).to_numpy()
    every = np.where(when.mask(frame["ts"]), 1, np.ceil(rows / _ROWS_A_MINUTE)).astype(np.int64)
    # Whole traces stay or go; what stays stands for the others.
    draw = pd.util.hash_pandas_object(frame["trace_id"], index=False).to_numpy() % np.uint64(10**6)
    kept = draw * every < 10**6
    return frame.assign(weight=every.astype(float))[kept].reset_index(drop=True)


@lru_cache(maxsize=4)
def _metrics(day: str) -> pd.DataFrame:
    folder = required(Path(day) / "metric", "metric folder")
    parts = [*_pods(folder), *_edges(folder)]
    front = folder / "front_service.csv"
    if front.exists() and _has_pod(Path(day), _named_front(Path(day))):
        wide = pd.read_csv(front)
        known = {column: name for column, name in _FRONT.items() if column in wide}
        parts.append(_long(wide, _front(day), known))
    return conform("metrics", pd.concat(parts, ignore_index=True))


def _pods(folder: Path) -> Iterator[pd.DataFrame]:
    for path in sorted(folder.glob("*_metric.csv")):
        wide = pd.read_csv(path)
        names = {c: _POD[c] for c in wide.columns if c in _POD}
        if service_of(str(wide["PodName"].iloc[0])) == _front(str(folder.parent)):
            # The front service's own file says the same more finely.
            names = {c: n for c, n in names.items() if "latency" not in n}
        yield _long(wide, service_of(str(wide["PodName"].iloc[0])), names)


def _edges(folder: Path) -> Iterator[pd.DataFrame]:
    for file, metric in (("source_50", "edge.latency"), ("destination_50", "edge.latency_callee")):
        path = folder / f"{file}.csv"
        wide = pd.read_csv(path) if path.exists() else pd.DataFrame()
        for column in [c for c in wide.columns if "_" in c]:
            caller, _, callee = column.partition("_")
            yield _long(wide, caller, {column: metric}, labels={"peer": callee})


def _long(
    wide: pd.DataFrame, service: str, names: dict[str, str], *, labels: dict[str, str] | None = None
) -> pd.DataFrame:
    stamps = _times(wide)
    parts = []
    for column, metric in names.items():
        value = wide[column].to_numpy(float)
        if metric == "service.load":
            value = value * 60.0  # requests a second to requests a minute
        if metric == "service.error_ratio":
            value = 1.0 - value / 100.0
        parts.append(pd.DataFrame({"ts": stamps, "metric": metric, "value": value}))
    long = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return long.assign(service=service, labels=labels_text(labels or {}))


def _times(wide: pd.DataFrame) -> pd.DatetimeIndex:
    """Read times from the written-out column, to the minute the row stands for."""
    column = "Time" if "Time" in wide else "time"
    return pd.DatetimeIndex(pd.to_datetime(wide[column].str.slice(0, 19), utc=True)).floor("min")


@lru_cache(maxsize=4)
def _front(day: str) -> str:
    """Service that faces the users: the one the front metrics are named after, if it has a pod.

    Where it has none that file repeats some pod's columns and its success rate is not filled
    in: then the service that the traces begin at.
    """
    folder, named = Path(day), _named_front(Path(day))
    same = [service for service in _with_pods(folder) if service.lower() == named.lower()]
    return same[0] if same else _entry(folder) or _traces_root(day) or named


def _named_front(day: Path) -> str:
    path = day / "metric" / "front_service.csv"
    return str(pd.read_csv(path, nrows=1)["ServiceName"].iloc[0]) if path.exists() else ""


def _with_pods(day: Path) -> list[str]:
    paths = sorted((day / "metric").glob("*_metric.csv"))
    return [service_of(path.name.removesuffix("_metric.csv")) for path in paths]


def _has_pod(day: Path, service: str) -> bool:
    return service.lower() in {name.lower() for name in _with_pods(day)}


def _traces_root(day: str) -> str:
    """Service of most root spans."""
    spans = read_spans(day)
    roots = spans.loc[spans["parent_span_id"] == "", "service"]
    return str(roots.mode().iloc[0]) if len(roots) else ""


def _entry(day: Path) -> str:
    """Service nobody calls and that calls most others."""
    graph = _graph(day)
    tops = [node for node in graph if graph.in_degree(node) == 0 and graph.out_degree(node) > 0]
    return max(tops, key=lambda n: (len(nx.descendants(graph, n)), n), default="")


def _graph(day: Path) -> nx.DiGraph[str]:
    graph: nx.DiGraph[str] = nx.DiGraph()
    path = day / "metric" / "dependency.csv"
    if path.exists():
        listed = pd.read_csv(path)
        calls = listed[~listed["Target"].str.match(r"[\d.]+$")]  # an address is a host
        graph.add_edges_from(
            zip(calls["Source"], calls["Target"], strict=True), source="dependency.csv"
        )
    for name in ("source_50", "destination_50"):
        path = day / "metric" / f"{name}.csv"
        columns = pd.read_csv(path, nrows=0).columns if path.exists() else ()
        graph.add_edges_from(tuple(c.split("_", 1)) for c in columns if "_" in c)
    return graph
