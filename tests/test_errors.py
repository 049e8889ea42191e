from __future__ import annotations

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench import errors
from workbench.errors import UnknownName, WorkbenchError, unknown_name


def test_a_message_is_fact_value_and_hint():
    error = WorkbenchError("A time without a zone", value="12:00", hint="Say the zone")
    assert str(error) == "A time without a zone: '12:00'. Say the zone"
    assert (error.fact, error.value, error.hint) == (
        "A time without a zone",
        "12:00",
        "Say the zone",
    )


def test_a_message_without_value_and_hint_is_the_fact():
    assert str(WorkbenchError("No data")) == "No data"


@pytest.mark.slow
@given(st.text(min_size=1000, max_size=3000))
def test_long_values_are_shortened(value):
    assert len(str(WorkbenchError("Too long", value=value))) < 300


def test_a_near_name_is_suggested():
    error = unknown_name("service", "paymnets", ["payments", "orders"])
    assert isinstance(error, UnknownName)
    assert "Did you mean 'payments'?" in str(error)


def test_known_names_are_listed_when_none_is_near():
    text = str(unknown_name("service", "zzz", [f"s{i}" for i in range(20)]))
    assert "Known: s0" in text
    assert text.endswith("…")


def test_nothing_known_is_said():
    assert "No service is known here" in str(unknown_name("service", "a", []))


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_in_the_tree_of_the_docstring(name):
    item = getattr(errors, name)
    if inspect.isclass(item):
        assert issubclass(item, WorkbenchError)
        assert name in (errors.__doc__ or "")
