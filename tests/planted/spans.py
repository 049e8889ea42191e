"""Every request of an open-loop load as a trace in continuous time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from workbench import SLO, IncidentWindow, TimeRange

from .history import history_of, length_before
from .rows import span_row, spans_frame
from .system import SHOP, START, Fault, System

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOP_S = 0.0005


def spans_window(
    system: System = SHOP,
    faults: tuple[Fault, ...] = (),
    *,
    minutes: float = 5.0,
    rate: float = 2.0,
    incident: float = 0.75,
    seed: int = 0,
    signal: str = "latency",
    skew: dict[str, float] | None = None,
    attributes: bool = False,
    history: bool | None = None,
    **more: Any,
) -> IncidentWindow:
    """Build traces of every request of an open-loop load.

    `skew` is how many seconds a service's clock is fast; with `attributes` each span says on
    which instance and host it ran. With `history` a quiet stretch lies before it.
    """
    inside = minutes * (1 - incident)
    wanted = history and not system.instances
    before = length_before(minutes, inside) if wanted else 0.0
    past = history_of(
        spans_window,
        system,
        lasting=pd.Timedelta(before, "min"),
        minutes=before,
        rate=rate,
        seed=seed,
        signal=signal,
        skew=skew,
        attributes=attributes,
    )
    start = more.pop("start", START)
    rng = np.random.default_rng(seed)
    maker = _Traces(system, faults, minutes * 60, rng)
    maker.skew, maker.told = skew or {}, attributes
    arrivals = np.cumsum(rng.exponential(1 / rate, int(minutes * 60 * rate * 2) + 10))
    for i, at in enumerate(arrivals[arrivals < minutes * 60]):
        for entry in system.entries:
            maker.serve(f"{i:031x}{system.entries.index(entry):x}", "", entry, float(at))
    end = start + pd.Timedelta(minutes, "min")
    when = TimeRange(start + pd.Timedelta(minutes * incident, "min"), end)
    spans = spans_frame(maker.rows)
    spans["ts"] += start - START
    return IncidentWindow.from_frames(
        id=more.pop("id", f"planted-spans-{seed}"),
        when=when,
        spans=spans,
        topology=more.pop("topology", system.graph),
        slos=(SLO("entry", more.pop("sli", system.entries[0]), signal, 0.99, 0.5),),
        history=past,
        **more,
    )


class _Traces:
    def __init__(
        self, system: System, faults: tuple[Fault, ...], seconds: float, rng: np.random.Generator
    ) -> None:
        self.system, self.faults, self.seconds, self.rng = system, faults, seconds, rng
        self.rows: list[dict[str, Any]] = []
        self.skew: dict[str, float] = {}
        self.told = False

    def serve(
        self, trace: str, parent: str, service: str, start: float, kind: str = "server"
    ) -> tuple[float, bool]:
        """Handle one request: a server span, then a client span a call; return end, failed."""
        me, where = self._id(), self._instance(service)
        own = self.system.own(service) * float(np.exp(0.2 * self.rng.standard_normal()))
        own += self._now(service, "latency", start, instance=where)
        failed = bool(self.rng.random() < self._p(service, start, where))
        at, ends = start + own / 2, [start + own / 2]
        for callee in self._to_call(service, start):
            begun = start + own / 2 if service in self.system.parallel else at
            at, broke = self._call(trace, me, service, callee, begun)
            ends.append(at)
            failed |= broke
            if broke and service in self.system.aborting:
                break
        end = max(ends) + own / 2
        self._add(trace, me, parent, service, service, kind, start, end, failed, where)
        return end, failed

    def _to_call(self, service: str, at: float) -> Iterator[str]:
        for callee, usual in self.system.calls.get(service, {}).items():
            ratio = usual * (1 + self._now(service, "calls", at, edge=callee))
            ratio += self._now(service, "begin", at, edge=callee)
            yield from [callee] * (int(self.rng.poisson(ratio)) if ratio % 1 else int(ratio))

    def _call(
        self, trace: str, me: str, service: str, callee: str, begun: float
    ) -> tuple[float, bool]:
        call = (service, callee)
        if call in self.system.asynchronous:
            return self._send(trace, me, service, callee, begun), False
        at, broke = begun, True
        for _ in range(1 + self.system.retried.get(call, 0)):
            client, first = self._id(), at
            way = _HOP_S + self._now(service, "network", at, edge=callee) / 2
            at, broke = self.serve(trace, client, callee, first + way)
            at += way
            self._add(trace, client, me, service, callee, "client", first, at, broke)
            if not broke:
                break
        return at, broke and call not in self.system.swallowed

    def _send(self, trace: str, me: str, service: str, callee: str, begun: float) -> float:
        """Hand a message over: the receiver works on it later, and nobody waits."""
        sent = self._id()
        self.serve(trace, sent, callee, begun + 0.05, "consumer")
        self._add(trace, sent, me, service, callee, "producer", begun, begun + _HOP_S, False)
        return begun + _HOP_S

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
        where: str = "",
    ) -> None:
        told = {}
        if self.told:
            told = {"service.instance.id": where or f"{service}-0"}
            if service in self.system.hosts:
                told["host.name"] = self.system.hosts[service]
        self.rows.append(
            span_row(
                trace=trace,
                span=span,
                parent=parent,
                service=service,
                name=name,
                kind=kind,
                start=start + self.skew.get(service, 0.0),
                duration=end - start,
                status="error" if failed else "unset",
                attributes=told,
            )
        )

    def _instance(self, service: str) -> str:
        copies = self.system.instances_of(service)
        return copies[0] if len(copies) == 1 else copies[int(self.rng.integers(len(copies)))]

    def _p(self, service: str, at: float, instance: str) -> float:
        own = self.system.own_errors.get(service, 0.0)
        return own + self._now(service, "errors", at, instance=instance)

    def _now(
        self, service: str, kind: str, at: float, *, edge: str = "", instance: str = ""
    ) -> float:
        return sum(
            f.amount * float(f.strength(at / self.seconds))
            for f in self.faults
            if (f.service, f.kind, f.edge) == (service, kind, edge) and f.instance in {"", instance}
        )

    def _id(self) -> str:
        return f"{int(self.rng.integers(1, 2**63)):016x}"
