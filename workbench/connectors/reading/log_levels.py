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
}


def severity_number(word: str) -> int:
    """Map a word to 1 … 24; 0 where it says nothing that is known.

    Examples
    --------
    >>> severity_number("WARN"), severity_number("err"), severity_number("?")
    (13, 17, 0)
    """
    return _NUMBERS.get(word.strip().lower(), 0)
