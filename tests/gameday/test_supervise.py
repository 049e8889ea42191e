"""Processes: started in their own group, ended by pid, and never anyone else's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from parts import AMPLE_S
from workbench.errors import WorkbenchError
from workbench.gameday.supervise import Supervisor

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('deaf', flush=True); time.sleep(60)",
]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def wait_for(condition, seconds=AMPLE_S):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "did not happen in time"
        time.sleep(0.02)


def test_leaving_the_context_ends_its_own_processes_and_no_other(tmp_path):
    with subprocess.Popen(SLEEPER) as stranger:
        with Supervisor(tmp_path) as supervisor:
            pids = [supervisor.start(f"sleeper-{i}", SLEEPER) for i in range(2)]
            assert all(alive(pid) for pid in pids)
        assert not any(alive(pid) for pid in pids)
        assert alive(stranger.pid)
        stranger.kill()


def test_an_error_inside_the_context_still_ends_everything(tmp_path):
    pids = []

    def fail():
        with Supervisor(tmp_path) as supervisor:
            pids.append(supervisor.start("sleeper", SLEEPER))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not alive(pids[0])


def test_a_process_deaf_to_sigterm_is_killed_after_the_grace(tmp_path):
    with Supervisor(tmp_path, grace_s=0.3) as supervisor:
        supervisor.start("stubborn", STUBBORN)
        supervisor.wait_until(lambda: "deaf" in supervisor.tail("stubborn"), "stubborn")
        assert supervisor.stop("stubborn") == -signal.SIGKILL


def test_a_process_that_ends_by_itself_is_named_with_its_last_words(tmp_path):
    with Supervisor(tmp_path) as supervisor:
        supervisor.start("short", [sys.executable, "-c", "print('no such port')"])
        with pytest.raises(WorkbenchError, match=r"ended by itself.*'short'.*no such port"):
            supervisor.wait_until(lambda: False, "never")


def test_what_never_gets_ready_is_named(tmp_path):
    with (
        Supervisor(tmp_path) as supervisor,
        pytest.raises(WorkbenchError, match=r"did not become ready: .the moon"),
    ):
        supervisor.wait_until(lambda: False, "the moon", seconds=0.1)


def test_replace_stops_the_old_and_keeps_the_new_under_its_name(tmp_path):
    with Supervisor(tmp_path) as supervisor:
        old = supervisor.start("orders", SLEEPER)
        new = supervisor.start("orders-next", SLEEPER)
        supervisor.replace("orders", "orders-next")
        assert not alive(old)
        assert supervisor.children["orders"].pid == new
        assert alive(new)


def test_children_die_when_the_parent_is_killed(tmp_path):
    code = textwrap.dedent(
        f"""
        import time
        from pathlib import Path
        from workbench.gameday.supervise import Supervisor
        supervisor = Supervisor(Path({str(tmp_path)!r}))
        print(supervisor.start("sleeper", {SLEEPER!r}), flush=True)
        time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        child = int(parent.stdout.readline())
        # setpriv must have become the program before its parent goes.
        wait_for(lambda: Path(f"/proc/{child}/cmdline").read_text().split("\0")[0] == SLEEPER[0])
        parent.kill()
        parent.wait()
        wait_for(lambda: not alive(child))
