"""What the service graph leaves unexplained: own work of each service, and who shares it.

The shift of the incident is taken out: it is one event, however many bins it has. Then all
series are passed through one and the same autoregressive filter, which keeps linear
relations between them exact and leaves little memory; what is left of it lowers the
effective number of bins (Bartlett 1935). Ranks limit what one bin can say.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm, rankdata, t

from workbench.causal.thresholds import FEWEST_RESIDUALS, MOST_PERSISTENT
from workbench.correlate import effective_size
from workbench.features.nearest import signal_column

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from workbench.features.aligned import AlignedSignals

__all__ = [
    "Association",
    "Residuals",
    "associations",
    "normal_scores",
    "residuals",
    "transmission",
]


@dataclass(frozen=True, slots=True, eq=False)
class Residuals:
    """Filtered work of services and calls, and what the calls leave of a service's.

    Parameters
    ----------
    services
        Columns of `total` and `own`.
    total
        Seconds (or failures) per request of the service itself, filtered, (bins, services).
    own
        The same less its least-squares fit on what its callees cost it.
    cost
        Filtered cost of each call per request of the caller, by (caller, callee).
    level
        Median of the unfiltered total, shape (services,).
    kept
        Median of the unfiltered total less what the callees cost.
    """

    services: tuple[str, ...]
    total: NDArray[np.float64]
    own: NDArray[np.float64]
    cost: Mapping[tuple[str, str], NDArray[np.float64]]
    level: NDArray[np.float64]
    kept: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Association:
    """How far two services share what the graph does not explain.

    Parameters
    ----------
    pair
        The two services.
    strength
        Rank correlation of their own work.
    p_value
        Two-sided, with the effective number of bins.
    """

    pair: tuple[str, str]
    strength: float
    p_value: float


def residuals(
    aligned: AlignedSignals,
    services: Sequence[str],
    calls: Iterable[tuple[str, str]],
    *,
    signal: str,
) -> Residuals:
    """Take from each service's work what the graph's calls explain.

    Parameters
    ----------
    aligned
        Aligned signals.
    services
        Which services; those without the signal are left out.
    calls
        Calls of the graph that are waited for, caller first.
    signal
        ``latency`` or ``errors``.
    """
    nodes = aligned.nodes
    work = {name: _work(nodes, name, signal) for name in services}
    work = {name: series for name, series in work.items() if _varies(series)}
    loads = {name: _values(nodes, (name, "load")) for name in work}
    known = [call for call in dict.fromkeys(calls) if call[0] in work and call[1] in work]
    sent = {
        callee: np.sum([np.nan_to_num(loads[u]) for u, v in known if v == callee], axis=0)
        for _, callee in known
    }
    cost = {call: _cost(aligned, call, signal, work, loads, sent) for call in known}
    level = {name: _unshifted(series, aligned) for name, series in work.items()}
    memory = _memory(list(level.values()))
    filtered = {name: _filtered(series, memory) for name, series in level.items()}
    calls_filtered = {call: _filtered(_unshifted(c, aligned), memory) for call, c in cost.items()}
    own, kept = [], []
    for name in work:
        told = [call for call in known if call[0] == name]
        own.append(_left(filtered[name], [calls_filtered[call] for call in told]))
        spent = np.sum([np.nan_to_num(cost[call]) for call in told], axis=0) if told else 0.0
        kept.append(float(np.nanmedian(work[name] - spent)))
    empty = np.empty((max(len(nodes) - 1, 0), 0))
    return Residuals(
        services=tuple(work),
        total=np.column_stack(list(filtered.values())) if work else empty,
        own=np.column_stack(own) if own else empty,
        cost=calls_filtered,
        level=np.array([float(np.nanmedian(series)) for series in work.values()]),
        kept=np.array(kept),
    )


def associations(
    found: Residuals, *, without: Iterable[tuple[str, str]] = ()
) -> tuple[Association, ...]:
    """Associate the own work of every two services that no call joins.

    Parameters
    ----------
    found
        From `residuals`.
    without
        Pairs to leave out, in either direction.
    """
    joined = {frozenset(pair) for pair in (*found.cost, *without)}
    place = {name: number for number, name in enumerate(found.services)}
    pairs = [p for p in combinations(found.services, 2) if frozenset(p) not in joined]
    return tuple(
        Association(pair, *_associated(found.own[:, place[pair[0]]], found.own[:, place[pair[1]]]))
        for pair in pairs
    )


def transmission(found: Residuals, call: tuple[str, str]) -> tuple[float, float]:
    """How much of a callee's movement its caller shows, and its standard error.

    Parameters
    ----------
    found
        From `residuals`.
    call
        A call of the graph.

    Returns
    -------
    share, error
        1 where a caller waits in sequence, 0 where it does not wait; NaN where unknown.
    """
    column = found.total[:, found.services.index(call[0])]
    others = [
        series for other, series in found.cost.items() if other[0] == call[0] and other != call
    ]
    y, x = _left(column, others), _left(found.cost[call], others)
    both = np.isfinite(y) & np.isfinite(x)
    if both.sum() < FEWEST_RESIDUALS or np.std(x[both]) == 0:
        return float("nan"), float("nan")
    x, y = x[both] - x[both].mean(), y[both] - y[both].mean()
    share = float(x @ y / (x @ x))
    number = float(effective_size(x, (y - share * x)[:, None])[0])
    spread = float(np.sum((y - share * x) ** 2)) / max(len(x) - 2, 1)
    return share, float(np.sqrt(spread / (x @ x) * len(x) / number))


def normal_scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank each column and give it a normal distribution; rows with a gap are dropped."""
    rows = values[np.isfinite(values).all(axis=1)]
    scores: NDArray[np.float64] = norm.ppf(rankdata(rows, axis=0) / (len(rows) + 1.0))
    return scores


