"""The exported page in a real browser: pictures there, nothing runs, nothing is fetched."""

from __future__ import annotations

import nbformat
import pytest

from browser.every_view import every_view
from browser_pages import OUTPUTS, outside
from workbench.notebooks import run as notebooks

pytestmark = pytest.mark.browser


def executed() -> nbformat.NotebookNode:
    """Return a notebook whose cells show every view of names with markup."""
    cells = []
    for name, value in every_view().items():
        cell = nbformat.v4.new_code_cell(name)
        bundle = (
            value._repr_mimebundle_()
            if hasattr(value, "_repr_mimebundle_")
            else {"text/html": value._repr_html_(), "text/plain": repr(value)}
        )
        cell.outputs = [nbformat.v4.new_output("execute_result", data=bundle)]
        cells.append(cell)
    return nbformat.v4.new_notebook(cells=cells)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(notebooks.export_html(executed(), "Incident <b>"), encoding="utf-8")
    return path


def test_the_page_shows_pictures_and_asks_nobody(page, exported) -> None:
    page.goto(exported.as_uri())
    page.wait_for_load_state("networkidle")
    pictures = page.locator(".jp-RenderedSVG img")
    drawn = [
        cell for cell in executed().cells if any("image/svg+xml" in o.data for o in cell.outputs)
    ]
    assert pictures.count() == len(drawn) > 0
    widths = pictures.evaluate_all("images => images.map(i => [i.naturalWidth, i.clientWidth])")
    assert all(natural > 0 for natural, _ in widths), "a picture is broken"
    assert all(shown <= 1200 for _, shown in widths), "a picture is cut at the right"
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("document.scripts.length") == 0
    assert outside(page.asked) == []
    assert [a for a in page.asked if not a.startswith("data:")] == [exported.as_uri()]
    page.screenshot(path=OUTPUTS / "report.png", full_page=True)
