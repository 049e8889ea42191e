"""The wheel away from the checkout: built, installed into an empty environment, and used.

Not collected by the suite, because it installs every dependency: ``make wheel-test`` runs it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CARRIED = {"shop-orders-locks", "shop-quiet"}
UV = shutil.which("uv")


def run(*command: str | Path, cwd: Path, expect: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command that knows nothing of the checkout."""
    clean = {k: v for k, v in os.environ.items() if k not in {"PYTHONPATH", "WORKBENCH_DATASETS"}}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**clean, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from the sdist of the files under version control: nothing stale gets in."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    listed = run("git", "ls-files", "-z", cwd=ROOT).stdout.split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    installer = ["--installer", "uv"] if UV else []
    run(sys.executable, "-m", "build", *installer, "--outdir", out, source, cwd=out)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def command(wheel, tmp_path_factory) -> Path:
    """The command of an environment that holds the wheel and what it needs, nothing else."""
    home = tmp_path_factory.mktemp("environment") / "venv"
    python, constraints = home / "bin" / "python", ROOT / "constraints.txt"
    if UV:
        run(UV, "venv", "--quiet", "--python", sys.executable, home, cwd=home.parent)
        install = [UV, "pip", "install", "--quiet", "--python", python]
    else:
        run(sys.executable, "-m", "venv", home, cwd=home.parent)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*install, "--constraint", constraints, wheel, cwd=home.parent)
    return home / "bin" / "workbench"


def package_files(command: Path) -> set[str]:
    (package,) = command.parents[1].glob("lib/python*/site-packages/workbench")
    return {str(p.relative_to(package)) for p in package.rglob("*") if "__pycache__" not in p.parts}


def test_the_wheel_holds_the_notebooks_the_incident_and_no_tests(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    notebooks = {path.name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert {f"workbench/notebooks/curated/{name}" for name in notebooks} <= names
    recorded = {name.split("/")[3] for name in names if name.startswith("workbench/datasets/rec")}
    assert recorded == CARRIED
    assert {name.split("/")[0] for name in names if "dist-info" not in name} == {"workbench"}
    assert wheel.stat().st_size < 10e6, "a wheel this large is not what people expect to install"


def test_every_module_of_the_checkout_is_in_the_wheel(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")}
    listed = run("git", "ls-files", "workbench/*.py", cwd=ROOT).stdout.split()
    assert names == {name for name in listed if (ROOT / name).is_file()}


def test_incidents_lists_what_the_package_carries(command, tmp_path):
    listed = run(command, "incidents", cwd=tmp_path).stdout
    assert all(incident in listed for incident in CARRIED)


def test_investigate_works_in_an_empty_folder_and_writes_nowhere_else(command, tmp_path):
    before = package_files(command)
    run(command, "investigate", cwd=tmp_path)
    results = tmp_path / "outputs" / "shop-orders-locks"
    assert "orders@2.4.0" in (results / "postmortem.md").read_text(encoding="utf-8")
    assert {p.name for p in results.iterdir()} >= {"01_investigate.html", "evidence.json"}
    assert [p.name for p in tmp_path.iterdir()] == ["outputs"]
    assert package_files(command) == before
    verified = run(command, "postmortem", "verify", "shop-orders-locks", cwd=tmp_path).stdout
    assert "shop-orders-locks" in verified


def test_an_incident_it_does_not_carry_is_named_and_found_where_one_says(command, tmp_path):
    refused = run(command, "diagnose", "shop-traffic-surge", cwd=tmp_path, expect=2)
    assert "--datasets" in refused.stderr
    assert "Traceback" not in refused.stderr
    elsewhere = ("--datasets", ROOT / "datasets")
    found = run(command, *elsewhere, "diagnose", "shop-traffic-surge", cwd=tmp_path).stdout
    assert found.startswith("Diagnosis of 'shop-traffic-surge'")
