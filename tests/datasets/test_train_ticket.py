"""Nezha's Train Ticket: no dependency file, and a front end that is not filled in."""

from collections import Counter

import pytest

from parts import require_shared_data
from workbench import datasets


@pytest.fixture(scope="module")
def labelled():
    return datasets.read_nezha(require_shared_data("nezha-train-ticket"))


@pytest.mark.slow
def test_all_faults_are_read(labelled):
    faults = Counter(labelled.truth(name).fault for name in labelled.ids)
    assert faults == {"return": 11, "exception": 13, "cpu_contention": 4}
    known = set(labelled.load(labelled.ids[0]).services)
    assert len(known) == 46
    assert {s for name in labelled.ids for s in labelled.truth(name).services} <= known


@pytest.mark.slow
def test_the_sli_is_the_gateways_and_calls_come_from_spans(labelled):
    window = labelled.load(labelled.ids[12])
    assert [str(slo.sli) for slo in window.slos] == ["ts-gateway-service/latency"]
    assert "Frontend" not in window.services, "its success rate is constant: not filled in"
    assert not (window.metrics["metric"] == "service.error_ratio").any()
    assert window.topology.number_of_edges() > 40
    assert window.topology.in_degree("ts-gateway-service") == 0


@pytest.mark.slow
def test_lines_and_spans_of_the_incident_are_there_and_share_traces(labelled):
    window = labelled.load(labelled.ids[12])
    inside = window.logs[window.when.mask(window.logs["ts"])]
    spans = window.spans[window.when.mask(window.spans["ts"])]
    assert len(inside) > 1000
    assert len(spans) > 1000
    assert len(set(inside["trace_id"]) & set(spans["trace_id"])) > 50
