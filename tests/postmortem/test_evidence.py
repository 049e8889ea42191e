"""Recipes, the ledger that cites them and the file beside a postmortem."""

from __future__ import annotations

import math

import pytest

from postmortem_case import diagnosis_of, window_of
from workbench.errors import UnknownName
from workbench.findings import Evidence
from workbench.postmortem.evidence import (
    RECIPES,
    CitationIndex,
    EvidenceFile,
    evidence_text,
    read_evidence,
    shown,
)
from workbench.postmortem.numbers import epoch
from workbench.postmortem.recipes.diagnosis import affected_callers, diagnosis_figures

WINDOW = window_of()


def planted(window, parameters):
    return {"answer": 42.0, "missing": math.nan, "endless": math.inf}


def test_a_ledger_cites_with_everything_needed_to_compute_again():
    ledger = CitationIndex(WINDOW, {"planted": planted})
    evidence = ledger.cite("planted", {"seed": 1}, "answer", unit="ms")
    assert (evidence.value, evidence.unit, evidence.window) == (42.0, "ms", WINDOW.digest)
    assert ledger.cite("planted", {"seed": 1}, "answer", unit="ms") is evidence
    assert list(ledger.cited) == [evidence.id]
    assert shown(evidence) == f"[42 ms][{evidence.id}]"


@pytest.mark.parametrize("select", ["missing", "endless", "nowhere"])
def test_what_is_no_number_is_not_cited(select):
    ledger = CitationIndex(WINDOW, {"planted": planted})
    assert ledger.cite("planted", {}, select) is None
    assert not ledger.cited


def test_a_ledger_runs_a_recipe_once_and_takes_known_figures():
    runs = []

    def counted(window, parameters):
        runs.append(parameters)
        return {"a": 1.0}

    ledger = CitationIndex(WINDOW, {"counted": counted}).preload("counted", {"x": 0}, {"a": 5.0})
    ledger.cite("counted", {"x": 1}, "a")
    ledger.cite("counted", {"x": 1}, "a", unit="s")
    assert ledger.cite("counted", {"x": 0}, "a").value == 5.0
    assert len(runs) == 1


def test_the_file_survives_the_way_back(tmp_path):
    evidence = Evidence("planted", "answer", 0.1 + 0.2, "s", {"seed": 1}, "digest", "0.1.0")
    file = EvidenceFile("id", "digest", "0.1.0", True, "sha", {evidence.id: evidence})
    (tmp_path / "evidence.json").write_text(evidence_text(file), encoding="utf-8")
    assert read_evidence(tmp_path / "evidence.json") == file
    assert read_evidence(tmp_path / "evidence.json").evidence[evidence.id].id == evidence.id


def test_the_table_of_recipes_is_read_only():
    with pytest.raises(TypeError):
        RECIPES["mine"] = planted


def test_table_times_name_row_and_column():
    figures = RECIPES["table.times"](WINDOW, {"table": "changes"})
    assert figures["1/ts"] == epoch(WINDOW.changes["ts"].iloc[1])
    with pytest.raises(UnknownName):
        RECIPES["table.times"](WINDOW, {"table": "change"})


def test_window_counts_count():
    figures = RECIPES["window.counts"](WINDOW, {})
    assert figures["metrics rows"] == len(WINDOW.metrics)
    assert figures["services"] == 3
    assert any(name.startswith("coverage/0/reason/") for name in figures)


@pytest.mark.parametrize(
    ("count", "days", "due"),
    [("days", 3, "2026-02-03T12:35:00Z"), ("business days", 5, "2026-02-06T12:35:00Z")],
)
def test_reviews_are_due(count, days, due):
    import pandas as pd

    start = epoch(pd.Timestamp("2026-01-31T12:35:00Z"))
    figures = RECIPES["review.due"](WINDOW, {"from": start, "count": count, "days": days})
    assert figures["due"] == epoch(pd.Timestamp(due))


def test_every_number_of_a_sentence_is_a_figure():
    figures = diagnosis_figures(WINDOW, diagnosis_of(WINDOW))
    reasons = {k: v for k, v in figures.items() if "/reason/" in k and "payments-7" in k}
    assert sorted(reasons.values()) == [3.0, 200.0, 380.0]
    assert figures["predicted and moved"] == 2


def test_affected_callers_are_the_origin_and_all_that_call_it():
    predicted, moved = affected_callers(WINDOW, diagnosis_of(WINDOW))
    assert predicted == moved == ("payments", "storefront")
    assert affected_callers(WINDOW, diagnosis_of(WINDOW, moved=False)) == ((), ())
