from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from planted import START, span_row, spans_frame
from workbench import IncidentWindow, TimeRange
from workbench.features import red

WHEN = TimeRange(START, START + pd.Timedelta("60s"))


def window(rows, **columns):
    frame = spans_frame(rows).assign(**columns)
    return IncidentWindow.from_frames(when=WHEN, spans=frame)


def every_second(n=60, **more):
    """A server span a second, the i-th of i milliseconds."""
    return [
        span_row(trace=str(i), span="s", service="a", start=i, duration=(i + 1) / 1000, **more)
        for i in range(n)
    ]


def test_rate_errors_and_duration():
    found = red(window(every_second()), step=60)
    assert found["a", "load"].tolist() == [60]
    assert found["a", "errors"].tolist() == [0]
    assert found["a", "latency"].iloc[0] == pytest.approx(0.0305)
    durations = (np.arange(60) + 1) / 1000
    for q in (50, 90, 95, 99):
        assert found["a", f"latency_p{q}"].iloc[0] == pytest.approx(np.percentile(durations, q))


@pytest.mark.parametrize(
    ("status", "attributes", "failed"),
    [
        ("error", {}, True),
        ("unset", {"http.response.status_code": 503}, True),
        ("unset", {"http.status_code": "500"}, True),
        ("unset", {"http.response.status_code": 404}, False),
        ("unset", {"http.response.status_code": "_OTHER"}, False),
        ("ok", {"http.response.status_code": 503}, False),
        ("unset", {}, False),
    ],
)
def test_what_counts_as_a_failed_span(status, attributes, failed):
    found = red(window(every_second(status=status, attributes=attributes)), step=60)
    assert found["a", "errors"].iloc[0] == (60 if failed else 0)


def test_client_and_internal_spans_are_no_load():
    rows = every_second()
    rows += [
        span_row(trace=str(i), span=k, parent="s", service="a", kind=k, start=i, duration=0.001)
        for i in range(60)
        for k in ("client", "internal")
    ]
    assert red(window(rows), step=60)["a", "load"].tolist() == [60]


def test_sampled_spans_count_for_those_left_out():
    found = red(window(every_second(), weight=10.0), step=60)
    assert found["a", "load"].tolist() == [600]
    assert found["a", "latency"].iloc[0] == pytest.approx(0.0305)


def test_spans_of_unknown_kind_enter_where_the_service_changes():
    rows = [
        span_row(span="1", service="a", kind="unspecified", duration=1.0),
        span_row(span="2", parent="1", service="a", kind="unspecified", duration=0.6),
        span_row(span="3", parent="2", service="b", kind="unspecified", duration=0.5),
        span_row(span="4", service="a", start=59, duration=1.0),
    ]
    found = red(window(rows), step=60)
    assert found["a", "load"].tolist() == [2]
    assert found["b", "load"].tolist() == [1]


def test_partly_recorded_first_and_last_bins_have_no_count():
    rows = [r for r in every_second(120) if 25 < (r["ts"] - START).total_seconds() < 95]
    found = red(window(rows), step=20)
    assert found["a", "load"].isna().tolist() == [True, False, False, True]
    assert found["a", "latency"].notna().sum() >= 2
