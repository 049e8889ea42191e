"""Curated notebooks: bare, paired, short, and run on a recorded incident with good outputs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import jupytext
import nbformat
import pytest
from nbclient import NotebookClient

from parts import missing_part, require_program
from workbench import datasets
from workbench.notebooks import run as notebooks
from workbench.views.drawing.rendering import VEGA_LITE_MIME

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
RECORDED = list(datasets.incidents(ROOT / "datasets")["id"])
DEFAULT = "shop-orders-locks"
INCIDENTS = {
    "01_investigate": DEFAULT,
    "02_correlation_vs_causation": "shop-traffic-surge",
    "03_did_the_deploy_do_it": DEFAULT,
    "06_connect_your_systems": "",
}


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def stored(request) -> nbformat.NotebookNode:
    return nbformat.read(request.param, as_version=4)


def code_of(notebook: nbformat.NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def test_there_is_a_main_notebook() -> None:
    assert ROOT / "notebooks" / "01_investigate.ipynb" in NOTEBOOKS


def test_stored_bare(stored) -> None:
    for cell in stored.cells:
        assert not cell.get("outputs"), "outputs are made, not stored"
        assert cell.get("execution_count") is None
        assert set(cell.metadata) <= {"tags"}
    assert "widgets" not in stored.metadata


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_script_and_notebook_agree(path: Path) -> None:
    script = jupytext.read(path.with_suffix(".py"))
    notebook = nbformat.read(path, as_version=4)
    assert [c.cell_type for c in script.cells] == [c.cell_type for c in notebook.cells]
    for written, kept in zip(script.cells, notebook.cells, strict=True):
        assert written.source == kept.source, "make format pairs them"
        assert written.metadata.get("tags", []) == kept.metadata.get("tags", [])


def test_nothing_is_defined_in_a_notebook(stored) -> None:
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
    found = [
        n
        for code in code_of(stored)
        for n in ast.walk(ast.parse(code))
        if isinstance(n, definitions)
    ]
    assert not found, "what is worth a name belongs in the package, where it is tested"


def test_cells_are_safe_to_run_again(stored) -> None:
    for code in code_of(stored):
        tree = ast.parse(code)
        assert not [n for n in ast.walk(tree) if isinstance(n, ast.AugAssign | ast.Delete)]
        assert "inplace=True" not in code
        assert not code.startswith(("!", "%"))


def test_cells_are_short_and_headings_lead(stored) -> None:
    assert all(len(code.splitlines()) <= 8 for code in code_of(stored))
    assert stored.cells[0].source.startswith("# ")
    assert max(len(c.source) for c in stored.cells if c.cell_type == "markdown") < 500


def test_prose_holds_for_any_incident(stored) -> None:
    prose = " ".join(c.source for c in stored.cells if c.cell_type == "markdown")
    for word in ("orders", "payments", "postgres", "deadlock", "checkout", "shop-"):
        assert word not in prose.lower(), "prose must not tell one incident's result"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_one_cell_takes_the_parameters(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    tagged = [c for c in cells if "parameters" in c.metadata.get("tags", [])]
    assert len(tagged) == 1
    assert f'"{INCIDENTS[path.stem]}"' in tagged[0].source


@pytest.fixture(scope="session")
def executed(tmp_path_factory) -> dict[str, Path]:
    if DEFAULT not in RECORDED:
        missing_part(f"needs the recorded incident {DEFAULT} in datasets/")
    return notebooks.run_notebook(DEFAULT, tmp_path_factory.mktemp("outputs"))


def outputs_of(path: Path) -> list[nbformat.NotebookNode]:
    notebook = nbformat.read(path, as_version=4)
    return [o for cell in notebook.cells for o in cell.get("outputs", [])]


@pytest.mark.slow
def test_it_runs_without_error_or_warning(executed) -> None:
    outputs = outputs_of(executed["notebook"])
    assert [o for o in outputs if o.output_type == "error"] == []
    assert [o.text for o in outputs if o.get("name") == "stderr"] == []


@pytest.mark.slow
def test_every_chart_is_there_for_lab_and_for_paper(executed) -> None:
    bundles = [o.data for o in outputs_of(executed["notebook"]) if "data" in o]
    charts = [b for b in bundles if VEGA_LITE_MIME in b]
    assert len(charts) >= 4
    assert all("image/svg+xml" in b and "text/plain" in b for b in charts)
    assert any("srcdoc=" in b.get("text/html", "") for b in bundles), "the interactive graph"


@pytest.mark.slow
def test_figures_in_words_are_short(executed) -> None:
    texts = [o.data["text/plain"] for o in outputs_of(executed["notebook"]) if "data" in o]
    long_ones = [n for text in texts for n in re.findall(r"\d+\.\d{7,}", text)]
    assert long_ones == []


@pytest.mark.slow
def test_the_page_is_self_contained(executed) -> None:
    page = executed["html"].read_text(encoding="utf-8")
    assert "<script" not in page
    assert re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']+""", page) == []
    assert page.count("data:image/svg+xml;base64,") >= 5


@pytest.mark.slow
def test_the_postmortem_lies_beside_it(executed) -> None:
    assert {"postmortem", "its page", "its evidence"} <= set(executed)
    folder = executed["notebook"].parent
    assert all(path.parent == folder for path in executed.values())


@pytest.fixture(scope="session")
def lesson(tmp_path_factory) -> nbformat.NotebookNode:
    return run("02_correlation_vs_causation", tmp_path_factory.mktemp("lesson"))


