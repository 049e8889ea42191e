"""The ledger of hypotheses: what was proposed, what the tests said, what people decided.

A verdict is the machine's and is earned by named tests alone; a decision is a person's and
is written beside it. Neither changes the other, and the history is only ever added to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

from workbench.cards import ResultCard, instant, table_html
from workbench.checks import CheckId, not_passed
from workbench.findings import Finding, digest_of

if TYPE_CHECKING:
    from workbench.checks import CheckResult
    from workbench.diagnose.results import Role, Suspect
    from workbench.findings import Claim
    from workbench.slis import SLI
    from workbench.times import TimeRange

__all__ = ["STATUSES", "Entry", "Hypothesis", "Ledger", "Status", "from_suspect", "hypothesis_id"]

Status = Literal["proposed", "supported", "refuted"]

STATUSES: tuple[Status, ...] = ("proposed", "supported", "refuted")
"""What may be said of a hypothesis, by the tests or by a person."""

# Whether the data allow a verdict at all: failing one of these speaks against nobody.
_CONDITIONS = frozenset({CheckId.ENOUGH_HISTORY, CheckId.SOURCES_PRESENT})
_RULED_OUT: frozenset[Role] = frozenset({"symptom", "confounded", "coincidence", "impact"})
_CAUSES: frozenset[Role] = frozenset({"state change", "first failure"})
_ANY_SIGNAL = ""


def hypothesis_id(service: str, signal: str, change: str = "") -> str:
    """Return the stable id of a subject: ``h-`` and 8 hex digits of its digest.

    Parameters
    ----------
    service, signal
        Where; a change is the same hypothesis through whichever signal it is looked at.
    change
        Reference of a change, or empty.
    """
    subject = [service, _ANY_SIGNAL if change else signal, change]
    return "h-" + digest_of(subject)[:8]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One possible cause, with what the tests say for it and against it.

    Parameters
    ----------
    id
        Content address of its subject: the same in every run and every window.
    service, signal, change
        The subject; `change` is a change's reference or empty.
    statement
        The hypothesis in words: the proposer's, or the workbench's own.
    status
        The machine's verdict: proposed, supported or refuted.
    rung, role
        How far the tests let the claim climb, and what the suspect is told as.
    reason
        What earned the status, with figures.
    evidence_for, evidence_against
        Checks that were passed, and that were not.
    missing
        What was not there to be asked about it; a hypothesis is not refuted over such a gap.
    confidence
        Probability that its service is the place, given that one is; NaN where not ranked.
    proposed_by
        Who proposed it, the first one first.
    """

    id: str
    service: str
    signal: str
    change: str
    statement: str
    status: Status
    rung: Claim
    role: Role
    reason: str
    evidence_for: tuple[CheckResult, ...] = ()
    evidence_against: tuple[CheckResult, ...] = ()
    missing: tuple[str, ...] = ()
    confidence: float = float("nan")
    proposed_by: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Service and signal, with the change if it is one."""
        return f"{self.service}/{self.signal}" + (f" ({self.change})" if self.change else "")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a ledger's history.

    Parameters
    ----------
    at
        When, UTC.
    hypothesis
        Id of the hypothesis.
    by
        Who: a person, or the workbench.
    what
        ``proposed``, ``tested`` (the machine's verdict) or ``decided`` (a person's).
    before, after
        The status it had and got; `before` is empty where there was none.
    note
        Why, in the words of who did it.
    """

    at: pd.Timestamp
    hypothesis: str
    by: str
    what: Literal["proposed", "tested", "decided"]
    before: Status | Literal[""]
    after: Status
    note: str = ""


def from_suspect(suspect: Suspect, statement: str = "", *, by: tuple[str, ...]) -> Hypothesis:
    """Read a tested suspect as a hypothesis.

    Parameters
    ----------
    suspect
        From a diagnosis.
    statement
        The proposer's words, or empty for the workbench's own.
    by
        Who proposed it.
    """
    conditions = [test for test in suspect.tests if test.id in _CONDITIONS]
    tests = [test for test in suspect.tests if test.id not in _CONDITIONS]
    gone = tuple(result.figure for result in not_passed(conditions))
    return Hypothesis(
        id=hypothesis_id(suspect.service, suspect.signal, suspect.change),
        service=suspect.service,
        signal=suspect.signal,
        change=suspect.change,
        statement=statement or _own_words(suspect),
        status=_status(suspect),
        rung=suspect.claim,
        role=suspect.role,
        reason=suspect.reason,
        evidence_for=tuple(test for test in tests if test.passed),
        evidence_against=tuple(test for test in tests if not test.passed),
        missing=gone,
        confidence=suspect.confidence,
        proposed_by=by,
    )


def _status(suspect: Suspect) -> Status:
    if suspect.claim == "supported" and suspect.role in _CAUSES:
        return "supported"
    blind = any(t.id == CheckId.SOURCES_PRESENT for t in not_passed(suspect.tests))
    if blind or not (suspect.claim == "refuted" or suspect.role in _RULED_OUT):
        return "proposed"
    return "refuted"


