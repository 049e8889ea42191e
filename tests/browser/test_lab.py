"""The main notebook as a person uses it: in JupyterLab, with the panel, offline."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browser.lab import lab, run_all
from browser_pages import OUTPUTS, outside
from parts import missing_part
from workbench import datasets

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = "shop-orders-locks"
CHARTS = ".jp-RenderedVegaCommon5 svg, .vega-embed svg"

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]


def another_incident() -> str:
    """Return an incident that is not the default one; the one without a fault, if recorded."""
    known = datasets.incidents()
    others = [i for i in known["id"] if i not in {DEFAULT, *known["history"]}]
    if DEFAULT not in set(known["id"]) or not others:
        missing_part("needs two recorded incidents in datasets/")
    innocent = [i for i in others if "innocent" in i]
    return (innocent or others)[0]


def verdict_of(panel: Locator) -> str:
    """First line of the card that the panel shows."""
    return panel.locator(".jp-RenderedHTMLCommon").first.inner_text().splitlines()[0]


def screenshot_of(page: Page, panel: Locator, name: str) -> None:
    """Keep what a person sees: the panel in a tall window."""
    page.set_viewport_size({"width": 1440, "height": 1500})
    panel.evaluate("cell => cell.scrollIntoView()")
    page.wait_for_timeout(800)
    page.screenshot(path=OUTPUTS / name)


@pytest.mark.timeout(1200)
def test_notebook_and_panel_in_jupyterlab(page: Page, tmp_path: Path) -> None:
    other = another_incident()
    for name in ("notebooks", "home"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / "notebooks" / "01_investigate.ipynb", tmp_path / "notebooks")
    page.set_viewport_size({"width": 1440, "height": 1000})
    with lab(tmp_path / "notebooks", tmp_path / "home", theme="JupyterLab Dark") as address:
        run_all(page, address.format("01_investigate.ipynb"), minutes=6)
        panel = page.locator(".jp-CodeCell").last
        panel.locator(".widget-dropdown select").first.wait_for()
        before = verdict_of(panel)
        page.locator(CHARTS).nth(3).wait_for(timeout=120_000)
        assert page.locator('iframe[srcdoc*="mynetwork"]').count() == 1
        screenshot_of(page, panel, "lab-before.png")

        panel.locator(".widget-dropdown select").first.select_option(other)
        changed = "([card, before]) => card.innerText.split('\\n')[0] !== before"
        card = panel.locator(".jp-RenderedHTMLCommon").first.element_handle()
        page.wait_for_function(changed, arg=[card, before], timeout=120_000)
        # The charts follow the verdict: the status line is empty once all is shown.
        page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=120_000)
        assert verdict_of(panel) != before
        assert panel.locator(".widget-dropdown select").first.input_value() == other
        assert panel.get_by_text("judging").count() == 0
        screenshot_of(page, panel, "lab-after.png")
    assert page.locator("text=Traceback (most recent call last)").count() == 0
    assert outside(page.asked) == []


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", ["02_correlation_vs_causation", "03_did_the_deploy_do_it"])
def test_lessons_run_in_jupyterlab_and_fit_its_cells(page: Page, tmp_path: Path, name: str) -> None:
    for folder in ("notebooks", "home"):
        (tmp_path / folder).mkdir()
    shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", tmp_path / "notebooks")
    page.set_viewport_size({"width": 1440, "height": 1000})
    with lab(tmp_path / "notebooks", tmp_path / "home") as address:
        run_all(page, address.format(f"{name}.ipynb"), minutes=4)
        # The last charts are drawn after their cell has its number.
        page.locator(CHARTS).nth(3).wait_for(timeout=120_000)
        page.wait_for_timeout(1500)  # cells that are cut, or in words, are looked for at the end
        assert page.locator('[data-mime-type^="application/vnd.jupyter.std"]').count() == 0
        assert page.locator("text=Traceback (most recent call last)").count() == 0
        cut = (
            "() => [...document.querySelectorAll('.jp-OutputArea-output')]"
            ".filter(o => o.scrollWidth > o.clientWidth + 4).map(o => o.innerText.slice(0, 80))"
        )
        assert page.evaluate(cut) == []
    assert outside(page.asked) == []
