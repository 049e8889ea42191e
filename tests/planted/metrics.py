"""Aggregates a bin of a system under traffic that varies over time."""

from __future__ import annotations

from typing import Any, TypeAlias

import networkx as nx
import numpy as np
import pandas as pd

from workbench import SLO, IncidentWindow, TimeRange

from .gauges import GAUGES, gauges_of
from .history import history_of, length_before
from .rows import Part, gauges_frame
from .system import SHOP, START, Fault, System, ar1

Places: TypeAlias = dict[tuple[str, ...], np.ndarray]
_SEASON = 0.2  # of own time, between the middle and the peak of a day


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
    day: int = 0,
    incident: float = 0.75,
    seed: int = 0,
    edges: bool = True,
    callee_view: bool = False,
    gauges: tuple[str, ...] = (),
    signal: str = "latency",
    history: bool | None = None,
    **more: Any,
) -> IncidentWindow:
    """Aggregates a bin of a system under traffic that varies over time.

    With `gauges` (of `GAUGES`) each service reports how full it is; with `callee_view` each
    call's time is there as the callee measured it, too. With `day`, its bins, traffic has a
    daily season that own time follows; without, traffic alone swings every 50 bins.

    With `history` a quiet stretch of the same system lies before it, so that there are nine past
    windows as long as the incident: enough for every check to be passed. Unless told, systems
    with instances have none: instances are compared inside the window alone.
    """
    wanted = not (day or system.instances) if history is None else history
    before = int(length_before(bins, bins - int(bins * incident))) if wanted else 0
    past = history_of(
        metrics_window,
        system,
        lasting=pd.Timedelta(before * step_s, "s"),
        bins=before,
        step_s=step_s,
        load=load,
        phi=phi,
        noise=noise,
        traffic=traffic,
        seed=seed,
        edges=edges,
        callee_view=callee_view,
        gauges=gauges,
        signal=signal,
    )
    start = more.pop("start", START)
    made = aggregates(
        system,
        faults,
        bins=bins,
        load=load,
        phi=phi,
        noise=noise,
        traffic=traffic,
        day=day,
        seed=seed,
    )
    kept = {
        p: v
        for p, v in made.items()
        if (edges or len(p) == 2) and (callee_view or p[-1] != "latency_callee")
    }
    parts = _parts(kept, system, faults, seed=seed)
    if gauges:
        rng = np.random.default_rng([seed, 1])
        parts += gauges_of(system, faults, made, gauges, step_s=step_s, phi=phi, rng=rng)
    frame = gauges_frame(parts, step_s)
    frame["ts"] += start - START
    for fault in faults:
        if fault.kind == "gap":
            hidden = _bin_of(frame, step_s, start)
            frame = frame[~((frame["service"] == fault.service) & fault.active(bins)[hidden])]
    end = start + pd.Timedelta(bins * step_s, "s")
    when = TimeRange(start + pd.Timedelta(int(bins * incident) * step_s, "s"), end)
    return IncidentWindow.from_frames(
        id=more.pop("id", f"planted-{seed}"),
        when=when,
        metrics=frame,
        topology=more.pop("topology", system.graph),
        slos=(SLO("entry", more.pop("sli", system.entries[0]), signal, 0.99, 0.5),),
        history=past,
        **more,
    )


def aggregates(
    system: System = SHOP,
    faults: tuple[Fault, ...] = (),
    *,
    bins: int = 120,
    load: float = 1200.0,
    phi: float = 0.8,
    noise: float = 0.05,
    traffic: float = 0.3,
    day: int = 0,
    seed: int = 0,
) -> Places:
    """Simulate alone: a series for each (service, signal) and (caller, callee, signal)."""
    return _Simulation(system, faults, bins, phi, noise, seed).run(load, traffic, day)


