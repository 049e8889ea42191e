"""What a change's effect is looked for in: the bins around it, and quiet stretches beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench.causal.change_effects.self_series import self_series
from workbench.causal.thresholds import LONGEST_AFTER_CHANGE, LONGEST_BEFORE_CHANGE
from workbench.errors import BadInput, unknown_name
from workbench.features import signals as make_signals
from workbench.features import sli_series
from workbench.features.aligned import AlignedSignals

if TYPE_CHECKING:
    from workbench.features import Signals
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = [
    "COVARIATES",
    "ChangeBins",
    "ChangeContext",
    "around",
    "bins_around",
    "bins_of",
    "past_bins",
    "prepare",
]

COVARIATES = ("traffic",)


@dataclass(frozen=True, slots=True, eq=False)
class ChangeContext:
    """A window and its history with their signals, made once for any number of changes.

    Parameters
    ----------
    window, signals
        The incident.
    past, past_signals
        The history's, or None.
    """

    window: IncidentWindow
    signals: Signals
    past: IncidentWindow | None
    past_signals: Signals | None


@dataclass(frozen=True, slots=True, eq=False)
class ChangeBins:
    """The bins in which one change is put to the test.

    Parameters
    ----------
    change, service, at
        Its reference, service and moment.
    sli
        Gives the unit.
    bins
        By bin start: ``own``, ``elsewhere``, ``sli`` and ``traffic``, the whole window.
    local
        Those around the change, without missing values.
    quiet
        Stretches of the same columns to compare with: the baseline, and the history where
        there is one.
    moments
        When this service was changed, in the window and in its history.
    """

    change: str
    service: str
    at: pd.Timestamp
    sli: SLI
    bins: pd.DataFrame
    local: pd.DataFrame
    quiet: tuple[pd.DataFrame, ...]
    moments: tuple[pd.Timestamp, ...]

    @property
    def treated(self) -> pd.DataFrame:
        """Local bins with ``change`` as 0 and 1, a row a bin."""
        after = (self.local.index >= self.at).astype(int)
        return self.local.assign(change=after).reset_index(drop=True)

    @property
    def before(self) -> int:
        """Bins before the change."""
        return int((self.local.index < self.at).sum())

    @property
    def after(self) -> int:
        """Bins from the change on."""
        return int((self.local.index >= self.at).sum())


def prepare(of: IncidentWindow | AlignedSignals) -> ChangeContext:
    """Take the signals of a window and of its history, or make them."""
    if isinstance(of, AlignedSignals):
        return ChangeContext(of.window, of.whole, of.window.history, of.past)
    made, past = make_signals(of), of.history
    return ChangeContext(of, made, past, make_signals(past, step=made.step_s) if past else None)


def bins_of(window: IncidentWindow, signals: Signals, service: str, *, sli: SLI) -> pd.DataFrame:
    """Split an SLI by bin into a service's own part and what happens elsewhere.

    Parameters
    ----------
    window, signals
        The window (for its topology) and its signals.
    service
        Whose part.
    sli
        What is split.

    Returns
    -------
    pandas.DataFrame
        Columns ``sli``, ``own``, ``elsewhere`` and ``traffic``.

    Raises
    ------
    BadInput
        Requests of the SLI's service do not reach this service.
    """
    series = sli_series(signals, sli)
    own = self_series(signals, window.topology, service, sli=sli)
    load = signals.nodes.get((sli.service, "load"), pd.Series(1.0, index=series.index))
    data = {"sli": series, "own": own, "elsewhere": series - own, "traffic": load}
    return pd.DataFrame(data)


def bins_around(seen: ChangeContext, change: str, sli: SLI) -> ChangeBins:
    """Collect the bins in which one change is put to the test.

    Parameters
    ----------
    seen
        From `prepare`.
    change
        The change's ``ref``.
    sli
        The SLI.

    Raises
    ------
    UnknownName
        No change has this reference.
    BadInput
        No path from the SLI's service to the changed one.

    Notes
    -----
    At most 15 minutes before and 5 minutes after the change are used, less where the next
    change of the same service comes first.
    """
    changes = seen.window.changes
    found = changes[changes["ref"] == change]
    if found.empty:
        kind = "change"
        raise unknown_name(kind, change, changes["ref"])
    at, service = found.iloc[0]["ts"], str(found.iloc[0]["service"])
    bins = bins_of(seen.window, seen.signals, service, sli=sli)
    same = changes.loc[changes["service"] == service, "ts"]
    past = seen.past.changes if seen.past is not None else changes.iloc[:0]
    before = past.loc[past["service"] == service, "ts"]
    return ChangeBins(
        change=change,
        service=service,
        at=at,
        sli=sli,
        bins=bins,
        local=around(bins, at, same).dropna(),
        quiet=_quiet(seen, bins, service, sli=sli),
        moments=tuple(sorted({*same, *before})),
    )


def around(bins: pd.DataFrame, at: pd.Timestamp, moments: pd.Series) -> pd.DataFrame:
    """Cut the bins around one of a service's changes, up to its neighbours in time.

    Parameters
    ----------
    bins
        From `bins_of`.
    at
        Moment of the change.
    moments
        Moments of all changes of the service.
    """
    later, earlier = moments[moments > at], moments[moments < at]
    start = max([at - LONGEST_BEFORE_CHANGE, *earlier.sort_values().tail(1)])
    end = min([at + LONGEST_AFTER_CHANGE, *later.sort_values().head(1)])
    return bins[(bins.index >= start) & (bins.index < end)]


def past_bins(seen: ChangeContext, service: str, *, sli: SLI) -> pd.DataFrame | None:
    """Bins of the history in the window's width; None without one that knows the service."""
    if seen.past is None or seen.past_signals is None:
        return None
    try:
        return bins_of(seen.past, seen.past_signals, service, sli=sli)
    except BadInput:  # another graph then
        return None


def _quiet(
    seen: ChangeContext, bins: pd.DataFrame, service: str, *, sli: SLI
) -> tuple[pd.DataFrame, ...]:
    baseline = seen.window.baseline
    calm = bins[np.asarray(baseline.mask(bins.index.to_series()))] if baseline else None
    parts = (calm, past_bins(seen, service, sli=sli))
    return tuple(part for part in parts if part is not None and len(part))
