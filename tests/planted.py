"""Windows with a known story: services that call each other, and faults planted in them.

Two makers share one description of a system:

- `metrics_window`: aggregates a bin (``service.load``, ``edge.calls``, …), fast, for
  statistics over many seeds;
- `spans_window`: every request as a trace in continuous time, for span features.

Time is work-conserving: a request's latency is its service's own plus that of its calls.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd

from workbench import SLO, IncidentWindow, TimeRange

START = pd.Timestamp("2026-01-31T12:00:00Z")


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    kind: ``latency`` (own seconds added), ``errors`` (own failure probability added),
    ``load`` (entry load, or outside load of an inner service, multiplied by 1 + amount),
    ``calls`` (calls a request multiplied by 1 + amount, on `edge`), ``gap`` (the service
    reports nothing).
    """

    service: str
    kind: str
    amount: float = 0.0
    at: float = 0.75
    until: float = 1.0
    edge: str = ""

    def active(self, size: int) -> np.ndarray:
        share = (np.arange(size) + 0.5) / size
        return (share >= self.at) & (share < self.until)


@dataclass(frozen=True)
class System:
    """Who calls whom how often a request, and what each does itself."""

    calls: dict[str, dict[str, float]]
    own_s: dict[str, float] = field(default_factory=dict)
    own_errors: dict[str, float] = field(default_factory=dict)
    parallel: frozenset[str] = frozenset()

    @property
    def services(self) -> list[str]:
        named = dict.fromkeys(self.calls)
        for callees in self.calls.values():
            named.update(dict.fromkeys(callees))
        return list(named)

    @property
    def graph(self) -> nx.DiGraph:
        graph = nx.DiGraph()
        graph.add_nodes_from(self.services)
        graph.add_edges_from((a, b) for a, callees in self.calls.items() for b in callees)
        return graph

    @property
    def entries(self) -> list[str]:
        return [s for s in self.services if self.graph.in_degree(s) == 0]

    def own(self, service: str) -> float:
        return self.own_s.get(service, 0.02)


SHOP = System(
    calls={
        "front": {"catalog": 2.0, "cart": 1.0, "checkout": 0.3},
        "checkout": {"payments": 1.0, "orders": 1.0},
        "orders": {"db": 3.0},
        "cart": {"cache": 1.0},
    },
    own_s={"front": 0.01, "payments": 0.05, "db": 0.004, "cache": 0.001},
)


def ar1(size: int, phi: float, rng: np.random.Generator, *, columns: int = 1) -> np.ndarray:
    """Stationary AR(1) of unit variance; shape ``(size, columns)``."""
    noise = rng.standard_normal((size, columns)) * np.sqrt(1 - phi**2)
    result = np.empty((size, columns))
    result[0] = rng.standard_normal(columns)
    for i in range(1, size):
        result[i] = phi * result[i - 1] + noise[i]
    return result


def metrics_window(
    system: System = SHOP,
    faults: tuple[Fault, ...] = (),
    *,
    bins: int = 120,
    step_s: float = 60.0,
    load: float = 1200.0,
    phi: float = 0.8,
    noise: float = 0.05,
    traffic: float = 0.3,
    incident: float = 0.75,
    seed: int = 0,
    edges: bool = True,
    signal: str = "latency",
    **more: Any,
) -> IncidentWindow:
    """Aggregates a bin of a system under traffic that varies over time."""
    rng = np.random.default_rng(seed)
    signals = _simulate(system, faults, bins, load, phi, noise, traffic, rng)
    frame = _as_metrics(signals, step_s, edges=edges)
    for fault in faults:
        if fault.kind == "gap":
            hidden = _bin_of(frame, step_s)
            frame = frame[~((frame["service"] == fault.service) & fault.active(bins)[hidden])]
    end = START + pd.Timedelta(bins * step_s, "s")
    when = TimeRange(START + pd.Timedelta(int(bins * incident) * step_s, "s"), end)
    slo = SLO("entry", system.entries[0], signal, 0.99, 0.5)
    return IncidentWindow.from_frames(
        id=more.pop("id", f"planted-{seed}"),
        when=when,
        metrics=frame,
        topology=system.graph,
        slos=(slo,),
        **more,
    )


