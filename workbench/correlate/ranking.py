"""Rank every signal by its association with the SLI: what moved together, not what caused."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pandas as pd

from workbench.cards import ResultCard, table_html
from workbench.errors import BadInput
from workbench.features.signals import Signals, signals, sli_series
from workbench.findings import Finding
from workbench.stats.lagged import associate

if TYPE_CHECKING:
    from workbench.slis import SLI
    from workbench.window import IncidentWindow

__all__ = ["Correlation", "CorrelationRow", "rank", "rank_in"]

Moments = TypeVar("Moments", pd.Series, pd.DataFrame)

_LONGEST_LAG_S = 300.0
_MOST_LAG_BINS = 30
_SURROGATES = 999
_FEWEST_BINS = 10  # with the SLI, that a correlation needs; declared
_ALPHA = 0.05
# Quantiles and self times say again what latency and errors say.
_SIGNALS = ("load", "latency", "errors", "error_ratio")


@dataclass(frozen=True, slots=True)
class CorrelationRow:
    """Association of one signal with the SLI.

    Parameters
    ----------
    service, signal
        The signal; ``errors`` is taken as a share of the requests.
    correlation
        Spearman correlation at the strongest lag; NaN where the signal never moved or has
        too few bins in common with the SLI.
    lag_s
        That lag in seconds; positive where the signal moves before the SLI.
    p_value
        Chance of a correlation this strong, at the best of all lags, between unrelated
        series with these memories; NaN with the correlation.
    effective_n
        Number of independent bins that the common ones are worth.
    """

    service: str
    signal: str
    correlation: float
    lag_s: float
    p_value: float
    effective_n: float


@dataclass(frozen=True, slots=True, repr=False)
class Correlation(ResultCard):
    """Every signal's association with the SLI, strongest first, ties in random order.

    Parameters
    ----------
    sli
        What was correlated with.
    rows
        One a signal.
    bins, step_s, max_lag_s
        Bins used, their width, and the longest lag looked at, in seconds.
    seed
        Of the surrogates and of the order of ties.
    """

    sli: SLI
    rows: tuple[CorrelationRow, ...]
    bins: int
    step_s: float
    max_lag_s: float
    seed: int

    def to_frame(self) -> pd.DataFrame:
        """One line a signal with its `rank`, strongest first."""
        frame = pd.DataFrame([asdict(r) for r in self.rows], columns=list(_COLUMNS))
        return frame.assign(rank=np.arange(1, len(frame) + 1))

    def findings(self) -> tuple[Finding, ...]:
        """Signals whose association chance does not explain at the 5 % level."""
        return tuple(self._finding(row) for row in self.rows if row.p_value <= _ALPHA)

    def _finding(self, row: CorrelationRow) -> Finding:
        when = "with" if row.lag_s == 0 else f"{abs(row.lag_s):g} s "
        when += "" if row.lag_s == 0 else ("before" if row.lag_s > 0 else "after")
        return Finding(
            service=row.service,
            signal=row.signal,
            statement=f"moves {when} {self.sli} (Spearman {row.correlation:+.2f}, "
            f"p {_p(row.p_value)} against surrogates)",
            claim="correlated",
            score=row.correlation,
            method=f"correlate.rank(max_lag_s={self.max_lag_s:g}, seed={self.seed})",
        )

    def _facts(self) -> dict[str, str]:
        beyond = sum(row.p_value <= _ALPHA for row in self.rows)
        undefined = sum(np.isnan(row.correlation) for row in self.rows)
        return {
            "SLI": str(self.sli),
            "looked at": f"{len(self.rows)} signals over {self.bins} bins of {self.step_s:g} s, "
            f"lags to ±{self.max_lag_s:g} s",
            "beyond chance": f"{beyond} at the 5 % level",
            "undefined": f"{undefined} never moved or share too few bins with the SLI",
        }

    def __repr__(self) -> str:
        """Facts, then the ten strongest."""
        lines = [f"{name:>13}: {value}" for name, value in self._facts().items()]
        top = [
            f"{i:>13}. {r.service}/{r.signal} {r.correlation:+.2f} at {r.lag_s:+g} s, "
            f"p {_p(r.p_value)}"
            for i, r in enumerate(self.rows[:10], 1)
        ]
        return "\n".join(["Correlation", *lines, *top])

    def _headline(self) -> str:
        return f"Correlation with {self.sli}"

    def _body(self) -> str:
        return table_html(self.to_frame()[["rank", *_COLUMNS]])

    def _note(self) -> str:
        return "Association is not cause: what the SLI drags along ranks as high as what drags it."


_COLUMNS = tuple(CorrelationRow.__dataclass_fields__)


def rank(window: IncidentWindow, sli: SLI | str | None = None, *, seed: int = 0) -> Correlation:
    """Rank all signals by their lagged association with the SLI.

    Parameters
    ----------
    window
        The incident window; bins from the start of the baseline to the end of the
        incident are used.
    sli
        The SLI, or its text ``service/signal``; the window's first SLO's if missing.
    seed
        Of the surrogates and of the order of ties.

    Returns
    -------
    Correlation
        Rows strongest first. The SLI itself is left out.

    Raises
    ------
    BadInput, UnknownName
        No metrics and no spans, no such SLI, or fewer than ten bins with the SLI.

    Notes
    -----
    Spearman correlation at the best lag within ±5 minutes (and a sixth of the bins),
    judged by 999 phase-randomised surrogates of the SLI that go through the same search:
    see `workbench.stats.lagged`.
    """
    return rank_in(window, signals(window), window.sli(sli), seed=seed)


def rank_in(window: IncidentWindow, aligned: Signals, chosen: SLI, *, seed: int = 0) -> Correlation:
    """Rank the same as `rank`, from signals that are already made.

    Parameters
    ----------
    window, aligned
        The incident window and its signals.
    chosen, seed
        The SLI, and as for `rank`.
    """
    target = _cut(sli_series(aligned, chosen), window)
    if target.notna().sum() < _FEWEST_BINS:
        fact = f"Too few bins have {chosen}"
        hint = "A correlation needs ten bins; widen the window or choose another SLI"
        raise BadInput(fact, value=int(target.notna().sum()), hint=hint)
    candidates = _cut(_candidates(aligned, chosen), window)
    max_lag = _max_lag(len(target), aligned.step_s)
    result = associate(
        target.to_numpy(),
        candidates.to_numpy(),
        max_lag=max_lag,
        surrogates=_SURROGATES,
        seed=seed,
    )
    rows = [
        CorrelationRow(str(service), str(signal), float(r), float(lag) * aligned.step_s, p, n)
        for (service, signal), r, lag, p, n in zip(
            candidates.columns,
            result.correlation,
            result.lag,
            result.p_value.tolist(),
            result.effective_n.tolist(),
            strict=True,
        )
    ]
    return Correlation(
        sli=chosen,
        rows=_ordered(rows, seed),
        bins=len(target),
        step_s=aligned.step_s,
        max_lag_s=max_lag * aligned.step_s,
        seed=seed,
    )


def _candidates(found: Signals, sli: SLI) -> pd.DataFrame:
    """Signals to correlate: errors as a share of the load, so that traffic is not in them."""
    kept = {}
    for service, signal in found.nodes.columns:
        plain = signal in _SIGNALS or str(signal).startswith("saturation:")
        if plain and (service, signal) != (sli.service, sli.signal):
            series = found.nodes[(service, signal)]
            if signal == "errors":
                load = found.node(service, "load")
                series = series / load.where(load > 0) if load.notna().any() else series
            kept[(service, signal)] = series
    return pd.DataFrame(kept, index=found.nodes.index)


def _cut(frame: Moments, window: IncidentWindow) -> Moments:
    start = window.baseline.start if window.baseline else window.when.start
    kept = (frame.index >= start) & (frame.index < window.when.end)
    return frame[kept]


def _max_lag(bins: int, step_s: float) -> int:
    return max(1, min(int(_LONGEST_LAG_S / step_s), bins // 6, _MOST_LAG_BINS))


def _ordered(rows: list[CorrelationRow], seed: int) -> tuple[CorrelationRow, ...]:
    """Strongest first, undefined last, ties in the seed's order."""
    dice = np.random.default_rng([seed, 1]).permutation(len(rows))
    strength = [-abs(r.correlation) if r.correlation == r.correlation else 1.0 for r in rows]
    return tuple(rows[i] for i in sorted(range(len(rows)), key=lambda i: (strength[i], dice[i])))


def _p(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"