class _Simulation:
    """Requests flow down the calls, then time and failures come back up."""

    def __init__(
        self,
        system: System,
        faults: tuple[Fault, ...],
        bins: int,
        phi: float,
        noise: float,
        seed: int,
    ) -> None:
        self.system, self.faults, self.bins = system, faults, bins
        self.phi, self.noise = phi, noise
        self.rng = np.random.default_rng(seed)
        self.made: Places = {}
        self.busy = np.ones(bins)

    def run(self, load: float, traffic: float, day: int) -> Places:
        flow = self.system.graph
        flow.remove_edges_from([e for e in self.system.asynchronous if e not in flow.edges])
        order = list(nx.topological_sort(flow))
        when = np.arange(self.bins) / (day or 50) * 2 * np.pi
        season = np.sin(when + self.rng.uniform(0, 6.3))
        swing = 1 + traffic * season
        self.busy = 1 + (_SEASON if day else 0.0) * season
        risk = self._risks(order)
        for service in order:
            self._arrive(service, load * swing, risk)
        for service in reversed(order):
            self._work(service, risk)
        return self.made

    def _risks(self, order: list[str]) -> dict[str, np.ndarray]:
        """Chance that a request of each service fails, its calls included."""
        risk: dict[str, np.ndarray] = {}
        for service in reversed(order):
            survives = 1 - np.clip(self._own_p(service), 0, 1)
            for callee, ratio in self.system.calls.get(service, {}).items():
                survives = survives * (1 - self._felt(service, callee, risk)) ** ratio
            risk[service] = 1 - survives
        return risk

    def _felt(self, service: str, callee: str, risk: dict[str, np.ndarray]) -> np.ndarray:
        """Chance that a call's failure reaches its caller: after all tries, if it is told."""
        call = (service, callee)
        if call in self.system.swallowed or call in self.system.asynchronous:
            return np.zeros(self.bins)
        return risk[callee] ** (1 + self.system.retried.get(call, 0))

    def _arrive(self, service: str, entering: np.ndarray, risk: dict[str, np.ndarray]) -> None:
        fresh = np.zeros(self.bins)
        if service in self.system.entries:
            fresh = entering * (1 + 0.05 * ar1(self.bins, self.phi, self.rng)[:, 0])
        if service in self.system.outside:
            fresh = np.full(self.bins, self.system.outside[service])
        callers = self.system.graph.predecessors(service)
        called = sum((self.made[c, service, "calls"] for c in callers), np.zeros(self.bins))
        more = self._amount(service, "load")
        # What a caller called arrives; only what comes from outside is drawn.
        fresh = np.maximum(fresh * (1 + more) + called * more, 0)
        arrived = called + self.rng.poisson(fresh)
        self.made[service, "load"] = arrived
        goes_on = np.ones(self.bins)
        for callee, ratio in self.system.calls.get(service, {}).items():
            times = ratio * (1 + self._amount(service, "calls", callee))
            times = times + self._amount(service, "begin", callee)
            for again in range(1, 1 + self.system.retried.get((service, callee), 0)):
                times = times + ratio * risk[callee] ** again
            self.made[service, callee, "calls"] = self.rng.poisson(
                arrived * times * goes_on
            ).astype(float)
            if service in self.system.aborting:
                goes_on = goes_on * (1 - self._felt(service, callee, risk)) ** ratio

    def _work(self, service: str, risk: dict[str, np.ndarray]) -> None:
        count = self.made[service, "load"]
        wobble = np.exp(self.noise * ar1(self.bins, self.phi, self.rng)[:, 0])
        slowed = 1 + self._amount(self.system.hosts.get(service, ""), "steal")
        own = self.system.own(service) * self.busy * wobble * slowed
        spent = count * (own + self._amount(service, "latency"))
        failed = self.rng.binomial(count.astype(int), np.clip(self._own_p(service), 0, 1))
        failed = failed.astype(float)
        waits = []
        for callee in self.system.calls.get(service, {}):
            wait, lost = self._call(service, callee, risk)
            waits.append(wait)
            failed = np.minimum(count, failed + lost)
        if waits:
            spent += np.max(waits, axis=0) if service in self.system.parallel else sum(waits)
        with np.errstate(invalid="ignore", divide="ignore"):
            self.made[service, "latency"] = np.where(count > 0, spent / count, np.nan)
            self.made[service, "own"] = own + self._amount(service, "latency")
        self.made[service, "errors"] = failed

    def _call(
        self, service: str, callee: str, risk: dict[str, np.ndarray]
    ) -> tuple[np.ndarray, np.ndarray]:
        """What the calls to one callee cost: seconds waited and requests failed."""
        calls, load = self.made[service, callee, "calls"], self.made[callee, "load"]
        with np.errstate(invalid="ignore", divide="ignore"):
            share = np.where(load > 0, calls / load, 0)
        failures = share * self.made[callee, "errors"]
        there = self.made[callee, "latency"]
        seen = there + self._amount(service, "network", callee)
        self.made[service, callee, "errors"] = failures
        self.made[service, callee, "latency_callee"] = there
        self.made[service, callee, "latency"] = seen
        if (service, callee) in self.system.asynchronous:
            self.made[service, callee, "latency"] = np.full(self.bins, np.nan)
            return np.zeros(self.bins), np.zeros(self.bins)
        passed = np.ones(self.bins) if (service, callee) not in self.system.swallowed else 0.0
        tries = self.system.retried.get((service, callee), 0)
        return calls * np.nan_to_num(seen), failures * passed * risk[callee] ** tries

    def _own_p(self, service: str) -> np.ndarray:
        return self.system.own_errors.get(service, 0.0) + self._amount(service, "errors")

    def _amount(self, service: str, kind: str, edge: str = "") -> np.ndarray:
        chosen = [f for f in self.faults if (f.service, f.kind, f.edge) == (service, kind, edge)]
        share = (np.arange(self.bins) + 0.5) / self.bins
        count = len(self.system.instances_of(service))
        return sum(
            (f.amount * f.strength(share) / (count if f.instance else 1) for f in chosen),
            np.zeros(self.bins),
        )


