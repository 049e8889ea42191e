"""RELIABILITY N4: cells that a spreadsheet would run are neutralised, and come back."""

from __future__ import annotations

import csv
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.archive import read_csv, write_csv
from workbench.errors import BundleMissing

RISKY = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "'=1",
    "'",
    "''",
    "|calc",
    "%x",
    '=HYPERLINK("http://x")',
    "\uff1d1+1",
    "\ufeff=1",
    '"=1"',
    "plain",
    "",
    "a=b",
    "1-2",
    "a;=1+1",
    "a;+1;\t@x;'=1",
    "a\t=1",
    "a\n=cmd",
    'a;"=1"',
    'x;" =1',
    "a;b",
    "a;'b",
    ";",
    ";'",
)
SIGNS = {*"=+-@|%", "\uff1d"}
CELLS = st.sampled_from(RISKY) | st.text(
    st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8
)


def cells_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return [cell for row in csv.reader(file) for cell in row]


@pytest.mark.slow
@given(st.lists(CELLS, min_size=1, max_size=6), CELLS.filter(bool))
def test_no_cell_begins_like_a_formula_and_all_come_back(tmp_path_factory, texts, name):
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    frame = pd.DataFrame({name: texts, "n": range(len(texts))})
    if name == "n":
        return
    write_csv(frame, path)
    bare = [cell.strip("\t\r\n \ufeff") for cell in cells_of(path)]
    assert not [cell for cell in bare if cell[:1] in SIGNS]
    # Wherever else a spreadsheet may split it, quotes or not, no part begins a formula.
    parts = re.split(r"[;\t\r\n]", path.read_bytes().decode())
    inner = [part.lstrip(' "\ufeff') for part in parts[1:]]
    assert not [part for part in inner if part[:1] in SIGNS]
    again = read_csv(path)
    assert list(again.columns) == [name, "n"]
    assert list(again[name]) == texts


def test_numbers_and_times_stay(tmp_path):
    ts = pd.to_datetime(["2026-01-31T12:00Z"])
    write_csv(pd.DataFrame({"ts": ts, "value": [-1.5]}), tmp_path / "t.csv")
    assert cells_of(tmp_path / "t.csv")[2:] == ["2026-01-31 12:00:00+00:00", "-1.5"]
    with pytest.raises(BundleMissing):
        read_csv(tmp_path / "none.csv")
