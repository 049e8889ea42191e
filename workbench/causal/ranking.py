"""What a ranking says: services by how much speaks for them, each part readable."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import softmax

from workbench.cards import ResultCard, bounds, quantity, table_html
from workbench.causal.thresholds import NAMEABLE, TEMPERATURE
from workbench.findings import Finding

if TYPE_CHECKING:
    from workbench.causal.anomalies.anomaly import Anomaly
    from workbench.causal.anomalies.host_faults import HostFault
    from workbench.slis import SLI

__all__ = ["RankedService", "Ranking", "confidence"]


@dataclass(frozen=True, slots=True)
class RankedService:
    """One service and what speaks for it.

    Parameters
    ----------
    service, signal
        Where; the signal through which most speaks for it.
    score
        Logarithm of the odds against a place that nothing speaks for, in nats.
    kind
        Likeliest kind of fault there: ``slow``, ``failing``, ``behaving differently`` or
        ``load``.
    attribution, low, high
        Part of the SLI's change that is its own work or failures, in the SLI's unit, with
        a 95 % interval.
    p_value
        Of its own work under past windows; NaN where it was not measured.
    confidence
        Probability that it is the place, given that the SLI moved; the rest is the other
        places', or none of them.
    anomalies
        What speaks for it, each in nats: its part of the change, then the most surprising
        first.
    """

    service: str
    signal: str
    score: float
    kind: str
    attribution: float
    low: float
    high: float
    p_value: float
    confidence: float
    anomalies: tuple[Anomaly, ...]

    @property
    def parts(self) -> str:
        """The score's parts in words."""
        return "; ".join(f"{c.kind} {c.weight:.1f}: {c.words}" for c in self.anomalies)


