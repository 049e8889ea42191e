"""A system of services, and what can go wrong in it."""

from __future__ import annotations

from dataclasses import dataclass, field

import networkx as nx
import numpy as np
import pandas as pd
from scipy.signal import lfilter

START = pd.Timestamp("2026-01-31T12:00:00Z")


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    kind: ``latency`` (own seconds added), ``errors`` (own failure probability added),
    ``load`` (entry load, or outside load of an inner service, multiplied by 1 + amount),
    ``calls`` (calls a request multiplied by 1 + amount, on `edge`), ``begin`` (calls a request
    that were not made before, on `edge`), ``network`` (seconds between caller and callee of
    `edge`), ``gap`` (the service reports nothing), ``cpu``, ``memory``, ``pool``, ``queue``,
    ``lock``, ``disk`` (that gauge multiplied by 1 + amount, of a service or of a host),
    ``steal`` (own time of everything on the host `service` multiplied by 1 + amount).

    With `instance` only that one of the service's instances is meant. A `ramp` rises evenly
    from `at` to `until` instead of all at once.
    """

    service: str
    kind: str
    amount: float = 0.0
    at: float = 0.75
    until: float = 1.0
    edge: str = ""
    instance: str = ""
    ramp: bool = False

    def active(self, size: int) -> np.ndarray:
        share = (np.arange(size) + 0.5) / size
        return (share >= self.at) & (share < self.until)

    def strength(self, share: np.ndarray | float) -> np.ndarray:
        """How much of `amount` there is at these shares of the whole time."""
        inside = (np.asarray(share) >= self.at) & (np.asarray(share) < self.until)
        grown = (np.asarray(share) - self.at) / (self.until - self.at) if self.ramp else 1.0
        return inside * grown


@dataclass(frozen=True)
class System:
    """Who calls whom how often a request, and what each does itself.

    parallel: services that call all their callees at once. asynchronous: calls nobody waits
    for. swallowed: calls whose failure the caller hides. retried: calls that are tried again
    up to so many times. aborting: services whose request ends at the first call that fails.
    instances: how many of a service there are. hosts: where each service runs.
    """

    calls: dict[str, dict[str, float]]
    own_s: dict[str, float] = field(default_factory=dict)
    own_errors: dict[str, float] = field(default_factory=dict)
    parallel: frozenset[str] = frozenset()
    asynchronous: frozenset[tuple[str, str]] = frozenset()
    swallowed: frozenset[tuple[str, str]] = frozenset()
    retried: dict[tuple[str, str], int] = field(default_factory=dict)
    aborting: frozenset[str] = frozenset()
    instances: dict[str, int] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)
    outside: dict[str, float] = field(default_factory=dict)

    @property
    def services(self) -> list[str]:
        named = dict.fromkeys(self.calls)
        for callees in self.calls.values():
            named.update(dict.fromkeys(callees))
        named.update(dict.fromkeys(self.outside))
        return list(named)

    @property
    def graph(self) -> nx.DiGraph:
        graph = nx.DiGraph()
        graph.add_nodes_from(self.services)
        graph.add_edges_from((a, b) for a, callees in self.calls.items() for b in callees)
        graph.add_edges_from(self.asynchronous, asynchronous=True, kind="messaging")
        return graph

    @property
    def entries(self) -> list[str]:
        graph = self.graph
        return [s for s in self.services if graph.in_degree(s) == 0 and s not in self.outside]

    def own(self, service: str) -> float:
        return self.own_s.get(service, 0.02)

    def instances_of(self, service: str) -> list[str]:
        return [f"{service}-{i}" for i in range(self.instances.get(service, 1))]


SHOP = System(
    calls={
        "front": {"catalog": 2.0, "cart": 1.0, "checkout": 0.3},
        "checkout": {"payments": 1.0, "orders": 1.0},
        "orders": {"db": 3.0},
        "cart": {"cache": 1.0},
    },
    own_s={"front": 0.01, "payments": 0.05, "db": 0.004, "cache": 0.001},
)

SMALL = System(
    calls={"front": {"catalog": 2.0, "checkout": 0.5}, "checkout": {"payments": 1.0}},
    own_s={"front": 0.01, "payments": 0.05},
)


def ar1(size: int, phi: float, rng: np.random.Generator, *, columns: int = 1) -> np.ndarray:
    """Stationary AR(1) of unit variance; shape ``(size, columns)``."""
    noise = rng.standard_normal((size, columns)) * np.sqrt(1 - phi**2)
    noise[0] = rng.standard_normal(columns)
    return lfilter([1.0], [1.0, -phi], noise, axis=0)
