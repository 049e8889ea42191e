"""What is said about each service on a graph: how far it moved, and its role in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import networkx as nx
import numpy as np

from workbench.views.deviation import LEVELS, deviations, level, strongest, troubled_range
from workbench.views.drawing.labels import movement_label
from workbench.views.drawing.readings import REQUEST_SIGNALS

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd

    from workbench.diagnose import Diagnosis, Suspect
    from workbench.features import Signals
    from workbench.window import IncidentWindow

__all__ = ["ServiceMark", "focus", "service_marks"]

# The most telling word wins where a service has several suspects.
_WORDS = (
    ("state change", "supported", "CAUSE"),
    ("state change", "", "STATE CHANGE"),
    ("first failure", "", "FIRST FAILURE"),
    ("impact", "", "IMPACT"),
    ("undecided", "", "UNDECIDED"),
    ("symptom", "", "symptom"),
    ("confounded", "", "confounded"),
    ("coincidence", "", "coincidence"),
)
_LONGEST = 24


@dataclass(frozen=True, slots=True)
class ServiceMark:
    """What a graph says about one service.

    Parameters
    ----------
    service
        Its name.
    score
        Strongest deviation in robust standard deviations; NaN where it is not known.
    moved
        That deviation in words, or why it is not known.
    word
        Role in the diagnosis: ``CAUSE``, ``FIRST FAILURE``, ``IMPACT``, ``symptom`` …
    why
        The diagnosis's reason.
    """

    service: str
    score: float
    moved: str
    word: str = ""
    why: str = ""

    @property
    def level(self) -> int:
        """Index into `workbench.views.deviation.LEVELS`."""
        return 0 if np.isnan(self.score) else level(self.score)

    @property
    def level_words(self) -> str:
        """Say the level in words."""
        return self.moved if np.isnan(self.score) else LEVELS[self.level][1]


def service_marks(
    window: IncidentWindow, diagnosis: Diagnosis | None, signals: Signals
) -> dict[str, ServiceMark]:
    """Say of each service of the window's graph how far it moved and what it was.

    The time looked at is from the onset, where there is one, to the end of the incident.
    """
    every = deviations(signals, window.baseline, troubled_range(window, diagnosis))
    table = strongest(every)
    names = sorted({str(n) for n in window.topology.nodes} | set(signals.services))
    suspects, measured = diagnosis.suspects if diagnosis else (), set(signals.services)
    table = _with_suspects(every, table, suspects)
    marks = {
        name: _mark(name, table, [s for s in suspects if s.service == name], measured=measured)
        for name in names
    }
    return _with_impact(marks, diagnosis)


def focus(
    graph: nx.DiGraph[str], marks: dict[str, ServiceMark], *, most: int
) -> tuple[nx.DiGraph[str], int]:
    """Cut a large graph down to what moved and its neighbours; say how many were left out.

    Parameters
    ----------
    graph
        Caller → callee.
    marks
        From `service_marks`.
    most
        Services that fit a still picture.
    """
    whole: nx.DiGraph[str] = nx.DiGraph()
    whole.add_nodes_from(marks)
    whole.add_edges_from((str(a), str(b)) for a, b in graph.edges)
    if len(whole) <= most:
        return whole, 0
    ranked = sorted(whole, key=lambda n: (-bool(marks[n].word), -_strength(marks[n]), n))
    kept: list[str] = []
    for name in ranked:
        near = [name, *sorted(nx.all_neighbors(whole, name))]
        kept += [n for n in near if n not in kept][: most - len(kept)]
    return nx.DiGraph(whole.subgraph(kept)), len(whole) - len(kept)


def _with_suspects(
    every: pd.DataFrame, table: pd.DataFrame, suspects: tuple[Suspect, ...]
) -> pd.DataFrame:
    """Let a cause or first failure speak by its own signal; the colour stays the strongest."""
    marked = table.copy()
    for suspect in suspects:
        if suspect.role not in {"state change", "first failure"} or suspect.change:
            continue
        own = every[(every["service"] == suspect.service) & (every["signal"] == suspect.signal)]
        if suspect.signal in REQUEST_SIGNALS and len(own):
            columns = ["signal", "before", "during", "unit"]
            marked.loc[suspect.service, columns] = own[columns].iloc[0].to_list()
    return marked


def _with_impact(
    marks: dict[str, ServiceMark], diagnosis: Diagnosis | None
) -> dict[str, ServiceMark]:
    """Mark the SLI's service as affected, unless it has a stronger mark."""
    if diagnosis is None or not diagnosis.moved:
        return marks
    affected = marks.get(diagnosis.sli.service)
    if affected is None or affected.word.isupper():
        return marks
    return {
        **marks,
        affected.service: replace(affected, word="IMPACT", why=f"{diagnosis.sli} moved"),
    }


def _strength(mark: ServiceMark) -> float:
    return 0.0 if np.isnan(mark.score) else abs(mark.score)


def _mark(
    name: str, table: pd.DataFrame, suspects: list[Suspect], *, measured: Collection[str]
) -> ServiceMark:
    word, why = _word(suspects)
    if name not in table.index:
        silent = "no telemetry" if name not in measured else "no baseline to compare"
        return ServiceMark(name, float("nan"), silent, word, why)
    row = table.loc[name]
    moved = movement_label(
        str(row["signal"]), row["before"], row["during"], unit=str(row["unit"]), longest=_LONGEST
    )
    return ServiceMark(name, float(row["score"]), moved, word, why)


def _word(suspects: list[Suspect]) -> tuple[str, str]:
    for role, claim, word in _WORDS:
        for suspect in suspects:
            if suspect.role == role and suspect.claim in {claim or suspect.claim}:
                return ("ruled out" if suspect.claim == "refuted" else word), suspect.reason
    return "", ""
