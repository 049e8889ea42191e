"""Words for the severity of a log record → OpenTelemetry's numbers (logs data model)."""

from __future__ import annotations

__all__ = ["severity_number"]

_NUMBERS = {
    "trace": 1,
    "debug": 5,
    "info": 9,
    "information": 9,
    "notice": 10,
    "log": 9,
    "warn": 13,
    "warning": 13,
    "error": 17,
    "err": 17,
    "severe": 17,
    "critical": 18,
    "crit": 18,
    "alert": 19,
    "emergency": 21,
    "emerg": 21,
    "fatal": 21,
    "panic": 24,
    "verbose": 1,
    "fine": 5,
    "failure": 17,
    "exception": 17,
}
# OpenTelemetry's short names: ERROR2 is a step above ERROR.
_STEPPED = frozenset({"trace", "debug", "info", "warn", "error", "fatal"})
_STEPS = frozenset({"2", "3", "4"})


def severity_number(word: str) -> int:
    """Map a word to 1 … 24; 0 where it says nothing that is known.

    Examples
    --------
    >>> severity_number("WARN"), severity_number("err"), severity_number("?")
    (13, 17, 0)
    >>> severity_number("ERROR2"), severity_number("[Error]")
    (18, 17)
    """
    plain = word.strip().strip("[]<>():").lower()
    if plain[-1:] in _STEPS and plain[:-1] in _STEPPED:
        return _NUMBERS[plain[:-1]] + int(plain[-1]) - 1
    return _NUMBERS.get(plain, 0)
