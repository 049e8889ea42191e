"""The command: lists, diagnoses, and tells a user's mistake without a traceback."""

from __future__ import annotations

import json
import os
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
    assert not done.stderr
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
