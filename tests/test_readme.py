"""The README's code runs, and prints what the README says it prints."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from parts import missing_part
from workbench import datasets

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```python\n(?P<code>.*?)```(?:\n\n```text\n(?P<said>.*?)```)?", re.DOTALL)
NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")


def write_csvs(folder: Path) -> None:
    """Write the files the README speaks of: auth needs 120 ms more from 45 minutes on."""
    names = re.findall(r"```csv\n(.*?)\n", TEXT)[0].split(",")
    rng, n = np.random.default_rng(1), 240
    sick = np.arange(n) >= 180
    load = (40 + 8 * np.sin(np.arange(n) / 25)) * (1 + 0.05 * rng.standard_normal(n))
    auth, cart, web = (own * (1 + 0.08 * rng.standard_normal(n)) for own in (18, 19, 10))
    auth = auth + 120 * sick
    latency = {"auth": auth, "cart": cart, "web": web + auth + cart}
    table = {"time": 1_700_100_000 + 15 * np.arange(n)}
    for name, values in latency.items():
        table[f"{name}_latency"], table[f"{name}_rps"] = values, load
        table[f"{name}_cpu"] = 0.2 + 0.002 * load + 0.5 * sick * (name == "auth")
    pd.DataFrame(table)[names].to_csv(folder / "metrics.csv", index=False)
    edges = [("web", "auth"), ("web", "cart")]
    pd.DataFrame(edges, columns=["caller", "callee"]).to_csv(folder / "edges.csv", index=False)


@pytest.fixture(scope="module")
def ran(tmp_path_factory) -> list[tuple[str, str]]:
    """What each block printed beside what the README says, run in order as one session."""
    if not set(re.findall(r'load\("(shop-[a-z-]+)"\)', TEXT)) <= set(datasets.incidents()["id"]):
        missing_part("needs the recorded incidents in datasets/")
    folder = tmp_path_factory.mktemp("readme")
    write_csvs(folder)
    session: dict[str, object] = {}
    found = []
    with contextlib.chdir(folder):
        for block in BLOCK.finditer(TEXT):
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(block["code"], "README.md", "exec"), session)
            found.append((out.getvalue(), block["said"] or ""))
    return found


def test_every_block_runs(ran) -> None:
    assert len(ran) == TEXT.count("```python") >= 4


def test_what_is_printed_is_what_is_written(ran) -> None:
    told = [(printed, said) for printed, said in ran if said]
    assert len(told) >= 2
    for printed, said in told:
        lines = printed.splitlines()[-len(said.splitlines()) :]
        assert [NUMBER.sub("#", x) for x in lines] == [
            NUMBER.sub("#", x) for x in said.splitlines()
        ]
        figures = [float(n) for n in NUMBER.findall("\n".join(lines))]
        assert figures == pytest.approx([float(n) for n in NUMBER.findall(said)], rel=0.05, abs=5)


def test_a_stranger_is_right_on_the_example(ran) -> None:
    printed = ran[-1][0]
    assert "1 labelled incidents" in printed
    assert "named a service in 1 of 1, right in 1 of them" in printed
