"""A day of a layered system of any size, made at once: for speed and memory, not for nuance.

Services stand in about log2(n) layers and call two to four services of the next layer, most
requests taking only some of those calls. Latency and failures are work-conserving: own
plus those of the calls made. Own time is AR(1); traffic has a daily season. In the last
hour one service that the SLI needs takes longer by itself, and nothing else happens.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np
import pandas as pd
from scipy.signal import lfilter
from scipy.sparse import csr_array

from workbench import SLO, IncidentWindow, TimeRange

START = pd.Timestamp("2026-01-31T00:00:00Z")
STEP = pd.Timedelta("1min")
INCIDENT_BINS = 60
_ENTRY_LOAD = 3000.0
_OWN_S = 0.02
_PHI = 0.8
_NOISE = 0.05
_RISE = 0.5  # of the SLI, by the planted fault
_NEEDED = 0.1  # visits of the faulty service for each request of the SLI, at least


@dataclass(frozen=True)
class Layered:
    """Services by number, and calls a request: ``ratio[caller, callee]``, next layer only."""

    layers: tuple[np.ndarray, ...]
    ratio: csr_array

    @property
    def size(self) -> int:
        return self.ratio.shape[0]

    @property
    def names(self) -> np.ndarray:
        return np.array([f"service-{i:05d}" for i in range(self.size)], dtype=object)

    @property
    def graph(self) -> nx.DiGraph:
        graph, names = nx.DiGraph(), self.names
        graph.add_nodes_from(names)
        rows, columns = self.ratio.nonzero()
        graph.add_edges_from(zip(names[rows], names[columns], strict=True))
        return graph


def layered(size: int, rng: np.random.Generator) -> Layered:
    """Draw who calls whom; every service below the first layer has a caller."""
    depth = max(3, round(np.log2(size)))
    layers = tuple(np.array_split(np.arange(size), depth))
    pairs: set[tuple[int, int]] = set()
    for above, below in pairwise(layers):
        pairs |= {(int(rng.choice(above)), int(callee)) for callee in below}
        for caller in above:
            count = min(int(rng.integers(2, 5)), below.size)
            pairs |= {(int(caller), int(c)) for c in rng.choice(below, count, replace=False)}
    rows, columns = np.array(sorted(pairs)).T
    calls = csr_array((rng.uniform(0.2, 0.5, rows.size), (rows, columns)), shape=(size, size))
    return Layered(layers, calls)


def window_of(
    size: int, *, seed: int = 0, bins: int = 1440, edges: bool = False
) -> tuple[IncidentWindow, str]:
    """Build the window, and name the faulty service apart from it."""
    metrics, system, guilty = metrics_of(size, seed=seed, bins=bins, edges=edges)
    end = START + bins * STEP
    when = TimeRange(end - INCIDENT_BINS * STEP, end)
    slo = SLO("entry", str(system.names[0]), "latency", 0.99, 1.0)
    window = IncidentWindow.from_frames(
        id=f"layered-{size}-{seed}", when=when, metrics=metrics, topology=system.graph, slos=(slo,)
    )
    return window, guilty


def metrics_of(
    size: int, *, seed: int = 0, bins: int = 1440, edges: bool = False
) -> tuple[pd.DataFrame, Layered, str]:
    """Simulate the metric table, as an importer would hand it over, and the faulty service."""
    rng = np.random.default_rng(seed)
    system = layered(size, rng)
    visits = _visits(system)
    guilty = int(rng.choice(_suspects(system, visits)))
    own = _OWN_S * np.exp(rng.normal(0, 0.5, (size, 1)) + _NOISE * _ar1(size, bins, rng))
    total = float(visits @ own.mean(axis=1))
    own[guilty, -INCIDENT_BINS:] += _RISE * total / visits[guilty]
    signals = _signals(system, own, rng)
    blocks = [(name, np.arange(size), None, values) for name, values in signals.items()]
    if edges:
        blocks += _calls(system, signals, rng)
    return _table(system, blocks, bins), system, str(system.names[guilty])


def _visits(system: Layered) -> np.ndarray:
    """Requests of each service for one request of the SLI's."""
    visits = np.zeros(system.size)
    visits[0] = 1.0
    for layer in system.layers[:-1]:
        visits += system.ratio[layer].T @ visits[layer]
    return visits


