"""One scale of severity for what every tool calls otherwise."""

from __future__ import annotations

__all__ = ["SEVERITIES", "severity_of"]

SEVERITIES = ("critical", "high", "warning", "info", "low")

_WORDS = {
    "p1": "critical",
    "sev1": "critical",
    "sev-1": "critical",
    "fatal": "critical",
    "disaster": "critical",
    "emergency": "critical",
    "critical": "critical",
    "p2": "high",
    "sev2": "high",
    "sev-2": "high",
    "error": "high",
    "high": "high",
    "p3": "warning",
    "sev3": "warning",
    "sev-3": "warning",
    "average": "warning",
    "warning": "warning",
    "moderate": "warning",
    "medium": "warning",
    "p4": "info",
    "sev4": "info",
    "sev-4": "info",
    "info": "info",
    "information": "info",
    "p5": "low",
    "sev5": "low",
    "sev-5": "low",
    "debug": "low",
    "not_classified": "low",
    "low": "low",
}


def severity_of(*words: str) -> str:
    """Map the first word that is known to `SEVERITIES`; else the first that says anything.

    Examples
    --------
    >>> severity_of("P1"), severity_of("", "Error"), severity_of("page me")
    ('critical', 'high', 'page me')
    """
    said = [word.strip() for word in words if word and word.strip()]
    known = (_WORDS.get(word.lower()) for word in said)
    return next((one for one in known if one), said[0] if said else "")
