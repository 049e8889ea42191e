"""The command: lists, diagnoses, and tells a user's mistake without a traceback."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from parts import AMPLE_S
from planted import SHOP, Fault, metrics_window
from workbench.cli import main

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder of bundles with one planted incident, labelled."""
    folder = tmp_path_factory.mktemp("bundles")
    # Enough quiet time in the window itself: a bundle holds no history but by its id.
    slow = Fault("payments", "latency", 0.2, at=0.9)
    window = metrics_window(SHOP, (slow,), bins=200, incident=0.9, history=False, seed=1)
    bundle = folder / "slow-payments"
    bundle.mkdir()
    (bundle / "truth.json").write_text(json.dumps({"service": "payments", "fault": "slow"}))
    window.with_(id="slow-payments", title="Checkouts [b]slow[/b]").save(bundle)
    return folder


@pytest.fixture
def workbench(recorded, tmp_path, monkeypatch, capsys):
    """Run the command in this process: to start one takes seconds each time."""
    monkeypatch.setenv("WORKBENCH_DATASETS", str(recorded))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["workbench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, ended.value.code or 0, said.out, said.err)

    return run


@pytest.fixture
def process(recorded, tmp_path, monkeypatch):
    """Run the command as a person does."""
    monkeypatch.setenv("WORKBENCH_DATASETS", str(recorded))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "workbench", *arguments],
            env={**os.environ, "COLUMNS": "200", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=AMPLE_S,
            check=False,
        )

    return run


def test_incidents_are_listed_literally(workbench):
    done = workbench("incidents")
    assert done.returncode == 0
    assert "slow-payments" in done.stdout
    assert "[b]slow[/b]" in done.stdout, "names are shown, not interpreted"


@pytest.mark.slow
def test_a_folder_without_incidents_says_where_to_find_some(process, tmp_path):
    done = process("--datasets", str(tmp_path), "incidents")
    assert done.returncode == 2
    assert "No recorded incidents here" in done.stderr
    assert "--datasets" in done.stderr