def _associated(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    both = np.isfinite(a) & np.isfinite(b)
    # What stands still shares nothing, and has no correlation to test.
    if both.sum() < FEWEST_RESIDUALS or not (np.ptp(a[both]) and np.ptp(b[both])):
        return float("nan"), 1.0
    x, y = rankdata(a[both]), rankdata(b[both])
    r = float(np.corrcoef(x, y)[0, 1])
    freedom = float(effective_size(a[both], b[both][:, None])[0]) - 2.0
    size = abs(r) * np.sqrt(max(freedom, 1.0) / max(1.0 - r * r, 1e-12))
    return r, float(2.0 * t.sf(size, max(freedom, 1.0)))


def _work(nodes: pd.DataFrame, name: str, signal: str) -> NDArray[np.float64]:
    column = signal_column(nodes, name, signal)
    if column is None:
        return np.full(len(nodes), np.nan)
    values: NDArray[np.float64] = column.to_numpy(float)
    if signal != "errors" or column.name[1] != "errors":
        return values
    load = _values(nodes, (name, "load"))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(load > 0, values / load, np.nan)


def _cost(
    aligned: AlignedSignals,
    call: tuple[str, str],
    signal: str,
    work: Mapping[str, NDArray[np.float64]],
    loads: Mapping[str, NDArray[np.float64]],
    sent: Mapping[str, NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Cost of a call per request of its caller; by the callee's load where it is not measured."""
    caller, callee = call
    made, each = _values(aligned.edges, (*call, "calls")), _values(aligned.edges, (*call, signal))
    with np.errstate(invalid="ignore", divide="ignore"):
        if np.isfinite(each).any():
            seen = each if signal == "errors" else made * each
            return np.where(loads[caller] > 0, seen / loads[caller], np.nan)
        ratio = np.where(sent[callee] > 0, loads[callee] / sent[callee], np.nan)
    # The usual ratio: what is counted at two ends differs by chance, and noise on what is
    # regressed upon would shrink every share.
    return work[callee] * (float(np.nanmedian(ratio)) if np.isfinite(ratio).any() else 1.0)


def _values(frame: pd.DataFrame, column: tuple[str, ...]) -> NDArray[np.float64]:
    return frame[column].to_numpy(float) if column in frame else np.full(len(frame), np.nan)


def _varies(series: NDArray[np.float64]) -> bool:
    seen = series[np.isfinite(series)]
    return len(seen) >= FEWEST_RESIDUALS and bool(np.ptp(seen) > 0)


def _unshifted(values: NDArray[np.float64], aligned: AlignedSignals) -> NDArray[np.float64]:
    """Centre the incident and the rest apart."""
    result = values.astype(float)
    during = np.zeros(len(values), dtype=bool)
    during[aligned.split.incident] = True
    for part in (during, ~during):
        seen = result[part][np.isfinite(result[part])]
        result[part] -= seen.mean() if seen.size else 0.0
    return result


def _memory(series: list[NDArray[np.float64]]) -> float:
    """Median lag-1 autocorrelation over the series, corrected for its bias."""
    found = []
    for values in series:
        both = np.isfinite(values[1:]) & np.isfinite(values[:-1])
        centred = values - np.nanmedian(values)
        power = float(np.nansum(centred**2))
        rho = float(np.sum(centred[1:][both] * centred[:-1][both])) / power if power else 0.0
        found.append(rho + (1.0 + 3.0 * rho) / max(len(values), 1))
    return float(np.clip(np.median(found), 0.0, MOST_PERSISTENT)) if found else 0.0


def _filtered(values: NDArray[np.float64], memory: float) -> NDArray[np.float64]:
    return values[1:] - memory * values[:-1]


def _left(y: NDArray[np.float64], explained: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Least-squares residual on some series; bins with a gap in any stay gaps."""
    if not explained:
        return y
    design = np.column_stack([np.ones(len(y)), *explained])
    rows = np.isfinite(y) & np.isfinite(design).all(axis=1)
    left = np.full(len(y), np.nan)
    if rows.sum() > design.shape[1] + 2:
        weights, *_ = np.linalg.lstsq(design[rows], y[rows], rcond=None)
        left[rows] = y[rows] - design[rows] @ weights
    return left
