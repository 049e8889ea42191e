"""Findings and the evidence behind them: what is said, and how to compute it again."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Literal

from workbench.cards import ResultCard, bounds, instant, quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

__all__ = ["CLAIMS", "Claim", "Evidence", "Finding", "digest_of"]

Claim = Literal["observed", "correlated", "plausible", "supported", "refuted"]

CLAIMS: tuple[Claim, ...] = ("observed", "correlated", "plausible", "supported", "refuted")
"""The claim ladder, lowest rung first; ``refuted`` is its way down."""


def digest_of(value: object) -> str:
    """Digest a JSON-able value: sha256 over its canonical text, in hex."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Evidence:
    """How one shown number was made, so that it can be made again.

    Parameters
    ----------
    query
        Name of the recipe that computes it, e.g. ``"causal.rank"``.
    select
        Which of the recipe's figures this is, e.g. ``"payments/latency/attribution"``.
    value, unit
        The figure as computed, and its unit.
    parameters
        The recipe's parameters, seed included.
    window
        Digest of the window's tables the figure was computed from.
    version
        Version of the code that computed it.
    """

    query: str
    select: str
    value: float
    unit: str = ""
    parameters: Mapping[str, str | int | float | None] = field(default_factory=dict)
    window: str = ""
    version: str = ""

    @property
    def id(self) -> str:
        """Content address: the same figure from the same data has the same id."""
        return "ev-" + digest_of(self.to_dict())[:12]

    def to_dict(self) -> dict[str, object]:
        """Plain values; NaN is written as null."""
        plain = asdict(self)
        plain["parameters"] = dict(self.parameters)
        plain["value"] = None if math.isnan(self.value) else self.value
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, object]) -> Evidence:
        """Read back what `to_dict` wrote."""
        value = plain["value"]
        return cls(**{**plain, "value": float("nan") if value is None else value})  # type: ignore[arg-type]

    def __str__(self) -> str:
        """Value, unit and id."""
        return f"{quantity(self.value, self.unit)} [{self.id}]"


@dataclass(frozen=True, slots=True)
class Finding(ResultCard):
    """One thing the analysis says, with what it rests on.

    Parameters
    ----------
    service, signal, change
        The subject; `change` is a change's ref or empty.
    statement
        One sentence.
    claim
        The rung of the ladder that named tests earned.
    when
        The moment it holds for, if it has one.
    score, low, high
        Strength with its 95 % interval.
    method
        Name, parameters, seed and version of the method.
    evidence
        Ids of the evidence.
    missing
        Sources that were not there to be asked.
    """

    service: str
    signal: str
    statement: str
    claim: Claim
    change: str = ""
    when: pd.Timestamp | None = None
    score: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    method: str = ""
    evidence: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Claim first, then the sentence."""
        return f"[{self.claim}] {self.service}/{self.signal}: {self.statement}"

    def _headline(self) -> str:
        return f"{self.claim}: {self.statement}"

    def _facts(self) -> dict[str, str]:
        return {
            "subject": f"{self.service} / {self.signal}",
            "when": instant(self.when) if self.when is not None else "–",
            "score": f"{quantity(self.score)} ({bounds(self.low, self.high)})",
            "method": self.method or "–",
            "evidence": ", ".join(self.evidence) or "–",
            "not seen": ", ".join(self.missing) or "–",
        }
