"""A small incident with known numbers, and a diagnosis of it, for the postmortem's tests."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np
import pandas as pd

from workbench import SLI, SLO, IncidentWindow, TimeRange
from workbench.checks import CheckId, check
from workbench.diagnose import Diagnosis, Suspect
from workbench.postmortem import RECIPES, Figure, draft
from workbench.postmortem.recipes.diagnosis import diagnosis_figures

if TYPE_CHECKING:
    from workbench.postmortem import Postmortem

START = pd.Timestamp("2026-01-31T12:00:00Z")
ONSET = pd.Timestamp("2026-01-31T12:20:00Z")
END = pd.Timestamp("2026-01-31T12:30:00Z")
WHEN = TimeRange("2026-01-31T12:18:00Z", "2026-01-31T12:40:00Z")
SERVICES = ("storefront", "payments", "catalog")
DEPLOY = "payments-7"
SUPPORTED = "Own time of payments rose by 380 ms; placebo changes moved it this much 3 times in 200"


SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="200" height="60"><rect width="9"/></svg>'
PAYLOADS = [
    "<script>window.hit=1</script>",
    '"><img src=x onerror="window.hit=1">',
    "[click](javascript:window.hit=1)",
    "![p](http://198.51.100.7/pixel.png)",
    "http://198.51.100.7/bare",
    "</style><svg onload=window.hit=1>",
    "`</code><script>window.hit=1</script>`",
    "x | y ](#ev-000000000000) <iframe srcdoc='<script>top.hit=1</script>'>",
    "{{ 7*7 }}{% raw %}",
]


def metric_rows() -> pd.DataFrame:
    """One sample a minute for 40 minutes: payments slows the storefront and fails a tenth."""
    stamps = pd.date_range(START, periods=40, freq="1min")
    bad = ((stamps >= ONSET) & (stamps < END)).astype(float)
    wave = 1 + 0.02 * np.sin(np.arange(40))
    columns = {
        ("storefront", "service.load"): 600 * wave,
        ("storefront", "service.latency"): 0.1 * wave + 0.4 * bad,
        ("storefront", "service.errors"): 1 + 60 * bad,
        ("payments", "service.load"): 300 * wave,
        ("payments", "service.latency"): 0.05 * wave + 0.4 * bad,
        ("catalog", "service.load"): 500 * wave,
        ("catalog", "service.latency"): 0.02 * wave,
    }
    parts = [
        pd.DataFrame(
            {
                "ts": stamps,
                "metric": metric,
                "value": values,
                "service": service,
                "labels": "{}",
                "kind": "gauge",
            }
        )
        for (service, metric), values in columns.items()
    ]
    return pd.concat(parts, ignore_index=True)


def span_rows(service: str = "storefront") -> pd.DataFrame:
    """A server span every 5 seconds."""
    stamps = pd.date_range(START, periods=480, freq="5s")
    slow = (stamps >= ONSET) & (stamps < END)
    return pd.DataFrame(
        {
            "ts": stamps,
            "duration_s": np.where(slow, 0.5, 0.1),
            "trace_id": [f"{i:032x}" for i in range(480)],
            "span_id": [f"{i:016x}" for i in range(480)],
            "parent_span_id": "",
            "service": service,
            "name": "GET /",
            "kind": "server",
            "status": "unset",
        }
    )


def window_of(
    *,
    names: dict[str, str] | None = None,
    title: str = "Slow checkout",
    id: str = "shop-slow",
) -> IncidentWindow:
    """The incident; `names` replaces words from outside by others (perhaps hostile)."""
    outside = ("storefront", "payments", "catalog", DEPLOY, "catalog-3", "SlowCheckout", "kim")
    said = {name: (names or {}).get(name, name) for name in outside}
    metrics = metric_rows().replace({"service": said})
    graph = nx.DiGraph(
        [(said["storefront"], said["payments"]), (said["storefront"], said["catalog"])]
    )
    changes = pd.DataFrame(
        {
            "ts": [
                pd.Timestamp("2026-01-31T12:05:00Z"),
                pd.Timestamp("2026-01-31T12:19:30Z"),
                pd.Timestamp("2026-01-31T12:29:00Z"),
            ],
            "kind": ["deploy", "deploy", "rollback"],
            "service": [said["catalog"], said["payments"], said["payments"]],
            "ref": [said["catalog-3"], said[DEPLOY], said[DEPLOY] + "-undo"],
            "actor": ["deploy-bot", said["kim"], said["kim"]],
        }
    )
    alerts = pd.DataFrame(
        {
            "starts_at": [pd.Timestamp("2026-01-31T12:22:00Z")],
            "ends_at": [pd.Timestamp("2026-01-31T12:31:00Z")],
            "name": [said["SlowCheckout"]],
            "service": [said["storefront"]],
            "severity": ["critical"],
            "status": ["resolved"],
            "fingerprint": ["f1"],
            "source": ["alertmanager"],
            "labels": ["{}"],
        }
    )
    incidents = pd.DataFrame(
        {
            "id": [id, "shop-older"],
            "title": [title, "Earlier trouble"],
            "severity": ["sev-2", "sev-3"],
            "status": ["resolved", "resolved"],
            "created_at": [
                pd.Timestamp("2026-01-31T12:23:00Z"),
                pd.Timestamp("2026-01-03T09:00:00Z"),
            ],
            "acked_at": [pd.Timestamp("2026-01-31T12:24:00Z"), pd.NaT],
            "resolved_at": [pd.Timestamp("2026-01-31T12:35:00Z"), pd.NaT],
            "responders": [f'["{said["kim"]}"]' if '"' not in said["kim"] else "[]", "[]"],
        }
    )
    return IncidentWindow.from_frames(
        when=WHEN,
        id=id,
        title=title,
        metrics=metrics,
        spans=span_rows(said["storefront"]),
        changes=changes,
        alerts=alerts,
        incidents=incidents,
        topology=graph,
        slos=(
            SLO("fast checkout", said["storefront"], "latency", 0.99, threshold=0.3),
            SLO("good checkout", said["storefront"], "errors", 0.999),
        ),
        baseline=TimeRange(START, "2026-01-31T12:18:00Z"),
    )


def diagnosis_of(
    window: IncidentWindow, *, supported: bool = True, moved: bool = True, reason: str = SUPPORTED
) -> Diagnosis:
    """What a diagnosis may say: a supported deploy with a decoy, or not enough evidence."""
    storefront = window.slos[0].service
    rows = window.changes
    payments, catalog = str(rows["service"].iloc[1]), str(rows["service"].iloc[0])
    deploy, decoy = str(rows["ref"].iloc[1]), str(rows["ref"].iloc[0])
    suspects = (
        Suspect(
            payments,
            "latency",
            "supported" if supported else "plausible",
            "state change" if supported else "undecided",
            reason,
            change=deploy,
            attribution=0.38,
            low=0.35,
            high=0.41,
            causal_rank=1,
            correlation_rank=2,
            onset=ONSET,
            confidence=0.9 if supported else float("nan"),
            tests=(
                check(
                    CheckId.PLACEBO_MOMENTS,
                    "3 of 200 placebo changes moved it as much",
                    passed=supported,
                ),
            ),
        ),
        Suspect(
            payments,
            "latency",
            "plausible",
            "first failure",
            "Left its usual range 30 s before the storefront",
            attribution=0.38,
            low=0.35,
            high=0.41,
            causal_rank=2,
            correlation_rank=1,
            onset=ONSET,
        ),
        Suspect(storefront, "latency", "observed", "impact", "It is the SLI itself", onset=ONSET),
        Suspect(
            catalog,
            "load",
            "correlated",
            "coincidence",
            "Correlated at 0.81, but its own time changed by 0.2 ms (−0.1 … 0.5 ms)",
            change=decoy,
            correlation=0.81,
            correlation_rank=3,
        ),
    )
    verdict = (
        f"The deploy {deploy} of {payments} accounts for 380 of 402 ms"
        if supported
        else "Not enough evidence: 1 of 2 refuters failed"
    )
    found = Diagnosis(
        window.id,
        SLI(storefront, "latency"),
        window.when,
        window.baseline,
        0.1002,
        0.5021,
        moved,
        verdict,
        suspects,
        onset=ONSET,
        onset_low=ONSET - pd.Timedelta(10, "s"),
        onset_high=ONSET + pd.Timedelta(20, "s"),
        missing=("database metrics",),
        would_settle=() if supported else ("Traces of payments from 12:15 to 12:25",),
        seed=7,
        version="0.1.0",
    )
    if moved:
        return found
    verdict = "Not enough evidence: the SLI stayed in its usual range"
    calm = replace(found, during=0.1003, verdict=verdict, suspects=())
    return replace(calm, onset=None, onset_low=None, onset_high=None)


def recipes_for(diagnosis: Diagnosis) -> dict:
    """The real recipes, except that the diagnosis is at hand instead of computed."""
    return {**RECIPES, "diagnose.compare": lambda window, _: diagnosis_figures(window, diagnosis)}


def drafted(
    window: IncidentWindow | None = None, diagnosis: Diagnosis | None = None, **options: object
) -> Postmortem:
    """A draft of the small incident."""
    seen = window_of() if window is None else window
    found = diagnosis_of(seen) if diagnosis is None else diagnosis
    return draft(seen, found, recipes=recipes_for(found), **options)


def hostile(text: str):
    """A postmortem in which everything from outside carries this text."""
    known = ("storefront", "payments", "catalog", DEPLOY, "catalog-3", "SlowCheckout", "kim")
    names = {name: f"{name}{text}" for name in known}
    window = window_of(names=names, title=text)
    found = diagnosis_of(window, reason=f"It moved {text}")
    figures = (Figure(SVG, text, section=9),)
    return window, found, drafted(window, found, figures=figures)
