from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.cards import (
    ResultCard,
    StatementCard,
    card,
    escape,
    instant,
    quantity,
    table_html,
)

EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</table></div><iframe src=javascript:alert(1)>",
    "&lt;b&gt; <b>bold</b>",
]
ALLOWED = {"div", "table", "tr", "th", "td"}


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, and the text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


def page(html):
    parser = Page()
    parser.feed(html)
    parser.close()
    return parser


@pytest.mark.parametrize("name", EVIL)
def test_a_card_shows_markup_as_text(name):
    read = page(card(name, {name: name}, note=name, body=table_html(pd.DataFrame({name: [name]}))))
    assert set(read.tags) <= ALLOWED
    assert read.attributes <= {"style"}
    assert read.text.count(name) == 6


@given(st.text(max_size=60))
def test_any_text_comes_out_of_the_page_as_it_went_in(text):
    text = text.replace("\r", "").replace("\x00", "")
    read = page(f"<div>{escape(text)}</div>")
    assert read.tags == ["div"]
    assert read.text == text


@given(st.text(max_size=60))
def test_escaped_text_cannot_leave_an_attribute(text):
    read = page(f'<div style="{escape(text)}">x</div>')
    assert (read.tags, read.attributes, read.text) == (["div"], {"style"}, "x")


def test_a_long_table_says_what_it_cuts():
    html = table_html(pd.DataFrame({"n": range(25)}), limit=20)
    assert "5 more rows" in html
    assert page(html).tags.count("tr") == 21


def test_a_long_cell_is_cut():
    assert len(page(table_html(pd.DataFrame({"log": ["x" * 5000]}))).text) < 400


def test_only_a_word_too_long_for_any_column_may_be_broken():
    assert "anywhere" not in table_html(pd.DataFrame({"rung": ["supported by two tests"]}))
    assert "anywhere" in table_html(pd.DataFrame({"name": ["a" * 60]}))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.01234, "s", "12.3 ms"),
        (1.5, "s", "1.5 s"),
        (2e-5, "s", "20 µs"),
        (0.0, "s", "0 s"),
        (123456.0, "", "123,456"),
        (0.0123, "ratio", "1.23 %"),
        (float("nan"), "s", "–"),
        (float("inf"), "s", "∞"),
        (float("-inf"), "", "−∞"),
        (-0.25, "s", "-250 ms"),
        (100.0, "req/s", "100 req/s"),
    ],
)
def test_a_quantity_reads_as_a_person_writes_it(value, unit, text):
    assert quantity(value, unit) == text


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_no_quantity_has_thirty_digits(value):
    if abs(value) < 1e15 or value != value or abs(value) == float("inf"):
        assert len(quantity(value, "s")) < 30


def test_a_missing_instant_is_a_dash():
    assert instant(pd.NaT) == "–"
    assert instant(pd.Timestamp("2026-01-31T12:00:05.5Z")) == "2026-01-31 12:00:05 UTC"


@dataclass(frozen=True, slots=True)
class Plain(StatementCard):
    words: str

    @property
    def statement(self):
        return self.words


@dataclass(frozen=True, slots=True)
class Whole(ResultCard):
    words: str

    def _headline(self):
        return f"about {self.words}"

    def _facts(self):
        return {"fact": self.words}

    def _body(self):
        return table_html(pd.DataFrame({"row": [self.words]}))

    def _note(self):
        return f"note of {self.words}"


@pytest.mark.parametrize("name", EVIL)
def test_a_result_shows_headline_facts_body_and_note_in_this_order_and_escaped(name):
    read = page(Whole(name)._repr_html_())
    assert set(read.tags) <= ALLOWED
    assert read.text == f"about {name}fact{name}row{name}note of {name}"


def test_a_result_with_a_statement_alone_is_headed_by_it():
    assert page(Plain("it moved")._repr_html_()).text == "it moved"


def test_a_result_without_a_headline_cannot_be_made():
    with pytest.raises(TypeError, match="_headline"):
        ResultCard()


def test_a_result_card_adds_no_dict_to_a_slotted_result():
    assert not hasattr(Whole("x"), "__dict__")
