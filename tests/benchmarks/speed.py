"""Speed beside DoWhy in the same run, and whether both say the same where both apply."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tests.benchmarks.peers import gcm_attribution, gcm_case
from tests.benchmarks.rates import rate
from tests.planted import SHOP, Fault, System, metrics_window
from workbench import datasets
from workbench.causal import distribution_change, rank
from workbench.causal.gcm.session import load_gcm, quietly, seeded
from workbench.features.aligned import align

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from workbench.window import IncidentWindow

_ABOUT = 10  # nodes of the smaller graph
_SYSTEMS = {
    "chain": System(calls={"front": {"middle": 1.0}, "middle": {"store": 2.0}}),
    "fork": System(calls={"front": {"left": 1.0, "right": 1.0, "far": 0.5}}),
    "shop": SHOP,
}


def incident(path: Path, *, repeats: int = 5) -> pd.DataFrame:
    """Seconds for one PetShop incident: ours with intervals, DoWhy's one row by default.

    On the incident whose SLI waits for most services, and on one with about ten. Loading is
    not counted, aligning the signals is for both; DoWhy fits its mechanisms and attributes
    one row, the mean of the incident, with its own defaults and one job.
    """
    labelled = datasets.read_petshop(path)
    windows = [labelled.load(name) for name in labelled.ids]
    nodes = np.array([len(_case(window)[1].columns) for window in windows])
    chosen = [int(nodes.argmax()), int(np.abs(nodes - _ABOUT).argmin())]
    return pd.DataFrame([_beside(windows[i], int(nodes[i]), repeats) for i in chosen])


def agreement(*graphs: str, seeds: int = 3) -> pd.DataFrame:
    """Whether DoWhy puts the same service first on planted graphs, and how parts differ.

    ``distribution change`` is DoWhy's on the same known mechanisms: its parts are compared,
    as shares of the SLI's change. It takes plain means over the incident, we weigh the bins
    by the SLI's departure. ``anomaly`` is its anomaly attribution on learned mechanisms.
    """
    return pd.DataFrame([_agreement(name, _SYSTEMS[name], seeds) for name in graphs or _SYSTEMS])


def _agreement(name: str, system: System, seeds: int) -> dict[str, object]:
    windows = [
        (service, metrics_window(system, (Fault(service, "latency", 0.2),), seed=seed))
        for service in system.services[1::2]
        for seed in range(seeds)
    ]
    rows = [(service, *_compared(window)) for service, window in windows]
    apart = [row[4] for row in rows]
    return {
        "graph": name,
        "services": len(system.services),
        "planted one first": rate(ours == service for service, ours, *_ in rows),
        "same as distribution change": rate(row[1] == row[2] for row in rows),
        "same as anomaly": rate(row[1] == row[3] for row in rows),
        "largest difference of a part": max(apart),
        "median": float(np.median(apart)),
    }


def _compared(window: IncidentWindow) -> tuple[str, str, str, float]:
    """Return our first service, DoWhy's by both methods, and the largest difference of a part."""
    ours = rank(window)
    theirs = pd.Series(distribution_change(window, seconds=0).parts)
    with seeded(seed=0), quietly():
        anomaly = gcm_attribution(window, align(window), window.sli())
    parts = pd.Series({row.service: row.attribution for row in ours.rows})
    apart = (parts.reindex(theirs.index).fillna(0.0) - theirs).abs().max() / abs(ours.change)
    first = max(anomaly, key=anomaly.__getitem__)
    return ours.rows[0].service, str(theirs.idxmax()), first, float(apart)


def _beside(window: IncidentWindow, nodes: int, repeats: int) -> dict[str, object]:
    ours = np.median([_seconds(partial(rank, window)) for _ in range(repeats)])
    theirs = _seconds(partial(_attribute_anomalies, window))
    return {
        "incident": window.id,
        "nodes": nodes,
        "workbench s": ours,
        "DoWhy attribute_anomalies s": theirs,
        "times as fast": theirs / ours,
    }


def _attribute_anomalies(window: IncidentWindow) -> None:
    gcm = load_gcm()
    model, before, during = _case(window)
    with seeded(seed=0), quietly():
        gcm.fit(model, before)
        sample = during.mean().to_frame().T
        gcm.attribute_anomalies(model, window.sli().service, anomaly_samples=sample)


def _case(window: IncidentWindow) -> tuple[object, pd.DataFrame, pd.DataFrame]:
    return gcm_case(window, align(window), window.sli())


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
