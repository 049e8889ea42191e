"""What the README and the pages show runs, prints what they say, and names what there is."""

from __future__ import annotations

import contextlib
import io
import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from parts import missing_part
from workbench import __version__, datasets

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in PAGES}
BLOCK = re.compile(r"```python\n(?P<code>.*?)```(?:\n\n```text\n(?P<said>.*?)```)?", re.DOTALL)
RUN = [name for name, text in TEXTS.items() if BLOCK.search(text)]
OWN_DATA = "docs/how-to/bring-your-data.md"
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
FRAGMENT = re.compile(r"(\d+|\+[a-z0-9-]+)\.(?P<type>[a-z]+)(\.\d+)?\.md")


def write_csvs(folder: Path) -> None:
    """Write the files the page speaks of: auth needs 120 ms more in the last quarter of an hour."""
    names = re.findall(r"```csv\n(.*?)\n", TEXTS[OWN_DATA])[0].split(",")
    rng, n = np.random.default_rng(1), 600
    sick = np.arange(n) >= 540
    load = (40 + 8 * np.sin(np.arange(n) / 25)) * (1 + 0.05 * rng.standard_normal(n))
    auth, cart, web = (own * (1 + 0.08 * rng.standard_normal(n)) for own in (18, 19, 10))
    auth = auth + 120 * sick
    latency = {"auth": auth, "cart": cart, "web": web + auth + cart}
    table = {"time": 1_700_094_600 + 15 * np.arange(n)}
    for name, values in latency.items():
        table[f"{name}_latency"], table[f"{name}_rps"] = values, load
        table[f"{name}_cpu"] = 0.2 + 0.002 * load + 0.5 * sick * (name == "auth")
    pd.DataFrame(table)[names].to_csv(folder / "metrics.csv", index=False)
    edges = [("web", "auth"), ("web", "cart")]
    pd.DataFrame(edges, columns=["caller", "callee"]).to_csv(folder / "edges.csv", index=False)


def run_page(name: str, folder: Path) -> list[tuple[str, str]]:
    """What each block of a page printed beside what the page says, as one session."""
    session: dict[str, object] = {"__name__": "page"}
    results = []
    with contextlib.chdir(folder):
        for block in BLOCK.finditer(TEXTS[name]):
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(block["code"], name, "exec"), session)
            results.append((out.getvalue(), block["said"] or ""))
    return results


@pytest.fixture(scope="module", params=RUN)
def ran(request, tmp_path_factory) -> tuple[str, list[tuple[str, str]]]:
    asked = set(re.findall(r'load\("(shop-[a-z-]+)"\)', TEXTS[request.param]))
    if not asked <= set(datasets.incidents()["id"]):
        missing_part("needs the recorded incidents in datasets/")
    folder = tmp_path_factory.mktemp("page")
    write_csvs(folder)
    return request.param, run_page(request.param, folder)


def test_what_is_printed_is_what_is_written(ran) -> None:
    name, blocks = ran
    shown = [(printed, said) for printed, said in blocks if said]
    assert shown, f"{name}: code whose result nobody sees is read by nobody"
    for printed, said in shown:
        lines = printed.splitlines()[-len(said.splitlines()) :]
        assert [NUMBER.sub("#", x) for x in lines] == [
            NUMBER.sub("#", x) for x in said.splitlines()
        ]
        figures = [float(n) for n in NUMBER.findall("\n".join(lines))]
        assert figures == pytest.approx([float(n) for n in NUMBER.findall(said)], rel=0.05, abs=5)


def test_a_stranger_is_right_on_the_example(ran) -> None:
    name, blocks = ran
    if name != OWN_DATA:
        return
    printed = blocks[-1][0]
    assert "1 labelled incidents" in printed
    assert "named a service in 1 of 1, right in 1 of them" in printed


def test_code_that_is_shown_is_code_that_runs() -> None:
    assert sum(text.count("```python") for text in TEXTS.values()) == sum(
        len(BLOCK.findall(text)) for text in TEXTS.values()
    )
    wanted = {"README.md", "docs/index.md", OWN_DATA, "docs/method/how-it-decides.md"}
    assert wanted | {"docs/how-to/add-a-connector.md"} <= set(RUN)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "BENCHMARKS.md"])
def test_links_of_the_files_at_the_top_lead_somewhere(name) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert not [link for link in links if not (ROOT / link).exists()]


def test_the_readme_says_how_it_does_on_systems_nobody_tuned_on() -> None:
    assert ".31–.58 at top-1" in TEXTS["README.md"]
    assert "development figures" in TEXTS["README.md"]


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", *TEXTS])
def test_paths_that_are_named_exist(name) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:workbench|tests|docs|notebooks)/[\w/.-]+)`", text))
    gone = sorted(path for path in named if not (ROOT / path).exists())
    assert not gone, f"{name} sends its reader to files that are not there: {gone}"


def test_the_citation_is_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors", "license"} <= set(citation)
    assert citation["version"] == __version__


def test_hooks_fetch_nothing_and_run_what_check_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert {repo["repo"] for repo in hooks["repos"]} == {"local"}
    ran = {Path(hook["entry"].split()[0]).name for repo in hooks["repos"] for hook in repo["hooks"]}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert ran == {"mypy", "nbstripout", "ruff"}
    assert all(f"$(BIN)/{tool}" in makefile for tool in ran)


def test_fragments_have_a_name_that_is_found_and_a_type_that_is_known() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["towncrier"]
    known = {one["directory"] for one in settings["type"]}
    folder = ROOT / settings["directory"]
    fragments = [path for path in folder.iterdir() if path.name not in settings["ignore"]]
    for path in fragments:
        name = FRAGMENT.fullmatch(path.name)
        assert name, f"{path.name}: <issue>.<type>.md, see {folder.name}/README.md"
        assert name["type"] in known, f"{path.name}: a type is one of {sorted(known)}"
        assert len(path.read_text(encoding="utf-8").split()) > 4, f"{path.name} says nothing"
    changelog = (ROOT / settings["filename"]).read_text(encoding="utf-8")
    assert settings["start_string"].strip() in changelog, "fragments have no place to go"
