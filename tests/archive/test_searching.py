"""Searching many bundles: what is found, what is refused, and what cannot be read is told."""

from __future__ import annotations

import json
import shutil

import pandas as pd
import pytest

import archives
from workbench import IncidentWindow, TimeRange, archive
from workbench.errors import BadInput, BundleMissing, UnknownName
from workbench.tables import labels_text

NAMES = ["day 2 %41 é", "day-0", "day-1"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return archives.write(tmp_path_factory.mktemp("archive"))


@pytest.fixture
def spoilt(root, tmp_path):
    return shutil.copytree(root, tmp_path / "spoilt")


@pytest.fixture(scope="module")
def opened(root):
    return archive.open(root)


def test_an_archive_lists_its_bundles(opened):
    frame = opened.incidents().to_frame()
    assert list(frame["bundle"]) == NAMES
    assert frame["title"].str.startswith("Refused cards").all()
    assert repr(opened) == f"Archive {opened.folder.name!r}: 3 bundles"


def test_text_is_found_in_any_case_and_the_same_text_is_one_line(opened):
    frame = opened.search("card refused", tables=["logs"]).to_frame()
    bodies = {"Card refused", "card REFUSED again"}
    assert set(frame["text"]) == bodies | {labels_text({"user": body}) for body in bodies}
    assert set(frame["bundle"]) == set(NAMES)
    assert set(frame["severity"]) == {"fatal", "warn"}
    assert (frame["rows"] == 1).all()


def test_titles_are_searched_too(opened):
    frame = opened.search("REFUSED CARDS ON DAY 1").to_frame()
    assert list(frame["table"]) == ["bundles"]
    assert list(frame["bundle"]) == ["day-1"]


@pytest.mark.slow
@pytest.mark.parametrize("text", archives.HOSTILE)
def test_hostile_text_finds_itself_and_nothing_else(opened, text):
    frame = opened.search(text, tables=["logs"]).to_frame()
    assert set(frame[frame["field"] == "body"]["text"]) == {text}
    frame = opened.search(services=[text]).to_frame()
    assert set(frame["service"]) == {text}
    frame = opened.search(labels={"user": text}, tables=["logs"]).to_frame()
    assert set(frame["text"]) == {text}


def test_a_label_of_50_is_not_one_of_500(opened):
    frame = opened.search(labels={"code": 50}, services=["cart"]).to_frame()
    assert frame["rows"].sum() == 3 * (archives.SAMPLES - 12)


def test_severity_is_a_least_one(opened):
    counts = {s: opened.search(severity=s).to_frame()["rows"].sum() for s in ("fatal", "info")}
    assert counts == {"fatal": 3, "info": 3 * (len(archives.HOSTILE) + 3)}


def test_time_is_half_open_to_the_nanosecond(opened):
    first = archives.stamps(0)[0]
    when = TimeRange(first, first + pd.Timedelta(1, "ns"))
    frame = opened.search(when=when, tables=["logs"]).to_frame()
    assert list(frame["first"]) == [first]
    before = TimeRange(first - pd.Timedelta(1, "ns"), first)
    assert len(opened.search(when=before, tables=["logs"])) == 0


def test_more_rows_than_the_limit_are_told(opened):
    found = opened.search(severity="info", limit=5)
    assert len(found) == 5
    assert found.cut
    assert "and more" in repr(found)
    whole = opened.search(severity="info")
    pd.testing.assert_frame_equal(found.to_frame(), whole.to_frame().head(5))
    assert not whole.cut


def test_services_and_labels_are_counted(opened):
    services = opened.services().to_frame()
    carts = services[(services["service"] == "cart") & (services["table"] == "metrics")]
    assert list(carts["rows"]) == [2 * (archives.SAMPLES - 12)] * 3
    labels = opened.labels("instance").to_frame()
    assert set(labels["value"]) == {"a", "b"}
    assert set(labels["table"]) == {"metrics"}


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({}, BadInput),
        ({"text": "x", "tables": ["log"]}, UnknownName),
        ({"severity": "bad"}, UnknownName),
    ],
)
def test_what_cannot_be_asked_is_refused(opened, asked, error):
    with pytest.raises(error):
        opened.search(**asked)


