"""How `make bench` runs its sections: in order, each by itself, failures told."""

from __future__ import annotations

import sys

from tests.benchmarks.__main__ import tell
from tests.benchmarks.lanes import run

SECTION = """
import pathlib, sys, time
here, name = map(pathlib.Path, sys.argv[1:])
if name.name == "waits":
    while not (here / "quick").exists():
        time.sleep(0.01)
if name.name == "alone":
    print(sorted(path.name for path in here.iterdir()))
(here / name).touch()
print(f"table of {name}")
if name.name == "broken":
    raise ValueError("no data")
"""


def command(folder):
    return (sys.executable, "-c", SECTION, str(folder))


def test_what_is_done_first_waits_for_its_turn(tmp_path):
    names = ("waits", "quick")
    found = list(run({name: (*command(tmp_path), name) for name in names}))
    assert [ran.text for ran in found] == ["table of waits\n", "table of quick\n"]
    assert not any(ran.failed for ran in found)


def test_a_section_that_fails_is_told_and_the_others_go_on(tmp_path, capsys):
    assert tell(["broken", "quick"], [], command(tmp_path)) == 1
    said = capsys.readouterr().out
    assert said.index("table of broken") < said.index("ValueError: no data")
    assert said.index("ValueError: no data") < said.index("table of quick")
    assert said.endswith("failed: broken\n")


def test_what_is_timed_runs_when_all_else_is_done(tmp_path, capsys):
    assert tell(["waits", "quick"], ["alone"], command(tmp_path)) == 0
    said = capsys.readouterr().out
    assert "['quick', 'waits']\ntable of alone" in said
    assert "failed" not in said
