"""Postmortems of the recorded incidents: numbers hold, rules are kept, verdicts agree."""

from __future__ import annotations

import re
from functools import cache

import pytest

from postmortem_case import recipes_for
from workbench import datasets, diagnose
from workbench.postmortem import draft, lint, people_of, save, to_markdown, verify

pytestmark = pytest.mark.slow

RECORDED = [name for name in datasets.incidents()["id"] if name != "shop-quiet"]


@cache
def told(name: str):
    window = datasets.load(name)
    found = diagnose.compare(window)
    return window, found, draft(window, found)


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_incident_gives_a_clean_draft(name, tmp_path):
    window, found, postmortem = told(name)
    save(postmortem, tmp_path)
    assert verify(tmp_path, window, recipes=recipes_for(found)).ok
    assert lint(tmp_path, people=people_of(window)).ok
    assert ("caused by" in to_markdown(postmortem)) is (found.cause is not None)
    assert not re.search(r"\b(nan|NaT|None)\b|\d{12}", postmortem_text(postmortem))


def test_a_recorded_incident_recomputes_from_its_bundle(tmp_path):
    _, _, postmortem = told(RECORDED[0])
    save(postmortem, tmp_path)
    result = verify(tmp_path, datasets.load(RECORDED[0]), strict=True)
    assert len(result.rows) > 100


def postmortem_text(postmortem) -> str:
    """What a reader sees before the appendix, without ids."""
    text = to_markdown(postmortem).split("## 17 ")[0]
    return re.sub(r"\]\[ev-[0-9a-f]+\]|`[^`]*`", "]", text)
