"""The Root Cause Bench importer, on a folder made here and on the published one."""

import json

import pandas as pd
import pytest

from parts import require_shared_data
from workbench import datasets
from workbench.errors import BundleMissing
from workbench.features import sli_series
from workbench.tables import labels_of

START = pd.Timestamp("2026-05-01T10:00:00Z")


def minute(number):
    return f"{START + pd.Timedelta(number, 'min'):%Y-%m-%dT%H:%M:%SZ}"


def bench(folder, *, root="c1", failing="cart"):
    incident = folder / "slow-cart"
    (incident / "context").mkdir(parents=True, exist_ok=True)
    rows = [
        (minute(i), service, metric, value)
        for i in range(40)
        for service, metric, value in (
            ("cart", "http_server_duration_p99_ms", 900.0 if i >= 30 or i == 10 else 200.0),
            ("cart", "http_requests_per_second", 5.0),
            ("front", "http_5xx_ratio", 0.01),
            ("front", "queue_depth", 3.0),
            ("host-1", "node_cpu_utilization_ratio", 0.4),
        )
    ]
    columns = ["timestamp", "service", "metric", "value"]
    pd.DataFrame(rows, columns=columns).to_csv(incident / "metrics.csv", index=False)
    line = {"timestamp": minute(31), "service": "cart", "severity_text": "WARN", "msg": "slow",
            "trace_id": "t1", "k8s.node": "host-1", "rows": 7}  # fmt: skip
    (incident / "logs.ndjson").write_text(json.dumps(line) + "\n")
    spans = [
        {"trace_id": "t1", "span_id": "a", "parent_id": None, "service": "front", "name": "GET /",
         "start": minute(31), "duration_ms": 950, "status": "ERROR", "error": "deadline"},
        {"trace_id": "same", "span_id": "b", "parent_id": "a", "service": "cart", "name": "Get",
         "start": minute(31), "duration_ms": 900, "status": "OK"},
        {"trace_id": "same", "span_id": "c", "parent_id": "b", "service": "cart", "name": "SELECT",
         "start": minute(31), "duration_ms": 880, "status": "OK"},
    ]  # fmt: skip
    alert = {"service": "cart", "metric": "http_server_duration_p99_ms", "threshold": 800,
             "observed": 900, "fired_at": minute(33), "severity": "critical", "monitor": "p99",
             "summary": "cart is slow"}  # fmt: skip
    commits = [{"sha": sha, "author": "kim", "timestamp": minute(20), "message": f"fix {sha}",
                "files_changed": ["cart.go"], "diff": diff}
               for sha, diff in (("c1", "+ loop"), ("c2", None))]  # fmt: skip
    written = {
        "traces.json": spans,
        "alert.json": alert,
        "patterns.json": [{"signature": "slow <N>", "service": "cart", "count": 12,
                           "delta_vs_baseline": "+9", "sentiment": "negative"}],
        "context/commits.json": commits,
        "context/deploys.json": [{"timestamp": minute(28), "service": "cart", "commit_sha": "c1",
                                  "version": "v2"}],
        "context/flags.json": [{"timestamp": minute(5), "flag": "new_ui", "service": "front",
                                "change": "off->on", "actor": "lee"}],
        "truth.json": {"scenario": "slow", "root_cause_commit": root, "blast_radius": ["front"],
                       "first_failing_service": failing, "decoy_deploy_commits": ["c2"]},
    }  # fmt: skip
    for name, value in written.items():
        (incident / name).write_text(json.dumps(value))
    return folder


def test_metrics_are_read_in_plain_units_and_others_stay_gauges(tmp_path):
    window = datasets.read_root_cause_bench(bench(tmp_path)).load("slow-cart")
    metrics = window.metrics.groupby(["service", "metric"], observed=True)["value"].max()
    assert metrics["cart", "service.latency_p99"] == pytest.approx(0.9)
    assert metrics["cart", "service.load"] == pytest.approx(300)
    assert metrics["front", "service.error_ratio"] == pytest.approx(0.01)
    assert metrics["front", "queue_depth"] == 3
    own = window.metrics.loc[window.metrics["service"] == "cart", "labels"]
    assert {labels_of(text).get("node") for text in own} == {"host-1"}


