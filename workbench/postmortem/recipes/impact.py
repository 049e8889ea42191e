"""What the incident did to users: requests failed and slow beyond the usual, budget spent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from workbench import features
from workbench.errors import BadInput, UnknownName
from workbench.postmortem.numbers import from_epoch
from workbench.slis import SLI
from workbench.times import TimeRange

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from workbench.features import Signals
    from workbench.postmortem.recipes.contract import Parameters
    from workbench.slis import SLO
    from workbench.window import IncidentWindow

__all__ = ["budget_figures", "impact_end", "impact_figures", "impact_range"]

_FEWEST_BINS = 5  # of the baseline that make a usual range; declared
_USUAL = 0.99  # share of the baseline that counts as usual; declared
_DAY_S = 86_400.0


def impact_end(
    window: IncidentWindow, sli: str, after: TimeRange
) -> tuple[pd.Timestamp | None, str]:
    """When the SLI came back to its usual range for good, and how that is known.

    Usual is up to the 99th percentile of the baseline's bins (down to the first for a
    load that fell). The impact ends with the last bin outside it whose neighbour is
    outside too; a single odd bin is no impact.
    """
    series = _series(window, SLI.parse(sli))
    if window.baseline is None or series.empty:
        return None, "no baseline to come back to" if len(series) else "SLI not recorded"
    usual, during = _inside(series, window.baseline), _inside(series, after)
    if len(usual) < _FEWEST_BINS or during.empty:
        return None, "too little of the SLI was recorded"
    outside = _outside(during, usual)
    if not outside.any():
        return None, "no two bins in a row outside the usual range"
    last = int(np.flatnonzero(outside.to_numpy())[-1])
    if last == len(during) - 1:
        return None, "still outside its usual range when the window ends"
    return during.index[last + 1], "SLI back in its usual range, measured"


def impact_range(window: IncidentWindow, parameters: Parameters) -> TimeRange | None:
    """Range ``from`` … ``to`` of the parameters; to the window's end where none is known."""
    start, end = parameters.get("from"), parameters.get("to")
    if start is None:
        return None
    stop = window.when.end if end is None else from_epoch(float(end))
    begin = from_epoch(float(start))
    return TimeRange(begin, stop) if begin < stop else None


def impact_figures(window: IncidentWindow, parameters: Parameters) -> Mapping[str, float]:
    """Recipe ``impact``: requests, failures and slow requests beyond the baseline's share.

    Parameters
    ----------
    window
        Signals and server spans are read.
    parameters
        ``service``; ``from`` and ``to`` in seconds since 1970.

    Returns
    -------
    dict
        ``requests``; ``failed``, ``failed usual`` (the baseline's share of these requests)
        and ``failed beyond``; the same for ``slow``, from the share of recorded server
        spans slower than ``threshold`` seconds, with ``spans`` their number.
    """
    when = impact_range(window, parameters)
    if when is None or window.baseline is None:
        return {}
    service = str(parameters["service"])
    figures = _failed(window, service, when)
    slow = _slow_shares(window, service, when)
    if slow and "requests" in figures:
        figures |= _beyond("slow", slow["share"], slow["usual share"], figures["requests"])
        figures |= {"threshold": slow["threshold"], "spans": slow["spans"]}
    return figures


def budget_figures(window: IncidentWindow, parameters: Parameters) -> Mapping[str, float]:
    """Recipe ``slo.budget``: for each SLO by name, what the incident spent of its budget.

    The budget is the objective's complement of the requests expected in the SLO's window,
    taken from the baseline's rate. Returns ``<name>/objective``, ``<name>/bad``,
    ``<name>/budget`` (requests) and ``<name>/spent`` (a ratio).
    """
    figures: dict[str, float] = {}
    for slo in window.slos:
        figures[f"{slo.name}/objective"] = slo.objective
        if slo.threshold is not None:
            figures[f"{slo.name}/threshold"] = slo.threshold
        figures |= dict(_spent(window, slo, parameters))
    return figures


