"""Numbers as a person reads them, and the way back from what is written to the value."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from workbench.cards import instant, quantity
from workbench.times import utc

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Number", "agrees", "display", "epoch", "from_epoch", "numbers_in", "same"]

_INSTANT = r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?: ?UTC|Z|\+00:00)"
_CLOCK = r"(?<!\w)\d{1,2}:\d\d(?::\d\d)?(?: UTC)?(?!\w)"
_CLOCKS = {"clock": "%H:%M:%S", "date": "%Y-%m-%d"}
_DATE = r"(?<!\w)\d{4}-\d\d-\d\d(?!\w)"
_PLAIN = (
    r"(?<![\w.,])[-−+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?"
    r"(?: ?(?:%|ms|µs|s|min|h|req/s)(?![\w/]))?(?![\w])"
)
# A word that starts with a letter is a name (p99, orders-7, v2.3), and so is 5xx.
_NAME = r"[^\W\d_][\w./:@-]*|(?<![\w.,])\d+[^\W\d]\w*"
_TOKEN = re.compile(
    f"(?P<instant>{_INSTANT})|(?P<date>{_DATE})|(?P<clock>{_CLOCK})|(?P<plain>{_PLAIN})"
    f"|(?P<name>{_NAME})"
)
_MINUTE, _HOUR = 60, 3600  # s
_MICROSECOND = 1e-6  # s, what instants are kept to
_REL_TOL = 1e-9  # room for another order of summation, none for another figure
_ABS_TOL = 1e-300  # for figures that are zero
# A level of confidence is part of a method's name, not a measurement.
_LEVELS = re.compile(r"\b95 ?%")


class Number(NamedTuple):
    """A number found in a text: where, as written, and its value."""

    start: int
    end: int
    written: str
    value: float


def epoch(at: pd.Timestamp) -> float:
    """Write an instant as seconds since 1970, UTC."""
    return float(at.value / 1e9)


def from_epoch(seconds: float) -> pd.Timestamp:
    """Read `epoch` back, to the microsecond."""
    return pd.Timestamp(round(seconds * 1e6), unit="us", tz="UTC").as_unit("ns")


def display(value: float, unit: str = "") -> str:
    """Write a figure as a person reads it.

    Parameters
    ----------
    value
        The figure; instants are seconds since 1970.
    unit
        ``instant``, ``clock`` or ``date`` (of an instant), ``duration`` (seconds), or any
        unit of `workbench.cards.quantity`.

    Examples
    --------
    >>> display(423.0, "duration"), display(-12.4, "duration"), display(0.412, "s")
    ('7 min 3 s', '−12.4 s', '412 ms')
    """
    if unit == "instant":
        return instant(from_epoch(value))
    if unit in _CLOCKS:
        return str(from_epoch(value).strftime(_CLOCKS[unit]))
    if unit == "duration":
        return ("−" if value < 0 else "") + _duration(abs(value))
    return quantity(value, "request" if (value, unit) == (1.0, "requests") else unit)


def agrees(written: str, value: float, unit: str = "") -> bool:
    """Whether a written number says the value: as `display` writes it, or digit for digit."""
    if written == display(value, unit):
        return True
    found = [n for n in numbers_in(written) if n.written == written.strip()]
    return len(found) == 1 and found[0].value == value


def same(recorded: float, recomputed: float, unit: str = "") -> bool:
    """Whether two figures are one: relative 1e-9, instants within a microsecond."""
    if unit == "instant" or unit in _CLOCKS:
        return abs(recorded - recomputed) <= _MICROSECOND
    return math.isclose(recorded, recomputed, rel_tol=_REL_TOL, abs_tol=_ABS_TOL)


def numbers_in(text: str) -> Iterator[Number]:
    """Find the numbers and times of a text; digits inside names are not numbers.

    Examples
    --------
    >>> [n.written for n in numbers_in("p99 of orders-7 rose by 12.5 ms, 3 times in 200")]
    ['12.5 ms', '3', '200']
    """
    levels = {match.start() for match in _LEVELS.finditer(text)}
    for match in _TOKEN.finditer(text):
        if match.lastgroup != "name" and match.start() not in levels:
            value = _VALUES[str(match.lastgroup)](match.group())
            yield Number(match.start(), match.end(), match.group(), value)


def _duration(seconds: float) -> str:
    if seconds < _MINUTE:
        return quantity(seconds, "s")
    hours, rest = divmod(round(seconds), _HOUR)
    minutes, left = divmod(rest, _MINUTE)
    parts = [(hours, "h"), (minutes, "min"), (0 if hours else left, "s")]
    return " ".join(f"{count:,} {name}" for count, name in parts if count)


def _plain(text: str) -> float:
    match = re.match(r"[-−+\d.,]+(?:[eE][-+]?\d+)?", text)
    digits = match.group() if match else "nan"
    return float(digits.replace("−", "-").replace(",", ""))


def _clock(text: str) -> float:
    parts = [int(part) for part in text.removesuffix(" UTC").split(":")]
    return float(sum(part * _MINUTE ** (2 - place) for place, part in enumerate(parts)))


def _instant(text: str) -> float:
    try:
        return epoch(utc(text.replace(" UTC", "Z").replace("UTC", "Z")))
    except ValueError:
        return float("nan")


def _date(text: str) -> float:
    stamp = pd.to_datetime(text, format="%Y-%m-%d", errors="coerce", utc=True)
    return float("nan") if stamp is pd.NaT else epoch(stamp)


_VALUES = {"instant": _instant, "clock": _clock, "date": _date, "plain": _plain}
