"""A real JupyterLab of its own: private folders, one token, one port, stopped by its pid."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

from servers.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Page

_FOLDERS = (
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "IPYTHONDIR",
    "JUPYTERLAB_SETTINGS_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
)
_READY_S = 300
_STOP_S = 20


def settings(theme: str) -> dict[str, dict[str, object]]:
    """Every cell in the page, no news, and a theme."""
    return {
        "notebook-extension/tracker": {"windowingMode": "none"},
        "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
        "apputils-extension/themes": {"theme": theme},
    }


@contextmanager
def lab(notebooks: Path, home: Path, *, theme: str = "JupyterLab Light") -> Iterator[str]:
    """Start JupyterLab on a folder; yields the address with which to open a notebook."""
    folders = {name: str(home / name.lower()) for name in _FOLDERS}
    _write_settings(home / "jupyterlab_settings_dir", theme)
    port, word = free_port(), secrets.token_hex(16)
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        f"--ServerApp.root_dir={notebooks}",
        f"--IdentityProvider.token={word}",
        "--LabApp.extension_manager=readonly",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
    ]
    with (home / "lab.log").open("w") as log:
        server = subprocess.Popen(
            command, env={**os.environ, **folders}, stdout=log, stderr=log, start_new_session=True
        )
        try:
            _wait_until_ready(f"http://127.0.0.1:{port}/api/status?token={word}", server)
            yield f"http://127.0.0.1:{port}/lab/tree/{{}}?token={word}"
        finally:
            _stop(server)


def run_all(page: Page, address: str, *, minutes: float) -> None:
    """Open a notebook, run all its cells, and wait until each has a number."""
    page.goto(address)
    # The toolbar says idle before there is a kernel, and Run All then runs nothing.
    page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=300_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator('[data-command="runmenu:run-all"]').click()
    done = (
        "() => { const all = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];"
        " return all.length && all.every(p => /\\[\\d+\\]/.test(p.textContent)); }"
    )
    page.wait_for_function(done, timeout=minutes * 60_000)


def _write_settings(folder: Path, theme: str) -> None:
    for name, values in settings(theme).items():
        path = folder / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), encoding="utf-8")


def _wait_until_ready(address: str, server: subprocess.Popen) -> None:
    until = time.monotonic() + _READY_S
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError(f"JupyterLab ended with {server.returncode}; see lab.log")
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.3)
    raise RuntimeError("JupyterLab did not answer in time; see lab.log")


def _stop(server: subprocess.Popen) -> None:
    """End the server and the kernels it started: its own session, nothing else."""
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(_STOP_S)
