"""Hand-made windows and results for the views: a small shop with a slow payments service."""

from __future__ import annotations

from types import SimpleNamespace

import networkx as nx
import numpy as np
import pandas as pd

from workbench.diagnose import Diagnosis, Suspect
from workbench.features import Signals
from workbench.slis import SLI, SLO
from workbench.times import TimeRange
from workbench.window import IncidentWindow

START = pd.Timestamp("2026-01-31T12:00:00Z")
ONSET = START + pd.Timedelta(12, "min")
WHEN = TimeRange(START + pd.Timedelta(10, "min"), START + pd.Timedelta(20, "min"))
NASTY = '<script>window.pwned=1</script><img src=x onerror="window.pwned=1">"\'&}</svg>'
SERVICES = (
    "nginx",
    "storefront",
    "catalog",
    "cart",
    "checkout",
    "payments",
    "inventory",
    "orders",
    "recommendations",
    "worker",
    "postgresql",
    "redis",
)
EDGES = (
    ("nginx", "storefront"),
    ("storefront", "catalog"),
    ("storefront", "cart"),
    ("storefront", "checkout"),
    ("storefront", "recommendations"),
    ("cart", "redis"),
    ("catalog", "inventory"),
    ("checkout", "cart"),
    ("checkout", "payments"),
    ("checkout", "orders"),
    ("checkout", "inventory"),
    ("orders", "postgresql"),
    ("inventory", "postgresql"),
    ("orders", "worker"),
    ("worker", "postgresql"),
    ("recommendations", "catalog"),
)


def at(minutes: float) -> pd.Timestamp:
    return START + pd.Timedelta(minutes, "min")


def signals(names: dict[str, str] | None = None, *, step_s: float = 5) -> Signals:
    """Load varies; payments slows down at `ONSET`, and its callers feel it."""
    rng = np.random.default_rng(7)
    count = int(26 * 60 / step_s)
    index = pd.date_range(START, periods=count, freq=pd.Timedelta(step_s, "s"))
    slow = ((index >= ONSET) & (index < at(19))).astype(float)
    load = 60 + 15 * np.sin(np.arange(count) / 30)
    extra = {"payments": 0.4, "checkout": 0.38, "storefront": 0.12, "nginx": 0.12, "orders": 0.01}
    columns = {}
    for place, service in enumerate(SERVICES):
        called = (names or {}).get(service, service)
        latency = 0.01 * (place + 1) * rng.gamma(40, 1 / 40, count)
        columns[(called, "load")] = rng.poisson(load * (1.0 if place < 4 else 0.4)).astype(float)
        columns[(called, "latency")] = latency + slow * extra.get(service, 0.0)
        columns[(called, "errors")] = rng.binomial(40, 0.002 + 0.03 * slow * (place == 4)) * 1.0
    columns[((names or {}).get("payments", "payments"), "saturation:pool_in_use")] = (
        2 + 6 * slow + rng.normal(0, 0.3, count)
    )
    nodes = pd.DataFrame(columns, index=index)
    nodes.columns = pd.MultiIndex.from_tuples(nodes.columns, names=["service", "signal"])
    nodes.iloc[70:80] = np.nan
    edges = pd.DataFrame(index=index, columns=pd.MultiIndex.from_arrays([[], [], []]))
    return Signals(nodes, edges, dict.fromkeys(nodes.columns, "spans"))


def window(names: dict[str, str] | None = None, **changed) -> IncidentWindow:
    """Twelve services, four changes, three alerts."""
    named = names or {}
    called = {s: named.get(s, s) for s in SERVICES}
    graph = nx.DiGraph([(called[a], called[b]) for a, b in EDGES])
    changes = pd.DataFrame(
        [
            (at(4), "deploy", called["catalog"], "catalog-1.9.0", at(4.5)),
            (at(11.8), "config", called["payments"], "payments timeout 2 s → 10 s", pd.NaT),
            (at(12.2), "deploy", called["recommendations"], "recommendations-3.1.4", at(12.9)),
            (at(19), "rollback", called["payments"], "payments timeout 10 s → 2 s", pd.NaT),
        ],
        columns=["ts", "kind", "service", "ref", "end_ts"],
    )
    alerts = pd.DataFrame(
        [
            (at(13.5), at(20), "CheckoutSlow", called["checkout"], "critical"),
            (at(14.1), pd.NaT, "EdgeLatencyBudgetBurn", called["nginx"], "high"),
            (at(6), at(7), "DiskFillingUp", called["worker"], "warning"),
        ],
        columns=["starts_at", "ends_at", "name", "service", "severity"],
    ).assign(status="firing", fingerprint="f", source="alertmanager", labels="{}")
    given = {
        "when": WHEN,
        "id": "planted-payments",
        "title": "Checkout slow since noon",
        "changes": changes,
        "alerts": alerts,
        "metrics": _metrics(called["checkout"]),
        "topology": graph,
        "slos": (SLO("checkout p", called["checkout"], "latency", 0.99, 0.3),),
        "baseline": TimeRange(START, at(9)),
    }
    return IncidentWindow.from_frames(**{**given, **changed})


