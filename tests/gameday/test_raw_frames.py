"""Raw captures become frames as recorded: no row lost, no value changed."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.gameday import raw_frames
from workbench.tables import conform, labels_of

TRACE, SPAN = "ecb74c7cc27017a51673ad4ccaa65569", "9666eae1212d6b23"


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_metrics_keep_every_sample_with_its_kind_and_unit(tmp_path):
    bucket = "http_server_request_duration_seconds_bucket"
    write(
        tmp_path / "metrics.ndjson",
        [
            {
                "metric": {"__name__": bucket, "service": "cart", "le": "+Inf", "job": "shop"},
                "values": [[1795458396.122, "3"], [1795458401.122, "NaN"]],
            },
            {
                "metric": {"__name__": "process_cpu_seconds_total", "service": "cart"},
                "values": [[1795458396.1, "0.25"]],
            },
            {
                "metric": {"__name__": "db_client_connection_count", "service": "orders"},
                "values": [[1795458396.1, "6"]],
            },
        ],
    )
    frame = conform("metrics", raw_frames.metrics(tmp_path))
    assert len(frame) == 4
    first = frame[frame["metric"] == bucket].iloc[0]
    assert first["ts"] == pd.Timestamp(1795458396122, unit="ms", tz="UTC")
    assert (first["value"], first["le"], first["kind"]) == (3.0, np.inf, "histogram")
    assert labels_of(first["labels"]) == {"job": "shop"}
    facts = frame.groupby("metric", observed=True)[["kind", "unit", "temporality"]].first()
    assert list(facts.loc["process_cpu_seconds_total"]) == ["counter", "s", "cumulative"]
    assert list(facts.loc["db_client_connection_count"]) == ["gauge", "1", ""]
    assert frame["value"].isna().sum() == 1, "a NaN that was scraped stays"


def test_spans_keep_nanoseconds_links_and_version(tmp_path):
    row = {
        "start_ns": 1795457923717142083,
        "end_ns": 1795457923786182800,
        "trace_id": TRACE,
        "span_id": SPAN,
        "parent_span_id": "",
        "service": "fulfilment",
        "version": "1.4.2",
        "name": "process fulfilment",
        "kind": "consumer",
        "status": "unset",
        "attributes": {"messaging.system": "redis"},
        "links": [{"trace_id": TRACE, "span_id": "a" * 16}],
    }
    write(tmp_path / "spans.ndjson", [row])
    span = conform("spans", raw_frames.spans(tmp_path)).iloc[0]
    assert span["ts"].value == row["start_ns"]
    assert span["duration_s"] == pytest.approx(0.069040717, abs=1e-12)
    assert labels_of(span["attributes"])["service.version"] == "1.4.2"
    assert json.loads(span["links"])[0]["trace_id"] == TRACE


def test_postgres_log_joins_continuations_and_keeps_the_client(tmp_path):
    (tmp_path / "logs.ndjson").write_text("")
    (tmp_path / "postgresql.out").write_text(
        "2026-11-23 18:18:32.631 UTC [6215]  LOG:  starting PostgreSQL 15\n"
        "2026-11-23 18:27:05.100 UTC [10304] orders ERROR:  deadlock detected\n"
        "2026-11-23 18:27:05.100 UTC [10304] orders DETAIL:  Process 10304 waits.\n"
        "\tProcess 10309 waits.\n"
    )
    frame = raw_frames.logs(tmp_path)
    assert list(frame["body"]) == [
        "starting PostgreSQL 15",
        "deadlock detected",
        "Process 10304 waits. Process 10309 waits.",
    ]
    assert list(frame["severity_number"]) == [9, 17, 9]
    assert labels_of(frame["attributes"][1]) == {
        "client.application": "orders",
        "process.pid": 10304,
    }
    assert frame["ts"][1] == pd.Timestamp("2026-11-23T18:27:05.100Z")


def test_alerts_are_one_row_a_start_and_end_once_resolved(tmp_path):
    firing = {
        "status": "firing",
        "labels": {"alertname": "HighLatency", "service": "cart", "severity": "critical"},
        "startsAt": "2026-11-23T18:27:12.05Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "5ef7",
    }
    resolved = {**firing, "status": "resolved", "endsAt": "2026-11-23T18:29:02.05Z"}
    still = {**firing, "fingerprint": "77aa"}
    write(
        tmp_path / "notifications.ndjson",
        [{"alerts": [firing]}, {"alerts": [resolved, still]}, {"alerts": [firing]}],
    )
    frame = raw_frames.alerts(tmp_path)
    assert len(frame) == 2
    assert frame["ends_at"][0] == pd.Timestamp("2026-11-23T18:29:02.05Z")
    assert pd.isna(frame["ends_at"][1])


@given(st.text())
def test_no_log_line_breaks_the_reader(text):
    parsed = raw_frames.parse_postgres_line(text)
    assert parsed is None or parsed["service"] == "postgresql"
