"""The command: lists, diagnoses, and tells a user's mistake without a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from planted import SHOP, Fault, metrics_window


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A folder of bundles with one planted incident, labelled."""
    folder = tmp_path_factory.mktemp("bundles")
    window = metrics_window(SHOP, faults=(Fault("payments", "latency", 0.2),), seed=1)
    bundle = folder / "slow-payments"
    bundle.mkdir()
    (bundle / "truth.json").write_text(json.dumps({"service": "payments", "fault": "slow"}))
    window.with_(id="slow-payments", title="Checkouts [b]slow[/b]").save(bundle)
    return folder


@pytest.fixture
def workbench(recorded, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_DATASETS", str(recorded))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "workbench", *arguments],
            env={**os.environ, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=120,
            check=False,
        )

    return run


def test_incidents_are_listed_literally(workbench):
    done = workbench("incidents")
    assert done.returncode == 0
    assert "slow-payments" in done.stdout
    assert "[b]slow[/b]" in done.stdout, "names are shown, not interpreted"


def test_a_folder_without_incidents_says_where_to_find_some(workbench, tmp_path):
    done = workbench("--datasets", str(tmp_path), "incidents")
    assert done.returncode == 2
    assert "No recorded incidents here" in done.stderr
    assert "--datasets" in done.stderr


def test_datasets_names_the_folder(workbench, recorded, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_DATASETS", str(tmp_path))
    assert "slow-payments" in workbench("--datasets", str(recorded), "incidents").stdout
    assert workbench("--datasets", str(tmp_path / "none"), "incidents").returncode == 2


def test_diagnose_prints_the_verdict(workbench):
    done = workbench("diagnose", "slow-payments")
    assert done.returncode == 0, done.stderr
    assert "caused by payments" in done.stdout


def test_an_unknown_incident_is_a_message_and_no_traceback(workbench):
    done = workbench("diagnose", "slow-paymnts")
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


def test_postmortem_is_written_and_verifies(workbench, tmp_path):
    done = workbench("postmortem", "slow-payments", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "slow-payments" / "postmortem.md").is_file()
    done = workbench("postmortem", "verify", "slow-payments", "--out", str(tmp_path / "out"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_help_lists_the_commands(workbench):
    done = workbench("--help")
    for command in ("incidents", "investigate", "diagnose", "postmortem", "evaluate", "lab"):
        assert command in done.stdout
