"""The leak scanner reads what leaves as whoever gets it would, and goes on after what is broken."""

from __future__ import annotations

import gzip
import html
import io
import random
import time
import zipfile

import pandas as pd
import pytest

from workbench.masking import LeakWarning, file_texts, scan, warn_of_leaks

CANARY = "c4nary-0b1d@shop.example"
LINE = f"signed in as {CANARY} at noon\n"


def kinds(folder, **options):
    return {one.kind for one in scan([folder], canaries=[CANARY], **options).found}


def zipped(**members):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


HIDDEN = {
    "gzip": gzip.compress(LINE.encode()),
    "two members": gzip.compress(b"nothing\n") + gzip.compress(LINE.encode()),
    "gzip in a zip": zipped(a=gzip.compress(LINE.encode())),
    "zip in a zip": zipped(a=zipped(b=LINE)),
    "utf-16": LINE.encode("utf-16"),
    "utf-16-le without a mark": LINE.encode("utf-16-le"),
    "utf-16-be without a mark": LINE.encode("utf-16-be"),
    "utf-32": LINE.encode("utf-32"),
    "entities": "".join(f"&#{ord(char)};" for char in LINE).encode(),
    "hexadecimal entities": "".join(f"&#x{ord(char):x};" for char in LINE).encode(),
    "named entities": html.escape(LINE).replace("@", "&commat;").encode(),
    "gzip that is cut": gzip.compress(LINE.encode() + random.Random(0).randbytes(9000))[:5000],
    "not what it begins like": b"PAR1" + LINE.encode(),
}


@pytest.mark.parametrize("name", HIDDEN)
def test_what_is_packed_or_encoded_is_found(tmp_path, name):
    (tmp_path / "file").write_bytes(HIDDEN[name])
    assert {"canary", "email"} <= kinds(tmp_path)


BROKEN = {
    "a.parquet": b"PAR1 and nothing PAR1",
    "b.zip": b"PK\x03\x04 and nothing",
    "c.gz": b"\x1f\x8b\x08 and nothing",
    "d.zip": zipped(x="y" * 1000)[:-30],
}


def test_a_broken_file_is_told_and_hides_no_other(tmp_path):
    for name, data in BROKEN.items():
        (tmp_path / name).write_bytes(data)
    packed = bytearray(zipped(broken="x" * 50_000, whole=LINE))
    packed[60:70] = b"\xff" * 10
    (tmp_path / "e.zip").write_bytes(packed)
    (tmp_path / "z.log").write_text(LINE)
    found = scan([tmp_path], canaries=[CANARY])
    assert {one.file.rsplit("/", 1)[1] for one in found.found} >= {"z.log", "e.zip!whole"}
    unread = {place.rsplit("/", 1)[1] for place, _ in found.unread}
    assert unread >= {*BROKEN, "e.zip!broken"}
    assert "not read" in repr(found)
    assert CANARY not in repr(found)
    with pytest.warns(LeakWarning, match="not read"):
        warn_of_leaks([tmp_path / "a.parquet"])


def test_bombs_are_unread_and_hide_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(file_texts, "_LARGEST", 5_000_000)
    monkeypatch.setattr(file_texts, "_MOST_CELLS", 100_000)
    (tmp_path / "a.gz").write_bytes(gzip.compress(b" " * 50_000_000))
    (tmp_path / "b.zip").write_bytes(zipped(a=b" " * 50_000_000))
    nested = LINE.encode()
    for _ in range(8):
        nested = zipped(inner=nested)
    (tmp_path / "c.zip").write_bytes(nested)
    pd.DataFrame({"a": ["x"] * 200_000}).to_parquet(tmp_path / "d.parquet")
    (tmp_path / "e.log").write_text(" " * 6_000_000)
    (tmp_path / "z.log").write_text(LINE)
    begun = time.process_time()
    found = scan([tmp_path], canaries=[CANARY])
    assert time.process_time() - begun < 20
    assert {one.file.rsplit("/", 1)[1] for one in found.found} == {"z.log"}
    assert {place.rsplit("/", 1)[1].split("!")[0] for place, _ in found.unread} == {
        "a.gz",
        "b.zip",
        "c.zip",
        "d.parquet",
        "e.log",
    }
