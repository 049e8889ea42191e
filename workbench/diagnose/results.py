"""What a diagnosis says: suspects on the claim ladder, three buckets and one verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

from workbench.cards import ResultCard, bounds, instant, quantity, table_html
from workbench.findings import Finding

if TYPE_CHECKING:
    from workbench.causal.ranking import Ranking
    from workbench.checks import CheckResult
    from workbench.findings import Claim
    from workbench.slis import SLI
    from workbench.times import TimeRange

__all__ = ["Diagnosis", "Role", "Standing", "Suspect"]

Role = Literal[
    "state change", "first failure", "impact", "symptom", "confounded", "coincidence", "undecided"
]


_LINES = 3  # told under the verdict; budget of one screen

Standing = Literal[
    "", "supported", "refuted", "not testable", "not reached yet", "outside the known graph"
]
"""What the tests made of a change; empty for a suspect that is no change."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """One place or change that moved, and how far named tests let the claim climb.

    Parameters
    ----------
    service, signal
        Where: signal is ``latency``, ``errors``, ``load`` or a saturation gauge.
    claim
        The highest rung reached, or ``refuted``.
    role
        State change, first failure or impact; or why it is not a cause: symptom,
        confounded, coincidence; or undecided.
    reason
        One sentence: what earned the rung, or what ruled the suspect out, with figures.
    change
        Reference of the change event this suspect is, or empty.
    correlation, lag_s, correlation_p
        Strongest lagged association with the SLI, its lag in seconds (positive: the
        suspect moves first) and its p-value under the autocorrelation-aware null.
    correlation_rank, causal_rank
        Place in either ranking, 1 first; 0 where not ranked.
    attribution, low, high
        Part of the SLI's change put down to it, in the SLI's units, with a 95 % interval.
    p_value
        Of its own movement under the empirical null of past windows.
    onset
        When it left its normal range, or None.
    confidence
        Calibrated probability of being right, or NaN.
    tests
        The checks it was put to.
    standing
        What the tests made of a change: only a *refuted* one is ruled out.
    """

    service: str
    signal: str
    claim: Claim
    role: Role
    reason: str
    change: str = ""
    correlation: float = float("nan")
    lag_s: float = float("nan")
    correlation_p: float = float("nan")
    correlation_rank: int = 0
    causal_rank: int = 0
    attribution: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    p_value: float = float("nan")
    onset: pd.Timestamp | None = None
    confidence: float = float("nan")
    tests: tuple[CheckResult, ...] = ()
    standing: Standing = ""

    @property
    def name(self) -> str:
        """Service and signal, with the change if it is one."""
        return f"{self.service}/{self.signal}" + (f" ({self.change})" if self.change else "")


@dataclass(frozen=True, slots=True, repr=False)
class Diagnosis(ResultCard):
    """Correlation against causation for one SLI of one window.

    Parameters
    ----------
    window_id, sli, when, baseline
        What was asked.
    before, during
        The SLI's mean in the baseline and after the onset, in its unit.
    moved
        Whether the SLI left its own null of past windows at all.
    onset, onset_low, onset_high
        When it began, with a 95 % interval; None where it never moved.
    suspects
        All suspects, most causal first.
    verdict
        One sentence: the cause, or "not enough evidence" and why.
    missing
        Sources that were not there to be asked.
    would_settle
        What to look at next to decide what is undecided.
    seed, version
        To make it again.
    notes
        What one should know of the data.
    ranking
        The services ranked by cause that the suspects were taken from.
    """

    window_id: str
    sli: SLI
    when: TimeRange
    baseline: TimeRange | None
    before: float
    during: float
    moved: bool
    verdict: str
    suspects: tuple[Suspect, ...] = ()
    onset: pd.Timestamp | None = None
    onset_low: pd.Timestamp | None = None
    onset_high: pd.Timestamp | None = None
    missing: tuple[str, ...] = ()
    would_settle: tuple[str, ...] = ()
    seed: int = 0
    version: str = ""
    notes: tuple[str, ...] = ()
    ranking: Ranking | None = None

    @property
    def was_measured(self) -> bool:
        """Whether the SLI was measured before and in the incident: no data is not health."""
        return math.isfinite(self.before) and math.isfinite(self.during)

    @property
    def cause(self) -> Suspect | None:
        """The state change that reached the rung *supported*, or None."""
        return next(
            (s for s in self.suspects if s.claim == "supported" and s.role == "state change"), None
        )

    @property
    def why(self) -> tuple[str, ...]:
        """What speaks for the leading suspect: its most telling lines, then what else departed."""
        leading = self.cause or next((s for s in self.suspects if s.role == "undecided"), None)
        row = self.ranking.of(leading.service) if self.ranking and leading else None
        if row is None:
            return ()
        lines = [a.statement for a in row.anomalies if a.kind == "log"][:_LINES]
        others = [a.statement for a in row.anomalies if a.kind != "log"][:_LINES]
        return (*lines, *others)

    def bucket(self, role: Role) -> tuple[Suspect, ...]:
        """Suspects with this role, most causal first."""
        return tuple(s for s in self.suspects if s.role == role)

    @property
    def ruled_out(self) -> tuple[Suspect, ...]:
        """Suspects that moved or were near, and are not the cause: each with its reason."""
        out = {"symptom", "confounded", "coincidence"}
        return tuple(s for s in self.suspects if s.role in out or s.claim == "refuted")

    def to_frame(self) -> pd.DataFrame:
        """One line a suspect, most causal first."""
        columns = [
            "service",
            "signal",
            "change",
            "standing",
            "claim",
            "role",
            "causal_rank",
            "correlation_rank",
            "attribution",
            "low",
            "high",
            "p_value",
            "correlation",
            "lag_s",
            "correlation_p",
            "onset",
            "confidence",
            "reason",
        ]
        rows = [{name: getattr(s, name) for name in columns} for s in self.suspects]
        return pd.DataFrame(rows, columns=columns)

    def findings(self) -> tuple[Finding, ...]:
        """Each suspect as a finding."""
        return tuple(self._finding(s) for s in self.suspects)

    def _finding(self, suspect: Suspect) -> Finding:
        return Finding(
            service=suspect.service,
            signal=suspect.signal,
            change=suspect.change,
            statement=suspect.reason,
            claim=suspect.claim,
            when=suspect.onset,
            score=suspect.attribution,
            low=suspect.low,
            high=suspect.high,
            method=f"diagnose.compare seed={self.seed} version={self.version}",
            missing=self.missing,
        )

    def _facts(self) -> dict[str, str]:
        unit = self.sli.unit
        facts = {
            "SLI": f"{self.sli}: {quantity(self.before, unit)} → {quantity(self.during, unit)}",
            "onset": _interval(self.onset, self.onset_low, self.onset_high),
            "why": "; ".join(self.why) or "–",
        }
        buckets: tuple[Role, ...] = ("state change", "first failure", "impact")
        for role in buckets:
            facts[role] = ", ".join(s.name for s in self.bucket(role)) or "none named"
        if self.cause and not self.bucket("first failure"):
            facts["first failure"] = f"{self.cause.name}, the same place"
        facts["not seen"] = ", ".join(self.missing) or "nothing that matters here"
        facts["would settle it"] = "; ".join(self.would_settle) or "–"
        return facts

    @property
    def summary(self) -> str:
        """The verdict, then a line a fact."""
        lines = [f"Diagnosis of {self.window_id!r}: {self.verdict}"]
        return "\n".join([*lines, *(f"  {name}: {v}" for name, v in self._facts().items())])

    def __repr__(self) -> str:
        """Verdict, facts, then a line a suspect."""
        lines = [self.summary]
        lines += [f"  [{s.claim}, {s.role}] {s.name}: {s.reason}" for s in self.suspects]
        return "\n".join(lines)

    def _headline(self) -> str:
        return self.verdict

    def _body(self) -> str:
        unit = self.sli.unit
        frame = pd.DataFrame(
            [
                {
                    "suspect": s.name,
                    "claim": s.claim,
                    "role": s.role,
                    "part of the change": f"{quantity(s.attribution, unit)} "
                    f"({bounds(s.low, s.high, unit)})",
                    "causal / correlation rank": f"{s.causal_rank or '–'} / "
                    f"{s.correlation_rank or '–'}",
                    "why": s.reason,
                }
                for s in self.suspects
            ]
        )
        return table_html(frame, limit=12)


def _interval(at: pd.Timestamp | None, low: pd.Timestamp | None, high: pd.Timestamp | None) -> str:
    if at is None:
        return "none found"
    if low is None or high is None:
        return instant(at)
    return f"{instant(at)} (95 %: {low.strftime('%H:%M:%S')} – {high.strftime('%H:%M:%S')})"
