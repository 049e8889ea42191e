"""Settings in YAML: what would grow without end is refused before it grows."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
import yaml

from workbench import connect
from workbench.bounded_yaml import MOST_CHARACTERS, TooMuch, documents
from workbench.collection.openslo import read_openslo
from workbench.errors import BadInput
from workbench.masking import read_policy

LETTERS = "abcdefghij"
PAIRS = list(pairwise(LETTERS))
BOMBS = {
    "aliases": "a: &a [x, x]\n"
    + "".join(f"{n}: &{n} [{', '.join([f'*{o}'] * 9)}]\n" for o, n in PAIRS),
    "merges": "a: &a {x: 1}\n"
    + "".join(f"{n}: &{n} {{<<: [{', '.join([f'*{o}'] * 9)}]}}\n" for o, n in PAIRS),
    "an alias to itself": "a: &a [*a, *a]\n",
    "deep": "a: " + "[" * 5000 + "]" * 5000,
    "large": "#" * (MOST_CHARACTERS + 1),
    "many": "a: [" + "x," * 200_000 + "]",
}


def test_a_second_document_is_not_left_out_in_silence(tmp_path):
    (tmp_path / "sources.yaml").write_text("sources: {}\n---\nsources: {}\n")
    for read in (connect, read_policy):
        with pytest.raises(BadInput):
            read(tmp_path / "sources.yaml")


@pytest.mark.parametrize(
    "bomb",
    [pytest.param(b, marks=pytest.mark.slow) if b in {"many", "deep"} else b for b in BOMBS],
)
@pytest.mark.parametrize("read", [connect, read_policy, read_openslo])
def test_a_bomb_is_a_named_error_at_once(tmp_path, bomb, read):
    """`connect` never came back from a kilobyte of aliases."""
    file = tmp_path / "file.yaml"
    file.write_text(BOMBS[bomb])
    begun = time.process_time()
    with pytest.raises(BadInput):
        read(file)
    assert time.process_time() - begun < 20


def test_aliases_of_ordinary_settings_stay():
    text = "x: &x {a: 1}\ny: {<<: *x, b: 2}\nz: [*x, *x]\n---\nn: 2026-01-31\n"
    (_, one), (node, two) = documents(text)
    assert one == {"x": {"a": 1}, "y": {"a": 1, "b": 2}, "z": [{"a": 1}, {"a": 1}]}
    assert node.start_mark.line == 4
    assert list(two) == ["n"]


@pytest.mark.parametrize(
    "odd", ["a: 2026-99-99", "{[a]: b}", "a: !!python/object:os.system x", "a: ["]
)
def test_what_cannot_be_meant_is_an_error_of_yaml(odd):
    with pytest.raises(yaml.YAMLError):
        list(documents(odd))


def test_the_line_is_told():
    with pytest.raises(TooMuch) as caught:
        list(documents(BOMBS["aliases"]))
    assert caught.value.problem_mark is not None
