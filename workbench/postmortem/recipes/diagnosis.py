"""Every figure a diagnosis shows, by name, down to the numbers inside its sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import networkx as nx
import pandas as pd

from workbench.checks import CheckId, not_passed
from workbench.postmortem.numbers import epoch, numbers_in
from workbench.topology import calls_only

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.diagnose.results import Diagnosis, Suspect
    from workbench.window import IncidentWindow

__all__ = ["affected_callers", "diagnosis_figures", "moved", "origin", "sentences", "suspect_key"]

_FIGURES = (
    "attribution",
    "low",
    "high",
    "p_value",
    "correlation",
    "lag_s",
    "correlation_p",
    "correlation_rank",
    "causal_rank",
    "confidence",
)


def suspect_key(suspect: Suspect) -> str:
    """Name of a suspect among the figures."""
    return f"suspect {suspect.name}"


def diagnosis_figures(window: IncidentWindow, diagnosis: Diagnosis) -> Mapping[str, float]:
    """Figures of recipe ``diagnose.compare`` by name; instants in seconds since 1970."""
    figures = dict(_whole(window, diagnosis))
    for suspect in diagnosis.suspects:
        key = suspect_key(suspect)
        figures |= {f"{key}/{name}": float(getattr(suspect, name)) for name in _FIGURES}
        if not pd.isna(suspect.onset):
            figures[f"{key}/onset"] = epoch(suspect.onset)
    for key, text in sentences(diagnosis).items():
        figures |= {f"{key}/{n}": number.value for n, number in enumerate(numbers_in(text))}
    return figures


def sentences(diagnosis: Diagnosis) -> dict[str, str]:
    """Every sentence of a diagnosis by name."""
    texts = {"verdict": diagnosis.verdict}
    for name in ("missing", "would_settle", "notes"):
        texts |= {f"{name}/{i}": text for i, text in enumerate(getattr(diagnosis, name))}
    for suspect in diagnosis.suspects:
        key = suspect_key(suspect)
        texts[f"{key}/reason"] = suspect.reason
        texts |= {f"{key}/test/{i}": result.figure for i, result in enumerate(suspect.tests)}
    return texts


def origin(diagnosis: Diagnosis) -> Suspect | None:
    """Where it began as far as is known: the cause, else the first failure, else nothing."""
    firsts = diagnosis.bucket("first failure")
    return diagnosis.cause or (firsts[0] if firsts else None)


def moved(diagnosis: Diagnosis) -> tuple[Suspect, ...]:
    """Places that left their own usual range with the incident, by onset.

    Changes are events, not places, and a coincidence moved by itself. Of equal onsets the
    origin comes first.
    """
    places = [s for s in diagnosis.suspects if _is_moved(s)]
    order = {"state change": 0, "first failure": 1}
    return tuple(sorted(places, key=lambda s: (s.onset, order.get(s.role, 2), s.name)))


def affected_callers(
    window: IncidentWindow, diagnosis: Diagnosis
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Services that a fault of the origin can affect (it and all that call it), and those moved.

    Not a forecast: `workbench.causal.blast_radius` gives each service a probability.
    """
    start = origin(diagnosis)
    own = {diagnosis.sli.service} if diagnosis.moved else set()
    affected = tuple(sorted(own | {s.service for s in moved(diagnosis)}))
    if start is None:
        return (), affected
    graph = calls_only(window.topology)
    callers = nx.ancestors(graph, start.service) if start.service in graph else set()
    return tuple(sorted({start.service, *callers})), affected


def _is_moved(suspect: Suspect) -> bool:
    if suspect.change or suspect.role == "coincidence" or pd.isna(suspect.onset):
        return False
    return not any(result.id == CheckId.LEFT_RANGE for result in not_passed(suspect.tests))


def _whole(window: IncidentWindow, diagnosis: Diagnosis) -> Iterator[tuple[str, float]]:
    yield "before", diagnosis.before
    yield "during", diagnosis.during
    yield "change", diagnosis.during - diagnosis.before
    for name in ("onset", "onset_low", "onset_high"):
        at = getattr(diagnosis, name)
        if not pd.isna(at):
            yield name, epoch(at)
    callers, affected = affected_callers(window, diagnosis)
    yield "suspects", float(len(diagnosis.suspects))
    yield "ruled out", float(len(diagnosis.ruled_out))
    yield "predicted services", float(len(callers))
    yield "moved services", float(len(affected))
    yield "predicted and moved", float(len({*callers} & {*affected}))
