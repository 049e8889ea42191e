"""Files and bundles that appear whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from crashing import crashed
from killing import _window, stopped
from planted import metrics_window
from workbench import IncidentWindow
from workbench.archive import verify_bundle
from workbench.archive.bundles import MANIFEST
from workbench.errors import BundleSchema, CannotWrite
from workbench.writing import (
    make_folder,
    recover,
    sweep,
    whole_file,
    write_text,
    write_together,
)


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


@pytest.mark.slow
def test_a_writer_killed_at_any_step_leaves_the_old_content_or_the_new():
    """RELIABILITY K1 over all that is kept."""
    told = crashed()
    assert sum(one["steps"] for one in told.values()) >= 200
    for name, one in told.items():
        assert set(one["states"]) <= {"old", "new", "not asked"}, (name, one)
        if "at first" not in name and one["steps"]:
            assert set(one["states"]) == {"old", "new"}, (name, one)


def test_content_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda handle: (done.append(os.fstat(handle).st_ino), sync(handle))
    )

    def renamed(source, target, **kind):
        assert os.stat(source).st_ino in done, "renamed before it was flushed"
        replace(source, target, **kind)
        done.append("renamed")

    monkeypatch.setattr(os, "replace", renamed)
    write_text(tmp_path / "a", "x")
    assert done[-2:] == ["renamed", tmp_path.stat().st_ino], "the name is flushed too"


SAVE = """
import sys
from tests.killing import _window
from pathlib import Path
number, folder = int(sys.argv[1]), Path(sys.argv[2])
window = _window(f"w{number}", float(number))
for _ in range(15):
    window.save(folder)
"""


@pytest.mark.slow
def test_two_processes_may_save_one_bundle_and_a_reader_sees_a_whole_one(tmp_path):
    """RELIABILITY K2: of 30 bundles 10 could not be read."""
    folder, root = tmp_path / "b", Path(__file__).resolve().parents[1]
    _window("w0", 0.0).save(folder)
    writers = [
        subprocess.Popen([sys.executable, "-c", SAVE, str(n), str(folder)], cwd=root)
        for n in (1, 2)
    ]
    seen = set()
    while any(writer.poll() is None for writer in writers):
        window = IncidentWindow.load(folder)
        assert set(window.metrics["value"]) == {float(window.id[1:])}
        verify_bundle(folder)
        seen.add(window.id)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert len(seen) >= 2
    assert names(folder) <= {MANIFEST, "coverage.parquet"} | {
        path.name for path in folder.glob("metrics*.parquet")
    }
    assert len(list(folder.glob("metrics*.parquet"))) == 1


def test_a_bundle_of_a_newer_version_is_not_replaced(windows, tmp_path):
    folder = windows[0].save(tmp_path / "b")
    newer = json.dumps({"schema_version": 2, "of another shape": True})
    (folder / MANIFEST).write_text(newer)
    with pytest.raises(BundleSchema, match="newer version"):
        windows[1].save(folder)
    assert (folder / MANIFEST).read_text() == newer


def test_an_interrupt_between_files_that_belong_together_changes_none(tmp_path, monkeypatch):
    write_together(tmp_path, {"a": b"old", "b": b"old"})
    write = type(tmp_path).write_bytes

    def stop(path, data):
        if path.name.startswith(".b."):
            raise KeyboardInterrupt
        return write(path, data)

    monkeypatch.setattr(type(tmp_path), "write_bytes", stop)
    with pytest.raises(KeyboardInterrupt):
        write_together(tmp_path, {"a": b"new", "b": b"new"})
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"old"}
    assert names(tmp_path) == {"a", "b"}


def test_a_journal_of_others_moves_nothing(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "secret").write_text("s")
    (tmp_path / "in" / ".a.0.part").write_text("x")
    (tmp_path / ".abroad.0.part").write_text("x")
    moves = {"../out": "../secret", "b": ".a.0.part", "../in/a": ".a.0.part"}
    moves[str(tmp_path / "abroad")] = str(tmp_path / ".abroad.0.part")
    (tmp_path / "in" / ".unfinished.json").write_text(json.dumps(moves))
    assert recover(tmp_path / "in") == 0
    assert names(tmp_path) == {"in", "secret", ".abroad.0.part"}


@pytest.mark.parametrize("folder", ["out", "../out", "../a/../out"])
def test_a_folder_is_written_to_however_it_is_named(tmp_path, monkeypatch, folder):
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    for text in (b"old", b"new"):
        written = write_together(Path(folder), {"x.md": text, "figures/s.svg": text})
        assert [path.read_bytes() for path in written] == [text, text]
    assert names(Path(folder)) == {"x.md", "figures"}


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077])
def test_the_umask_is_respected_and_private_is_private(tmp_path, umask):
    before = os.umask(umask)
    try:
        for place in ("a", "sub/a"):
            write_text(tmp_path / place, "x")
            write_text(tmp_path / place, "y")
        write_text(tmp_path / "key", "x", private=True)
        make_folder(tmp_path / "cache", private=True)
    finally:
        os.umask(before)
    modes = {name: (tmp_path / name).stat().st_mode & 0o777 for name in ("a", "key", "cache")}
    assert modes == {"a": 0o666 & ~umask, "key": 0o600, "cache": 0o700}


def test_what_its_owner_made_private_stays_private(tmp_path):
    write_text(tmp_path / "a", "x")
    (tmp_path / "a").chmod(0o600)
    write_text(tmp_path / "a", "y")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_a_full_disk_and_a_file_in_the_way_are_named(tmp_path, monkeypatch):
    write_text(tmp_path / "a", "x")
    with pytest.raises(CannotWrite, match="A file stands where a folder should be"):
        write_text(tmp_path / "a" / "b", "x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CannotWrite, match="folder"):
        write_text(tmp_path / "folder", "x")

    def full(path, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(type(tmp_path), "write_bytes", full)
    with pytest.raises(CannotWrite, match=r"No space left on device.*Make room"):
        write_text(tmp_path / "a", "y")
    with pytest.raises(CannotWrite, match="No space left"):
        write_together(tmp_path, {"a": b"y"})
    assert (tmp_path / "a").read_text() == "x"
    assert names(tmp_path) == {"a", "folder"}


def test_an_error_that_is_about_another_file_stays_what_it_is(tmp_path):
    def reads():
        with whole_file(tmp_path / "a"):
            (tmp_path / "none").read_bytes()

    with pytest.raises(FileNotFoundError):
        reads()


def test_a_link_stays_a_link(tmp_path):
    write_text(tmp_path / "real" / "a", "x")
    (tmp_path / "link").symlink_to(tmp_path / "real" / "a")
    write_text(tmp_path / "link", "y")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a").read_text() == "y"
