from __future__ import annotations

import re

import nbformat
import pytest

from workbench.errors import MissingPart, WorkbenchError
from workbench.notebooks import run as notebooks


def notebook(*code: str) -> nbformat.NotebookNode:
    made = nbformat.v4.new_notebook()
    first = nbformat.v4.new_code_cell(
        'INCIDENT = "a"\nOUT = "x"', metadata={"tags": ["parameters"]}
    )
    made.cells = [
        nbformat.v4.new_markdown_cell("# Title\n\ntext"),
        first,
        nbformat.v4.new_markdown_cell("## Second part"),
        *[nbformat.v4.new_code_cell(source) for source in code],
    ]
    return made


@pytest.fixture
def shop(tmp_path, monkeypatch):
    """A clone whose main notebook is a small one."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    monkeypatch.setattr(notebooks, "notebooks_folder", lambda: folder)

    def write(*code: str):
        nbformat.write(notebook(*code), folder / "01_investigate.ipynb")
        return tmp_path / "out"

    return write


def test_parameters_are_replaced_in_a_copy() -> None:
    original = notebook()
    changed = notebooks.with_parameters(original, {"INCIDENT": "it's", "OUT": "/tmp/x"})
    assert changed.cells[1].source == "INCIDENT = \"it's\"\nOUT = '/tmp/x'"
    assert 'INCIDENT = "a"' in original.cells[1].source


def test_without_a_parameters_cell_there_is_a_named_error() -> None:
    bare = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])
    with pytest.raises(WorkbenchError, match="parameters"):
        notebooks.with_parameters(bare, {})


def test_the_notebooks_of_this_clone_are_found() -> None:
    assert (notebooks.notebooks_folder() / "01_investigate.ipynb").is_file()


def test_installed_without_the_repository_is_a_named_error(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(notebooks, "__file__", str(tmp_path / "workbench" / "notebooks" / "run.py"))
    with pytest.raises(MissingPart, match="Clone the repository"):
        notebooks.notebooks_folder()


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """An installed package that carries one notebook."""
    curated = tmp_path / "site" / "workbench" / "notebooks" / "curated"
    curated.mkdir(parents=True)
    nbformat.write(notebook("1 + 1"), curated / "01_investigate.ipynb")
    monkeypatch.setattr(notebooks, "__file__", str(curated.parent / "run.py"))
    return curated


def test_an_installed_package_has_its_notebooks(installed) -> None:
    assert notebooks.notebooks_folder() == installed


def test_notebooks_to_edit_are_copies_and_an_edited_one_is_kept(installed, tmp_path) -> None:
    opened = notebooks.open_notebooks(tmp_path / "mine")
    copy = opened / "01_investigate.ipynb"
    assert copy.read_text() == (installed / copy.name).read_text()
    copy.write_text("edited")
    assert notebooks.open_notebooks(tmp_path / "mine") == opened
    assert copy.read_text() == "edited"


def test_notebooks_of_a_clone_are_opened_where_they_are(tmp_path) -> None:
    assert notebooks.open_notebooks(tmp_path / "mine") == notebooks.notebooks_folder()
    assert not (tmp_path / "mine").exists()


@pytest.mark.slow
def test_the_kernel_runs_beside_the_results_and_reads_the_same_incidents(
    shop, tmp_path, monkeypatch
) -> None:
    (tmp_path / "bundles").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORKBENCH_DATASETS", "bundles")
    out = shop("import os\nprint(os.getcwd(), os.environ['WORKBENCH_DATASETS'])")
    executed = nbformat.read(notebooks.run_notebook("small", out)["notebook"], as_version=4)
    assert executed.cells[3].outputs[0].text == f"{out / 'small'} {tmp_path / 'bundles'}\n"


@pytest.mark.slow
def test_a_run_writes_notebook_and_page_and_tells_progress(shop) -> None:
    out = shop("print(INCIDENT, OUT)", "1 + 1")
    told: list[str] = []
    paths = notebooks.run_notebook("small", out, progress=told.append)
    assert set(paths) == {"notebook", "html"}
    executed = nbformat.read(paths["notebook"], as_version=4)
    assert executed.cells[3].outputs[0].text == f"small {out}\n"
    assert "cell 4 of 5: Second part" in told
    assert paths["html"].parent == out / "small"


@pytest.mark.slow
def test_a_failing_cell_is_a_message_and_a_finished_notebook_stays(shop) -> None:
    notebooks.run_notebook("small", shop("print('all is well')"))
    out = shop("from workbench.errors import BadInput\nraise BadInput('Not a time', value='x')")
    with pytest.raises(WorkbenchError, match="BadInput") as caught:
        notebooks.run_notebook("small", out)
    assert "Not a time" in str(caught.value)
    failed = nbformat.read(out / "small" / "01_investigate.failed.ipynb", as_version=4)
    assert failed.cells[3].outputs[0].output_type == "error"
    finished = nbformat.read(out / "small" / "01_investigate.ipynb", as_version=4)
    assert finished.cells[3].outputs[0].text == "all is well\n"


@pytest.mark.slow
def test_an_interrupted_run_leaves_the_finished_notebook_as_it_is(shop) -> None:
    kept = notebooks.run_notebook("small", shop("print('all is well')"))["notebook"]
    before = kept.read_bytes()

    def stop(line: str) -> None:
        if line.startswith("cell 4"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        notebooks.run_notebook("small", shop("print('half')"), progress=stop)
    assert kept.read_bytes() == before
    assert {path.name for path in kept.parent.iterdir()} == {kept.name, "01_investigate.html"}


def executed_with(data: dict[str, str], **metadata: object) -> nbformat.NotebookNode:
    cell = nbformat.v4.new_code_cell("x", metadata=metadata)
    cell.outputs = [nbformat.v4.new_output("display_data", data=data)]
    return nbformat.v4.new_notebook(cells=[cell])


@pytest.mark.slow
def test_the_page_is_self_contained_and_runs_nothing() -> None:
    page = notebooks.export_html(executed_with({"text/plain": "hello"}), "Incident <script>")
    assert "<script" not in page
    assert re.findall(r"""(?:src|href)=["'](?!data:|#)[^"']+""", page) == []
    assert re.findall(r"url\((?!['\"]?(?:data:|#))[^)]+\)", page) == []
    assert "@import" not in page
    assert "default-src 'none'" in page
    assert "hello" in page


def test_the_still_twin_goes_on_the_page_and_not_the_frame() -> None:
    svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'
    data = {"text/html": "<iframe srcdoc='x'></iframe>", "image/svg+xml": svg, "text/plain": "t"}
    page = notebooks.export_html(executed_with(data), "t")
    assert "<iframe" not in page
    assert "data:image/svg+xml;base64," in page


def test_widgets_and_interactive_cells_leave_no_hole() -> None:
    view = {"application/vnd.jupyter.widget-view+json": '{"model_id": "1"}', "text/plain": "Box()"}
    page = notebooks.export_html(executed_with(view), "t")
    assert "model_id" not in page
    tagged = executed_with({"text/plain": "gone"}, tags=["interactive"])
    assert "gone" not in notebooks.export_html(tagged, "t")
