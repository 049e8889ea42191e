"""The selection in a panel as plain values, and what is drawn for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from workbench.views.ladder import ladder, ranks
from workbench.views.timeline import timeline

if TYPE_CHECKING:
    from collections.abc import Callable

    from workbench.diagnose import Diagnosis
    from workbench.features import Signals
    from workbench.slis import SLI
    from workbench.views.drawing.rendering import Card, Chart
    from workbench.window import IncidentWindow

__all__ = ["Selection", "Source", "draw_selection", "range_ends", "recorded", "sli_choices"]

_MOST_RANGE_ENDS = 240


@dataclass(frozen=True, slots=True)
class Selection:
    """Which incident, SLI and range a person selected.

    Parameters
    ----------
    incident
        Id of an incident.
    sli
        ``service/signal``.
    start, end
        Incident range.
    """

    incident: str
    sli: str
    start: pd.Timestamp
    end: pd.Timestamp


@dataclass(frozen=True, slots=True)
class Source:
    """Where incidents come from and how they are diagnosed; handed in, so that tests need none.

    Parameters
    ----------
    ids
        Lists the incidents there are.
    load
        Reads one.
    compare
        Diagnoses a window for an SLI.
    """

    ids: Callable[[], list[str]]
    load: Callable[[str], IncidentWindow]
    compare: Callable[[IncidentWindow, SLI], Diagnosis]


def recorded() -> Source:
    """Take incidents from `workbench.datasets`, diagnose them by `workbench.diagnose.compare`."""
    from workbench import datasets
    from workbench.diagnose import compare

    def ids() -> list[str]:
        incidents = datasets.incidents().query("problem == ''")
        # A quiet stretch that others take their past from is nothing to investigate.
        return [str(i) for i in incidents["id"] if i not in set(incidents["history"])]

    return Source(ids, datasets.load, compare)


def draw_selection(
    window: IncidentWindow, diagnosis: Diagnosis, signals: Signals
) -> tuple[Card | Chart, ...]:
    """Draw what follows a selection: verdict with ladder, timeline, rank against rank.

    Parameters
    ----------
    window, diagnosis, signals
        The selected window, its diagnosis and its aligned signals.
    """
    return ladder(diagnosis), timeline(window, diagnosis, signals=signals), ranks(diagnosis)


def sli_choices(window: IncidentWindow, signals: Signals) -> list[str]:
    """SLIs one can ask about: declared ones first, then every latency and error ratio measured."""
    measured = [
        f"{service}/{signal}"
        for service, signal in signals.nodes.columns
        if signal in {"latency", "errors"}
    ]
    return list(dict.fromkeys([*(str(slo.sli) for slo in window.slos), *sorted(measured)]))


def range_ends(window: IncidentWindow, signals: Signals) -> list[pd.Timestamp]:
    """Instants a range can begin or end at: at most 240 over what was recorded."""
    index = signals.index
    every = max(1, -(-len(index) // _MOST_RANGE_ENDS))
    end = index[-1] + pd.Timedelta(signals.step_s, "s")
    return sorted({*index[::every], end, window.when.start, window.when.end})