def _metrics(service: str) -> pd.DataFrame:
    stamps = pd.date_range(START, at(26), freq="1min")
    return pd.DataFrame(
        {
            "ts": stamps,
            "metric": "service.latency",
            "value": 0.2,
            "service": service,
            "labels": "{}",
        }
    )


def suspect(service="payments", signal="latency", claim="supported", role="state change", **more):
    given = {
        "reason": f"own time of {service} rose by 380 ms a request; placebo 0 of 200",
        "correlation": 0.93,
        "lag_s": 5.0,
        "correlation_p": 0.002,
        "correlation_rank": 3,
        "causal_rank": 1,
        "attribution": 0.36,
        "low": 0.32,
        "high": 0.41,
        "p_value": 0.004,
        "onset": ONSET,
    }
    return Suspect(service, signal, claim, role, **{**given, **more})


def diagnosis(names: dict[str, str] | None = None, **changed) -> Diagnosis:
    """A cause, a first failure, an impact, and three that were ruled out."""
    named = names or {}
    called = {s: named.get(s, s) for s in SERVICES}
    nothing = float("nan")
    suspects = (
        suspect(called["payments"], change="payments timeout 2 s → 10 s"),
        suspect(
            called["payments"],
            "saturation:pool_in_use",
            "plausible",
            "first failure",
            causal_rank=2,
            correlation_rank=5,
            attribution=0.02,
            low=-0.01,
            high=0.05,
            reason="pool filled 4 s after onset",
        ),
        suspect(
            called["checkout"],
            "latency",
            "correlated",
            "impact",
            causal_rank=0,
            correlation_rank=1,
            attribution=nothing,
            low=nothing,
            high=nothing,
            reason="waits for payments; its own time did not change",
            onset=at(12.1),
        ),
        suspect(
            called["storefront"],
            "latency",
            "correlated",
            "symptom",
            causal_rank=4,
            correlation_rank=2,
            attribution=0.0,
            low=-0.01,
            high=0.01,
            reason="passes on what checkout waits for",
            onset=at(12.2),
        ),
        suspect(
            called["recommendations"],
            "load",
            "refuted",
            "coincidence",
            causal_rank=5,
            correlation_rank=6,
            attribution=0.001,
            low=-0.02,
            high=0.02,
            change="recommendations-3.1.4",
            reason="deployed 24 s after onset",
            onset=None,
        ),
        suspect(
            called["cart"],
            "load",
            "observed",
            "confounded",
            causal_rank=3,
            correlation_rank=4,
            attribution=0.012,
            low=-0.01,
            high=0.03,
            reason="moves with traffic",
            onset=at(12.4),
        ),
        suspect(
            called["redis"],
            "saturation:memory",
            "observed",
            "undecided",
            causal_rank=0,
            correlation_rank=0,
            attribution=nothing,
            low=nothing,
            high=nothing,
            correlation=nothing,
            reason="no samples after 12:14",
            onset=None,
        ),
    )
    given = {
        "window_id": "planted-payments",
        "sli": SLI(called["checkout"], "latency"),
        "when": WHEN,
        "baseline": TimeRange(START, at(9)),
        "before": 0.05,
        "during": 0.43,
        "moved": True,
        "verdict": f"{called['payments']} caused it: its own time rose by 380 ms a request",
        "suspects": suspects,
        "onset": ONSET,
        "onset_low": ONSET - pd.Timedelta(6, "s"),
        "onset_high": ONSET + pd.Timedelta(20, "s"),
        "missing": ("redis saturation after 12:14",),
    }
    return Diagnosis(**{**given, **changed})


def ranking(*parts: tuple, before: float = 0.05, during: float = 0.43) -> SimpleNamespace:
    rows = tuple(
        SimpleNamespace(
            service=name, signal="latency", attribution=value, low=value - 0.02, high=value + 0.02
        )
        for name, value in parts
    )
    return SimpleNamespace(
        sli=SLI("checkout", "latency"), before=before, during=during, moved=True, rows=rows
    )
