"""Rows of any source: records however they stand in a file, and bounded whatever it unpacks to."""

from __future__ import annotations

import json
import resource
import subprocess
import sys

import pytest

from workbench.connectors.reading import rows
from workbench.connectors.reading.rows import RowReader, json_of, json_records
from workbench.connectors.transport import bodies
from workbench.errors import SourceGarbled, WindowTooLarge

ONE, TWO = {"a": 1, "b": {"c": [1, 2]}}, {"a": 2}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ONE, TWO]),
        f"{json.dumps(ONE)}\n{json.dumps(TWO)}\n",
        f"{json.dumps(ONE, indent=2)}\n{json.dumps(TWO, indent=2)}\n",
        f"{json.dumps(ONE, indent=2)}{json.dumps(TWO, indent=2)}",
        f"\x1e{json.dumps(ONE, indent=2)}\n\x1e{json.dumps(TWO, indent=2)}\n",
        f"\ufeff{json.dumps(ONE, indent=2)}\r\n\r\n{json.dumps(TWO)}",
        f"{json.dumps(ONE)}{json.dumps(TWO)}",
    ],
)
def test_documents_of_every_arrangement_are_records(text):
    assert [record for _, record in json_records(text.encode())] == [ONE, TWO]


def test_the_rest_behind_the_last_whole_document_is_an_error_with_its_line():
    text = f"{json.dumps(ONE, indent=2)}\n{json.dumps(TWO, indent=2)[:-2]}"
    (_, first), (place, rest) = json_records(text.encode())
    assert first == ONE
    assert place == "document 2"
    assert isinstance(rest, SourceGarbled)
    assert "line 10" in str(rest)


def test_a_bad_line_hides_no_other():
    found = dict(json_records(b'{"a": 1}\n{"a": \n{"a": 3}\n'))
    assert found["line 1"] == {"a": 1}
    assert isinstance(found["line 2"], SourceGarbled)
    assert found["line 3"] == {"a": 3}


@pytest.mark.parametrize("text", [b"", b"  \n", b"hello", b"{'a': 1}", b"\xff\xfe{"])
def test_what_holds_no_json_is_refused(text):
    with pytest.raises(SourceGarbled):
        list(json_records(text))


def test_records_and_rows_beyond_their_cap_are_a_named_error(monkeypatch):
    monkeypatch.setattr(rows, "_MOST_RECORDS", 100)
    few = RowReader("changes").each(((str(n), n) for n in range(100)), lambda n: [{"n": n}])
    assert len(few.rows) == 100
    with pytest.raises(WindowTooLarge, match="More than 100 records"):
        RowReader("changes").each(((str(n), n) for n in range(101)), lambda _: [])
    with pytest.raises(WindowTooLarge, match="More than 100 records"):
        RowReader("changes").each(((str(n), n) for n in range(3)), lambda _: [{}] * 101)


def test_json_of_too_many_values_is_a_named_error(monkeypatch):
    monkeypatch.setattr(bodies, "_MANY", 100)
    monkeypatch.setattr(bodies, "MOST_VALUES", 100)
    with pytest.raises(WindowTooLarge):
        json_of(b"[" + b"0," * 200 + b"0]")


@pytest.mark.parametrize(
    ("data", "records", "refused"),
    [
        (b'{"a": 1}\n\n{"a": 2}\r\n', 2, 0),
        (b'not\n{"a": 1}\nnot\n', 1, 2),
        (b'12:00 started\n{"a": 1}\n{"a": 2}\n', 2, 1),  # 12 alone would be a document
        (b"\xef\xbb\xbf[1, 2, 3]", 3, 0),
    ],
)
def test_lines_are_read_one_by_one(data, records, refused):
    found = list(json_records(data))
    wrong = [record for _, record in found if isinstance(record, SourceGarbled)]
    assert (len(found) - len(wrong), len(wrong)) == (records, refused)


@pytest.mark.slow
def test_a_file_that_is_no_json_is_garbled():
    for data in (b"", b"\n\n", b"a\nb\n" * 20_000):
        with pytest.raises(SourceGarbled):
            list(json_records(data))


@pytest.mark.slow
def test_a_bomb_of_rows_takes_bounded_memory():
    """A gzip file of a few hundred kilobytes holds eighty million empty objects."""
    script = """
import resource
from workbench.connectors.reading.rows import RowReader, json_records
from workbench.errors import WorkbenchError

data = b"{}\\n" * 30_000_000
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    RowReader("changes").each(json_records(data), lambda _: [])
except WorkbenchError as error:
    print(type(error).__name__, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, preexec_fn=limited
    )
    name, kilobytes = done.stdout.split()
    assert name == b"WindowTooLarge"
    assert int(kilobytes) < 1_000_000


def limited():
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
