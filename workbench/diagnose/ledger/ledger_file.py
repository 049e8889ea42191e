"""Ledgers of hypotheses as JSON: plain tables, a schema version, nothing executed."""

from __future__ import annotations

import json
import math
from dataclasses import MISSING, asdict, fields, replace
from typing import TYPE_CHECKING, Any, get_args

from workbench.checks import WORDS, CheckId, CheckResult, Outcome
from workbench.diagnose.ledger.ledger import STATUSES, Entry, Hypothesis
from workbench.diagnose.results import Role
from workbench.errors import BadInput
from workbench.findings import CLAIMS
from workbench.slis import SLI
from workbench.times import TimeRange, utc
from workbench.writing import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from workbench.diagnose.ledger.ledger import Ledger

__all__ = ["SCHEMA", "read_ledger", "write_ledger"]

SCHEMA = 2
"""Version of the file's layout."""

_KIND = "workbench ledger of hypotheses"
_CHOICES = {
    "status": STATUSES,
    "rung": CLAIMS,
    "role": get_args(Role),
    "what": ("proposed", "tested", "decided"),
    "before": ("", *STATUSES),
    "after": STATUSES,
}
_READABLE = (1, SCHEMA)
_TESTS = ("evidence_for", "evidence_against")
_TEXTS = ("missing", "proposed_by")


def write_ledger(ledger: Ledger, path: Path) -> Path:
    """Write a ledger as JSON: one table of hypotheses, one of the history.

    Parameters
    ----------
    ledger
        What to write; the case it was tested on is not written.
    path
        The file, written whole or not at all; its folder is made if missing.

    Raises
    ------
    CannotWrite
        The disk is full or read-only, or the place is not one for a file.
    """
    plain = {
        "kind": _KIND,
        "schema": SCHEMA,
        "window_id": ledger.window_id,
        "digest": ledger.digest,
        "when": ledger.when.to_dict(),
        "sli": str(ledger.sli),
        "verdict": ledger.verdict,
        "missing": list(ledger.missing),
        "seed": ledger.seed,
        "version": ledger.version,
        "hypotheses": [_plain(asdict(h)) for h in ledger.hypotheses],
        "history": [_plain({**asdict(e), "at": e.at.isoformat()}) for e in ledger.history],
    }
    # Only ASCII is written: names may hold what no file encoding can.
    return write_text(path, json.dumps(plain, indent=1, ensure_ascii=True) + "\n")


def read_ledger(path: Path) -> dict[str, Any]:
    """Read the fields of a ledger that `write_ledger` wrote.

    Raises
    ------
    BadInput
        Not such a file, a field that is missing or of the wrong type, or another schema.
    """
    plain = _parsed(path)
    if plain.get("kind") != _KIND:
        fact = "Not a ledger of hypotheses"
        raise BadInput(fact, value=path.name, hint="Write one with save")
    if plain.get("schema") not in _READABLE:
        hint = f"This code reads schemas {_READABLE}"
        fact = "A ledger of another schema"
        raise BadInput(fact, value=plain.get("schema"), hint=hint)
    return {
        "window_id": _typed(plain, "window_id", str),
        "digest": _typed(plain, "digest", str),
        "when": _when(_typed(plain, "when", dict)),
        "sli": SLI.parse(_typed(plain, "sli", str)),
        "verdict": _typed(plain, "verdict", str),
        "missing": _strings(plain, "missing"),
        "seed": _typed(plain, "seed", int),
        "version": _typed(plain, "version", str),
        "hypotheses": tuple(_hypothesis(row) for row in _rows(plain, "hypotheses")),
        "history": tuple(_entry(row) for row in _rows(plain, "history")),
    }


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}


def _parsed(path: Path) -> Mapping[str, Any]:
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        fact = "Not a readable JSON file"
        raise BadInput(fact, value=str(path), hint=str(error)) from error
    return plain if isinstance(plain, dict) else {}


def _typed(row: Mapping[str, Any], name: str, kind: type) -> Any:  # noqa: ANN401 - the kind asked for
    value = row.get(name)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        hint = f"It should hold {kind.__name__}; was the file edited by hand?"
        fact = f"Field {name!r} of the ledger is missing or wrong"
        raise BadInput(fact, value=value, hint=hint)
    if name in _CHOICES and value not in _CHOICES[name]:
        hint = f"One of {', '.join(map(repr, _CHOICES[name]))}"
        fact = f"Field {name!r} of the ledger is not a known word"
        raise BadInput(fact, value=value, hint=hint)
    return value


def _rows(plain: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = _typed(plain, name, list)
    if not all(isinstance(row, dict) for row in rows):
        fact = f"Table {name!r} of the ledger does not hold rows"
        raise BadInput(fact, value=rows)
    return rows


def _strings(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    values = _typed(row, name, list)
    if not all(isinstance(value, str) for value in values):
        fact = f"Field {name!r} of the ledger should hold texts"
        raise BadInput(fact, value=values)
    return tuple(values)


def _when(plain: Mapping[str, Any]) -> TimeRange:
    return TimeRange(_typed(plain, "start", str), _typed(plain, "end", str))


def _hypothesis(row: Mapping[str, Any]) -> Hypothesis:
    values: dict[str, Any] = {name: _tests(row, name) for name in _TESTS}
    values |= {name: _strings(row, name) for name in _TEXTS}
    sure = row.get("confidence")
    values["confidence"] = float("nan") if sure is None else float(_typed(row, "confidence", float))
    texts = [f.name for f in fields(Hypothesis) if f.default is MISSING]
    return Hypothesis(**values, **{name: _typed(row, name, str) for name in texts})


def _tests(row: Mapping[str, Any], name: str) -> tuple[CheckResult, ...]:
    return tuple(_test(test, name) for test in _typed(row, name, list))


def _test(plain: object, name: str) -> CheckResult:
    fields = _of_schema_1(plain) if isinstance(plain, list) else plain
    try:
        known = CheckResult(**fields)  # type: ignore[arg-type]
        check_id = CheckId(known.id)
    except (TypeError, ValueError) as error:
        hint = "A test has an id, an outcome (passed, failed, not_run) and a figure in words"
        fact = f"Field {name!r} of the ledger holds no test"
        raise BadInput(fact, value=plain, hint=hint) from error
    texts = (known.figure, known.subject)
    if known.outcome not in get_args(Outcome) or not all(isinstance(t, str) for t in texts):
        fact = f"Field {name!r} of the ledger holds no test"
        raise BadInput(fact, value=plain)
    return replace(known, id=check_id)


def _of_schema_1(plain: list[Any]) -> Mapping[str, Any]:
    """Read the triple of old: name in words, whether passed, figure."""
    kinds = [type(part) for part in plain]
    if kinds != [str, bool, str]:
        return {}
    words, passed, figure = plain
    for check_id, known in WORDS.items():
        if words.endswith(known):
            subject = words.removesuffix(known).strip()
            outcome = "passed" if passed else "failed"
            return {"id": check_id, "outcome": outcome, "figure": figure, "subject": subject}
    return {}


def _entry(row: Mapping[str, Any]) -> Entry:
    texts = {f.name: _typed(row, f.name, str) for f in fields(Entry) if f.name != "at"}
    return Entry(at=utc(_typed(row, "at", str)), **texts)