def test_the_incident_begins_where_the_threshold_was_crossed_for_good(tmp_path):
    window = datasets.read_root_cause_bench(bench(tmp_path)).load("slow-cart")
    assert window.when.start == pd.Timestamp(minute(30)), "minute 10 crossed it and came back"
    assert window.when.end == pd.Timestamp(minute(40))
    assert str(window.slos[0].sli) == "cart/latency"
    assert window.alerts["name"].tolist() == ["p99"]


def test_commits_deploys_and_flags_are_changes_with_what_they_touch(tmp_path):
    changes = datasets.read_root_cause_bench(bench(tmp_path)).load("slow-cart").changes
    rows = {(r.kind, r.ref): r for r in changes.itertuples()}
    assert set(rows) == {("deploy", "c1"), ("flag", "new_ui"), ("commit", "c1"), ("commit", "c2")}
    assert rows["commit", "c1"].detail == "fix c1\ncart.go\n+ loop"
    assert rows["commit", "c2"].detail == "fix c2\ncart.go"
    assert rows["commit", "c1"].service == "cart"
    assert rows["commit", "c2"].service == "", "it was never deployed"
    assert rows["deploy", "c1"].version == "v2"
    assert rows["flag", "new_ui"].detail == "off->on"


def test_a_trace_goes_on_where_it_says_same(tmp_path):
    window = datasets.read_root_cause_bench(bench(tmp_path)).load("slow-cart")
    spans = window.spans.set_index("span_id")
    assert set(spans["trace_id"]) == {"t1"}
    assert spans["kind"].to_dict() == {"a": "server", "b": "server", "c": "internal"}
    assert spans.loc["a", "status"] == "error"
    assert labels_of(spans.loc["a", "attributes"]) == {"error": "deadline"}
    assert list(window.topology.edges) == [("front", "cart")]


def test_lines_keep_their_fields_and_patterns_both_counts(tmp_path):
    logs = datasets.read_root_cause_bench(bench(tmp_path)).load("slow-cart").logs
    told = {
        body: labels_of(text) for body, text in zip(logs["body"], logs["attributes"], strict=True)
    }
    assert told == {
        "slow": {"k8s.node": "host-1", "rows": 7},
        "slow <N>": {"pattern.count": 12, "pattern.baseline_count": 3},
    }
    assert logs["severity_number"].tolist() == [13, 13]


def test_truth_stays_outside_the_window(tmp_path):
    first = datasets.read_root_cause_bench(bench(tmp_path / "a"))
    other = datasets.read_root_cause_bench(bench(tmp_path / "b", root="none", failing="front"))
    assert first.load("slow-cart").digest == other.load("slow-cart").digest
    assert first.truth("slow-cart").services == ("cart",)
    assert first.truth("slow-cart").details["change"] == "c1"
    assert other.truth("slow-cart").details["change"] == "none"
    assert first.truth("slow-cart").details["decoys"] == ("c2",)


def test_a_folder_of_something_else_is_refused(tmp_path):
    with pytest.raises(BundleMissing):
        datasets.read_root_cause_bench(tmp_path)


@pytest.mark.slow
def test_the_published_incidents_are_all_read():
    labelled = datasets.read_root_cause_bench(require_shared_data("root-cause-bench"))
    assert len(labelled) == 12
    guilty = [labelled.truth(name).details["change"] for name in labelled.ids]
    assert sum(change == "none" for change in guilty) == 3
    for name, change in zip(labelled.ids, guilty, strict=True):
        window = labelled.load(name)
        assert set(labelled.truth(name).services) <= set(window.services)
        refs = window.changes.loc[window.changes["kind"] == "commit", "ref"].tolist()
        assert (change in refs) == (change != "none")
        assert window.when.start <= window.alerts["starts_at"].iloc[0] < window.when.end
        assert sli_series(window, window.sli()).notna().any()
