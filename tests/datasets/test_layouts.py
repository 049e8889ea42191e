"""Importers of public layouts, on folders made here: what is read, and that truth is not."""

import json

import numpy as np
import pandas as pd
import pytest

from workbench import datasets
from workbench.errors import BundleMissing

ONSET = pd.Timestamp("2024-05-01T10:00:00Z")


def petshop(folder, *, root="db"):
    (folder / "noissue").mkdir(parents=True, exist_ok=True)
    pd.DataFrame([[0, 1], [0, 0]], ["web", "db"], ["web", "db"]).to_csv(folder / "graph.csv")
    _petshop_metrics(folder / "noissue" / "metrics.csv", ONSET - pd.Timedelta("2D"), 60)
    for number in range(2):
        issue = folder / "test" / f"issue_{number}"
        issue.mkdir(parents=True, exist_ok=True)
        _petshop_metrics(issue / "metrics.csv", ONSET - pd.Timedelta("10min"), 5)
        told = {
            "target": {"node": "web", "metric": "latency", "timestamp": ONSET.timestamp()},
            "root_cause": {"node": root, "metric": None},
        }
        (issue / "target.json").write_text(json.dumps(told))
    return folder


def _petshop_metrics(path, start, rows):
    rng = np.random.default_rng(0)
    index = pd.Index(start.timestamp() + 300.0 * np.arange(rows), name="unix_timestamp")
    columns = pd.MultiIndex.from_product(
        [["web", "db"], [("requests", "Sum"), ("latency", "Average"), ("availability", "Average")]]
    )
    columns = pd.MultiIndex.from_tuples(
        [(s, *m) for s, m in columns], names=["microservice", "metric", "statistic"]
    )
    values = np.tile([100.0, 0.2, 99.0], 2) * rng.uniform(0.9, 1.0, (rows, 6))
    values[0, 1] = np.nan
    pd.DataFrame(values, index, columns).to_csv(path)


def nezha(folder, *, pod="cart-7f-x2", kind="cpu"):
    day = folder / "2024-05-01"
    (day / "metric").mkdir(parents=True, exist_ok=True)
    stamps = pd.date_range(ONSET - pd.Timedelta("90min"), periods=120, freq="1min")
    written = [f"{t:%Y-%m-%d %H:%M:%S}.607158889 +0000 UTC m=+0.1" for t in stamps]
    for name in ("cart-7f-x2", "front-5d-9z"):
        # The epoch column is wrong by years, as published for some pods.
        frame = pd.DataFrame({"Time": written, "TimeStamp": 1, "PodName": name})
        frame = frame.assign(**{"PodWorkload(Ops)": 5.0, "CpuUsage(m)": 2.0})
        frame.to_csv(day / "metric" / f"{name}_metric.csv", index=False)
    front = {"Time": written, "TimeStamp": 1, "ServiceName": "Front", "SuccessRate(%)": 99.0}
    pd.DataFrame(front | {"LatencyP50(s)": 0.2}).to_csv(
        day / "metric" / "front_service.csv", index=False
    )
    for name in ("source_50", "destination_50"):
        pd.DataFrame({"time": written, "timestamp": 1, "front_cart": 0.01}).to_csv(
            day / "metric" / f"{name}.csv", index=False
        )
    fault = {"inject_time": f"{ONSET:%Y-%m-%d %H:%M:%S}", "inject_pod": pod, "inject_type": kind}
    (day / "fault_list.json").write_text(json.dumps({"10": [fault]}))
    start = int(ONSET.value)
    spans = [
        ("t1", "a", "root", "front-5d-9z", "recv"),
        ("t1", "b", "a", "front-5d-9z", "get"),
        ("t1", "c", "b", "cart-7f-x2", "get"),
    ]
    names = ["TraceID", "SpanID", "ParentID", "PodName", "OperationName"]
    frame = pd.DataFrame(spans, columns=names)
    frame.assign(StartTimeUnixNano=start, EndTimeUnixNano=start + 1000, Duration=1500).to_parquet(
        day / "traces.parquet"
    )
    log = {
        "Timestamp": "",
        "TimeUnixNano": start,
        "Node": "n",
        "PodName": "cart-7f-x2",
        "Container": "c",
        "TraceID": "t1",
        "SpanID": "c",
        "Log": "Exception: boom",
    }
    pd.DataFrame([log]).to_parquet(day / "logs.parquet")
    return folder


def test_petshop_is_read_with_units_and_graph(tmp_path):
    labelled = datasets.read_petshop(petshop(tmp_path))
    assert labelled.ids == ("test-0", "test-1")
    window = labelled.load("test-0")
    assert list(window.topology.edges) == [("web", "db")]
    assert str(window.sli()) == "web/latency"
    assert window.when.start == ONSET
    ratio = window.metrics.query("metric == 'service.error_ratio'")["value"]
    assert ratio.between(0, 0.2).all()
    assert window.metrics["value"].notna().all()
    assert labelled.truth("test-0").services == ("db",)


def test_nezha_reads_written_times_kinds_and_logs(tmp_path):
    labelled = datasets.read_nezha(nezha(tmp_path))
    window = labelled.load(labelled.ids[0])
    assert window.metrics["ts"].dt.year.eq(2024).all()
    assert list(window.topology.edges) == [("front", "cart")]
    assert list(window.spans["kind"]) == ["server", "client", "server"]
    assert window.spans["duration_s"].iloc[0] == pytest.approx(0.0015)
    assert window.logs["severity_number"].iloc[0] == 17
    assert {str(slo.sli) for slo in window.slos} == {"front/errors", "front/latency"}
    assert labelled.truth(labelled.ids[0]).services == ("cart",)


def test_the_truth_changes_nothing_in_the_windows(tmp_path):
    before = [w.digest for w in datasets.read_petshop(petshop(tmp_path / "p"))]
    after = [w.digest for w in datasets.read_petshop(petshop(tmp_path / "p", root="web"))]
    assert before == after
    before = [w.digest for w in datasets.read_nezha(nezha(tmp_path / "n"))]
    after = [
        w.digest for w in datasets.read_nezha(nezha(tmp_path / "n", pod="front-5d-9z", kind="x"))
    ]
    assert before == after


def test_a_day_without_front_file_spans_or_dependencies_is_read(tmp_path):
    folder = nezha(tmp_path)
    for name in ("traces.parquet", "logs.parquet"):
        (folder / "2024-05-01" / name).unlink()
    window = next(iter(datasets.read_nezha(folder)))
    assert window.spans.empty
    assert list(window.topology.edges) == [("front", "cart")]


@pytest.mark.parametrize(
    "read", [datasets.read_petshop, datasets.read_nezha, datasets.read_bundles]
)
def test_a_folder_that_is_not_there_is_refused(read, tmp_path):
    with pytest.raises(BundleMissing):
        read(tmp_path / "nothing")
