"""Files and bundles that appear whole or not at all."""

from __future__ import annotations

import json
import os
import time

import pytest

from killing import stopped
from planted import metrics_window
from workbench import IncidentWindow
from workbench.archive.bundles import MANIFEST
from workbench.archive.writing import sweep, whole_file


@pytest.fixture
def windows():
    return metrics_window(bins=20, history=False), metrics_window(bins=20, seed=1, history=False)


def names(folder):
    return {path.name for path in folder.iterdir()}


@pytest.mark.slow
@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT"])
def test_a_writer_stopped_anywhere_leaves_the_old_bundle_or_the_new(how):
    told = stopped(20, how)
    assert told["states"] == {"whole": 20}
    assert told["saved again"]
    assert told["slowest_cpu_s"] <= 2.0


def test_saving_over_a_bundle_replaces_it_and_removes_what_it_replaced(windows, tmp_path):
    one, two = windows
    two.save(one.save(tmp_path / "b"))
    assert IncidentWindow.load(tmp_path / "b").digest == two.digest
    assert len(names(tmp_path / "b")) == 3
    one.save(tmp_path / "b")
    assert names(tmp_path / "b") == {MANIFEST, "metrics.parquet", "coverage.parquet"}
    assert IncidentWindow.load(tmp_path / "b").digest == one.digest


def test_until_the_manifest_is_replaced_the_old_bundle_holds(windows, tmp_path, monkeypatch):
    one, two = windows
    one.save(tmp_path / "b")

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("workbench.archive.bundles.write_text", stop)
    with pytest.raises(KeyboardInterrupt):
        two.save(tmp_path / "b")
    assert IncidentWindow.load(tmp_path / "b").digest == one.digest
    monkeypatch.undo()
    one.save(tmp_path / "b")
    assert names(tmp_path / "b") == {MANIFEST, "metrics.parquet", "coverage.parquet"}


def test_files_the_manifest_does_not_name_are_left_alone(windows, tmp_path):
    folder = windows[0].save(tmp_path / "b")
    (folder / "notes.parquet").write_bytes(b"mine")
    (folder / "truth.json").write_text("{}")
    windows[1].save(folder)
    assert {"notes.parquet", "truth.json"} <= names(folder)
    assert "truth.json" in json.loads((folder / MANIFEST).read_text())["files"]


def test_an_error_while_writing_leaves_nothing(tmp_path):
    def interrupted(path):
        with whole_file(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted(tmp_path / "a")
    assert not names(tmp_path)


def test_only_old_leftovers_are_swept(tmp_path):
    for name in (".a.x.part", ".b.x.part", "c.part"):
        (tmp_path / name).write_text("half")
    (tmp_path / ".d.x.part").mkdir()
    old = time.time() - 7200
    for name in (".a.x.part", "c.part", ".d.x.part"):
        os.utime(tmp_path / name, (old, old))
    assert sweep(tmp_path) == 2
    assert names(tmp_path) == {".b.x.part", "c.part"}
