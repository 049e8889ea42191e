"""No data is not health: an SLI that was not measured has a verdict of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import workbench as wb
from workbench.errors import BadInput, WorkbenchError

START = pd.Timestamp("2026-03-01T10:00:00Z")
ONSET = START + pd.Timedelta("150min")
WHEN = wb.TimeRange(ONSET, ONSET + pd.Timedelta("30min"))


def measured():
    """Two services, slow from the onset on."""
    rng = np.random.default_rng(0)
    ts = pd.date_range(START, periods=180, freq="1min")
    parts = []
    for service, base in (("web", 0.1), ("cart", 0.05)):
        latency = base + rng.normal(0, 0.002, 180)
        latency[150:] += 0.3
        for metric, value in (("latency", latency), ("load", 100.0), ("errors", 1.0)):
            columns = {"ts": ts, "metric": f"service.{metric}", "value": value, "service": service}
            parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def window(metrics, when=WHEN, signal="latency", **more):
    return wb.IncidentWindow.from_frames(
        id="w",
        when=when,
        metrics=metrics,
        topology=wb.topology.from_table(pd.DataFrame({"src": ["web"], "dst": ["cart"]})),
        slos=(wb.SLO("slo", "web", signal, objective=0.99),),
        **more,
    )


def without(metrics, names, *, during=True, service="web"):
    gone = (metrics["ts"] >= ONSET) == during
    gone &= (metrics["service"] == service) & metrics["metric"].isin(names)
    return metrics[~gone]


@pytest.mark.parametrize("signal", ["latency", "errors", "load"])
@pytest.mark.parametrize("during", [True, False])
def test_an_sli_that_was_not_measured_is_told_so_and_nothing_is_claimed(signal, during):
    named = ["service.load"] if signal == "load" else [f"service.{signal}"]
    change = {"ts": ONSET - pd.Timedelta("1min"), "kind": "deploy", "service": "cart", "ref": "x"}
    asked = window(
        without(measured(), named, during=during), signal=signal, changes=pd.DataFrame([change])
    )
    found = wb.diagnose.compare(asked)
    assert "was not measured in the " + ("incident" if during else "baseline") in found.verdict
    assert "normal" not in repr(found)
    assert found.cause is None
    assert {suspect.claim for suspect in found.suspects} <= {"observed"}
    assert any(f"web/{signal}" in one for one in found.would_settle)
    assert np.isnan(found.during)
    ranking = wb.causal.rank(asked)
    assert "normal" not in repr(ranking).splitlines()[0]
    assert "of the SLI's change" not in repr(ranking)
    assert "not measured" in repr(wb.diagnose.next_checks(asked))
    with pytest.raises(WorkbenchError):
        wb.causal.what_if(asked, service="cart")


@pytest.mark.parametrize(
    ("metrics", "when", "side"),
    [
        (measured(), wb.TimeRange("2026-03-01T13:05:00Z", "2026-03-01T13:35:00Z"), "incident"),
        (measured()[lambda rows: rows["ts"] < ONSET], WHEN, "incident"),
    ],
)
def test_a_window_without_data_says_until_when_there_is_some(metrics, when, side):
    asked = window(metrics, when)
    for verb in (wb.diagnose.compare, wb.causal.rank, wb.diagnose.next_checks):
        with pytest.raises(BadInput, match=f"Nothing was measured in the {side}.*until 2026-03-01"):
            verb(asked)


def test_a_baseline_without_data_is_named():
    far = wb.TimeRange("2026-02-01T10:00:00Z", "2026-02-01T11:00:00Z")
    with pytest.raises(BadInput, match="Nothing was measured in the baseline"):
        wb.diagnose.compare(window(measured()).with_(baseline=far))


def test_an_sli_that_falls_silent_on_the_way_is_noted():
    silent = measured()[lambda rows: rows["ts"] < ONSET + pd.Timedelta("5min")]
    found = wb.diagnose.compare(window(silent))
    assert "the SLI was measured in 5 of 30 bins of the incident" in found.notes
    assert not any(
        "bins of the incident" in one for one in wb.diagnose.compare(window(measured())).notes
    )


def others():
    """A few rows of every other table around the onset."""
    times = pd.date_range(START, periods=540, freq="20s")
    calls = [
        {
            "ts": at,
            "duration_s": 0.1,
            "trace_id": f"{n:032x}",
            "span_id": f"{n:016x}",
            "parent_span_id": "",
            "service": "cart",
            "name": "GET",
            "kind": "server",
            "status": "ok",
        }
        for n, at in enumerate(times)
    ]
    lines = {"ts": times, "service": "cart", "severity_number": 9.0, "body": "order taken"}
    happened = {
        "ts": times[450:455],
        "reason": "BackOff",
        "type": "Warning",
        "kind": "Pod",
        "namespace": "shop",
        "name": "cart-1",
        "message": "again",
        "count": 3.0,
    }
    made = {"ts": [times[440]], "kind": "deploy", "service": "cart", "ref": "cart@2"}
    return {
        "spans": pd.DataFrame(calls),
        "logs": pd.DataFrame(lines),
        "events": pd.DataFrame(happened),
        "changes": pd.DataFrame(made),
    }


@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("spans", "service"),
        ("spans", "name"),
        ("spans", "duration_s"),
        ("spans", "kind"),
        ("logs", "service"),
        ("logs", "body"),
        ("logs", "severity_number"),
        ("events", "name"),
        ("events", "reason"),
        ("changes", "ref"),
        ("changes", "service"),
        ("metrics", "metric"),
        ("metrics", "service"),
    ],
)
def test_rows_that_lack_a_cell_hide_no_other(table, column, value):
    tables = {"metrics": measured(), **others()}
    frame = tables[table]
    if pd.api.types.is_float_dtype(frame[column]):
        tables[table] = frame.assign(**{column: np.nan})
    else:
        lost = frame.iloc[:40].assign(**{column: value})
        tables[table] = pd.concat([frame, lost], ignore_index=True)
    asked = window(**tables)
    found = wb.diagnose.compare(asked)
    assert "100 ms → 400 ms" in found.verdict
    if column == "service" and table in {"spans", "logs", "metrics"}:
        assert any(note.startswith("40 ") and "no service" in note for note in found.notes) or (
            table != "logs"
            and any("no service" in note for note in wb.features.signals(asked).notes)
        )
