"""Importer of the PetShop layout (Hardt et al. 2024, CC BY 4.0): metrics a service, no spans.

::

    <folder>/graph.csv                   adjacency, caller row → callee column
    <folder>/noissue/metrics.csv         normal operation, columns (service, metric, statistic)
    <folder>/<split>/issue_<n>/metrics.csv, target.json

Requests are counts a step, latency seconds, availability percent. Normal data was recorded
at another time than the incidents (months apart), and is the baseline all the same.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pandas as pd

from workbench.datasets.labelled import LabelledSet, Truth, required
from workbench.slis import SLO
from workbench.times import TimeRange
from workbench.window import IncidentWindow

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["read_petshop"]

_STATISTICS = {
    ("requests", "Sum"): "service.load",
    ("latency", "Average"): "service.latency",
    ("latency", "p50"): "service.latency_p50",
    ("latency", "p90"): "service.latency_p90",
    ("latency", "p95"): "service.latency_p95",
    ("latency", "p99"): "service.latency_p99",
    ("availability", "Average"): "service.error_ratio",
}
_SIGNALS = {"latency": "latency", "availability": "errors", "requests": "load"}


def read_petshop(path: str | Path) -> LabelledSet:
    """Read a folder in the PetShop layout.

    Parameters
    ----------
    path
        Folder with ``graph.csv``, ``noissue`` and the issue folders.

    Raises
    ------
    BundleMissing
        Not such a folder.
    """
    folder = Path(path)
    required(folder / "graph.csv", "PetShop call graph")
    issues = {_id(issue): issue.parent for issue in _issues(folder)}
    return LabelledSet(
        layout="petshop",
        groups={name: split.parent.name for name, split in issues.items()},
        load=lambda incident: _window(folder, incident, issues[incident]),
        truth=lambda incident: _truth(issues[incident]),
    )


def _issues(folder: Path) -> list[Path]:
    found = folder.glob("*/issue_*/target.json")
    return sorted(found, key=lambda p: (p.parts[-3], len(p.parts[-2]), p.parts[-2]))


def _id(target: Path) -> str:
    return f"{target.parts[-3]}-{target.parts[-2].removeprefix('issue_')}"


def _window(folder: Path, incident: str, issue: Path) -> IncidentWindow:
    asked = json.loads((issue / "target.json").read_text(encoding="utf-8"))["target"]
    during, step = _metrics(issue / "metrics.csv")
    normal, _ = _normal(str(required(folder / "noissue" / "metrics.csv", "normal data")))
    metrics = pd.concat([during, normal], ignore_index=True)
    onset = pd.Timestamp(asked["timestamp"], unit="s", tz="UTC")
    signal = _SIGNALS[asked["metric"]]
    slo = SLO(f"{asked['node']} {signal}", asked["node"], signal, 0.99)  # type: ignore[arg-type]
    return IncidentWindow.from_frames(
        id=incident,
        title=f"{asked['node']} {signal} at {onset:%Y-%m-%d %H:%M} UTC",
        when=TimeRange(onset, max(during["ts"].max(), onset) + step),
        baseline=TimeRange(normal["ts"].min(), normal["ts"].max() + step),
        metrics=metrics,
        topology=_graph(folder / "graph.csv"),
        slos=(slo,),
    )


def _truth(issue: Path) -> Truth:
    told = json.loads((issue / "target.json").read_text(encoding="utf-8"))
    command = told.get("metadata", {}).get("reproducibility", {}).get("command", "")
    return Truth(
        (told["root_cause"]["node"],), fault=told["target"]["metric"], details={"command": command}
    )


@cache
def _normal(path: str) -> tuple[pd.DataFrame, pd.Timedelta]:
    return _metrics(Path(path))


def _metrics(path: Path) -> tuple[pd.DataFrame, pd.Timedelta]:
    wide = pd.read_csv(path, header=[0, 1, 2], index_col=0)
    stamps = pd.to_datetime(wide.index.to_numpy(), unit="s", utc=True).as_unit("ns")
    step = pd.Timedelta(np.diff(stamps).min()) if len(stamps) > 1 else pd.Timedelta("5min")
    known = [column for column in wide.columns if column[1:] in _STATISTICS]
    parts = [_series(column, wide[column].to_numpy(float)) for column in known]
    long = pd.DataFrame(
        {
            "ts": np.tile(stamps, len(parts)),
            "metric": np.repeat([metric for _, metric, _ in parts], len(stamps)),
            "value": np.concatenate([values for _, _, values in parts]),
            "service": np.repeat([service for service, _, _ in parts], len(stamps)),
            "labels": "{}",
        }
    )
    # An empty cell is a sample nobody took, not a sample without a value.
    return long[long["value"].notna()].reset_index(drop=True), step


def _series(column: tuple[str, str, str], values: np.ndarray) -> tuple[str, str, np.ndarray]:
    service, metric, statistic = column
    name: Mapping[tuple[str, str], str] = _STATISTICS
    is_percent = metric == "availability"
    return service, name[metric, statistic], 1.0 - values / 100.0 if is_percent else values


def _graph(path: Path) -> nx.DiGraph[str]:
    adjacency = pd.read_csv(path, index_col=0)
    callers, callees = np.nonzero(adjacency.to_numpy() > 0)
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(sorted({*map(str, adjacency.index), *map(str, adjacency.columns)}))
    pairs = zip(adjacency.index[callers], adjacency.columns[callees], strict=True)
    graph.add_edges_from((str(u), str(v), {"source": "graph.csv"}) for u, v in pairs)
    return graph