def _simulate(
    system: System,
    faults: tuple[Fault, ...],
    bins: int,
    load: float,
    phi: float,
    noise: float,
    traffic: float,
    rng: np.random.Generator,
) -> dict[tuple[str, ...], np.ndarray]:
    order = list(nx.topological_sort(system.graph))
    result: dict[tuple[str, ...], np.ndarray] = {}
    swing = 1 + traffic * np.sin(2 * np.pi * np.arange(bins) / 50 + rng.uniform(0, 6.3))
    for service in order:
        arrived = np.zeros(bins)
        if service in system.entries:
            arrived = load * swing * (1 + 0.05 * ar1(bins, phi, rng)[:, 0])
        for caller in system.graph.predecessors(service):
            arrived = arrived + result[caller, service, "calls"]
        outside = _amount(faults, service, "load", bins)
        arrived = rng.poisson(np.maximum(arrived * (1 + outside), 0)).astype(float)
        result[service, "load"] = arrived
        for callee, ratio in system.calls.get(service, {}).items():
            ratio = ratio * (1 + _amount(faults, service, "calls", bins, callee))
            result[service, callee, "calls"] = rng.poisson(arrived * ratio).astype(float)
    for service in reversed(order):
        count = result[service, "load"]
        wobble = np.exp(noise * ar1(bins, phi, rng)[:, 0])
        spent = count * (system.own(service) * wobble + _amount(faults, service, "latency", bins))
        p = system.own_errors.get(service, 0.0) + _amount(faults, service, "errors", bins)
        failed = rng.binomial(count.astype(int), np.clip(p, 0, 1)).astype(float)
        for callee in system.calls.get(service, {}):
            made = result[service, callee, "calls"]
            with np.errstate(invalid="ignore", divide="ignore"):
                share = np.where(result[callee, "load"] > 0, made / result[callee, "load"], 0)
            spent += made * np.nan_to_num(result[callee, "latency"])
            result[service, callee, "latency"] = result[callee, "latency"]
            result[service, callee, "errors"] = share * result[callee, "errors"]
            failed = np.minimum(count, failed + result[service, callee, "errors"])
        with np.errstate(invalid="ignore", divide="ignore"):
            result[service, "latency"] = np.where(count > 0, spent / count, np.nan)
        result[service, "errors"] = failed
    return result


def _amount(
    faults: tuple[Fault, ...], service: str, kind: str, bins: int, edge: str = ""
) -> np.ndarray:
    chosen = [f for f in faults if (f.service, f.kind, f.edge) == (service, kind, edge)]
    return sum((f.amount * f.active(bins) for f in chosen), np.zeros(bins))


def _as_metrics(
    signals: dict[tuple[str, ...], np.ndarray], step_s: float, *, edges: bool
) -> pd.DataFrame:
    parts = []
    for place, values in signals.items():
        if len(place) == 3 and not edges:
            continue
        labels = "{}" if len(place) == 2 else f'{{"peer":"{place[1]}"}}'
        name = ("service." if len(place) == 2 else "edge.") + place[-1]
        ts = START + pd.to_timedelta(np.arange(len(values)) * step_s, unit="s")
        part = {"ts": ts, "metric": name, "value": values, "service": place[0], "labels": labels}
        parts.append(pd.DataFrame(part).assign(kind="gauge"))
    return pd.concat(parts, ignore_index=True)


