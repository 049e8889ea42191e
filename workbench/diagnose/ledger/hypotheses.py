"""Hypotheses about one SLI: the machine's and people's, put to the same named tests."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from workbench.checks import CheckId, CheckResult
from workbench.diagnose.case import open_case, with_change
from workbench.diagnose.compare import diagnose_case
from workbench.diagnose.ledger.ledger import (
    STATUSES,
    Entry,
    Hypothesis,
    Ledger,
    from_suspect,
    hypothesis_id,
)
from workbench.diagnose.ledger.ledger_file import read_ledger, write_ledger
from workbench.errors import BadInput, unknown_name
from workbench.times import utc
from workbench.version import __version__

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from workbench.diagnose.case import Case
    from workbench.diagnose.ledger.ledger import Status
    from workbench.diagnose.results import Diagnosis, Suspect
    from workbench.slis import SLI
    from workbench.times import Instant
    from workbench.window import IncidentWindow

__all__ = ["Hypotheses", "hypotheses"]

_MACHINE = f"workbench {__version__}"
_SIGNALS = ("latency", "errors", "load")
_GAUGE = "saturation:"


def hypotheses(
    window: IncidentWindow, sli: SLI | None = None, *, seed: int = 0, at: Instant | None = None
) -> Hypotheses:
    """Open a ledger of hypotheses: every suspect of `diagnose.compare`, tested.

    Parameters
    ----------
    window
        The incident window, with a baseline.
    sli
        The SLI; the first SLO's if None.
    seed
        Of everything drawn.
    at
        Moment to record; now if None.

    Returns
    -------
    Hypotheses
        `propose` adds a person's own, `decide` records what people concluded, `retest`
        puts all of them to the tests again on a window with more data, `save` keeps it.

    Raises
    ------
    BadInput, UnknownName
        No baseline, no SLI, or nothing measured.

    Examples
    --------
    >>> from workbench import datasets
    >>> ledger = hypotheses(datasets.load("shop-orders-locks"))  # doctest: +SKIP
    >>> ledger = ledger.propose("orders", signal="errors", by="ada")  # doctest: +SKIP
    """
    case = open_case(window, sli, seed=seed)
    blank = Hypotheses(
        window.id, window.digest, window.when, case.sli, "", (), seed=seed, version=__version__
    )
    return _tested(blank, case, _moment(at))


@dataclass(frozen=True, slots=True, repr=False)
class Hypotheses(Ledger):
    """A ledger of hypotheses with the case that they are tested on.

    Parameters
    ----------
    case
        The analyses of the window; None for a ledger read from a file until `retest`.
    """

    case: Case | None = field(default=None, compare=False)

    def propose(
        self,
        service: str = "",
        *,
        by: str,
        signal: str = "",
        change: str = "",
        statement: str = "",
        note: str = "",
        at: Instant | None = None,
    ) -> Hypotheses:
        """Add a person's hypothesis and test it like the others.

        What is already in the ledger is the same hypothesis: its proposer is recorded.

        Parameters
        ----------
        service, signal
            Where; without a signal, the one through which the service is suspected, else
            the SLI's. A gauge is ``saturation:<metric>``.
        by
            Who proposes it.
        change
            Reference of a change, instead of a service.
        statement
            The hypothesis in the proposer's words.
        note
            Why.
        at
            Moment to record; now if None.

        Raises
        ------
        BadInput, UnknownName
            Nobody or nothing is named, nobody knows it, or the ledger was read from a file.
        """
        case, moment, who = _attached(self), _moment(at), _person(by)
        subject = _subject(self, case, (service, signal, change))
        held = self.get(hypothesis_id(*subject)) if hypothesis_id(*subject) in self.ids else None
        fresh = held or _untested(*subject, statement)
        named = tuple(dict.fromkeys([*fresh.proposed_by, who]))
        entry = Entry(
            moment,
            fresh.id,
            who,
            "proposed",
            held.status if held else "",
            held.status if held else "proposed",
            "; ".join(text for text in (statement, note) if text),
        )
        words = statement if statement and not _by_people(fresh) else fresh.statement
        fresh = replace(fresh, proposed_by=named, statement=words)
        kept = tuple(h for h in self.hypotheses if h.id != fresh.id)
        noted = replace(self, hypotheses=(*kept, fresh), history=(*self.history, entry))
        return _tested(noted, with_change(case, change) if change else case, moment)

    def decide(
        self,
        hypothesis_id: str,
        *,
        status: Status,
        by: str,
        note: str = "",
        at: Instant | None = None,
    ) -> Hypotheses:
        """Record what a person concluded; the tests' status and rung stay what they are.

        Parameters
        ----------
        hypothesis_id
            Its id, as in the frame.
        status
            ``proposed``, ``supported`` or ``refuted``.
        by, note
            Who concluded it, and why.
        at
            Moment to record; now if None.

        Raises
        ------
        BadInput, UnknownName
            Nobody is named, or a hypothesis or status that nobody knows.
        """
        held = self.get(hypothesis_id)
        if status not in STATUSES:
            kind = "status"
            raise unknown_name(kind, str(status), STATUSES)
        said = self.decision(held.id)
        before = said.after if said else held.status
        entry = Entry(_moment(at), held.id, _person(by), "decided", before, status, note)
        return replace(self, history=(*self.history, entry))

    def retest(self, window: IncidentWindow, *, at: Instant | None = None) -> Hypotheses:
        """Put every hypothesis to the tests again, for example after loading more data.

        Raises
        ------
        BadInput
            The window is of another incident.
        """
        if window.id != self.window_id:
            hint = f"This ledger is about {self.window_id!r}"
            fact = "A window of another incident"
            raise BadInput(fact, value=window.id, hint=hint)
        case = open_case(window, self.sli, seed=self.seed)
        known = set(window.changes["ref"].astype(str))
        for ref in dict.fromkeys(h.change for h in self.hypotheses if h.change in known):
            case = with_change(case, ref)
        moved = replace(self, digest=window.digest, when=window.when, version=__version__)
        return _tested(moved, case, _moment(at))

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the hypotheses, in their order."""
        return tuple(h.id for h in self.hypotheses)

    def get(self, hypothesis_id: str) -> Hypothesis:
        """Return a hypothesis by its id.

        Raises
        ------
        UnknownName
            The ledger has none with this id.
        """
        for h in self.hypotheses:
            if h.id == hypothesis_id:
                return h
        kind = "hypothesis"
        raise unknown_name(kind, hypothesis_id, self.ids)

    def save(self, path: str | Path) -> Path:
        """Write the ledger as JSON, whole or not at all; `load` reads the same ledger back.

        Raises
        ------
        CannotWrite
            The disk is full or read-only, or the place is not one for a file.
        """
        return write_ledger(self, Path(path))

    @classmethod
    def load(cls, path: str | Path) -> Hypotheses:
        """Read a ledger from JSON; `retest` gives it a window again.

        Raises
        ------
        BadInput
            Not a ledger, a field that is missing or of the wrong type, or a schema version
            that this code does not read.
        """
        return cls(**read_ledger(Path(path)))


