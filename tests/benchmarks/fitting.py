"""Fit the weights of the evidence anew: python -m tests.benchmarks fitting

Each system weighs alike. For the scores, the weights are fitted on all systems but one, and that
one is scored; what the product uses is fitted on all of them.
"""

from __future__ import annotations

import sys
from dataclasses import astuple, fields
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import logsumexp

from tests.benchmarks.public import public_root
from workbench.causal.anomalies.collect import collect_host_faults, platform_anomalies
from workbench.causal.anomalies.host_faults import host_fault_anomalies
from workbench.causal.anomalies.noisy_neighbours import hosts_of
from workbench.causal.attribution.study import choose_study
from workbench.causal.evidence.fitted import Weights
from workbench.causal.evidence.hypotheses import KINDS, features_of, weigh_features
from workbench.causal.evidence.surprise import all_evidence
from workbench.errors import WorkbenchError
from workbench.evaluate.systems import systems
from workbench.features import align

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workbench.causal.anomalies.anomaly import Anomaly
    from workbench.causal.attribution.study import Study
    from workbench.causal.evidence.hypotheses import Features
    from workbench.evaluate.systems import System

PENALTY = 0.3
"""Of squared distance from `PRIOR` against the mean log likelihood a system; one of five tried."""

PRIOR = Weights(
    latency=1.0,
    own_time=0.3,
    gauge=0.3,
    share=1.0,
    errors=1.0,
    lines=1.0,
    load=1.0,
    covered=0.5,
    hidden=-0.5,
    none=0.0,
)
"""Where the weights are drawn to: a nat is worth a nat, but what moves together counts less."""

_NAMES = tuple(field.name for field in fields(Weights))
_FREE = {"none", "hidden"}


def collect(system: System) -> list[tuple[Features, tuple[str, ...]]]:
    """Collect features and true places of each labelled incident."""
    found = []
    assert system.labelled is not None
    for name in system.labelled.ids:
        truth = system.labelled.truth(name).services
        if not truth:
            continue
        try:
            study = choose_study(align(system.labelled.load(name)))
        except WorkbenchError as error:
            print(f"{name}: {error}", file=sys.stderr)
            continue
        features = features_of(study, all_evidence(study.aligned), _platform(study))
        found.append((features, truth))
    return found


def _platform(study: Study) -> list[Anomaly]:
    hosts = hosts_of(study.aligned.window)
    slowed = dict(zip(study.split.services, map(float, study.split.surprise), strict=True))
    faults = collect_host_faults(study, hosts)
    return [*platform_anomalies(study, hosts), *host_fault_anomalies(faults, slowed)]


def design(features: Features) -> tuple[np.ndarray, np.ndarray]:
    """What multiplies each weight, shape (kinds, places, weights), and what is not weighted."""
    f, at = features, {name: i for i, name in enumerate(_NAMES)}
    rows = np.zeros((len(KINDS), len(f.places), len(_NAMES)))
    parts = {
        0: ("latency", "own_time", "gauge", "share"),
        1: ("errors", "share"),
        2: ("lines",),
        3: ("load",),
    }
    for kind, names in parts.items():
        for name in names:
            rows[kind, :, at[name]] = getattr(f, name)
    for kind, unseen in ((0, f.hidden_time), (1, f.hidden_errors)):
        rows[kind, :, at["hidden"]] = unseen
        rows[kind, :, at["lines"]] = unseen * f.lines
    rows[:, :, at["covered"]] = f.covered
    offset = np.broadcast_to(f.platform, rows.shape[:2])
    return rows, offset


def loss(values: np.ndarray, data: Sequence[Sequence[tuple]]) -> tuple[float, np.ndarray]:
    """Mean negative log likelihood a system, penalised, and its gradient."""
    total, slope, none = 0.0, np.zeros(values.size), _NAMES.index("none")
    for cases in data:
        for (rows, offset), right in cases:
            kinds = rows @ values + offset
            score = logsumexp(kinds, axis=0)
            moves = np.einsum("kp,kpw->pw", np.exp(kinds - score), rows)
            everything = np.append(score, values[none])
            moves = np.vstack([moves, np.eye(values.size)[none]])
            true = np.append(right, not right.any())
            whole = logsumexp(everything)
            posterior = np.exp(everything - whole)
            known = posterior * true / (posterior @ true)
            total -= np.log(posterior @ true) / len(cases)
            slope -= moves.T @ (known - posterior) / len(cases)
    away = values - np.array(astuple(PRIOR))
    number = len(data)
    return total / number + PENALTY / 2 * away @ away, slope / number + PENALTY * away


def fit(data: Sequence[Sequence[tuple]]) -> np.ndarray:
    """Weights that make the truths likeliest; none but the constants is negative."""
    bounds = [(None, None) if name in _FREE else (0.0, None) for name in _NAMES]
    known = [
        [(design(f), np.array([p in truth for p in f.places])) for f, truth in cases]
        for cases in data
    ]
    start = np.full(len(_NAMES), 0.5)
    return minimize(loss, start, args=(known,), jac=True, method="L-BFGS-B", bounds=bounds).x


def scored(values: np.ndarray, cases: Sequence[tuple]) -> tuple[float, float]:
    """Chance of the truth to be first, and among three, with ties at random."""
    weights, hits = Weights(*values), []
    for features, truth in cases:
        score, _, _ = weigh_features(features, weights)
        score = np.round(score, 9)
        right = [score[i] for i, p in enumerate(features.places) if p in truth]
        if not right:
            hits.append((0.0, 0.0))
            continue
        above, equal = (score > max(right)).sum(), (score == max(right)).sum()
        hits.append(tuple(min(max((k - above) / equal, 0.0), 1.0) for k in (1, 3)))
    return tuple(np.mean(hits, axis=0))


def left_out(names: Sequence[str] = ()) -> Iterator[tuple[str, pd.DataFrame]]:
    """Score each system by weights fitted on the others; then the weights and how far they move."""
    there = [s for s in systems(public=public_root()) if s.labelled is not None]
    data = {s.name: collect(s) for s in there if not names or s.name in names}
    fits, lines = [], []
    for name in data:
        values = fit([cases for other, cases in data.items() if other != name])
        first, third = scored(values, data[name])
        fits.append(values)
        lines.append({"system": name, "n": len(data[name]), "top-1": first, "top-3": third})
    yield "Each system scored by weights fitted on the others", pd.DataFrame(lines)
    least, most = np.min(fits, axis=0), np.max(fits, axis=0)
    whole = fit(list(data.values()))
    spread = pd.DataFrame({"weight": _NAMES, "fitted": whole, "least": least, "most": most})
    yield "What is fitted, and how far it moves", spread
