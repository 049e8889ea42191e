"""Verification finds every number that no longer holds, and says why."""

from __future__ import annotations

import json
import shutil

import pytest

from postmortem_case import diagnosis_of, drafted, recipes_for, window_of
from workbench.errors import EvidenceMismatch
from workbench.postmortem import save, verify

WINDOW = window_of()
DIAGNOSIS = diagnosis_of(WINDOW)
RECIPES = recipes_for(DIAGNOSIS)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    save(drafted(WINDOW, DIAGNOSIS), folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy of what was saved, to edit."""
    shutil.copytree(saved, tmp_path, dirs_exist_ok=True)
    return tmp_path


def edited(folder, old: str, new: str, name: str = "postmortem.md"):
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return verify(folder, WINDOW, recipes=RECIPES)


@pytest.mark.slow
def test_a_fresh_postmortem_holds_everywhere(folder):
    for target in (folder, folder / "postmortem.md", folder / "postmortem.html"):
        result = verify(target, WINDOW, recipes=RECIPES, strict=True)
        assert result.ok
        assert len(result.rows) > 150
    assert verify(drafted(WINDOW, DIAGNOSIS), WINDOW, recipes=RECIPES).ok
    assert "numbers hold" in repr(result)
    assert len(result.to_frame()) == len(result.rows)


def test_each_recipe_runs_once(folder):
    runs = []

    def counted(name, recipe):
        def run(window, parameters):
            runs.append((name, json.dumps(dict(parameters), sort_keys=True)))
            return recipe(window, parameters)

        return run

    verify(folder, WINDOW, recipes={name: counted(name, r) for name, r in RECIPES.items()})
    assert len(runs) == len(set(runs))


def test_a_number_edited_in_markdown_is_found(folder):
    result = edited(folder, "[502 ms]", "[52 ms]")
    (row,) = result.mismatches
    assert row.shown == "52 ms"
    assert row.recomputed == "502 ms"
    with pytest.raises(EvidenceMismatch, match="52 ms"):
        result.require()


def test_a_number_edited_on_the_page_is_found(folder):
    path = folder / "postmortem.html"
    path.write_text(path.read_text().replace(">502 ms<", ">52 ms<", 1))
    assert [r.shown for r in verify(path, WINDOW, recipes=RECIPES).mismatches] == ["52 ms"]


def test_a_number_without_evidence_is_found(folder):
    result = edited(folder, "rose from", "rose by a factor of 17 from")
    assert [(r.shown, r.id, r.why) for r in result.mismatches] == [
        ("17", "", "a number without evidence")
    ]


@pytest.mark.slow
def test_quotations_code_and_human_sections_may_hold_numbers(folder):
    assert edited(folder, "rose from", "rose (“17 of 20”, `18`) from").ok
    assert edited(folder, "**TO DO** What surprised us?", "It took 3 people 4 hours.").ok


@pytest.mark.slow
def test_an_unknown_id_is_found(folder):
    result = edited(folder, "rose from", "rose by [17][ev-000000000000] from")
    assert [r.why for r in result.mismatches] == ["no such evidence is filed"]


def altered(folder, change):
    path = folder / "evidence.json"
    plain = json.loads(path.read_text())
    change(plain)
    path.write_text(json.dumps(plain))
    return verify(folder, WINDOW, recipes=RECIPES)


def test_altered_evidence_is_found(folder):
    def change(plain):
        first = next(iter(plain["evidence"].values()))
        first["value"] += 1

    result = altered(folder, change)
    assert {r.why for r in result.mismatches} == {
        "the evidence was altered: it no longer has this id"
    }


def test_evidence_altered_with_its_id_does_not_recompute(folder):
    from workbench.findings import Evidence

    def change(plain):
        name, first = next((k, v) for k, v in plain["evidence"].items() if v["select"] == "during")
        first["value"] = 0.052
        new = Evidence.from_dict(first).id
        plain["evidence"] = {new if k == name else k: v for k, v in plain["evidence"].items()}
        path = folder / "postmortem.md"
        path.write_text(path.read_text().replace(name, new).replace("[502 ms]", "[52 ms]"))

    result = altered(folder, change)
    assert {r.why for r in result.mismatches} == {"recomputing gives another number"}
    assert {r.recomputed for r in result.mismatches} == {"502 ms"}


def test_another_window_is_told(folder):
    other = WINDOW.with_(tables={**WINDOW.tables, "metrics": WINDOW.metrics.iloc[:-1]})
    result = verify(folder, other, recipes=RECIPES)
    assert not result.ok
    assert any("another window" in r.why for r in result.mismatches)
    assert any("another window" in note for note in result.notes)


def test_another_version_is_told_but_no_mismatch(folder, monkeypatch):
    monkeypatch.setattr("workbench.postmortem.verification.__version__", "9.9.9")
    result = verify(folder, WINDOW, recipes=RECIPES)
    assert result.ok
    assert any("9.9.9" in note for note in result.notes)


def test_a_recipe_that_is_gone_or_fails_is_told(folder):
    fewer = {name: r for name, r in RECIPES.items() if name != "slo.budget"}
    assert any("no recipe" in r.why for r in verify(folder, WINDOW, recipes=fewer).mismatches)

    def broken(window, parameters):
        raise ValueError

    failing = verify(folder, WINDOW, recipes={**RECIPES, "slo.budget": broken})
    assert any("failed" in r.why for r in failing.mismatches)


@pytest.mark.slow
@pytest.mark.parametrize("content", ["", "[]", "{}", '{"evidence": 3}', "no json"])
def test_a_bad_evidence_file_is_a_named_error(folder, content):
    (folder / "evidence.json").write_text(content)
    with pytest.raises(EvidenceMismatch):
        verify(folder, WINDOW, recipes=RECIPES)


def test_nothing_there_is_a_named_error(tmp_path):
    with pytest.raises(EvidenceMismatch, match="No postmortem"):
        verify(tmp_path, WINDOW)
    (tmp_path / "postmortem.md").write_text("# x")
    with pytest.raises(EvidenceMismatch, match="No evidence"):
        verify(tmp_path, WINDOW)