def _moment(at: Instant | None) -> pd.Timestamp:
    return utc(pd.Timestamp.now("UTC") if at is None else at)


def _person(by: str) -> str:
    if not by.strip():
        fact = "Nobody is named"
        raise BadInput(fact, value=by, hint='Say who, for example by="ada"')
    return by.strip()


def _attached(ledger: Hypotheses) -> Case:
    if ledger.case is None:
        hint = "Give it its window first: ledger.retest(window)"
        fact = "A ledger read from a file cannot test"
        raise BadInput(fact, value=ledger.window_id, hint=hint)
    return ledger.case


def _subject(ledger: Hypotheses, case: Case, asked: tuple[str, str, str]) -> tuple[str, str, str]:
    """Read what a person names as service, signal and change."""
    service, signal, change = asked
    if change:
        return _of_change(case, service, change), case.sli.signal, change
    if not service:
        hint = 'For example propose("orders", by="ada") or propose(change="orders-7", by="ada")'
        fact = "No service and no change is named"
        raise BadInput(fact, value=service, hint=hint)
    known = {*case.window.services, *case.study.aligned.services}
    if service not in known:
        kind = "service"
        raise unknown_name(kind, service, known)
    if not signal:
        held = (h.signal for h in ledger.hypotheses if h.service == service and not h.change)
        return service, next(held, case.sli.signal), ""
    measured = {str(s) for name, s in case.study.aligned.nodes.columns if name == service}
    if not (signal in measured or signal in _SIGNALS or signal.startswith(_GAUGE)):
        kind = "signal"
        raise unknown_name(kind, signal, {*measured, *_SIGNALS})
    return service, signal, ""


