"""Windows made of a few node series: the smallest stage for one planted case."""

from __future__ import annotations

from typing import Any

import networkx as nx
import numpy as np
import pandas as pd

from planted import START
from workbench import SLO, IncidentWindow, TimeRange

BINS, FIRST = 120, 105


def shifted(before: float, during: float, *, noise: float = 0.02, seed: int = 0) -> np.ndarray:
    """A level that changes at the incident, with multiplicative noise."""
    rng = np.random.default_rng(seed)
    level = np.where(np.arange(BINS) >= FIRST, during, before)
    return level * (1.0 + noise * rng.standard_normal(BINS))


def node_window(
    series: dict[tuple[str, ...], np.ndarray], calls: list[tuple[str, str]], **more: Any
) -> IncidentWindow:
    """Series by (service, metric), or (caller, callee, metric) for a measured call."""
    parts = [_long(place, values) for place, values in series.items()]
    signal = more.pop("signal", "latency")
    entry = more.pop("sli", "front")
    end = START + pd.Timedelta(BINS, "min")
    return IncidentWindow.from_frames(
        when=TimeRange(START + pd.Timedelta(FIRST, "min"), end),
        metrics=pd.concat(parts, ignore_index=True),
        topology=nx.DiGraph(calls),
        slos=(SLO("entry", entry, signal, 0.99),),
        **more,
    )


def _long(place: tuple[str, ...], values: np.ndarray) -> pd.DataFrame:
    labels = "{}" if len(place) == 2 else f'{{"peer":"{place[1]}"}}'
    ts = START + pd.to_timedelta(np.arange(len(values)), unit="min")
    frame = pd.DataFrame({"ts": ts, "metric": place[-1], "value": values, "service": place[0]})
    return frame.assign(labels=labels, kind="gauge").dropna(subset=["value"])
