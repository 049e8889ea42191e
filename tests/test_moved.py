"""Old names of modules, classes and functions: they work, and say once what they are now."""

from __future__ import annotations

import importlib
import importlib.util
import json
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType

import pytest

from workbench.connectors.contract import failed_fetch
from workbench.coverage import Coverage, CoverageRow
from workbench.moved import MODULES, install, renamed

ROOT = Path(__file__).resolve().parents[1]

# Old place of a class or function to where it is now.
NAMES = {
    "workbench.connectors.http:Asks": "workbench.connectors.transport.http:HttpClient",
    "workbench.connectors.http:Answer": "workbench.connectors.transport.http:Response",
    "workbench.connectors.paging:AsksPage": "workbench.connectors.transport.paging:FetchPage",
    "workbench.connectors.paging:Listed": "workbench.connectors.transport.paging:Paginated",
    "workbench.connectors.rows:Gathering": "workbench.connectors.reading.rows:RowReader",
    "workbench.connectors.rows:moment": "workbench.connectors.reading.rows:parse_timestamp",
    "workbench.connectors.rows:settled": "workbench.connectors.reading.rows:to_fetched",
    "workbench.connectors.rows:told": "workbench.connectors.reading.rows:summarize_rejected",
    "workbench.connectors.zipkin:dependency_frame": (
        "workbench.connectors.reading.dependencies:dependency_frame"
    ),
    "workbench.connectors.prometheus_payload:read_answer": (
        "workbench.connectors.reading.prometheus_answer:read_answer"
    ),
    "workbench.connectors.recordsource:troubles_of": (
        "workbench.connectors.reading.record_source:problems_of"
    ),
    "workbench.connectors.cdevents_payload:Told": (
        "workbench.connectors.sources.cdevents.payload:CDEvent"
    ),
    "workbench.archive:Found": "workbench.archive:QueryResult",
    "workbench.topology:Twin": "workbench.topology:DuplicateView",
    "workbench.topology.twins:merge_twins": "workbench.topology:merge_duplicate_views",
    "workbench.causal:BlastGrade": "workbench.causal:ForecastScore",
    "workbench.causal:grade": "workbench.causal:score_forecast",
    "workbench.causal.blast_grade:grade": "workbench.causal:score_forecast",
    "workbench.causal.change_effects:Effects": "workbench.causal:Effects",
    "workbench.diagnose.ledger:weigh": "workbench.diagnose.ledger.ledger:from_suspect",
}

ASK = """
import importlib, json, sys, warnings
old = {}
for name in json.loads(sys.argv[1]):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        module, _, attribute = name.partition(":")
        got = importlib.import_module(module)
        got = getattr(got, attribute) if attribute else got
        again = importlib.import_module(module)
        again = getattr(again, attribute) if attribute else again
    spec = getattr(got, "__spec__", None)
    old[name] = {
        "is": spec.name if spec else f"{got.__module__}:{got.__name__}",
        "same": got is again,
        "said": [str(w.message) for w in caught if w.category is DeprecationWarning],
    }
print(json.dumps(old))
"""


def ask(*names: str) -> dict[str, dict[str, object]]:
    """Use old names in a process of its own, where nobody used them before."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(names)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@pytest.mark.slow
def test_every_old_module_is_the_new_one_and_says_so_once():
    answers = ask(*MODULES)
    for old, new in MODULES.items():
        warning = f"{old} is now {new}; the old name goes with the next version"
        assert answers[old] == {"is": new, "same": True, "said": [warning]}


def test_no_old_module_hides_what_is_there_now():
    for old in MODULES:
        parent, _, name = old.rpartition(".")
        path = ROOT / old.replace(".", "/")
        assert not path.exists(), f"{old} is a package: the finder is never asked"
        assert not path.with_suffix(".py").exists(), f"{old} is a module: the finder is never asked"
        held = getattr(importlib.import_module(parent), name, None)
        assert held is None or isinstance(held, ModuleType), f"importing {old} would hide {held}"


@pytest.fixture(scope="module")
def answers() -> dict[str, dict[str, object]]:
    return ask(*NAMES)


@pytest.mark.parametrize("old", sorted(NAMES))
def test_a_renamed_name_is_the_new_one_and_says_so_once(old, answers):
    module, _, attribute = NAMES[old].partition(":")
    new = getattr(importlib.import_module(module), attribute)
    answer = answers[old]
    assert answer["is"] == f"{new.__module__}:{new.__name__}"
    assert answer["same"]
    by_name = [text for text in answer["said"] if f".{old.partition(':')[2]} is now" in text]
    assert len(by_name) == 1
    assert f".{new.__name__};" in by_name[0]


def test_the_warning_stands_at_the_line_that_uses_the_old_name(tmp_path):
    script = tmp_path / "notebook.py"
    script.write_text("import workbench\nfrom workbench.connectors.rows import Gathering\n")
    done = subprocess.run(
        [sys.executable, "-W", "always", str(script)],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    places = [line for line in done.stderr.splitlines() if "DeprecationWarning" in line]
    assert len(places) == 2
    assert all(line.startswith(f"{script}:2:") for line in places)


def test_a_module_nobody_knows_is_still_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"workbench\.causal\.nothing"):
        importlib.import_module("workbench.causal.nothing")
    assert importlib.util.find_spec("workbench.nothing") is None


def test_a_name_nobody_knows_is_still_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'triplets'"):
        _ = importlib.import_module("workbench.topology").triplets


def test_installing_again_changes_nothing():
    before = list(sys.meta_path)
    assert install() is False
    assert sys.meta_path == before


def test_a_name_that_went_to_another_module_is_told_with_it(monkeypatch):
    module = ModuleType("somewhere")
    monkeypatch.setitem(sys.modules, "somewhere", module)
    look_up = renamed("somewhere", {"decoder": "json:JSONDecoder"})
    with pytest.warns(DeprecationWarning, match=r"somewhere\.decoder is now json\.JSONDecoder;"):
        assert look_up("decoder") is json.JSONDecoder
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert module.decoder is json.JSONDecoder


def test_a_renamed_method_gives_the_same_and_says_so():
    row = CoverageRow("prometheus", "metrics", "*", "partial", 3, reason="a gap")
    coverage = Coverage((row,))
    with pytest.warns(DeprecationWarning, match=r"Coverage\.troubles is now Coverage\.problems"):
        assert coverage.troubles == coverage.problems == (row,)
    fetched = failed_fetch("metrics", "prometheus", "down")
    with pytest.warns(DeprecationWarning, match=r"Fetched\.told is now Fetched\.with_coverage"):
        assert fetched.told(row).coverage == (*fetched.coverage, row)


@pytest.mark.slow
def test_the_package_uses_no_old_module():
    ways = ('"{}"', '"{}:', "from {} import", "import {}\n")
    old = [way.format(name) for name in MODULES for way in ways]
    for path in (ROOT / "workbench").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not [one for one in old if one in text], path
