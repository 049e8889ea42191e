"""Records of JSON however they stand in a file."""

import json

import pytest

from workbench.connectors.reading.rows import json_records
from workbench.errors import SourceGarbled

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