@dataclass(frozen=True, slots=True, repr=False)
class Ranking(ResultCard):
    """Services ranked by how much of the SLI's change starts at them.

    Parameters
    ----------
    window_id, sli
        What was asked.
    before, during
        The SLI's level before, and in the part of the incident in which it departed.
    moved, p_value
        Whether the SLI left its range of past windows, and the chance that it did so by
        itself.
    rows
        Services, most suspect first. Attributions sum to ``during - before``.
    n_independent
        Past windows that do not overlap: how much history the statement rests on.
    method, seed
        To make it again.
    notes
        Twins, rings, services that appeared, gaps: what one should know.
    hosts
        Hosts that were filled by a service on them, or are sick by themselves.
    limit
        The most that may be said of any place, for want of evidence
        (`workbench.causal.attribution.confidence_cap`).
    none
        Score of *none of the measured places*, in nats.
    """

    window_id: str
    sli: SLI
    before: float
    during: float
    moved: bool
    p_value: float
    rows: tuple[RankedService, ...]
    n_independent: float
    method: str
    seed: int
    notes: tuple[str, ...] = ()
    hosts: tuple[HostFault, ...] = ()
    limit: float = 1.0
    none: float = -math.inf

    @property
    def change(self) -> float:
        """Change of the SLI in its unit."""
        return self.during - self.before

    @property
    def got_worse(self) -> bool:
        """Whether the SLI left its range for the worse: only then is anybody to blame."""
        return self.moved and self.sli.harmful * self.change > 0

    @property
    def was_measured(self) -> bool:
        """Whether the SLI was measured in the incident and before it: no data is not health."""
        return math.isfinite(self.before) and math.isfinite(self.during)

    @property
    def all_clear(self) -> str:
        """What the SLI did where nobody is to blame: it improved or stayed; else empty."""
        if not self.was_measured:
            return "was not measured in the incident, or not before it"
        if self.got_worse:
            return ""
        return "improved" if self.moved else "stayed in its normal range"

    @property
    def named(self) -> RankedService | None:
        """The service to name, or None: the SLI got no worse, or nothing stands out."""
        top = self.rows[0] if self.rows else None
        if not self.got_worse or top is None or top.confidence < NAMEABLE:
            return None
        return top

    def host_of(self, service: str) -> HostFault | None:
        """Trouble of a host that is a likelier place than this service, or None."""
        return next((found for found in self.hosts if service in found.slowed), None)

    def of(self, service: str) -> RankedService | None:
        """Row of a service, or None."""
        return next((row for row in self.rows if row.service == service), None)

    def to_frame(self) -> pd.DataFrame:
        """One line a service, most suspect first."""
        rows = [
            (
                r.service,
                r.signal,
                r.kind,
                r.score,
                r.parts,
                r.attribution,
                r.low,
                r.high,
                r.p_value,
                r.confidence,
                self.method,
            )
            for r in self.rows
        ]
        columns = [
            "service",
            "signal",
            "kind",
            "score",
            "parts",
            "attribution",
            "ci_low",
            "ci_high",
            "p_value",
            "confidence",
            "method",
        ]
        return pd.DataFrame(rows, columns=columns)

    def findings(self) -> tuple[Finding, ...]:
        """Each service that anything speaks for, as a finding."""
        return tuple(
            Finding(
                r.service,
                r.signal,
                r.parts,
                "observed",
                score=r.attribution,
                low=r.low,
                high=r.high,
                method=f"{self.method} seed={self.seed}",
            )
            for r in self.rows
            if r.anomalies
        )

    def _headline(self) -> str:
        unit = self.sli.unit
        levels = f"{quantity(self.before, unit)} → {quantity(self.during, unit)}"
        if not self.was_measured:
            return f"{self.sli} {self.all_clear}: nothing is known of it"
        if self.all_clear:
            return f"{self.sli} {self.all_clear} ({levels}): nobody to blame"
        named = self.named
        who = f"most speaks for {named.service}" if named else "nothing stands out"
        faulty = self.host_of(self.rows[0].service) if self.rows else None
        if faulty is not None and not faulty.aggressor:
            who = f"most speaks for host {faulty.host}, where {', '.join(faulty.slowed)} run"
        return f"{self.sli} {levels}: {who}"

    def __repr__(self) -> str:
        """Headline, then a line a service."""
        unit = self.sli.unit
        lines = [
            f"  {n}. {r.service}: {quantity(r.attribution, unit)} of it; {r.parts or 'nothing'}"
            for n, r in enumerate(self.rows[:8], start=1)
        ]
        return "\n".join([self._headline(), *lines, *(f"  note: {n}" for n in self.notes)])

    def _facts(self) -> dict[str, str]:
        return {
            "p-value": f"{self.p_value:.3g} from {self.n_independent:.0f} past windows",
            "notes": "; ".join(self.notes) or "none",
        }

    def _body(self) -> str:
        """List the ten strongest services."""
        unit = self.sli.unit
        frame = pd.DataFrame(
            [
                {
                    "service": r.service,
                    "score": round(r.score, 1),
                    "its part of the change": f"{quantity(r.attribution, unit)} "
                    f"({bounds(r.low, r.high, unit)})",
                    "what speaks for it": r.parts,
                }
                for r in self.rows[:10]
            ]
        )
        return table_html(frame)


def confidence(
    scores: np.ndarray,
    *,
    none: float = -np.inf,
    temperature: float = TEMPERATURE,
    limit: float = 1.0,
) -> np.ndarray:
    """Probability of each service to be the place.

    Whether there is anything to explain is another question: `Ranking.moved` answers it,
    and nobody is named where it does not.

    Parameters
    ----------
    scores
        Nats that speak for each, shape (services,).
    none
        Nats for none of them.
    temperature
        Nats of score that multiply the odds by e.
    limit
        The most that may be said for want of evidence.

    Returns
    -------
    numpy.ndarray, shape (services,)
    """
    if not len(scores):
        return np.zeros(0)
    odds: np.ndarray = softmax(np.append(scores, none) / temperature)[:-1]
    limited: np.ndarray = np.minimum(odds, limit)
    return limited
