"""The recording command: clear refusals, and Ctrl-C leaves nothing running."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gameday_requirements import processes_of, require_shop
from parts import AMPLE_S
from workbench.gameday import programs
from workbench.gameday.record import main

COMMAND = [sys.executable, "-u", "-m", "workbench.gameday.record"]


def test_an_unknown_fault_is_refused_without_a_traceback(capsys, tmp_path):
    assert main(["quite", "--raw", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "Unknown fault: 'quite'. Did you mean 'quiet'?" in said
    assert "Traceback" not in said


def test_a_missing_program_is_refused_before_anything_starts(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "_search_path", lambda: "/nonexistent")
    assert main(["quiet", "--raw", str(tmp_path / "raw")]) == 2
    assert "apt-get install" in capsys.readouterr().err


@pytest.mark.server
@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_whatever_ends_the_recorder_ends_the_shop(number, tmp_path):
    require_shop()
    command = [*COMMAND, "quiet", "--raw", str(tmp_path)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as recorder:
        folder = recorder.stdout.readline().split(" in ")[-1].strip()
        assert "workbench-shop-" in folder
        assert len(processes_of(folder)) > 10
        recorder.send_signal(number)
        code = recorder.wait(AMPLE_S)
    assert code == (-signal.SIGKILL if number == signal.SIGKILL else 130)
    ends = time.monotonic() + AMPLE_S
    while processes_of(folder) and time.monotonic() < ends:
        time.sleep(0.1)
    assert processes_of(folder) == []
    if number == signal.SIGKILL:
        # Nobody was left to remove it.
        shutil.rmtree(folder, ignore_errors=True)
    assert not Path(folder).exists()
