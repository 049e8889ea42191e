"""Confidence out of sample: leave one incident out, leave one root out, and the diagram."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import networkx as nx
import pandas as pd

from tests.benchmarks.rates import rate
from workbench.causal import rank
from workbench.causal.attribution.study import choose_sli
from workbench.evaluate import LAYOUTS, Judged, calibration_error, judged, left_out, wilson
from workbench.features.aligned import align
from workbench.views import reliability
from workbench.views.drawing.rendering import Chart

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench import IncidentWindow

PICTURE = Path("outputs/bench/reliability.svg")
_SURE = 0.8


def kept(layout: str, path: Path) -> list[Judged]:
    """Scores of every labelled incident of a folder."""
    labelled = LAYOUTS[layout](path)
    found = []
    for name in labelled.ids:
        window = labelled.load(name)
        ranking = rank(window, choose_sli(align(window)))
        found.append(judged(ranking, labelled.truth(name).services))
    return found


def calibration(cases: list[Judged]) -> pd.DataFrame:
    """One row a way of leaving out; the diagram of the first is saved."""
    ways = {
        "one incident": [str(number) for number in range(len(cases))],
        "one root": [case.root for case in cases],
    }
    tables = {way: left_out(cases, groups) for way, groups in ways.items()}
    drawn = reliability(tables["one incident"])
    if isinstance(drawn, Chart):
        PICTURE.parent.mkdir(parents=True, exist_ok=True)
        PICTURE.write_text(drawn.to_svg(), encoding="utf-8")
    return pd.DataFrame([_line(way, table) for way, table in tables.items()])


def lacking(layout: str, path: Path, *, every: int = 1) -> pd.DataFrame:
    """The product's own confidence where a leg of the method lacks: never sure, or rightly so."""
    labelled = LAYOUTS[layout](path)
    rows: dict[str, list[tuple[float, float]]] = {}
    for name in labelled.ids[::every]:
        window, truth = labelled.load(name), labelled.truth(name).services
        for what, without in _LACKING.items():
            poor = without(window)
            ranking = rank(poor, choose_sli(align(poor)))
            case = judged(ranking, truth)
            sure = case.confidence()
            right = float(case.true[sure == sure.max()].mean()) if len(sure) else 0.0
            rows.setdefault(what, []).append((float(sure.max(initial=0.0)), right))
    columns = ["confidence", "right"]
    return pd.DataFrame([_known(what, pd.DataFrame(rows[what], columns=columns)) for what in rows])


def _only(window: IncidentWindow, *signals: str) -> IncidentWindow:
    metrics = window.metrics
    kept = metrics["metric"].astype(str).isin([f"service.{name}" for name in signals])
    return window.with_(tables={"metrics": metrics[kept]})


def _ungraphed(window: IncidentWindow) -> IncidentWindow:
    return window.with_(topology=nx.freeze(nx.DiGraph()))


_QUANTILES = ("latency_p50", "latency_p90", "latency_p95", "latency_p99")
_REST = ("load", "errors", "error_ratio")
_LACKING: dict[str, Callable[[IncidentWindow], IncidentWindow]] = {
    "nothing": lambda window: window,
    "means: several quantiles only": lambda window: _only(window, *_QUANTILES, *_REST),
    "means: one quantile only": lambda window: _only(window, "latency_p90", *_REST),
    "means and counts": lambda window: _only(window, "latency_p90", "error_ratio"),
    "spans and the graph": lambda window: _ungraphed(_only(window, "latency", *_REST)),
}


def _known(what: str, table: pd.DataFrame) -> dict[str, object]:
    sure = table[table["confidence"] >= _SURE]
    return {
        "lacking": what,
        "right": rate(table["right"]),
        "mean confidence": float(table["confidence"].mean()),
        "ECE": calibration_error(table),
        "said ≥ .8, right": rate(sure["right"]),
    }


def _line(way: str, table: pd.DataFrame) -> dict[str, object]:
    sure = table[table["confidence"] >= _SURE]
    low, high = wilson(float(sure["right"].sum()), len(sure))
    return {
        "left out": way,
        "n": len(table),
        "ECE": calibration_error(table),
        "temperature": f"{table['temperature'].min():.2f}–{table['temperature'].max():.2f}",
        "said ≥ .8": len(sure),
        "of them right": float(sure["right"].sum()),
        "95 %": f"{low:.2f}–{high:.2f}",
    }