def _suspects(system: Layered, visits: np.ndarray) -> np.ndarray:
    below = np.flatnonzero(visits >= _NEEDED)
    deep = below[below >= system.layers[2][0]]
    return deep if deep.size else below[below > 0]


def _ar1(rows: int, bins: int, rng: np.random.Generator) -> np.ndarray:
    """Stationary AR(1) of unit variance; shape (rows, bins)."""
    noise = rng.standard_normal((rows, bins)) * np.sqrt(1 - _PHI**2)
    noise[:, 0] /= np.sqrt(1 - _PHI**2)
    return lfilter([1.0], [1.0, -_PHI], noise, axis=1)


def _signals(system: Layered, own: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Load, latency, failures and a gauge that follows the load; each (services, bins)."""
    size, bins = own.shape
    load, latency, errors = np.zeros((size, bins)), own.copy(), np.zeros((size, bins))
    entries = system.layers[0]
    season = 1 + 0.3 * np.sin(2 * np.pi * np.arange(bins) / 1440)
    load[entries] = _ENTRY_LOAD * season * np.exp(_NOISE * _ar1(entries.size, bins, rng))
    for above, below in pairwise(system.layers):
        load[below] = rng.poisson(system.ratio[above][:, below].T @ load[above])
    load[entries] = np.round(load[entries])
    for layer in reversed(system.layers):
        latency[layer] += system.ratio[layer] @ latency
        failing = 0.001 + system.ratio[layer] @ np.divide(
            errors, load, out=np.zeros_like(errors), where=load > 0
        )
        errors[layer] = rng.binomial(load[layer].astype(np.int64), np.minimum(failing, 1.0))
    busy = 0.3 * load / load.mean(axis=1, keepdims=True)
    gauge = busy * np.exp(_NOISE * _ar1(size, bins, rng))
    return {
        "service.load": load,
        "service.latency": latency,
        "service.errors": errors,
        "cpu_utilization": gauge,
    }


def _calls(
    system: Layered, signals: dict[str, np.ndarray], rng: np.random.Generator
) -> list[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    callers, callees = system.ratio.nonzero()
    ratio = np.asarray(system.ratio[callers, callees])[:, None]
    made = rng.poisson(ratio * signals["service.load"][callers]).astype(float)
    return [
        ("edge.calls", callers, callees, made),
        ("edge.latency", callers, callees, signals["service.latency"][callees]),
    ]


def _table(
    system: Layered, blocks: list[tuple[str, np.ndarray, np.ndarray | None, np.ndarray]], bins: int
) -> pd.DataFrame:
    """Long table in time order, each distinct text stored once."""
    width = sum(block[3].shape[0] for block in blocks)
    stamps = pd.date_range(START, periods=bins, freq=STEP, unit="ns")
    metric = np.concatenate([np.full(b[3].shape[0], i) for i, b in enumerate(blocks)])
    service = np.concatenate([block[1] for block in blocks])
    peer = np.concatenate([np.full(b[1].size, -1) if b[2] is None else b[2] for b in blocks]) + 1
    labels = ["{}", *(f'{{"peer":"{name}"}}' for name in system.names)]
    value = np.concatenate([block[3] for block in blocks]).T.reshape(-1)
    return pd.DataFrame(
        {
            "ts": stamps.repeat(width),
            "metric": _words(np.tile(_small(metric), bins), [block[0] for block in blocks]),
            "value": value,
            "service": _words(np.tile(_small(service), bins), list(system.names)),
            "labels": _words(np.tile(_small(peer), bins), labels if peer.any() else ["{}"]),
        }
    )


def _small(codes: np.ndarray) -> np.ndarray:
    return codes.astype(np.min_scalar_type(-int(codes.max()) - 1))


def _words(codes: np.ndarray, words: list[str]) -> pd.Categorical:
    return pd.Categorical.from_codes(codes, pd.Index(words, dtype="str"))
