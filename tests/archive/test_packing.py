"""Packing a bundle, and unpacking what a stranger sent."""

from __future__ import annotations

import gzip
import hashlib
import resource
import time

import pytest

from evil_archives import evil, tarred, zipped
from planted import metrics_window
from workbench import IncidentWindow, archive
from workbench.errors import BundleError, BundleMissing, BundleUnsafe


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundle") / "b"
    folder.mkdir()
    (folder / "truth.json").write_text("{}")
    return metrics_window(bins=20).save(folder)


@pytest.fixture(scope="module")
def archives(bundle):
    return dict(evil(bundle))


def members(folder):
    return [(p.name, p.read_bytes()) for p in sorted(folder.iterdir())]


def everything(folder):
    """Every path below a folder with the digest of what it holds."""
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in folder.rglob("*")
        if p.is_file()
    }


def test_a_bundle_comes_back_from_its_zip(bundle, tmp_path):
    (bundle / "evidence").mkdir(exist_ok=True)
    (bundle / "evidence" / "one.json").write_text("{}")
    (bundle / "notes.txt").write_text("not part of the bundle")
    packed = archive.pack(bundle, tmp_path / "b.zip")
    again = archive.unpack(packed, tmp_path / "again")
    assert set(everything(again)) == {
        "manifest.json",
        "metrics.parquet",
        "coverage.parquet",
        "truth.json",
        "evidence/one.json",
    }
    assert IncidentWindow.load(again).digest == IncidentWindow.load(bundle).digest
    assert packed.read_bytes() == archive.pack(again, tmp_path / "c.zip").read_bytes()
    (bundle / "notes.txt").unlink()
    (bundle / "evidence" / "one.json").unlink()
    (bundle / "evidence").rmdir()


@pytest.mark.parametrize("form", ["tar", "tar.gz"])
def test_a_bundle_comes_back_from_a_tar(bundle, tmp_path, form):
    data = tarred(members(bundle))
    (tmp_path / "b").write_bytes(gzip.compress(data) if form == "tar.gz" else data)
    again = archive.unpack(tmp_path / "b", tmp_path / "again")
    assert everything(again) == everything(bundle)


@pytest.mark.slow
def test_there_are_at_least_40_evil_archives(archives):
    assert len(archives) >= 40


def test_no_evil_archive_is_unpacked_or_leaves_anything_anywhere(archives, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "outside.txt").write_text("untouched")
    wrong = []
    for name, data in archives.items():
        (tmp_path / "evil").write_bytes(data)
        before, started = everything(tmp_path), time.process_time()
        try:
            archive.unpack(tmp_path / "evil", tmp_path / "in" / "b")
            wrong.append(f"{name}: unpacked")
        except BundleError:
            pass
        if everything(tmp_path) != before or (tmp_path / "in" / "b").exists():
            wrong.append(f"{name}: left something")
        if time.process_time() - started > 5.0:
            wrong.append(f"{name}: took too long")
    assert not wrong
    assert not list(tmp_path.parent.glob("outside*"))


def test_bombs_do_not_fill_the_memory(archives, tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, data in archives.items():
        if "bomb" in name or "huge" in name or "overlap" in name:
            (tmp_path / "evil").write_bytes(data)
            with pytest.raises(BundleUnsafe):
                archive.unpack(tmp_path / "evil", tmp_path / "b")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 <= 256e6


def test_sizes_are_refused_before_anything_is_written(bundle, tmp_path):
    packed = archive.pack(bundle, tmp_path / "b.zip")
    with pytest.raises(BundleUnsafe, match="more than it may"):
        archive.unpack(packed, tmp_path / "again", most_bytes=1000)


def test_a_folder_that_is_there_is_not_written_into(bundle, tmp_path):
    packed = archive.pack(bundle, tmp_path / "b.zip")
    (tmp_path / "there").mkdir()
    with pytest.raises(BundleUnsafe, match="there already"):
        archive.unpack(packed, tmp_path / "there")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(BundleUnsafe, match="there already"):
        archive.unpack(packed, tmp_path / "link")
    with pytest.raises(BundleMissing, match="No archive here"):
        archive.unpack(tmp_path / "none.zip", tmp_path / "new")


def test_evidence_of_a_name_that_could_not_be_unpacked_is_not_packed(bundle, tmp_path):
    (bundle / "evidence").mkdir()
    (bundle / "evidence" / "a:b").write_text("")
    with pytest.raises(BundleUnsafe, match="lead elsewhere"):
        archive.pack(bundle, tmp_path / "b.zip")
    assert not list(tmp_path.iterdir())
    (bundle / "evidence" / "a:b").unlink()
    (bundle / "evidence").rmdir()


def test_what_was_packed_wrongly_is_not_a_bundle(bundle, tmp_path):
    sound = dict(members(bundle))
    (tmp_path / "z").write_bytes(zipped([(n, d) for n, d in sound.items() if n != "manifest.json"]))
    with pytest.raises(BundleMissing, match="No incident bundle"):
        archive.unpack(tmp_path / "z", tmp_path / "b")
    altered = {**sound, "metrics.parquet": sound["metrics.parquet"][:-1] + b"x"}
    (tmp_path / "z").write_bytes(zipped(altered.items()))
    with pytest.raises(BundleError, match=r"metrics\.parquet"):
        archive.unpack(tmp_path / "z", tmp_path / "b")