def _bin_of(frame: pd.DataFrame, step_s: float) -> np.ndarray:
    return ((frame["ts"] - START).dt.total_seconds() // step_s).astype(int).to_numpy()


def spans_window(
    system: System = SHOP,
    faults: tuple[Fault, ...] = (),
    *,
    minutes: float = 5.0,
    rate: float = 2.0,
    incident: float = 0.75,
    seed: int = 0,
    signal: str = "latency",
    **more: Any,
) -> IncidentWindow:
    """Build traces of every request of an open-loop load."""
    rng = np.random.default_rng(seed)
    maker = _Traces(system, faults, minutes * 60, rng)
    arrivals = np.cumsum(rng.exponential(1 / rate, int(minutes * 60 * rate * 2) + 10))
    for i, at in enumerate(arrivals[arrivals < minutes * 60]):
        for entry in system.entries:
            maker.serve(f"{i:031x}{system.entries.index(entry):x}", "", entry, float(at))
    end = START + pd.Timedelta(minutes, "min")
    when = TimeRange(START + pd.Timedelta(minutes * incident, "min"), end)
    return IncidentWindow.from_frames(
        id=more.pop("id", f"planted-spans-{seed}"),
        when=when,
        spans=spans_frame(maker.rows),
        topology=more.pop("topology", system.graph),
        slos=(SLO("entry", system.entries[0], signal, 0.99, 0.5),),
        **more,
    )


class _Traces:
    def __init__(
        self, system: System, faults: tuple[Fault, ...], seconds: float, rng: np.random.Generator
    ) -> None:
        self.system, self.faults, self.seconds, self.rng = system, faults, seconds, rng
        self.rows: list[dict[str, Any]] = []

    def serve(self, trace: str, parent: str, service: str, start: float) -> tuple[float, bool]:
        """Handle one request: a server span, then a client span a call; return end, failed."""
        me = self._id()
        own = self.system.own(service) * float(np.exp(0.2 * self.rng.standard_normal()))
        own += self._now(service, "latency", start)
        failed = bool(self.rng.random() < self._p(service, start))
        at, ends = start + own / 2, [start + own / 2]
        for callee, ratio in self.system.calls.get(service, {}).items():
            for _ in range(int(self.rng.poisson(ratio)) if ratio % 1 else int(ratio)):
                client = self._id()
                begun = start + own / 2 if service in self.system.parallel else at
                at, broke = self.serve(trace, client, callee, begun + 0.0005)
                at += 0.0005
                ends.append(at)
                failed |= broke
                self._add(trace, client, me, service, callee, "client", begun, at, broke)
        end = max(ends) + own / 2
        self._add(trace, me, parent, service, service, "server", start, end, failed)
        return end, failed

    def _add(
        self,
        trace: str,
        span: str,
        parent: str,
        service: str,
        name: str,
        kind: str,
        start: float,
        end: float,
        failed: bool,
    ) -> None:
        self.rows.append(
            span_row(
                trace=trace, span=span, parent=parent, service=service, name=name, kind=kind,
                start=start, duration=end - start, status="error" if failed else "unset",
            )
        )  # fmt: skip

    def _p(self, service: str, at: float) -> float:
        return self.system.own_errors.get(service, 0.0) + self._now(service, "errors", at)

    def _now(self, service: str, kind: str, at: float) -> float:
        share = at / self.seconds
        return sum(
            f.amount
            for f in self.faults
            if f.service == service and f.kind == kind and f.at <= share < f.until
        )

    def _id(self) -> str:
        return f"{int(self.rng.integers(1, 2**63)):016x}"


def span_row(
    *,
    trace: str = "t",
    span: str,
    parent: str = "",
    service: str,
    kind: str = "server",
    start: float = 0.0,
    duration: float = 1.0,
    status: str = "unset",
    name: str = "op",
    attributes: dict[str, object] | None = None,
) -> dict[str, Any]:
    """One span; `start` in seconds after `START`."""
    return {
        "ts": START + pd.Timedelta(round(start * 1e9), "ns"),
        "duration_s": duration,
        "trace_id": trace,
        "span_id": span,
        "parent_span_id": parent,
        "service": service,
        "name": name,
        "kind": kind,
        "status": status,
        "attributes": attributes or {},
    }


def spans_frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(rows)


def counter_rows(
    metric: str,
    service: str,
    totals: np.ndarray,
    *,
    every_s: float = 5.0,
    start_s: float = 0.0,
    kind: str = "counter",
    labels: dict[str, object] | None = None,
    le: float = float("nan"),
) -> pd.DataFrame:
    """Samples of one cumulative counter, scraped at a fixed interval."""
    seconds = start_s + every_s * np.arange(len(totals))
    return pd.DataFrame(
        {
            "ts": START + pd.to_timedelta(seconds, unit="s"),
            "metric": metric,
            "value": np.asarray(totals, dtype=float),
            "service": service,
            "labels": [labels or {}] * len(totals),
            "kind": kind,
            "le": le,
        }
    )