def run(name: str, folder: Path) -> nbformat.NotebookNode:
    """Execute a notebook as JupyterLab would, and see that its page needs nothing else."""
    missing = [
        i
        for i in re.findall(r'"(shop-[a-z-]+)"', " ".join(code_of(read(name))))
        if i not in RECORDED
    ]
    if missing:
        missing_part(f"needs recorded incidents in datasets/: {missing}")
    notebook = read(name)
    NotebookClient(notebook, timeout=280, resources={"metadata": {"path": str(folder)}}).execute()
    page = notebooks.export_html(notebook, name)
    assert "<script" not in page
    assert re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']+""", page) == []
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    assert [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"] == []
    return notebook


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)


def said(notebook: nbformat.NotebookNode) -> list[str]:
    """What each output says as text, in order."""
    outputs = [o for cell in notebook.cells for o in cell.get("outputs", [])]
    return [o.data["text/plain"] for o in outputs if "data" in o]


def the(texts: list[str], part: str) -> str:
    """The one text that holds this part."""
    (found,) = [text for text in texts if part in text]
    return found


@pytest.mark.slow
def test_correlation_names_a_victim_and_the_cause_is_far_down(lesson) -> None:
    texts = said(lesson)
    assert "edge/load. By correlation it stands at place" in the(texts, "What set it off is")
    place, among = map(int, re.findall(r"place (\d+) of (\d+)", the(texts, "What set it off"))[0])
    assert 10 < place < among
    assert "Place 1 is edge/latency, a symptom" in the(texts, "What set it off is")


@pytest.mark.slow
def test_an_association_goes_when_what_makes_it_is_held_still(lesson) -> None:
    text = the(said(lesson), "load held still")
    plain, still = map(float, re.findall(r" at (-?[\d.]+\d)", text))
    assert plain > 0.6
    assert abs(still) < 0.2


@pytest.mark.slow
def test_the_innocent_deploy_is_told_so_and_the_other_milliseconds_are_found(lesson) -> None:
    texts = said(lesson)
    assert "catalog at its baseline" in str(lesson)
    assert all("did not demonstrably move" in t for t in texts if "4.1.1 of" in t[:40])
    assert "it waited" in the(texts, "recommendations became slow too")
    assert "edge/load, supported" in the(texts, "edge/load, supported")


@pytest.mark.slow
def test_without_the_gauges_and_without_an_incident_nobody_is_blamed(lesson) -> None:
    texts = said(lesson)
    assert "a gauge of what catalog may run out of" in the(texts, "What would settle it: a")
    quiet = the(texts, "Nothing was wrong, and")
    assert int(re.findall(r"and (\d+) of", quiet)[0]) > 0
    assert "stayed in its normal range" in quiet
    count = re.findall(r"(\d+ of \d+ signals)", quiet)[0]
    page = (ROOT / "docs" / "method" / "how-it-decides.md").read_text()
    assert f"{count} correlate" in " ".join(page.split())


@pytest.fixture(scope="session")
def deploys(tmp_path_factory) -> nbformat.NotebookNode:
    return run("03_did_the_deploy_do_it", tmp_path_factory.mktemp("deploys"))


@pytest.mark.slow
def test_the_guilty_deploy_stands_out_and_the_innocent_one_does_not(deploys) -> None:
    text = the(said(deploys), "placebo moments as large")
    guilty, innocent = (int(count) for count in re.findall(r"(\d+) of \d+", text))
    assert guilty == 0
    assert innocent > 20
    assert "orders@2.4.0 of orders moved" in " ".join(said(deploys))
    assert "checkout@2.9.6 of checkout did not demonstrably move" in " ".join(said(deploys))


@pytest.mark.slow
def test_the_rollback_takes_the_step_back_and_is_called_a_remedy(deploys) -> None:
    text = the(said(deploys), "a remedy")
    back, there = (int(n) for n in re.findall(r"([-+]\d+) ms", text)[:2])
    assert back == pytest.approx(-there, rel=0.1)


@pytest.mark.slow
def test_the_verdicts_name_one_deploy_and_acquit_the_other(deploys) -> None:
    text = the(said(deploys), "Beside the other deploy")
    assert "caused by change orders@2.4.0" in text
    assert "Not enough evidence for a cause" in text
    assert "adjusted for traffic" in the(said(deploys), "Graph of the effect of")


@pytest.mark.slow
def test_every_picture_of_the_lessons_is_there_for_lab_and_for_paper(lesson, deploys) -> None:
    for notebook, fewest in ((lesson, 6), (deploys, 7)):
        outputs = [o for cell in notebook.cells for o in cell.get("outputs", []) if "data" in o]
        charts = [o.data for o in outputs if VEGA_LITE_MIME in o.data]
        assert len(charts) >= fewest
        assert all("image/svg+xml" in chart for chart in charts)


@pytest.mark.server
@pytest.mark.slow
def test_ones_own_systems_are_collected_and_the_broken_scrape_is_a_gap(
    tmp_path, monkeypatch
) -> None:
    for name in ("prometheus", "prometheus-alertmanager"):
        require_program(name)
    (tmp_path / "temporary").mkdir()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    notebook = run("06_connect_your_systems", tmp_path / "notebooks")
    left = {path.name for path in (tmp_path / "notebooks").rglob("*")}
    assert not left - {".workbench-cache"}, "no key and no telemetry is left beside the notebooks"
    texts = said(notebook)
    assert any("scrapes are missing of 127.0.0.1" in text for text in texts)
    gaps = next(text for text in texts if "gaps" in text and "pay" in text)
    assert "prometheus" in gaps
    assert any("SlowRequests" in text and "critical" in text for text in texts)
    assert any(text.startswith("Leaks: 0 in") for text in texts)
    running = (tmp_path / "temporary").glob("practice-*/logs/*.out")
    assert {path.stem for path in running} == {"prometheus", "alertmanager"}
