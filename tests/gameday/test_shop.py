"""The shop really runs: every process, one deploy, and nothing left behind."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from gameday_requirements import processes_of, require_shop
from workbench.archive import verify_bundle
from workbench.gameday.bundle import recorded_tables, write_recording
from workbench.gameday.capture import Timing, capture
from workbench.gameday.faults import FAULTS
from workbench.gameday.shop.config import SERVICES
from workbench.tables import labels_of
from workbench.window import IncidentWindow

pytestmark = [pytest.mark.server, pytest.mark.slow]

STORES = {"postgresql", "redis"}


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A short run with an innocent deploy in it; a stranger's process stands by."""
    require_shop()
    folder, said = tmp_path_factory.mktemp("capture"), []
    timing = Timing(warm_up=0.05, normal=0.35, after=0.35)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(200)"]) as stranger:
        capture(FAULTS["innocent-deploy"], folder, timing=timing, seed=3, say=said.append)
        assert stranger.poll() is None, "a process that the shop did not start"
        stranger.kill()
    (home,) = (line.split(" in ")[-1] for line in said if "shop is up in" in line)
    assert "workbench-shop-" in home
    assert not processes_of(home), "the shop leaves no process behind"
    return folder


@pytest.fixture(scope="module")
def tables(raw):
    return recorded_tables(raw, json.loads((raw / "run.json").read_text()))


def test_every_service_sent_spans_and_every_target_was_scraped(tables):
    spans, metrics = tables["spans"], tables["metrics"]
    assert set(spans["service"]) == {*SERVICES, "edge"}
    up = metrics[metrics["metric"] == "up"]
    assert set(up["service"]) == {*SERVICES, *STORES, "edge", "machine"}
    assert up["value"].mean() > 0.95
    cadence = up[up["service"] == "cart"]["ts"].diff().dt.total_seconds().median()
    assert cadence == pytest.approx(5.0, abs=0.5)


def test_the_edge_is_the_root_and_everything_hangs_below_it(tables):
    spans = tables["spans"]
    roots = spans[spans["parent_span_id"].fillna("") == ""]
    assert set(roots["service"]) == {"edge"}
    known = set(spans["span_id"])
    settled = spans["ts"] < spans["ts"].max() - pd.Timedelta(seconds=3)
    entered = spans[settled & (spans["service"] == "storefront") & (spans["kind"] == "server")]
    assert entered["parent_span_id"].isin(known).mean() > 0.98


def test_one_checkout_crosses_the_queue_without_waiting(tables):
    spans = tables["spans"]
    consumed = spans[spans["kind"] == "consumer"]
    parents = spans.set_index("span_id")
    producers = parents.loc[consumed["parent_span_id"]]
    assert len(consumed)
    assert set(producers["kind"]) == {"producer"}
    assert set(producers["service"]) == {"orders"}
    assert producers["duration_s"].median() < consumed["duration_s"].median()
    assert all(json.loads(links) for links in consumed["links"])


def test_logs_carry_the_trace_they_belong_to(tables):
    logs, traces = tables["logs"], set(tables["spans"]["trace_id"])
    placed = logs[logs["body"] == "order placed"]
    assert len(placed)
    assert placed["trace_id"].isin(traces).all()


def test_the_deploy_is_recorded_and_its_new_version_answers(tables):
    (change,) = tables["changes"].to_dict("records")
    assert (change["kind"], change["service"], change["ref"]) == (
        "deploy",
        "checkout",
        "checkout@2.9.6",
    )
    served = tables["spans"].query("service == 'checkout' and kind == 'server'")
    after = served[served["ts"] > change["end_ts"]]
    versions = {labels_of(text)["service.version"] for text in after["attributes"]}
    assert versions == {"2.9.6"}


def test_what_the_services_count_is_what_their_spans_say(tables):
    metrics, spans = tables["metrics"], tables["spans"]
    name = "http_server_request_duration_seconds_count"
    counted = metrics[(metrics["metric"] == name) & (metrics["service"] == "storefront")]
    wide = counted.pivot_table(
        index="ts", columns="labels", values="value", observed=True, aggfunc="sum"
    )
    total = wide.ffill().fillna(0).sum(axis=1)
    seen = spans[(spans["service"] == "storefront") & (spans["kind"] == "server")]
    ends = seen["ts"] + pd.to_timedelta(seen["duration_s"], unit="s")
    between = (ends > total.index[0]) & (ends <= total.index[-1])
    assert np.isclose(total.iloc[-1] - total.iloc[0], between.sum(), atol=2)


def test_the_bundle_verifies_and_tells_nothing_of_the_truth(raw, tmp_path):
    folder = write_recording(raw, tmp_path)
    assert "truth.json" in verify_bundle(folder)
    window = IncidentWindow.load(folder)
    assert window.history_id == "shop-quiet"
    assert window.slos[0].service == "checkout"
    assert {"edge", *SERVICES, *STORES} <= set(window.topology.nodes)
    assert window.topology.has_edge("storefront", "checkout")
    text = "".join(p.read_text() for p in folder.glob("*.json") if p.name != "truth.json")
    assert not any(word in text for word in ("decoy", "inject", "/tmp", "seed"))