@pytest.mark.slow
def test_datasets_names_the_folder(process, recorded, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_DATASETS", str(tmp_path))
    assert "slow-payments" in process("--datasets", str(recorded), "incidents").stdout
    assert process("--datasets", str(tmp_path / "none"), "incidents").returncode == 2


@pytest.mark.slow
def test_diagnose_prints_the_verdict(process):
    done = process("diagnose", "slow-payments")
    assert done.returncode == 0, done.stderr
    assert "caused by payments" in done.stdout


@pytest.mark.slow
def test_an_unknown_incident_is_a_message_and_no_traceback(process):
    done = process("diagnose", "slow-paymnts")
    assert done.returncode == 2
    assert "Did you mean 'slow-payments'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_sli_that_does_not_parse_is_a_message(workbench):
    done = workbench("diagnose", "slow-payments", "--sli", "payments")
    assert done.returncode == 2
    assert "Write service/signal" in done.stderr


def test_an_altered_bundle_is_refused(workbench, recorded):
    file = recorded / "slow-payments" / "metrics.parquet"
    kept = file.read_bytes()
    try:
        file.write_bytes(kept[:-1] + b"\x00")
        done = workbench("diagnose", "slow-payments")
    finally:
        file.write_bytes(kept)
    assert done.returncode == 2
    assert "BundleAltered" in done.stderr


@pytest.mark.slow
def test_evaluate_scores_labelled_incidents(workbench, recorded, tmp_path):
    rows = tmp_path / "rows.json"
    done = workbench("evaluate", "bundles", str(recorded), "--json", str(rows))
    assert done.returncode == 0, done.stderr
    assert "random" in done.stdout
    (row,) = json.loads(rows.read_text())
    wanted = {
        "case",
        "group",
        "fault",
        "target",
        "truth",
        "rank",
        "candidates",
        "score",
        "confidence",
        "rung",
        "named",
        "seconds",
    }
    assert wanted <= set(row)
    assert row["truth"] == "payments"
    assert row["rank"] == 1


def test_an_unknown_layout_is_a_message(workbench, recorded):
    done = workbench("evaluate", "petshp", str(recorded))
    assert done.returncode == 2
    assert "Did you mean 'petshop'?" in done.stderr


@pytest.fixture
def saved(workbench, tmp_path):
    """Folder of a postmortem that was written by the command."""
    done = workbench("postmortem", "slow-payments", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "out" / "slow-payments"
    assert (folder / "postmortem.md").is_file()
    return folder


@pytest.mark.slow
def test_a_postmortem_verifies_and_an_altered_one_does_not(workbench, saved):
    done = workbench("verify-postmortem", "slow-payments", "--out", str(saved.parent))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "numbers hold" in done.stdout
    assert len(done.stderr.splitlines()) == 1, "a sign of life, and nothing else"
    page = saved / "postmortem.md"
    page.write_text(page.read_text().replace("Times are UTC", "All 4711 times are UTC", 1))
    done = workbench("verify-postmortem", str(saved))
    assert done.returncode == 1
    assert "4711" in done.stdout


@pytest.mark.slow
def test_verifying_by_the_old_name_works_and_names_the_new_one(workbench, saved):
    done = workbench("postmortem", "verify", "slow-payments", "--out", str(saved.parent))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "numbers hold" in done.stdout
    assert "Deprecated: write workbench verify-postmortem slow-payments" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("verify",), "Say which postmortem to verify"),
        (("slow-payments", "other"), "One incident at a time"),
    ],
)
def test_a_postmortem_of_none_or_of_two_is_a_message(workbench, arguments, message):
    done = workbench("postmortem", *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_help_lists_the_commands(workbench):
    done = workbench("--help")
    for command in (
        "incidents",
        "investigate",
        "diagnose",
        "postmortem",
        "verify-postmortem",
        "evaluate",
        "lab",
    ):
        assert command in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("command", ["diagnose", "postmortem", "investigate"])
def test_a_command_shows_life_where_its_output_is_a_pipe(workbench, command, monkeypatch, tmp_path):
    """`investigate` was silent for 33 seconds."""
    from workbench.notebooks import run as notebooks

    monkeypatch.setattr(notebooks, "run_notebook", lambda *_, progress: progress("cell 1") or {})
    done = workbench(command, "slow-payments")
    assert done.returncode == 0, done.stderr
    assert "Reading slow-payments" in done.stderr.splitlines()[0]
    assert "\x1b" not in done.stderr + done.stdout
    assert "…" not in done.stdout.splitlines()[:1], "it can be piped on"


@pytest.mark.slow
def test_one_interrupt_ends_a_command_and_changes_nothing(recorded, tmp_path):
    running = subprocess.Popen(
        [sys.executable, "-m", "workbench", "investigate", "slow-payments", "--out", "out"],
        env={**os.environ, "WORKBENCH_DATASETS": str(recorded), "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        # A shell starts what it runs in the background deaf to Ctrl-C, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    seen = running.stderr.readline()
    while "cell" not in seen:
        seen = running.stderr.readline()
        assert running.poll() is None, seen
    running.send_signal(signal.SIGINT)
    said, told = running.communicate(timeout=AMPLE_S)
    assert running.returncode == 130
    assert told.splitlines()[-1] == "stopped"
    assert "Traceback" not in told
    assert not said
    assert not list((tmp_path / "out").rglob("*.*")), "nothing is there of a run that was stopped"


@pytest.mark.parametrize("command", ["investigate", "postmortem"])
def test_a_file_where_the_folder_should_be_is_a_message(workbench, tmp_path, command):
    (tmp_path / "out").write_text("mine")
    done = workbench(command, "slow-payments", "--out", "out")
    assert done.returncode == 2
    assert "CannotWrite" in done.stderr
    assert "A file stands where a folder should be" in done.stderr
    assert (tmp_path / "out").read_text() == "mine"


def test_a_quiet_stretch_is_no_incident(workbench, recorded, tmp_path, monkeypatch):
    quiet = metrics_window(SHOP, bins=20, history=False, id="quiet").with_(baseline=None)
    quiet.save(tmp_path / "quiet")
    monkeypatch.setenv("WORKBENCH_DATASETS", str(tmp_path))
    for command in ("diagnose", "investigate", "postmortem"):
        done = workbench(command, "quiet")
        assert done.returncode == 2
        assert "a quiet stretch" in done.stderr


def test_an_odd_folder_ends_no_list(workbench, recorded):
    odd = recorded / "a web page"
    odd.mkdir()
    (odd / "manifest.json").write_text('{"name": "\\u001b]0;evil\\u0007"}')
    try:
        done = workbench("incidents")
    finally:
        shutil.rmtree(odd)
    assert done.returncode == 0
    assert "slow-payments" in done.stdout
    assert "not read: a web page" in done.stderr


def test_escape_sequences_reach_no_terminal(workbench, recorded, tmp_path, monkeypatch):
    evil = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202e"
    slow = Fault("payments", "latency", 0.2, at=0.9)
    window = metrics_window(SHOP, (slow,), bins=200, incident=0.9, history=False, seed=1)
    window.with_(id="evil", title=evil).save(tmp_path / "evil")
    monkeypatch.setenv("WORKBENCH_DATASETS", str(tmp_path))
    for arguments in (("incidents",), ("diagnose", "evil"), ("diagnose", f"ev{evil}")):
        done = workbench(*arguments)
        assert not set(evil) & set("\x1b\x07\x9b\u202e") & set(done.stdout + done.stderr)
    assert "\x1b" not in repr(window.with_(title=evil))


def test_version_help_and_completion(workbench):
    from workbench import __version__

    assert workbench("--version").stdout == f"workbench {__version__}\n"
    assert workbench("-h").stdout == workbench("--help").stdout
    assert "diagnose" in workbench("-h").stdout
    assert "--sli" in workbench("diagnose", "-h").stdout
    assert "--show-completion" in workbench("-h").stdout


def test_lab_hands_on_what_it_does_not_know(workbench, monkeypatch):
    from workbench.notebooks import lab

    told = []
    monkeypatch.setattr(lab, "open_lab", lambda **options: told.append(options) or 4)
    done = workbench("lab", "--port", "9001", "--no-browser", "--ServerApp.base_url=/x", "--debug")
    assert done.returncode == 4
    assert (told[0]["port"], told[0]["browser"]) == (9001, False)
    assert told[0]["more"] == ["--ServerApp.base_url=/x", "--debug"]


@pytest.mark.slow
def test_a_folder_and_a_zip_are_diagnosed_and_written_of(
    workbench, recorded, tmp_path, monkeypatch
):
    from workbench import archive

    monkeypatch.setenv("WORKBENCH_DATASETS", str(tmp_path / "nowhere"))
    archive.pack(recorded / "slow-payments", tmp_path / "b.zip")
    for named in (str(recorded / "slow-payments"), str(tmp_path / "b.zip")):
        done = workbench("diagnose", named)
        assert done.returncode == 0, done.stderr
        assert "caused by payments" in done.stdout
    done = workbench("postmortem", str(tmp_path / "b.zip"))
    assert done.returncode == 0, done.stderr
    done = workbench("verify-postmortem", "slow-payments", "--of", str(tmp_path / "b.zip"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "numbers hold" in done.stdout
    done = workbench("diagnose", str(tmp_path / "b.zip"), "--start", "2020-01-01T00:00Z")
    assert done.returncode == 2
    assert "Half a range" in done.stderr


@pytest.mark.slow
def test_a_zip_is_investigated(process, recorded, tmp_path):
    from workbench import archive

    archive.pack(recorded / "slow-payments", tmp_path / "b.zip")
    done = process("investigate", str(tmp_path / "b.zip"), "--out", "out")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "slow-payments" / "postmortem.md").is_file()
    assert (tmp_path / "out" / "slow-payments" / "01_investigate.html").is_file()
    done = process("verify-postmortem", "slow-payments", "--out", "out")
    assert done.returncode == 0, done.stdout + done.stderr
