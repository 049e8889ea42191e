"""Metrics of services, calls and hosts: aggregates a bin, counters, histograms, gauges."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr

from workbench.tables import labels_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from workbench.simulate.course import Course
    from workbench.simulate.services import Array
    from workbench.simulate.telemetry.instruments import Instruments
    from workbench.simulate.telemetry.observed import Observed

__all__ = ["metrics_frame"]

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, float("inf"))
_SERVER = "http_server_request_duration_seconds"
_CLIENT = "http_client_request_duration_seconds"
_QUANTILES = ("service.latency_p50", "service.latency_p90", "service.latency_p99")


class _Part(NamedTuple):
    """One series: a value a bin, or of a counter what each bin adds."""

    metric: str
    service: str
    labels: dict[str, object]
    values: Array
    kind: str = "gauge"
    le: float = float("nan")


def metrics_frame(observed: Observed, *, errors_of: int, rng: np.random.Generator) -> pd.DataFrame:
    """Measure services, calls and hosts.

    Parameters
    ----------
    observed
        What happened, and how it is measured.
    errors_of
        Number of a service whose failures are counted whatever the instruments say: the
        SLI's; -1 where there is none.
    rng
        Draws what is missing, and how requests divide over pods.
    """
    instruments, system = observed.instruments, observed.system
    parts: list[_Part] = []
    for service in range(system.size):
        if service not in instruments.silent:
            parts += _requests(observed, service, rng)
            parts += _failures(observed, service, asked=service == errors_of)
            parts += _gauges(observed, service, rng)
    if instruments.calls:
        parts += _calls(observed)
    if instruments.saturation:
        parts += [
            _Part(name, host, {"node": host}, values[i])
            for name, values in observed.course.host_gauges.items()
            for i, host in enumerate(system.hosts)
        ]
    gauges, counters = (
        _frame([p for p in parts if (p.kind == "gauge") is plain], observed, plain=plain, rng=rng)
        for plain in (True, False)
    )
    whole = pd.concat([f for f in (gauges, counters) if len(f)], ignore_index=True)
    if instruments.missing:
        whole = whole[rng.random(len(whole)) >= instruments.missing]
    return whole.reset_index(drop=True)


class _Group(NamedTuple):
    """Requests of a service that are counted together: one pod's, or one operation's."""

    labels: dict[str, object]
    load: Array
    errors: Array
    latency: Array


def _groups(observed: Observed, service: int, rng: np.random.Generator) -> Iterator[_Group]:
    system, course, instruments = observed.system, observed.course, observed.instruments
    labels: dict[str, object] = {}
    if course.host_gauges:
        labels["node"] = system.hosts[system.host[service]]
    load, errors = course.load[service], course.errors[service]
    latency = course.latency[service]
    copies = int(system.copies[service]) if instruments.per_pod else 1
    several = [o for o in course.operations if o.service == service]
    if several and instruments.operations and instruments.counts:
        for part in several:
            told = labels | {"operation": part.name}
            yield _Group(told, part.load, part.errors, part.latency)
        return
    left, failed = load.astype(np.int64), errors.astype(np.int64)
    for copy in range(copies):
        share = 1.0 / (copies - copy)
        own = rng.binomial(left, share).astype(float) if share < 1 else left.astype(float)
        # Which failures fall to this pod is a draw without replacement; by share is near it.
        bad = np.minimum(rng.binomial(failed, share), own)
        left, failed = left - own.astype(np.int64), failed - bad.astype(np.int64)
        noise = np.exp(0.05 * rng.standard_normal(len(load))) if copies > 1 else 1.0
        pod = {"pod": f"{system.names[service]}-{copy}"} if instruments.per_pod else {}
        yield _Group(labels | pod, own, bad, np.where(own > 0, latency * noise, np.nan))


def _requests(observed: Observed, service: int, rng: np.random.Generator) -> Iterator[_Part]:
    course, instruments = observed.course, observed.instruments
    name = observed.system.names[service]
    for group in _groups(observed, service, rng):
        if instruments.counters:
            yield from _counters(course, instruments, service, name, group)
            continue
        if instruments.counts:
            yield _Part("service.load", name, group.labels, group.load)
            if instruments.errors:
                yield _Part("service.errors", name, group.labels, group.errors)
        if instruments.latency in {"mean", "both"}:
            yield _Part("service.latency", name, group.labels, group.latency)
    if instruments.latency in {"quantiles", "both"}:
        for metric, values in zip(_QUANTILES, course.quantiles[:, service], strict=True):
            yield _Part(metric, name, {}, values)


def _counters(
    course: Course, instruments: Instruments, service: int, name: str, group: _Group
) -> Iterator[_Part]:
    told = group.labels | {"http_response_status_code": "200"}
    good = group.load - (group.errors if instruments.errors else 0.0)
    yield _Part(f"{_SERVER}_count", name, told, good, "counter")
    if instruments.errors:
        bad = group.labels | {"http_response_status_code": "500"}
        yield _Part(f"{_SERVER}_count", name, bad, group.errors, "counter")
    spent = group.load * np.nan_to_num(group.latency)
    yield _Part(f"{_SERVER}_sum", name, told, spent, "counter")
    if instruments.latency != "histogram":
        return
    middle, high = (np.nan_to_num(q[service], nan=1.0) for q in course.quantiles[:2])
    spread = np.maximum(np.log(np.maximum(high / middle, 1.0001)) / 1.2816, 0.01)
    for bound in _BOUNDS:
        below = ndtr((np.log(bound) - np.log(middle)) / spread)
        counts = np.round(group.load * below)
        yield _Part(f"{_SERVER}_bucket", name, told, counts, "histogram", bound)


def _failures(observed: Observed, service: int, *, asked: bool) -> Iterator[_Part]:
    """Failed share, where failures are counted but requests are not, or where the SLI is it."""
    system, course, instruments = observed.system, observed.course, observed.instruments
    counted = instruments.errors and instruments.counts
    if counted or not (instruments.errors or asked):
        return
    load = course.load[service]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(load > 0, course.errors[service] / load, np.nan)
    yield _Part("service.error_ratio", system.names[service], {}, share)


def _gauges(observed: Observed, service: int, rng: np.random.Generator) -> Iterator[_Part]:
    system, course, instruments = observed.system, observed.course, observed.instruments
    if not instruments.saturation:
        return
    name = system.names[service]
    labels: dict[str, object] = {}
    if course.host_gauges:
        labels["node"] = system.hosts[system.host[service]]
    for metric, values in course.gauges.items():
        if not instruments.per_pod:
            yield _Part(metric, name, labels, values[service])
            continue
        for copy in range(int(system.copies[service])):
            noise = np.exp(0.05 * rng.standard_normal(values.shape[1]))
            told = labels | {"pod": f"{name}-{copy}"}
            yield _Part(metric, name, told, values[service] * noise)


def _calls(observed: Observed) -> Iterator[_Part]:
    """Measure calls as their callers do; of one-sided graphs only some do."""
    system, course, instruments = observed.system, observed.course, observed.instruments
    for e in range(system.edges):
        caller, callee = int(system.callers[e]), int(system.callees[e])
        if caller in instruments.silent or (instruments.graph == "one_sided" and caller % 3 == 2):
            continue
        name = system.names[caller]
        peer: dict[str, object] = {"peer": system.names[callee]}
        calls, errors, seen = course.calls[e], course.call_errors[e], course.call_latency[e]
        if instruments.counters and not course.asynchronous[e]:
            yield _Part(f"{_CLIENT}_count", name, peer, calls - errors, "counter")
            bad = peer | {"http_response_status_code": "503"}
            yield _Part(f"{_CLIENT}_count", name, bad, errors, "counter")
            yield _Part(f"{_CLIENT}_sum", name, peer, calls * np.nan_to_num(seen), "counter")
            continue
        if instruments.counts:
            yield _Part("edge.calls", name, peer, calls)
            if instruments.errors:
                yield _Part("edge.errors", name, peer, errors)
        if not course.asynchronous[e]:
            yield _Part("edge.latency", name, peer, seen)


def _frame(
    parts: list[_Part], observed: Observed, *, plain: bool, rng: np.random.Generator
) -> pd.DataFrame:
    """Series of equal length as one table, one after another, texts as categories."""
    if not parts:
        return pd.DataFrame()
    values = np.stack([part.values for part in parts])
    bins = observed.setup.clock.size
    at = np.arange(bins, dtype=float)
    if not plain:
        # Scraped at the end of each bin, and once before the first.
        started = np.round(rng.uniform(0, 1e4, (len(parts), 1)))
        values = np.cumsum(np.hstack([started, values]), axis=1)
        at = np.arange(bins + 1, dtype=float)
    size = len(at)
    stamps = observed.calendar.stamps(at)
    frame = {
        "ts": stamps[np.tile(np.arange(size), len(parts))],
        "metric": _repeated([p.metric for p in parts], size),
        "value": values.ravel(),
        "service": _repeated([p.service for p in parts], size),
        "labels": _repeated([labels_text(p.labels) for p in parts], size),
        "kind": _repeated([p.kind for p in parts], size),
        "le": np.repeat([p.le for p in parts], size),
    }
    table = pd.DataFrame(frame)
    return table[np.isfinite(table["value"].to_numpy())]


def _repeated(texts: list[str], size: int) -> pd.Categorical:
    codes, names = pd.factorize(np.array(texts, dtype=object))
    return pd.Categorical.from_codes(np.repeat(codes, size), pd.Index(names, dtype="str"))
