"""Confidence out of sample: leave one incident out, leave one root out, and the diagram."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from workbench.causal import rank
from workbench.causal.rank import choose_sli, read_panel
from workbench.evaluate import LAYOUTS, Judged, calibration_error, judged, left_out, wilson
from workbench.views import reliability
from workbench.views.rendering import Chart

PICTURE = Path("outputs/bench/reliability.svg")
_SURE = 0.8


def kept(layout: str, path: Path) -> list[Judged]:
    """Scores of every labelled incident of a folder."""
    labelled = LAYOUTS[layout](path)
    found = []
    for name in labelled.ids:
        window = labelled.load(name)
        ranking = rank(window, choose_sli(window, read_panel(window)[0]))
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


def _line(way: str, table: pd.DataFrame) -> dict[str, object]:
    sure = table[table["confidence"] >= _SURE]
    low, high = wilson(float(sure["right"].sum()), len(sure))
    return {
        "left out": way, "n": len(table), "ECE": calibration_error(table),
        "temperature": f"{table['temperature'].min():.2f}–{table['temperature'].max():.2f}",
        "said ≥ .8": len(sure), "of them right": float(sure["right"].sum()),
        "95 %": f"{low:.2f}–{high:.2f}",
    }  # fmt: skip
