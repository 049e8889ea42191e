from __future__ import annotations

import pytest

from workbench.semconv import PEER_ATTRIBUTES, PEER_LABELS, failed_labels, first_of


@pytest.mark.parametrize("names", [PEER_LABELS, PEER_ATTRIBUTES])
def test_the_most_telling_name_of_a_peer_wins(names):
    labels = {name: name for name in names}
    for name in names:
        assert first_of(labels, names) == name
        del labels[name]
    assert first_of(labels, names) == ""


def test_an_empty_label_is_not_set():
    assert first_of({"peer": "", "service_peer_name": "db", "x": None}, PEER_LABELS) == "db"


def test_a_status_code_beats_an_error_type():
    assert not failed_labels({"http_response_status_code": "404", "error_type": "404"})
    assert failed_labels({"http_response_status_code": 503})
    assert failed_labels({"error_type": "timeout"})
    assert not failed_labels({})
