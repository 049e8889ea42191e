"""What reaches a terminal is text, and a command that works says so."""

from __future__ import annotations

import io
import sys
import time

import pytest

from parts import AMPLE_S
from workbench import terminal
from workbench.cards import ResultCard
from workbench.errors import BadInput
from workbench.terminal import Stages, plain

OBEYED = [chr(n) for n in (*range(32), *range(127, 160)) if chr(n) not in "\t\n"] + ["\u202e"]


@pytest.mark.parametrize("char", OBEYED)
def test_what_a_terminal_obeys_is_spelled(char):
    shown = plain(f"a{char}b")
    assert char not in shown
    assert shown.startswith("a\\")
    assert shown.endswith("b")


def test_other_text_stays():
    text = "Käse\t–\n日本 \\x1b é"
    assert plain(text) == text


class Named(ResultCard):
    def __init__(self, name):
        self.name = name

    def _headline(self):
        return self.name

    def __repr__(self):
        return f"Named {self.name}"


class Deeper(Named):
    pass


def test_no_result_and_no_error_holds_what_is_obeyed():
    evil = "\x1b[2J"
    for one in (Named(evil), Deeper(evil)):
        assert repr(one) == "Named \\x1b[2J"
        assert str(one) == "Named \\x1b[2J"
    assert "\x1b" not in str(BadInput(f"Not {evil}", value=evil, hint=evil))


class Screen(io.StringIO):
    def __init__(self, moves):
        super().__init__()
        self.moves = moves

    def isatty(self):
        return self.moves


def said(monkeypatch, *, moves, stages):
    screen = Screen(moves)
    monkeypatch.setattr(sys, "stderr", screen)
    with Stages().shown(stages[0]) as shown:
        for stage in stages[1:]:
            shown._when = 0.0
            shown.say(stage)
    return screen.getvalue()


def test_a_pipe_gets_a_line_a_stage(monkeypatch):
    stages = ["Reading", "Reading", "Diagnosing\x1b[2J\n now"]
    shown = said(monkeypatch, moves=False, stages=stages)
    assert shown == "Reading …\nDiagnosing\\x1b[2J now …\n"


def test_a_terminal_gets_one_line_that_is_taken_back(monkeypatch):
    shown = said(monkeypatch, moves=True, stages=["Reading", "Diagnosing"])
    assert shown.endswith("\r\x1b[K")
    assert "\n" not in shown


def test_a_reader_that_is_gone_ends_no_command(monkeypatch):
    screen = Screen(moves=False)
    screen.close()
    monkeypatch.setattr(sys, "stderr", Screen(moves=False))
    stages = Stages()
    monkeypatch.setattr(sys, "stderr", screen)
    stages.say("Reading")


def test_a_long_stage_says_that_it_goes_on(monkeypatch):
    monkeypatch.setattr(terminal, "_EVERY_S", 0.05)
    screen = Screen(moves=False)
    monkeypatch.setattr(sys, "stderr", screen)
    ends = time.monotonic() + AMPLE_S
    with Stages().shown("Scoring"):
        while screen.getvalue().count("\n") < 3 and time.monotonic() < ends:
            time.sleep(0.01)
    lines = screen.getvalue().splitlines()
    assert lines[0] == "Scoring …"
    assert lines[1].startswith("Scoring … ")
    time.sleep(0.2)
    assert screen.getvalue().splitlines() == lines, "and no longer than it does"
