"""Files of a pattern: each read or told, none hiding another."""

from __future__ import annotations

import gzip
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.connectors.reading.files import (
    FilesSettings,
    RawFile,
    read_files,
    ungzipped,
    unread_rows,
)
from workbench.errors import SourceGarbled, SourceRefused, SourceUnreachable

CAP = 10_000


def read(pattern, cap=CAP):
    return list(read_files(str(pattern), cap_bytes=cap))


def test_plain_and_gzip_files_are_read_in_order_of_their_names(tmp_path):
    (tmp_path / "b.json").write_bytes(b"plain")
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(b"packed") + gzip.compress(b" twice"))
    found = read(tmp_path / "*.json*")
    assert [file.data for file in found] == [b"packed twice", b"plain"]
    assert all(file.error is None and file.modified is not None for file in found)


def test_a_folder_means_its_files_without_hidden_ones_and_folders(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "x.xml").write_bytes(b"deep")
    (tmp_path / "a.xml").write_bytes(b"a")
    (tmp_path / ".hidden").write_bytes(b"h")
    assert [file.data for file in read(tmp_path)] == [b"a"]
    assert {file.data for file in read(tmp_path / "**" / "*.xml")} == {b"a", b"deep"}


def test_no_match_is_told_and_is_not_an_empty_source(tmp_path):
    (only,) = read(tmp_path / "*.csv")
    assert isinstance(only.error, SourceUnreachable)
    (row,) = unread_rows([only], "deploys", "changes")
    assert (row.status, row.source, row.table) == ("failed", "deploys", "changes")
    assert "No file matches" in row.reason


def test_one_unreadable_file_hides_no_other(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * (CAP + 1))
    (tmp_path / "b").symlink_to(tmp_path / "nowhere")
    (tmp_path / "c").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "d")
    (tmp_path / "e").write_bytes(b"fine")
    found = {os.path.basename(file.name): file for file in read(tmp_path)}
    assert isinstance(found["a"].error, SourceRefused)
    assert isinstance(found["b"].error, SourceUnreachable)
    assert isinstance(found["c"].error, SourceRefused)
    assert isinstance(found["d"].error, SourceRefused)
    assert found["e"].data == b"fine"
    assert len(unread_rows(found.values(), "s", "logs")) == 4


@pytest.mark.slow
def test_a_gzip_bomb_is_refused_at_the_cap(tmp_path):
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"\0" * 50_000_000))
    (only,) = read(tmp_path, cap=1_000_000)
    assert isinstance(only.error, SourceRefused)
    assert only.data == b""


def test_a_gzip_file_cut_short_keeps_what_came_before_and_says_so(tmp_path):
    lines = b"".join(b"line %d\n" % n for n in range(1000))
    (tmp_path / "cut.gz").write_bytes(gzip.compress(lines)[:-200])
    (only,) = read(tmp_path)
    assert isinstance(only.error, SourceGarbled)
    assert lines.startswith(only.data)
    assert len(only.data) > 1000
    assert unread_rows([only], "s", "logs")[0].status == "partial"


def test_more_files_than_anyone_meant_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr("workbench.connectors.reading.files._MOST_FILES", 3)
    for n in range(5):
        (tmp_path / str(n)).write_bytes(b"x")
    found = read(tmp_path)
    assert [file.error is None for file in found] == [True, True, True, False]


def test_a_cap_of_nothing_or_an_unknown_setting_is_refused():
    for wrong in ({"files": ""}, {"files": "x", "cap_mb": 0}, {"files": "x", "pattern": "y"}):
        with pytest.raises(ValueError, match="validation error"):
            FilesSettings(**wrong)
    assert FilesSettings(files="x", cap_mb=1).cap_bytes == 1_000_000


@pytest.mark.slow
@given(st.binary(max_size=300))
def test_any_bytes_after_a_gzip_head_unpack_or_are_told(tail):
    data, error = ungzipped(b"\x1f\x8b\x08" + tail, cap_bytes=CAP)
    assert len(data) <= CAP
    assert error is None or isinstance(error, SourceGarbled | SourceRefused)


@pytest.mark.slow
@given(st.lists(st.binary(max_size=200), max_size=5))
def test_members_one_after_the_other_unpack_to_their_sum(parts):
    packed = b"".join(gzip.compress(part) for part in parts)
    assert ungzipped(packed, cap_bytes=CAP) == (b"".join(parts), None)


def test_a_raw_file_of_its_name_alone_is_an_empty_one():
    assert RawFile("x") == RawFile("x", b"", None, None)


def test_numbers_in_names_count_as_numbers(tmp_path):
    names = ["1.json", "2.json", "10.json", "a-9.json", "a-10.json", "run-007.json", "run-8.json"]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    assert [file.name.rpartition("/")[2] for file in read(tmp_path / "*")] == names
