"""Whatever something outside is called, a reader sees exactly that."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.postmortem.markup import code, literal, quoted, visible, words
from workbench.postmortem.page import body_html

MARKUP = st.text(
    alphabet=st.sampled_from(list("ab1.:/\\`*_{}[]()<>#+-=!|~&$@\"'^ \t\n%;w")), max_size=60
)
ANY = st.one_of(MARKUP, st.text(max_size=60))


def seen(markdown: str) -> str:
    """Text of the page, without tags."""
    body = body_html(markdown)
    return html.unescape(re.sub(r"<[^>]*>", "", body)).strip()


def tags(markdown: str) -> set[str]:
    return set(re.findall(r"<([a-z0-9]+)", body_html(markdown)))


@given(ANY)
def test_literal_text_is_shown_as_it_is(text):
    expected = visible(text) or "(empty)"
    assert seen(literal(text)) == expected
    assert tags(literal(text)) == {"p"}


@given(ANY, ANY)
def test_text_inside_a_line_and_a_cell_stays_there(left, right):
    line = f"before {literal(left)} between {literal(right)} after"
    assert tags(line) == {"p"}
    table = f"| a | b |\n| --- | --- |\n| {literal(left)} | {code(right)} |"
    body = body_html(table)
    assert body.count("<td>") == 2
    assert body.count("<tr>") == 2


@given(ANY.filter(lambda text: "“" not in text and "”" not in text))
def test_code_and_quotations_hold_their_text(text):
    shown = visible(text) or "(empty)"
    assert seen(code(text)) in {shown, f"“{shown}”"}
    assert seen(quoted(text)) == f"“{shown}”"
    assert tags(f"x {code(text)}") <= {"p", "code"}


def test_a_quotation_cannot_be_closed_from_inside():
    assert quoted("a” b “c").count("”") == 1


def test_our_own_words_keep_their_spaces():
    assert words(" a*b ") == " a\\*b "


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "[x](javascript:alert(1))",
        "![x](http://evil.example/a.png)",
        "<img src=x onerror=alert(1)>",
        "http://evil.example",
        "www.evil.example",
        "[ev-000000000000]: http://evil.example",
        '<a id="ev-000000000000"></a>',
        "| a | b |",
        "# title",
        "- item",
        "1. item",
        "&lt;script&gt;",
        "```\ncode",
        "\u202egnp.exe",
    ],
)
def test_known_tricks_are_shown_and_do_nothing(hostile):
    assert tags(literal(hostile)) == {"p"}
    assert seen(literal(hostile)) == visible(hostile)


def test_control_and_direction_characters_are_made_visible():
    assert visible("a\u202eb\x00c\nd") == "a\\u202eb\\u0000c\u21b5d"


def test_long_text_is_cut_and_says_so():
    assert seen(literal("x" * 1000)).endswith("…")
