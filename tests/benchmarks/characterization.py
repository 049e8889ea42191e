"""What every public verb gives, as numbers: record it before a change of layout, compare after.

``python -m tests.benchmarks.characterization record FILE`` runs every verb on the recorded
incidents, on planted windows and on the public data that is here; ``compare OLD NEW`` lists
every number that differs by more than 1e-9. Sentences are not compared.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import os
import re
import sys
from numbers import Number
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import pandas as pd

import workbench as wb
from tests.benchmarks.public import public_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from workbench import IncidentWindow

TOLERANCE = 1e-9
RENAMED = {"independent": "n_independent", "limit": "cap"}  # old field to new
PLANTED = 50
MODELLED = 5  # planted windows on which the verbs that stand on DoWhy are run too
SECONDS = 120.0  # deadline of the verbs that have one: none may end early
SENTENCES = {
    "statement",
    "reason",
    "note",
    "notes",
    "words",
    "tests",
    "clues",
    "why",
    "detail",
    "figure",
    "version",
    "method",
    "verdict",
    "evidence",
    "seconds",
}


def numbers(result: object) -> dict[str, Any]:
    """Numbers, times and names of a result by path: its frame and its own plain fields."""
    found: dict[str, Any] = {}
    if isinstance(result, pd.DataFrame):
        return _of_frame(result)
    if isinstance(result, pd.Series):
        return _of_frame(result.to_frame("value"))
    if hasattr(result, "to_frame"):
        found |= {f"frame.{path}": v for path, v in _of_frame(result.to_frame()).items()}
    if dataclasses.is_dataclass(result):
        for field in dataclasses.fields(result):
            value = getattr(result, field.name)
            if field.name not in SENTENCES and isinstance(value, Number | pd.Timestamp):
                found[field.name] = _plain(value)
    return found


def _of_frame(frame: pd.DataFrame) -> dict[str, Any]:
    wide = frame.reset_index(drop=isinstance(frame.index, pd.RangeIndex))
    found: dict[str, Any] = {"shape": list(wide.shape)}
    for place, column in enumerate(wide.columns):
        name = ".".join(map(str, column)) if isinstance(column, tuple) else str(column)
        if name in SENTENCES:
            continue
        values = [_plain(value) for value in wide.iloc[:, place].tolist()]
        kept = [value for value in values if not isinstance(value, str) or len(value) < 60]
        found[name] = kept
    return found


def _plain(value: object) -> object:
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, Number):
        number = float(value)  # type: ignore[arg-type]
        return number if math.isfinite(number) else str(number)
    if value is pd.NaT:
        return "NaT"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def quick(window: IncidentWindow) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the verbs that take well under a second, by name."""
    yield "features.signals.nodes", lambda: wb.features.signals(window).nodes
    yield "features.signals.edges", lambda: wb.features.signals(window).edges
    yield "features.red", lambda: wb.features.red(window)
    yield "topology", lambda: _edges(window)
    yield "correlate.rank", lambda: wb.correlate.rank(window)
    yield "causal.rank", lambda: wb.causal.rank(window)
    yield "causal.onset", lambda: wb.causal.onset(window)
    yield "causal.effects", lambda: wb.causal.effects(window)
    yield "causal.critique", lambda: wb.causal.critique(window, seconds=SECONDS)
    yield "diagnose.compare", lambda: wb.diagnose.compare(window)
    yield "diagnose.hypotheses", lambda: wb.diagnose.hypotheses(window)
    yield "diagnose.next_checks", lambda: wb.diagnose.next_checks(wb.diagnose.hypotheses(window))


