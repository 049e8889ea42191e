"""The recorded bundles: they verify, stay small, and keep the truth apart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.archive import verify_bundle
from workbench.gameday.faults import FAULTS
from workbench.gameday.shop.config import SERVICES
from workbench.window import IncidentWindow

DATASETS = Path(__file__).resolve().parents[2] / "datasets"
RECORDED = {script.incident: script for script in FAULTS.values()}
MEGABYTE = 1_000_000


@pytest.fixture(scope="module", params=sorted(RECORDED))
def folder(request):
    return DATASETS / request.param


@pytest.fixture(scope="module")
def window(folder):
    return IncidentWindow.load(folder)


def test_every_digest_holds(folder):
    assert {"metrics.parquet", "spans.parquet", "truth.json"} <= set(verify_bundle(folder))


def test_a_bundle_stays_small(folder):
    size = sum(path.stat().st_size for path in folder.iterdir())
    assert size < (7 if folder.name == "shop-quiet" else 3.3) * MEGABYTE


def test_the_window_holds_a_normal_stretch_and_every_service(window):
    assert {"edge", "postgresql", "redis", *SERVICES} <= set(window.topology.nodes)
    assert window.slos[0].sli == window.sli(RECORDED[window.id].sli)
    if window.id == "shop-quiet":
        assert window.when.duration.total_seconds() > 45 * 60
        assert window.changes.empty
        return
    assert window.history_id == "shop-quiet"
    assert window.baseline is not None
    assert window.baseline.duration.total_seconds() > 4 * 60
    assert not window.changes.empty


def test_the_truth_lies_inside_the_incident_and_names_what_was_done(folder, window):
    truth = json.loads((folder / "truth.json").read_text())
    script = RECORDED[folder.name]
    assert truth["service"] == script.truth["service"]
    if truth["onset"] is not None:
        assert window.when.contains(truth["onset"])
    if truth["change"] is not None:
        assert truth["change"]["ref"] in set(window.changes["ref"])


@pytest.mark.slow
def test_neither_the_truth_nor_the_machine_is_in_the_telemetry(folder, window):
    foreign = ("decoy", "inject", "/tmp", "/work", "/root", "/home", "traceback")
    texts = [path.read_text() for path in folder.glob("*.json") if path.name != "truth.json"]
    texts.append(window.coverage.to_frame().to_csv())
    for frame in window.tables.values():
        for column in frame.select_dtypes(exclude=["number", "datetimetz"]):
            texts += [str(value) for value in frame[column].unique()]
    found = {word for text in texts for word in foreign if word in text.lower()}
    assert not found


def test_spans_and_metrics_tell_the_same_load(window):
    metrics, spans = window.metrics, window.spans
    counted = metrics[metrics["metric"] == "http_server_request_duration_seconds_count"]
    for service in ("edge", "storefront", "payments"):
        series = counted[counted["service"] == service].groupby("labels", observed=True)["value"]
        total = series.last() - series.first()
        entered = (spans["service"] == service) & (spans["kind"] == "server")
        # A series that appears during the recording loses its first count.
        assert total.sum() == pytest.approx(entered.sum(), rel=0.03, abs=25)