def test_nothing_found_is_said(opened):
    assert "nothing found" in repr(opened.search("no such text anywhere"))


def test_html_is_escaped(opened, tmp_path):
    found = opened.search("drop table")
    assert "&#x27;; DROP TABLE" in found._repr_html_()
    archives.window(0).with_(title="<script>alert(1)</script>").save(tmp_path / "a" / "b")
    assert "<script>" not in archive.open(tmp_path / "a")._repr_html_()


def test_a_single_bundle_is_an_archive(root):
    assert set(archive.open(root / "day-1").search("refused").to_frame()["bundle"]) == {"day-1"}


def test_no_folder_is_told(tmp_path):
    with pytest.raises(BundleMissing, match="No archive"):
        archive.open(tmp_path / "none")


def test_an_empty_archive_finds_nothing(tmp_path):
    opened = archive.open(tmp_path)
    assert len(opened.search("x")) == len(opened.services()) == len(opened.labels()) == 0
    assert len(opened.resample("1min").to_frame()) == 0


def spoil(folder, how):
    """Spoil a bundle: what a disk, a copy that was cut short, or a person may have done."""
    data = (folder / "logs.parquet").read_bytes()
    manifest = json.loads((folder / "manifest.json").read_text())
    if how == "no manifest":
        (folder / "manifest.json").write_text("{")
    elif how == "cut short":
        (folder / "logs.parquet").write_bytes(data[:-30])
    elif how == "missing":
        (folder / "logs.parquet").unlink()
    elif how == "garbled":
        (folder / "logs.parquet").write_bytes(bytes(len(data)))
    elif how == "flipped":
        (folder / "logs.parquet").write_bytes(data[:4] + bytes(400) + data[404:])
    elif how == "no window":
        del manifest["window"]["when"]
        (folder / "manifest.json").write_text(json.dumps(manifest))
    elif how == "another's table":
        pd.DataFrame({"ts": [1], "body": ["x"]}).to_parquet(folder / "logs.parquet")
        write_digest(folder, manifest)


def write_digest(folder, manifest):
    import hashlib

    data = (folder / "logs.parquet").read_bytes()
    facts = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    manifest["files"]["logs.parquet"] = facts
    (folder / "manifest.json").write_text(json.dumps(manifest))


SPOILT = (
    "no manifest",
    "cut short",
    "missing",
    "garbled",
    "flipped",
    "no window",
    "another's table",
)


@pytest.mark.parametrize("how", SPOILT)
def test_a_bundle_that_cannot_be_read_is_named_and_the_others_are_searched(spoilt, how):
    spoil(spoilt / "day-1", how)
    found = archive.open(spoilt).search("card refused", tables=["logs"])
    assert set(found.to_frame()["bundle"]) == {"day 2 %41 é", "day-0"}
    assert [gap.bundle for gap in found.unreadable] == ["day-1"]
    assert "not read: day-1" in repr(found)
    assert "day-1" in found._repr_html_()


def test_a_bundle_whose_name_is_a_pattern_is_told(root, tmp_path):
    shutil.copytree(root / "day-0", tmp_path / "a[b]*")
    opened = archive.open(tmp_path)
    assert [gap.bundle for gap in opened.unreadable] == ["a[b]*"]
    assert "pattern" in repr(opened)


def test_a_bundle_saved_over_is_searched_as_it_is_now(spoilt):
    archives.window(5).save(spoilt / "day-0")
    frame = archive.open(spoilt / "day-0").search("refused cards").to_frame()
    assert list(frame["text"]) == ["Refused cards on day 5"]
    again = IncidentWindow.load(spoilt / "day-0")
    services = archive.open(spoilt / "day-0").services().to_frame()
    assert services["rows"].sum() == len(again.metrics) + len(again.logs)