def _spent(window: IncidentWindow, slo: SLO, parameters: Parameters) -> Iterator[tuple[str, float]]:
    kind = {"latency": "slow", "errors": "failed"}.get(slo.signal, "")
    figures = impact_figures(window, {**parameters, "service": slo.service})
    rate = _baseline_rate(window, slo.service)
    if kind in figures and rate > 0:
        budget = (1 - slo.objective) * rate * slo.window_days * _DAY_S
        yield f"{slo.name}/bad", figures[kind]
        yield f"{slo.name}/budget", budget
        yield f"{slo.name}/spent", figures[kind] / budget


def _failed(window: IncidentWindow, service: str, when: TimeRange) -> dict[str, float]:
    during = _totals(window, service, when)
    before = _totals(window, service, window.baseline or when)
    if "requests" not in during:
        return {}
    figures = {"requests": during["requests"]}
    if "failed" in during and "failed" in before and before["requests"] > 0:
        usual = before["failed"] / before["requests"]
        figures |= _beyond(
            "failed", during["failed"] / during["requests"], usual, during["requests"]
        )
    return figures


def _beyond(what: str, share: float, usual: float, requests: float) -> dict[str, float]:
    return {
        what: share * requests,
        f"{what} usual": usual * requests,
        f"{what} beyond": max(0.0, (share - usual) * requests),
    }


def _totals(window: IncidentWindow, service: str, when: TimeRange) -> dict[str, float]:
    signals = _signals(window)
    if signals is None:
        return {}
    requests = _inside(signals.node(service, "load"), when)
    failed = _inside(signals.node(service, "errors"), when)
    figures = {"requests": float(requests.sum())} if requests.sum() > 0 else {}
    return figures | ({"failed": float(failed.sum())} if len(failed) else {})


def _slow_shares(window: IncidentWindow, service: str, when: TimeRange) -> dict[str, float]:
    spans = window.spans
    served = spans[(spans["service"] == service) & (spans["kind"] == "server")]
    before = served["duration_s"][(window.baseline or when).mask(served["ts"])].dropna()
    during = served["duration_s"][when.mask(served["ts"])].dropna()
    if before.empty or during.empty:
        return {}
    declared = [s.threshold for s in window.slos if s.service == service and s.threshold]
    threshold = float(declared[0] if declared else before.quantile(_USUAL))
    return {
        "threshold": threshold,
        "share": float((during > threshold).mean()),
        "usual share": float((before > threshold).mean()),
        "spans": float(len(during)),
    }


def _baseline_rate(window: IncidentWindow, service: str) -> float:
    series = _series(window, SLI(service, "load"))
    return float("nan") if window.baseline is None else _inside(series, window.baseline).mean()


def _outside(during: pd.Series, usual: pd.Series) -> pd.Series:
    fell = during.median() < usual.quantile(1 - _USUAL)
    odd = during < usual.quantile(1 - _USUAL) if fell else during > usual.quantile(_USUAL)
    neighbour = odd.shift(1, fill_value=False) | odd.shift(-1, fill_value=False)
    return odd & neighbour


def _series(window: IncidentWindow, sli: SLI) -> pd.Series:
    """Values of an SLI by bin start; empty where nobody measured it."""
    found = _signals(window)
    try:
        return pd.Series(dtype="float64") if found is None else features.sli_series(found, sli)
    except UnknownName:
        return pd.Series(dtype="float64")


def _inside(series: pd.Series, when: TimeRange) -> pd.Series:
    """Bins whose middle lies in the range, without gaps."""
    if series.empty:
        return series
    middle = pd.DatetimeIndex(series.index) + pd.Timedelta(pd.DatetimeIndex(series.index).freq) / 2
    return series[np.asarray(when.mask(middle))].dropna()


def _signals(window: IncidentWindow) -> Signals | None:
    """Signals of a window, or None without any; features make them once a window."""
    try:
        return features.signals(window)
    except BadInput:
        return None
