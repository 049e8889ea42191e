"""The documentation as a reader opens it: built without a warning, from the disk, offline."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from browser_pages import OUTPUTS, outside
from parts import missing_part

ROOT = Path(__file__).resolve().parents[2]
# What a browser fetches by itself, unlike a link that a reader follows.
FETCHED = re.compile(
    r"<(?:script|img|iframe|source|video|link(?![^>]*rel=\"(?:canonical|prev|next)\"))\b[^>]*?"
    r"\b(?:src|href)=\"((?:https?:)?//[^\"]+)\"|url\(['\"]?((?:https?:)?//[^)]+)\)"
)
READ = [
    "index",
    "gallery",
    "benchmarks",
    "rooms/causal",
    "reference/causal",
    "method/how-it-decides",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    if find_spec("mkdocs") is None:
        missing_part("needs the docs extra")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_no_built_file_names_an_address_that_would_be_fetched(site) -> None:
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(pages) > 40
    fetched = {
        (path.relative_to(site).as_posix(), "".join(hit))
        for path in pages
        for hit in FETCHED.findall(path.read_text(encoding="utf-8"))
    }
    assert not fetched


@pytest.mark.slow
@pytest.mark.parametrize("room", ["causal", "diagnose", "features", "postmortem", "views"])
def test_every_public_name_is_in_the_reference(site, room) -> None:
    text = (site / "reference" / f"{room}.html").read_text(encoding="utf-8")
    told = set(re.findall(r'id="workbench\.[\w.]+\.(\w+)"', text))
    assert set(import_module(f"workbench.{room}").__all__) <= told


@pytest.mark.slow
def test_parameters_that_share_a_line_keep_their_own_types(site) -> None:
    text = (site / "reference" / "causal.html").read_text(encoding="utf-8")
    plain = re.sub(r"<[^>]+>|\s", "", text)
    assert "window(IncidentWindow)–Asfordistribution_change" in plain
    assert "seed(int)–Asfordistribution_change" in plain


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 400])
def test_pages_open_from_the_disk_fit_and_ask_nobody(page, site, width) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    for name in READ:
        page.goto((site / f"{name}.html").as_uri())
        over = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(over) <= 0, f"{name} is wider than the screen"
        page.screenshot(path=OUTPUTS / f"docs-{name.replace('/', '-')}-{width}.png")
    assert not outside(page.asked)
    assert not page.said


@pytest.mark.slow
def test_search_works_without_a_server(page, site) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.goto((site / "index.html").as_uri())
    box = page.locator(".md-search__input")
    box.click()
    box.press_sequentially("visit ratio", delay=30)
    first = page.locator(".md-search-result__link").first
    first.wait_for(timeout=20_000)
    page.screenshot(path=OUTPUTS / "docs-search.png")
    hits = page.locator(".md-search-result__link").evaluate_all("all => all.map(a => a.href)")
    assert any("glossary.html" in hit for hit in hits)