def _of_change(case: Case, service: str, ref: str) -> str:
    changes = case.window.changes
    rows = changes.loc[changes["ref"].astype(str) == ref, "service"].astype(str)
    if rows.empty:
        kind = "change"
        raise unknown_name(kind, ref, changes["ref"].astype(str))
    if service and service != rows.iloc[0]:
        hint = f"Change {ref!r} is of {rows.iloc[0]!r}"
        fact = "The change is of another service"
        raise BadInput(fact, value=service, hint=hint)
    return str(rows.iloc[0])


def _untested(service: str, signal: str, change: str, statement: str) -> Hypothesis:
    own = f"{change} of {service} did it" if change else f"it starts at {service} ({signal})"
    return Hypothesis(
        hypothesis_id(service, signal, change),
        service,
        signal,
        change,
        statement or own,
        "proposed",
        "observed",
        "undecided",
        "not tested: it is not in this window",
        missing=(f"no record of {change or service}",),
    )


def _by_people(h: Hypothesis) -> bool:
    return any(who != _MACHINE for who in h.proposed_by)


def _tested(ledger: Hypotheses, case: Case, at: pd.Timestamp) -> Hypotheses:
    """Judge the case again with every place of the ledger in it, and record what changed."""
    held = {h.id: h for h in ledger.hypotheses}
    known = {*case.window.services, *case.study.aligned.services}
    places = [(h.service, h.signal) for h in held.values() if not h.change and h.service in known]
    diagnosis = diagnose_case(case, places)
    found: dict[str, Hypothesis] = {}
    for suspect in _told_once(diagnosis, held):
        name = hypothesis_id(suspect.service, suspect.signal, suspect.change)
        old = held.get(name)
        fresh = from_suspect(
            suspect, old.statement if old else "", by=old.proposed_by if old else (_MACHINE,)
        )
        found.setdefault(name, fresh)
    gone = {name: _unseen(old) for name, old in held.items() if name not in found}
    rows = {**found, **gone}
    entries = [entry for name, h in rows.items() for entry in _entries(held.get(name), h, at)]
    return replace(
        ledger,
        verdict=diagnosis.verdict,
        hypotheses=tuple(sorted(rows.values(), key=_order)),
        history=(*ledger.history, *entries),
        missing=diagnosis.missing,
        case=case,
    )


def _told_once(diagnosis: Diagnosis, held: Collection[str]) -> Iterator[Suspect]:
    """Tell a cause and the place where it showed first as one, unless the place is held."""
    cause = diagnosis.cause
    first = [
        s
        for s in diagnosis.suspects
        if cause is not None
        and s.role == "first failure"
        and hypothesis_id(s.service, s.signal, s.change) not in held
    ]
    seen = tuple(
        CheckResult(CheckId.FAILED_FIRST, "passed", s.reason, subject=s.name) for s in first
    )
    for suspect in diagnosis.suspects:
        if suspect is cause:
            yield replace(suspect, tests=(*suspect.tests, *seen))
        elif suspect not in first:
            yield suspect


def _unseen(old: Hypothesis) -> Hypothesis:
    """Keep a hypothesis that this window cannot test, without a verdict."""
    blank = _untested(old.service, old.signal, old.change, old.statement)
    return replace(blank, proposed_by=old.proposed_by)


def _entries(old: Hypothesis | None, new: Hypothesis, at: pd.Timestamp) -> list[Entry]:
    before = old.status if old else "proposed"
    made = [] if old else [Entry(at, new.id, _MACHINE, "proposed", "", "proposed")]
    if new.status != before:
        made.append(Entry(at, new.id, _MACHINE, "tested", before, new.status, new.reason))
    return made


def _order(h: Hypothesis) -> tuple[int, float, str]:
    place = ("supported", "proposed", "refuted").index(h.status)
    return place, -h.confidence if h.confidence == h.confidence else 1.0, h.name
