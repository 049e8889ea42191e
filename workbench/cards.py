"""The only room that writes HTML: escaped cards and tables, and numbers a person reads.

Colours come from the page (``currentColor``, JupyterLab's variables with fallbacks), so
that a card is readable on dark and light themes. Everything from outside is escaped.
"""

from __future__ import annotations

import functools
import html
import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import pandas as pd

from workbench.terminal import plain

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "ResultCard",
    "StatementCard",
    "bounds",
    "card",
    "chance",
    "escape",
    "instant",
    "quantity",
    "table_html",
]

_STYLE = (
    "border:1px solid var(--jp-border-color1, #8888);border-radius:6px;padding:8px 12px;"
    "margin:4px 0;max-width:1000px;overflow-x:auto;color:inherit;font-family:inherit"
)
_CELL = "text-align:left;padding:2px 10px 2px 0;vertical-align:top"
_BREAK = ";overflow-wrap:anywhere"  # else words of narrow columns would be cut to pieces too
_LONGEST_WORD = 36
_HEAD = _CELL + ";border-bottom:1px solid var(--jp-border-color1, #8888);font-weight:600"
_LONGEST_CELL = 300  # characters
_MILLI = 1e-3
_THOUSAND = 1000  # from here on digits are grouped and decimals say nothing
_LEAST_P = 0.001  # below it a p-value says more than the tail of a model can bear


def escape(value: object) -> str:
    """Escape text for HTML bodies and quoted attributes."""
    return html.escape(str(value), quote=True)


def quantity(value: float, unit: str = "") -> str:
    """Write a number with its unit as a person reads it, at most four digits.

    Seconds become ms or µs where they are small; a unit of ``"ratio"`` is written in
    percent; a missing value is ``"–"``.

    Examples
    --------
    >>> quantity(0.01234, "s"), quantity(123456.0), quantity(0.0123, "ratio")
    ('12.3 ms', '123,456', '1.23 %')
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if unit == "s" and 0 < abs(value) < 1:
        return (
            f"{_digits(value * 1000)} ms" if abs(value) >= _MILLI else f"{_digits(value * 1e6)} µs"
        )
    if unit == "ratio":
        return f"{_digits(value * 100)} %"
    return f"{_digits(value)} {unit}".rstrip()


def bounds(low: float, high: float, unit: str = "") -> str:
    """Write the two ends of an interval as a person reads them.

    Examples
    --------
    >>> bounds(0.01, 0.02, "s")
    '10 ms … 20 ms'
    """
    return f"{quantity(low, unit)} … {quantity(high, unit)}"


def chance(p_value: float) -> str:
    """Write a p-value: two digits, and never more certainty than a model's tail can bear."""
    if math.isnan(p_value):
        return "p unknown"
    return f"p < {_LEAST_P}" if p_value < _LEAST_P else f"p = {p_value:.2g}"


def instant(value: pd.Timestamp) -> str:
    """Write an instant as ``2026-01-31 12:00:05 UTC``; a missing one as ``"–"``."""
    return "–" if value is pd.NaT else value.strftime("%Y-%m-%d %H:%M:%S UTC")


def card(title: str, facts: Mapping[str, object], *, body: str = "", note: str = "") -> str:
    """Build a card: a title, facts by name, then a body.

    Parameters
    ----------
    title
        Plain text; escaped here.
    facts
        Plain text by name; escaped here.
    body
        HTML made by this module.
    note
        Plain text under the body; escaped here.
    """
    rows = "".join(
        f'<tr><th style="{_CELL};opacity:.75;font-weight:400;white-space:nowrap">{escape(name)}'
        f"</th>{_td(escape(value))}</tr>"
        for name, value in facts.items()
    )
    foot = f'<div style="opacity:.75;margin-top:4px">{escape(note)}</div>' if note else ""
    return (
        f'<div style="{_STYLE}"><div style="font-weight:600;font-size:1.08em">{escape(title)}</div>'
        f'<table style="border-collapse:collapse;margin:4px 0">{rows}</table>{body}{foot}</div>'
    )


class ResultCard(ABC):
    """A result that notebooks show as a card: a headline, facts, a body and a note.

    A result says its headline, and of the rest what it has. `_facts` and `_note` are plain
    text, escaped by the card; `_body` is HTML made by this module.
    """

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Let no result's text hold what a terminal obeys: names and titles are from outside."""
        super().__init_subclass__(**kwargs)
        own = cls.__dict__.get("__repr__")
        if own is not None and not hasattr(own, "__wrapped__"):

            @functools.wraps(own)
            def shown(self: ResultCard) -> str:
                return plain(own(self))

            cls.__repr__ = shown  # type: ignore[assignment,method-assign]

    @abstractmethod
    def _headline(self) -> str: ...

    def _facts(self) -> Mapping[str, object]:
        return {}

    def _body(self) -> str:
        return ""

    def _note(self) -> str:
        return ""

    def _repr_html_(self) -> str:
        return card(self._headline(), self._facts(), body=self._body(), note=self._note())


class StatementCard(ResultCard):
    """A card under the statement that the result makes."""

    __slots__ = ()

    @property
    @abstractmethod
    def statement(self) -> str:
        """What the result says, in one sentence."""

    def _headline(self) -> str:
        return self.statement


def table_html(frame: pd.DataFrame, *, limit: int = 20) -> str:
    """Write a frame as an escaped HTML table of at most `limit` rows, and say what is cut."""
    head = "".join(f'<th style="{_HEAD}">{escape(column)}</th>' for column in frame.columns)
    rows = "".join(
        "<tr>" + "".join(_td(_cell(value)) for value in row) + "</tr>"
        for row in frame.head(limit).itertuples(index=False, name=None)
    )
    cut = len(frame) - limit
    more = f'<div style="opacity:.75">… {cut:,} more rows</div>' if cut > 0 else ""
    return f'<table style="border-collapse:collapse"><tr>{head}</tr>{rows}</table>{more}'


def _td(text: str) -> str:
    """Write a cell of escaped text; only a word too long for any column may be broken."""
    long = max((len(word) for word in text.split()), default=0) > _LONGEST_WORD
    return f'<td style="{_CELL}{_BREAK * long}">{text}</td>'


def _cell(value: object) -> str:
    if isinstance(value, float):
        return escape(quantity(value))
    if isinstance(value, pd.Timestamp):
        return escape(instant(value))
    text = str(value)
    return escape(text if len(text) <= _LONGEST_CELL else text[:_LONGEST_CELL] + "…")


def _digits(value: float) -> str:
    if value == 0:
        return "0"
    if abs(value) >= _THOUSAND:
        return f"{value:,.0f}"
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{min(decimals, 6)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
