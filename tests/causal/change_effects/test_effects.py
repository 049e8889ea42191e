"""Every change in reach as one table: the guilty told apart, the untested with a reason."""

from __future__ import annotations

import pandas as pd
import pytest

import workbench as wb
from planted import SHOP, START, Fault, changes_frame, metrics_window

ROWS = (
    ("payments", "p-2", 90),
    ("catalog", "c-3", 90),
    ("orders", "late", 119),
    ("payments", "old", 10),
)


@pytest.fixture(scope="module")
def window():
    told = pd.DataFrame(
        [
            {"ts": START + pd.Timedelta(minute, "min"), "kind": "deploy", "service": s, "ref": ref}
            for s, ref, minute in ROWS
        ]
    )
    return metrics_window(SHOP, (Fault("payments", "latency", 0.2),), seed=1, changes=told)


@pytest.fixture(scope="module")
def found(window):
    return wb.causal.effects(window)


def test_the_guilty_one_is_told_apart(found):
    assert [e.change for e in found.guilty] == ["p-2"]
    assert list(found.by_change) == ["p-2", "c-3"]
    assert "moved it: p-2" in found.statement


def test_it_is_the_effect_of_each(found, window):
    assert found.by_change["c-3"] == wb.causal.effect(window, "c-3")


def test_what_could_not_be_tested_has_its_reason(found):
    assert list(found.untested) == ["late"]
    assert "Too few bins" in found.untested["late"]


def test_a_change_long_before_is_out_of_reach(found):
    assert "old" not in {*found.by_change, *found.untested}
    assert [e.change for e in found.by_change["p-2"].earlier] == ["old"]


def test_the_table_has_a_line_a_change(found):
    table = found.to_frame().set_index("change")
    assert list(table.index) == ["p-2", "c-3", "late"]
    assert bool(table.loc["p-2", "moved it"]) is True
    assert "Too few bins" in table.loc["late", "not survived"]
    assert "p-2" in found._repr_html_()


def test_without_changes_there_is_nothing_to_test(window):
    none = window.with_(tables={**window.tables, "changes": window.changes.iloc[:0]})
    found = wb.causal.effects(none)
    assert not found.by_change
    assert "moved it: none" in found._repr_html_()


@pytest.mark.slow
def test_the_recorded_deploys_are_judged_as_they_were_made():
    innocent = wb.causal.effects(wb.datasets.load("shop-innocent-deploy"))
    assert not innocent.guilty
    locks = wb.causal.effects(wb.datasets.load("shop-orders-locks"))
    assert {e.change for e in locks.guilty} == {"orders@2.4.0", "orders@2.3.0"}
    assert "No path" in locks.untested["catalog@3.8.2"]


@pytest.mark.slow
def test_a_change_in_the_windows_last_bin_is_no_reason_to_stop():
    last = changes_frame([(7199.0, "deploy", "payments", "late")])
    slow = (Fault("payments", "latency", 0.2),)
    assert wb.diagnose.compare(metrics_window(SHOP, slow, changes=last)).suspects