def _own_words(suspect: Suspect) -> str:
    if suspect.change:
        return f"{suspect.change} of {suspect.service} did it"
    if suspect.signal == "load":
        return f"a surge of load entering at {suspect.service} did it"
    return f"it starts at {suspect.service} ({suspect.signal})"


@dataclass(frozen=True, slots=True, repr=False)
class Ledger(ResultCard):
    """Hypotheses about one SLI of one window, and everything that was done to them.

    Parameters
    ----------
    window_id, digest, when, sli
        What was asked, and the digest of the window it was tested on.
    verdict
        The diagnosis in one sentence.
    hypotheses
        Supported ones first, then open ones by confidence, then refuted ones.
    history
        What was proposed, tested and decided, in the order in which it was recorded.
    missing
        Sources that were not there to be asked.
    seed, version
        To make it again.
    """

    window_id: str
    digest: str
    when: TimeRange
    sli: SLI
    verdict: str
    hypotheses: tuple[Hypothesis, ...]
    history: tuple[Entry, ...] = ()
    missing: tuple[str, ...] = ()
    seed: int = 0
    version: str = ""

    def __len__(self) -> int:
        """Count the hypotheses."""
        return len(self.hypotheses)

    def decision(self, hypothesis_id: str) -> Entry | None:
        """Return what a person decided last about a hypothesis, or None."""
        decided = [e for e in self.history if (e.hypothesis, e.what) == (hypothesis_id, "decided")]
        return decided[-1] if decided else None

    def to_frame(self) -> pd.DataFrame:
        """One line a hypothesis: the machine's status beside the person's decision."""
        rows = [
            {
                "id": h.id,
                "service": h.service,
                "signal": h.signal,
                "change": h.change,
                "statement": h.statement,
                "status": h.status,
                "rung": h.rung,
                "role": h.role,
                "confidence": h.confidence,
                "decision": said.after if said else "",
                "decided_by": said.by if said else "",
                "decided_at": said.at if said else pd.NaT,
                "note": said.note if said else "",
                "evidence_for": len(h.evidence_for),
                "evidence_against": len(h.evidence_against),
                "missing": "; ".join(h.missing),
                "proposed_by": ", ".join(h.proposed_by),
                "reason": h.reason,
            }
            for h in self.hypotheses
            for said in [self.decision(h.id)]
        ]
        columns = list(rows[0]) if rows else ["id", "service", "signal", "change", "status"]
        return pd.DataFrame(rows, columns=columns)

    def history_frame(self) -> pd.DataFrame:
        """One line an entry of the history."""
        columns = ["at", "hypothesis", "by", "what", "before", "after", "note"]
        rows = [tuple(getattr(entry, name) for name in columns) for entry in self.history]
        return pd.DataFrame(rows, columns=columns)

    def findings(self) -> tuple[Finding, ...]:
        """Each hypothesis as a finding, at the rung that its tests earned."""
        method = f"diagnose.hypotheses seed={self.seed} version={self.version}"
        return tuple(
            Finding(
                h.service,
                h.signal,
                f"{h.statement}: {h.reason}",
                h.rung,
                change=h.change,
                score=h.confidence,
                method=method,
                missing=(*h.missing, *self.missing),
            )
            for h in self.hypotheses
        )

    def _line(self, h: Hypothesis) -> str:
        said = self.decision(h.id)
        person = f"; {said.by} decided: {said.after}, {instant(said.at)}" if said else ""
        return f"  {h.id} [{h.status}{person}] {h.statement}: {h.reason}"

    def _facts(self) -> dict[str, str]:
        counted = {s: sum(h.status == s for h in self.hypotheses) for s in STATUSES}
        return {
            "SLI": str(self.sli),
            "hypotheses": ", ".join(f"{n} {status}" for status, n in counted.items()),
            "not seen": ", ".join(self.missing) or "nothing that matters here",
        }

    def __repr__(self) -> str:
        """Verdict, counts, then a line a hypothesis."""
        facts = [f"  {name}: {value}" for name, value in self._facts().items()]
        lines = [self._line(h) for h in self.hypotheses]
        return "\n".join([f"Hypotheses on {self.window_id!r}: {self.verdict}", *facts, *lines])

    def _headline(self) -> str:
        return self.verdict

    def _body(self) -> str:
        """List the tests' verdict and the person's decision in neighbouring columns."""
        return table_html(pd.DataFrame([self._cells(h) for h in self.hypotheses]))

    def _note(self) -> str:
        return "A decision is a person's; only tests make a status, and neither changes the other."

    def _cells(self, h: Hypothesis) -> dict[str, str]:
        said = self.decision(h.id)
        decided = f"{said.after}, {said.by}, {instant(said.at)} {said.note}" if said else "–"
        return {
            "id": h.id,
            "hypothesis": h.statement,
            "tests say": f"{h.status} (rung {h.rung})",
            "people say": decided.rstrip(),
            "confidence": "–" if h.confidence != h.confidence else f"{h.confidence:.2f}",
            "for": _told(h.evidence_for),
            "against": _told(h.evidence_against),
            "not seen": "; ".join(h.missing) or "–",
            "proposed by": ", ".join(h.proposed_by),
        }


def _told(tests: tuple[CheckResult, ...]) -> str:
    return "; ".join(f"{test.name}: {test.figure}" for test in tests) or "–"
