from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from planted import START
from workbench import TimeRange
from workbench.coverage import Coverage, CoverageRow, measure
from workbench.errors import BadInput
from workbench.tables import SCHEMAS, conform

SPAN = TimeRange(START, START + pd.Timedelta("60min"))


def metrics(minutes, service="cart"):
    return conform(
        "metrics",
        pd.DataFrame(
            {
                "ts": [START + pd.Timedelta(m, "min") for m in minutes],
                "metric": "up",
                "value": 1.0,
                "service": service,
                "labels": "{}",
            }
        ),
    )


def row(coverage, table, service="*"):
    return next(r for r in coverage if (r.table, r.service) == (table, service))


def test_every_table_has_a_row():
    coverage = measure({"metrics": metrics(range(60))}, SPAN)
    assert {r.table for r in coverage} == set(SCHEMAS)
    assert row(coverage, "logs").status == "empty"
    assert row(coverage, "metrics", "cart").status == "complete"
    assert row(coverage, "metrics", "cart").cadence_s == 60


def test_a_hole_is_a_gap_with_its_ends():
    found = row(
        measure({"metrics": metrics([*range(20), *range(30, 60)])}, SPAN), "metrics", "cart"
    )
    assert found.status == "partial"
    assert found.gaps == (("2026-01-31T12:19:00Z", "2026-01-31T12:30:00Z"),)


def test_a_service_that_stops_reporting_is_stale():
    found = row(measure({"metrics": metrics(range(30))}, SPAN), "metrics", "cart")
    assert found.status == "stale"
    assert "nothing after 2026-01-31T12:29:00Z" in found.reason


def test_a_late_start_is_a_gap_too():
    found = row(measure({"metrics": metrics(range(30, 60))}, SPAN), "metrics", "cart")
    assert (found.status, len(found.gaps)) == ("partial", 1)


def test_one_missed_sample_is_no_gap():
    minutes = [m for m in range(60) if m != 30]
    assert row(measure({"metrics": metrics(minutes)}, SPAN), "metrics", "cart").status == "complete"


def test_services_are_judged_apart():
    both = pd.concat([metrics(range(60)), metrics(range(30), "orders")])
    coverage = measure({"metrics": conform("metrics", both)}, SPAN)
    assert [r.service for r in coverage.problems if r.table == "metrics"] == ["orders"]


def test_a_declared_row_replaces_the_measured_one():
    measured = measure({}, SPAN)
    failed = CoverageRow("loki", "logs", "*", "failed", 0, reason="connection refused")
    joined = measured + Coverage((failed,))
    assert row(joined, "logs") is failed
    assert len(joined) == len(measured)
    assert failed in joined.missing("logs")
    assert failed not in joined.missing("spans")


def test_an_unknown_status_is_refused():
    with pytest.raises(BadInput, match="Unknown coverage status"):
        CoverageRow("a", "logs", "*", "fine", 0)


def test_it_reads_back_from_its_frame():
    coverage = measure({"metrics": metrics([*range(20), *range(30, 50)])}, SPAN)
    again = Coverage.from_frame(coverage.to_frame())
    for one, other in zip(coverage, again, strict=True):
        assert one.gaps == other.gaps
        assert (one.table, one.service, one.status, one.rows, one.reason) == (
            other.table,
            other.service,
            other.status,
            other.rows,
            other.reason,
        )
        assert np.array_equal(one.cadence_s, other.cadence_s, equal_nan=True)


def test_the_repr_lists_the_troubles():
    coverage = measure({"metrics": metrics(range(30))}, SPAN)
    assert "metrics/cart: stale" in repr(coverage)
    assert "stale" in coverage._repr_html_()