def _parts(made: Places, system: System, faults: tuple[Fault, ...], *, seed: int) -> list[Part]:
    parts: list[Part] = []
    rng = np.random.default_rng([seed, 2])
    for place, values in made.items():
        if place[-1] == "own" or np.isnan(values).all():
            continue
        name = ("service." if len(place) == 2 else "edge.") + place[-1]
        peer = {} if len(place) == 2 else {"peer": place[1]}
        host = {"node": system.hosts[place[0]]} if place[0] in system.hosts else {}
        copies = system.instances_of(place[0])
        if len(copies) == 1 or len(place) == 3:
            parts.append((name, place[0], {**peer, **host}, values))
            continue
        for copy in copies:
            own = _copy_of(place, values, made, faults, copy, len(copies), rng)
            parts.append((name, place[0], {**host, "pod": copy}, own))
    return parts


def _copy_of(
    place: tuple[str, ...],
    values: np.ndarray,
    made: Places,
    faults: tuple[Fault, ...],
    copy: str,
    count: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """What one instance of a service reports: its part of the requests, its own faults."""
    kind = {"latency": "latency", "errors": "errors"}.get(place[-1], "")
    share = (np.arange(len(values)) + 0.5) / len(values)
    excess = np.zeros(len(values))
    for f in faults:
        if (f.service, f.kind) == (place[0], kind) and f.instance:
            excess += f.amount * f.strength(share) * ((f.instance == copy) - 1 / count)
    part = np.maximum(values / count * (1 + 0.02 * rng.standard_normal(len(values))), 0)
    if place[-1] == "latency":
        return (values + excess) * (1 + 0.02 * rng.standard_normal(len(values)))
    if place[-1] == "errors":
        return np.maximum(part + excess * made[place[0], "load"] / count, 0)
    return part


def _bin_of(frame: pd.DataFrame, step_s: float, start: pd.Timestamp) -> np.ndarray:
    return ((frame["ts"] - start).dt.total_seconds() // step_s).astype(int).to_numpy()


__all__ = ["GAUGES", "aggregates", "metrics_window"]
