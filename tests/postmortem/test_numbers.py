"""Numbers as a person reads them, and the way back."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.postmortem.numbers import agrees, display, epoch, from_epoch, numbers_in, same

AT = epoch(pd.Timestamp("2026-01-31T12:20:05Z"))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (423.0, "duration", "7 min 3 s"),
        (-12.4, "duration", "−12.4 s"),
        (7500.0, "duration", "2 h 5 min"),
        (0.0, "duration", "0 s"),
        (AT, "instant", "2026-01-31 12:20:05 UTC"),
        (AT, "clock", "12:20:05"),
        (AT, "date", "2026-01-31"),
        (0.412, "s", "412 ms"),
        (1.0, "requests", "1 request"),
        (1234567.0, "requests", "1,234,567 requests"),
    ],
)
def test_display(value, unit, text):
    assert display(value, unit) == text
    assert agrees(text, value, unit)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("p99 of orders-7 and v2.3 rose", []),
        ("5xx answers", []),
        ("rose by 12.5 ms, 3 times in 200", ["12.5 ms", "3", "200"]),
        ("95 % interval", []),
        ("5.2 % (−0.1 … 1,234 ms)", ["5.2 %", "−0.1", "1,234 ms"]),
        ("at 12:03:04, from 2026-01-31T12:00:00Z on", ["12:03:04", "2026-01-31T12:00:00Z"]),
        ("p = 0.004, r=0.9", ["0.004", "0.9"]),
    ],
)
def test_numbers_in_a_sentence(text, found):
    assert [n.written for n in numbers_in(text)] == found


def test_a_number_in_a_sentence_says_its_value():
    (number,) = numbers_in("about 1,234.5 ms")
    assert number.value == 1234.5
    assert agrees("1,234.5 ms", 1234.5)
    assert not agrees("1,234.6 ms", 1234.5)


@given(st.floats(min_value=1e-6, max_value=1e9), st.sampled_from(["", "s", "ratio", "ms"]))
def test_what_is_displayed_is_short_and_agrees(value, unit):
    text = display(value, unit)
    assert len(text) < 20
    assert agrees(text, value, unit)


@given(st.integers(min_value=0, max_value=4_000_000_000))
def test_instants_survive_the_way_back(seconds):
    assert epoch(from_epoch(float(seconds))) == seconds


def test_same_is_strict_about_instants():
    assert same(1.0, 1.0 + 1e-12)
    assert not same(1.0, 1.0 + 1e-6)
    assert not same(AT, AT + 0.5, "instant")
