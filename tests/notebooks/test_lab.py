"""JupyterLab is opened at an address that is said, with whatever options it is given."""

from __future__ import annotations

import socket
import subprocess
from types import SimpleNamespace

import pytest

from workbench.errors import BadInput
from workbench.notebooks import lab


@pytest.fixture
def started(monkeypatch):
    """Commands that would have been run."""
    commands = []

    def run(command, *, check, env):
        assert not check
        commands.append((command, env))
        return SimpleNamespace(returncode=3)

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.delenv("JUPYTER_TOKEN", raising=False)
    return commands


def test_the_address_is_said_and_options_are_handed_on(started):
    said = []
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert lab.open_lab(port=port, browser=False, more=["--debug"], say=said.append) == 3
    ((command, env),) = started
    assert {f"--port={port}", "--no-browser", "--debug", "--ServerApp.port_retries=0"} <= {*command}
    assert f"http://127.0.0.1:{port}/lab?token={env['JUPYTER_TOKEN']}" in said[0]
    assert env["JUPYTER_TOKEN"] not in " ".join(command), "others may list processes"


def test_root_is_allowed_where_there_is_nobody_else(started, monkeypatch):
    monkeypatch.setattr(lab.os, "geteuid", lambda: 0, raising=False)
    lab.open_lab(say=lambda _: None)
    monkeypatch.setattr(lab.os, "geteuid", lambda: 1000, raising=False)
    lab.open_lab(say=lambda _: None)
    assert ["--allow-root" in command for command, _ in started] == [True, False]
    assert all("--no-browser" not in command for command, _ in started)


def test_a_port_that_is_taken_is_named_and_another_is_found(started):
    said = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match="taken"):
            lab.open_lab(port=port, say=said.append)
    with pytest.raises(BadInput, match="taken"):
        lab.open_lab(port=99999999, say=said.append)
    lab.open_lab(say=said.append)
    assert len(started) == 1
