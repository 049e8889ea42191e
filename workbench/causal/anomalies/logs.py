"""Clues in the logs: lines a service never wrote before, or suddenly writes much more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.causal.anomalies.anomaly import Anomaly, in_incident_and_normal
from workbench.causal.thresholds import (
    FEWEST_BLOCKS,
    FEWEST_LINES,
    INFORMATIONAL_LINE,
    LONGEST_TEMPLATE,
    WARNING,
)
from workbench.stats.past_windows import doublings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.causal.attribution.call_graph import MechanismGraph
    from workbench.times import TimeRange
    from workbench.window import IncidentWindow

__all__ = ["log_anomalies", "masked"]

_NUMBERS = r"0x[0-9a-fA-F]+|[0-9a-fA-F]{8,}(?:-[0-9a-fA-F]{4,})*|\d+"


def masked(body: pd.Series) -> pd.Series:
    """Replace numbers and ids, so that lines of one template are equal."""
    return body.str.slice(0, LONGEST_TEMPLATE).str.replace(_NUMBERS, "#", regex=True)


def log_anomalies(
    window: IncidentWindow, quiet: TimeRange, graph: MechanismGraph
) -> Iterator[Anomaly]:
    """Find templates whose rate rose beyond every usual past minute.

    A caller that logs that its callee fails is a symptom: a service counts as far as it
    exceeds the callees it waits for.

    Parameters
    ----------
    window
        The incident window.
    quiet
        Range to compare with; the incident and as long again after it are left out.
    graph
        Who waits for whom.
    """
    logs = window.logs
    # Lines of nobody blame nobody.
    logs = logs[logs["service"].notna() & ~logs["service"].isin([""])]
    if logs.empty:
        return
    found = _templates(logs)
    during, normal = in_incident_and_normal(found["ts"], window.when, quiet)
    table = _rates(found[during], found[normal], window.when)
    best = table.sort_values("weight").groupby("service").tail(1).set_index("service")
    for name, row in best[best["weight"] > 0].iterrows():
        below = [best["weight"].get(callee, 0.0) for callee in graph.callees.get(str(name), ())]
        weight = float(row["weight"]) - max(below, default=0.0)
        if weight > 0:
            now, before = float(row["now"]), float(row["before"])
            words = f"{now:.3g} a minute instead of {before:.3g}: {str(row['template'])[:80]}"
            yield Anomaly(str(name), "logs", "log", weight, before, now, words)


def _templates(logs: pd.DataFrame) -> pd.DataFrame:
    known = "template_id" in logs and logs["template_id"].notna().all()
    template = (
        logs["template_id"].astype(str) if known else masked(logs["body"].fillna("").astype(str))
    )
    return pd.DataFrame(
        {
            "ts": logs["ts"],
            "service": logs["service"].astype(str),
            "template": template,
            "severity": logs["severity_number"].to_numpy(float),
        }
    )


def _rates(now: pd.DataFrame, past: pd.DataFrame, when: TimeRange) -> pd.DataFrame:
    place = ["service", "template"]
    severity = now.groupby(place)["severity"].max()
    count = now.groupby(place).size()
    minutes = max(now["ts"].dt.floor("min").nunique(), 1)
    block = past["ts"].dt.floor("min")
    blocks = block.nunique()
    table = pd.DataFrame({"now": count / minutes, "count": count})
    if blocks < FEWEST_BLOCKS:
        return table.assign(weight=0.0, before=0.0).reset_index()
    # Minutes without a line count as zero of it.
    wide = past.groupby([*place, block]).size().unstack(fill_value=0)  # noqa: PD010
    before = wide.median(axis=1).reindex(table.index).fillna(0.0)
    usual = wide.sub(wide.median(axis=1), axis=0).abs().quantile(0.9, axis=1)
    noise = np.sqrt(np.maximum(before, 1.0)) / np.sqrt(minutes)
    scale = np.maximum(usual.reindex(table.index).fillna(0.0), noise)
    weight = pd.Series(doublings(np.clip(table["now"] - before, 0, None) / scale), table.index)
    new = before.eq(0) & ~table.index.isin(wide.index) & (table["count"] >= FEWEST_LINES)
    # A line never seen before is news however rare it is.
    weight = np.maximum(weight, np.log2(1.0 + table["count"]).where(new, 0.0).clip(upper=7.0))
    weight *= np.where(severity.reindex(table.index) >= WARNING, 1.0, INFORMATIONAL_LINE)
    return table.assign(weight=weight, before=before).reset_index()
