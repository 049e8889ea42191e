"""Every system by itself: how often the truth came first, beside the best trivial rule, paired.

A system is the unit: rates are given for each and, systems weighted alike, for the real and the
simulated ones. Failures are misses, ties are broken at random, every rate has its n.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from tests.benchmarks.public import public_root
from tests.benchmarks.rates import rate
from workbench.causal.attribution.study import choose_study
from workbench.diagnose.case import case_of
from workbench.diagnose.compare import diagnose_case
from workbench.errors import WorkbenchError
from workbench.evaluate import calibration_error, score, wilson
from workbench.evaluate.systems import systems
from workbench.features import align

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from workbench.evaluate import Evaluation
    from workbench.evaluate.systems import System

SURE = 0.8


def by_system(names: Sequence[str] = ()) -> pd.DataFrame:
    """One line a system, then the real and the simulated ones with systems weighted alike."""
    lines = []
    for system in systems(public=public_root()):
        if names and system.name not in names:
            continue
        if system.labelled is None:
            lines.append({"system": system.name, "kind": system.kind, "why not": system.missing})
            continue
        lines.append({"system": system.name, "kind": system.kind, **_line(system)})
    frame = pd.DataFrame(lines)
    scored = frame[frame["n"].notna()]
    for kind, some in (("real", scored["kind"] != "simulated"), ("simulated", None)):
        chosen = scored[some] if some is not None else scored[scored["kind"] == "simulated"]
        if len(chosen):
            means = chosen[["top-1", "top-3", "trivial top-1", "trivial top-3"]].mean()
            lines.append({"system": f"all {kind}, alike", "kind": kind, **means})
    return pd.DataFrame(lines).fillna("")


def _line(system: System) -> dict[str, object]:
    found = score(system.labelled)
    cases = found.cases_frame()
    first, third = cases["top1"].to_numpy(float), cases["top3"].to_numpy(float)
    name, rule = _best_rule(found)
    wins, losses = int((first > rule[:, 0]).sum()), int((first < rule[:, 0]).sum())
    truths = [truth.split("|") for truth in cases["truth"]]
    named = [(n, t) for n, t in zip(cases["named"], truths, strict=True) if isinstance(n, str)]
    causal = cases["rung"].eq("supported").to_numpy()
    sure = cases["confidence"].to_numpy(float) >= SURE
    low, high = wilson(first.sum(), len(first))
    return {
        "n": len(cases),
        "top-1": first.mean(),
        "95 %": f"{low:.2f}–{high:.2f}",
        "top-3": third.mean(),
        "best trivial": name,
        "trivial top-1": rule[:, 0].mean(),
        "trivial top-3": rule[:, 1].mean(),
        "alone right": f"{wins}:{losses}",
        "McNemar p": binomtest(wins, wins + losses).pvalue if wins + losses else 1.0,
        "named/right": f"{len(named)}/{sum(n in t for n, t in named)}",
        "cause/right": f"{int(causal.sum())}/{int((first[causal] > 1 / 2).sum())}",
        f"≥{SURE}/right": f"{int(sure.sum())}/{int((first[sure] > 1 / 2).sum())}",
        "ECE": calibration_error(cases.assign(right=first).dropna(subset=["confidence"])),
        "failed": int(cases["failure"].ne("").sum()),
    }


def _best_rule(found: Evaluation) -> tuple[str, np.ndarray]:
    rules = {name: np.array(chances, dtype=float) for name, chances in found.rules.items()}
    name = max(rules, key=lambda rule: (rules[rule][:, 0].mean(), rule))
    return name, rules[name]


def quiet() -> pd.DataFrame:
    """Windows of the simulated worlds in which nothing was wrong: whom the diagnosis names."""
    rows = []
    for system in systems(public=public_root()):
        if system.kind == "simulated" and system.labelled is not None:
            told = list(_quiet_of(system))
            rows.append({"system": system.name, "n": len(told), **_rates(told)})
    everything = [row for row in rows if row["n"]]
    return pd.DataFrame(everything)


def _rates(told: list[tuple[bool, bool, bool]]) -> dict[str, str]:
    names = ("named", f"named at ≥{SURE}", "cause")
    return {name: rate(one[i] for one in told) for i, name in enumerate(names)}


def _quiet_of(system: System) -> Iterator[tuple[bool, bool, bool]]:
    labelled = system.labelled
    assert labelled is not None
    for name in labelled.ids:
        if labelled.truth(name).services:
            continue
        try:
            found = diagnose_case(case_of(choose_study(align(labelled.load(name))), seed=0))
        except WorkbenchError:
            yield False, False, False
            continue
        named = found.ranking.named if found.ranking else None
        sure = named is not None and named.confidence >= SURE
        yield named is not None, sure, found.cause is not None
