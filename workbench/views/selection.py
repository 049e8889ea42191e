"""One look at an incident as plain state, and what there is to see of it."""

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
    from workbench.views.rendering import Card, Chart
    from workbench.window import IncidentWindow

__all__ = ["Look", "Source", "moments", "recorded", "see", "sli_choices"]

_MOST_MOMENTS = 240


@dataclass(frozen=True, slots=True)
class Look:
    """What a person chose to look at.

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
    """Where incidents come from and how they are judged; handed in, so that tests need none.

    Parameters
    ----------
    ids
        Lists the incidents there are.
    load
        Reads one.
    compare
        Judges a window for an SLI.
    """

    ids: Callable[[], list[str]]
    load: Callable[[str], IncidentWindow]
    compare: Callable[[IncidentWindow, SLI], Diagnosis]


def recorded() -> Source:
    """Take incidents from `workbench.datasets`, judge them by `workbench.diagnose.compare`."""
    from workbench import datasets
    from workbench.diagnose import compare

    def ids() -> list[str]:
        found = datasets.incidents()
        # A quiet stretch that others take their past from is nothing to investigate.
        return [str(i) for i in found["id"] if i not in set(found["history"])]

    return Source(ids, datasets.load, compare)


def see(window: IncidentWindow, diagnosis: Diagnosis, signals: Signals) -> tuple[Card | Chart, ...]:
    """Draw what follows a look: verdict with ladder, timeline, rank against rank.

    Parameters
    ----------
    window, diagnosis, signals
        The window looked at, what was found in it, and its aligned signals.
    """
    return ladder(diagnosis), timeline(window, diagnosis, signals=signals), ranks(diagnosis)


def sli_choices(window: IncidentWindow, signals: Signals) -> list[str]:
    """SLIs one can ask about: declared ones first, then every latency and error ratio seen."""
    seen = [
        f"{service}/{signal}"
        for service, signal in signals.nodes.columns
        if signal in {"latency", "errors"}
    ]
    return list(dict.fromkeys([*(str(slo.sli) for slo in window.slos), *sorted(seen)]))


def moments(window: IncidentWindow, signals: Signals) -> list[pd.Timestamp]:
    """Moments a range can begin or end at: at most 240 over what was recorded."""
    index = signals.index
    every = max(1, -(-len(index) // _MOST_MOMENTS))
    end = index[-1] + pd.Timedelta(signals.step_s, "s")
    return sorted({*index[::every], end, window.when.start, window.when.end})