def modelled(window: IncidentWindow) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the verbs that stand on DoWhy or need a place or a change named, by name."""
    first = wb.causal.rank(window).rows[0].service
    yield "causal.what_if", lambda: wb.causal.what_if(window, first, seconds=SECONDS)
    yield "causal.intervene", lambda: wb.causal.intervene(window, first, seconds=SECONDS)
    yield "causal.blast_radius", lambda: wb.causal.blast_radius(window, first)
    yield "causal.blast_radius.graded", lambda: _graded(window, first)
    for name in ("distribution_change", "anomaly_attribution", "arrow_strength", "falsify"):
        verb = getattr(wb.causal, name)
        yield f"causal.{name}", lambda verb=verb: verb(window, seconds=SECONDS)
    for change in window.changes["ref"].astype(str).unique() if len(window.changes) else ():
        for name in ("effect", "sensitivity"):
            verb = getattr(wb.causal, name)
            yield f"causal.{name}.{change}", lambda verb=verb, change=change: verb(window, change)
        for name in ("identify", "refute"):
            verb = getattr(wb.causal, name)
            yield (
                f"causal.{name}.{change}",
                lambda verb=verb, change=change: verb(window, change, seconds=SECONDS),
            )
    yield "postmortem.draft", lambda: _postmortem(window)


def _graded(window: IncidentWindow, first: str) -> object:
    forecast = wb.causal.blast_radius(window, first)
    score_forecast = getattr(wb.causal, "score_forecast", None) or wb.causal.score_forecast
    return score_forecast(forecast, window)


def _edges(window: IncidentWindow) -> pd.DataFrame:
    return pd.DataFrame(sorted(map(list, window.topology.edges)), columns=["caller", "callee"])


def _postmortem(window: IncidentWindow) -> pd.DataFrame:
    """Numbers of a draft, in order; evidence ids hold digests and are left out."""
    text = wb.postmortem.to_markdown(wb.postmortem.draft(window, wb.diagnose.compare(window)))
    plain = re.sub(r"\b[0-9a-f]{6,}\b|\[\^?[^\]]*\]", "", text)
    return pd.DataFrame({"number": re.findall(r"\d+(?:\.\d+)?", plain)})


def windows() -> Iterator[tuple[str, Callable[[], IncidentWindow], bool]]:
    """Yield name, maker and whether the slow verbs are run, for each window."""
    for name in wb.datasets.incidents()["id"]:
        yield f"recorded {name}", lambda name=name: wb.datasets.load(name), True
    from planted import SHOP, SMALL, Fault, metrics_window, spans_window

    kinds = ("latency", "errors", "load", "gap", "none")
    for seed in range(PLANTED - 10):
        kind = kinds[seed % len(kinds)]
        service = "front" if kind == "load" else "payments"
        fault = (Fault(service, kind, {"latency": 0.2, "errors": 0.1}.get(kind, 1.0)),)
        yield (
            f"planted {seed} {kind}",
            lambda seed=seed, fault=fault, kind=kind: metrics_window(
                SMALL if seed % 2 else SHOP,
                () if kind == "none" else fault,
                seed=seed,
                gauges=("cpu",) if seed % 3 == 0 else (),
                signal="errors" if kind == "errors" else "latency",
            ),
            seed < MODELLED,
        )
    for seed in range(10):
        fault = (Fault("payments", ("latency", "errors")[seed % 2], 0.3),)
        yield (
            f"traced {seed}",
            lambda seed=seed, fault=fault: spans_window(
                SMALL, faults=fault, minutes=4, rate=2, seed=seed
            ),
            False,
        )


def record(path: Path) -> None:
    """Run everything and write it as JSON."""
    found: dict[str, Any] = {}
    for name, make, whole in windows():
        print(name, flush=True)
        window = make()
        for verbs in (quick, modelled) if whole else (quick,):
            try:
                listed = list(verbs(window))
            except Exception as error:  # noqa: BLE001 - what fails is recorded too
                found[f"{name} | {verbs.__name__}"] = {"error": type(error).__name__}
                continue
            for verb, call in listed:
                found[f"{name} | {verb}"] = _ran(call)
    for layout in ("petshop", "nezha"):
        folder = public_data(layout)
        if folder is not None:
            print(layout, flush=True)
            cases = wb.evaluate.evaluate(layout, folder, n_jobs=2).cases_frame()
            found[f"public {layout}"] = _of_frame(cases.drop(columns="seconds"))
    path.write_text(json.dumps(found, indent=0) + "\n")


def _ran(call: Callable[[], object]) -> dict[str, Any]:
    try:
        return numbers(call())
    except Exception as error:  # noqa: BLE001 - what fails is recorded too
        return {"error": type(error).__name__}


def differences(old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """Yield each verb and path whose numbers differ by more than the tolerance."""
    for verb in sorted(old.keys() | new.keys()):
        before, after = old.get(verb), new.get(verb)
        if before is None or after is None:
            yield f"{verb}: only {'after' if before is None else 'before'}"
            continue
        before = {RENAMED.get(path, path): value for path, value in before.items()}
        after = {RENAMED.get(path, path): value for path, value in after.items()}
        for path in sorted(before.keys() | after.keys()):
            if not _alike(before.get(path), after.get(path)):
                yield f"{verb}: {path}: {_short(before.get(path))} -> {_short(after.get(path))}"


def _alike(one: object, other: object) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_alike, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return one == other


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) < 200 else text[:200] + "…"


def main() -> int:
    from pathlib import Path

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("record", "compare"))
    parser.add_argument("files", nargs="+")
    asked = parser.parse_args()
    if asked.what == "record":
        record(Path(asked.files[0]))
        return 0
    old, new = (json.loads(Path(name).read_text()) for name in asked.files)
    found = list(differences(old, new))
    print("\n".join(found) or f"the same in all {len(old)} results")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
