"""Billing files: what a sum would hide is said, late days are not final."""

from __future__ import annotations

import asyncio
import io
import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.connectors.sources.focus.source import Focus, FocusSettings
from workbench.times import TimeRange

WHEN = TimeRange("2026-01-01T00:00Z", "2026-01-11T00:00Z")


def charge(day, cost=1.0, days=1.0, **more):
    start = pd.Timestamp("2026-01-01T00:00Z") + pd.Timedelta(days=day)
    end = start + pd.Timedelta(days=days)
    return {
        "ChargePeriodStart": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "ChargePeriodEnd": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "BilledCost": "0",
        "EffectiveCost": str(cost),
        "BillingCurrency": "EUR",
        "ChargeCategory": "Usage",
        "ChargeClass": "",
        "ServiceName": "Compute",
        "ResourceId": "vm-1",
        "Tags": "",
        **more,
    }


def written(charges):
    return pd.DataFrame(charges).to_csv(index=False).encode()


def fetch(tmp_path, *files, when=WHEN, services=(), **settings):
    for n, data in enumerate(files):
        (tmp_path / f"{n}.csv").write_bytes(data)
    source = Focus("bill", FocusSettings(files=str(tmp_path), **settings))
    return asyncio.run(source.fetch("costs", when, services=services))


QUIET = [charge(day) for day in range(20)]


def test_effective_cost_counts_and_a_purchase_is_no_spike(tmp_path):
    bought = charge(3, 0.0, BilledCost="8760", ChargeCategory="Purchase", ResourceId="plan")
    fetched = fetch(tmp_path, written([*QUIET, bought]))
    assert fetched.frame["effective_cost"].sum() == 10
    assert fetched.frame["billed_cost"].max() == 8760
    assert fetched.complete
    assert fetched.frame["period_end"].max() == WHEN.end  # ends are exclusive


def test_days_whose_charges_may_still_arrive_are_told(tmp_path):
    fetched = fetch(tmp_path, written([charge(day) for day in range(10)]))
    verdict = fetched.coverage[-1]
    assert verdict.status == "partial"
    assert verdict.gaps == (("2026-01-08T00:00:00+00:00", "2026-01-11T00:00:00+00:00"),)
    assert "may still be arriving" in verdict.reason
    assert fetch(tmp_path, late_hours=0).complete


def test_a_bill_that_ends_before_the_range_is_stale(tmp_path):
    when = TimeRange("2026-02-01T00:00Z", "2026-02-02T00:00Z")
    verdict = fetch(tmp_path, written(QUIET), when=when).coverage[-1]
    assert (verdict.status, verdict.rows) == ("stale", 0)


def test_what_a_sum_would_hide_is_said(tmp_path):
    odd = [
        charge(1, -3.0, ChargeClass="Correction"),
        charge(2, 2.0, BillingCurrency="USD"),
        charge(2, 0.1, days=1 / 24),
        charge(2, 0.1, ChargePeriodEnd="2026-01-03T23:59:59Z"),
        charge(-1, 5.0, days=2),
    ]
    fetched = fetch(tmp_path, written([*QUIET, *odd]))
    reason = fetched.coverage[-1].reason
    assert "2 currencies, not to be added up: EUR, USD" in reason
    assert "1 corrections of earlier charges" in reason
    assert "1 negative charges" in reason
    assert "hours and" in reason
    assert "1 period ends look inclusive" in reason
    assert "1 charge(s) began before the range" in reason
    assert fetched.frame.groupby("currency", observed=True)["effective_cost"].sum()["USD"] == 2


def test_equal_charges_of_one_file_stay_and_an_export_matched_twice_does_not(tmp_path):
    twice = written([*QUIET, charge(3)])
    fetched = fetch(tmp_path, twice, twice)
    assert len(fetched.frame) == 11
    assert "21 charge(s) in two files" in fetched.coverage[-1].reason


@pytest.mark.parametrize(
    ("tags", "service"),
    [
        ('{"service": "cart"}', "cart"),
        ('{"user:app": "cart"}', "cart"),
        ('{"app": "x", "service.name": "cart"}', "cart"),
        ('{"team": "a"}', "Compute"),
        ("not json", "Compute"),
        ("[1]", "Compute"),
    ],
)
def test_services_come_from_tags_and_else_from_the_provider(tmp_path, tags, service):
    fetched = fetch(tmp_path, written([charge(1, Tags=tags)]))
    row = fetched.frame.iloc[0]
    assert row["service"] == service
    assert row["provider_service"] == "Compute"
    assert isinstance(json.loads(row["tags"]), dict)
    assert ("not a JSON object" in fetched.coverage[-1].reason) == (tags[0] != "{")


def test_charges_that_cannot_be_read_are_refused_by_row(tmp_path):
    bad = [
        charge(1, "many"),
        charge(1, ChargePeriodStart="2026-01-02T00:00:00"),
        charge(1, ChargePeriodEnd=""),
        charge(1, "nan"),
    ]
    verdict = fetch(tmp_path, written([*QUIET, *bad]) + b"2026-01-01T0").coverage[-1]
    assert verdict.status == "partial"
    assert verdict.rows == 10
    assert "5 record(s) refused" in verdict.reason
    assert "1 cells, not 10" in verdict.reason
    assert "without a zone" in verdict.reason


@pytest.mark.parametrize("tags", ["json", "map"])
def test_parquet_reads_as_the_csv_does(tmp_path, tags):
    texts = pd.read_csv(io.BytesIO(written([charge(d, Tags='{"app": "cart"}') for d in range(20)])))
    start = pd.to_datetime(texts["ChargePeriodStart"], utc=True).dt.tz_localize(None)
    end = pd.to_datetime(texts["ChargePeriodEnd"], utc=True).dt.tz_localize(None)
    table = pa.Table.from_pandas(texts.assign(ChargePeriodStart=start, ChargePeriodEnd=end))
    if tags == "map":
        maps = pa.array([[("app", "cart")]] * 20, pa.map_(pa.string(), pa.string()))
        table = table.set_column(table.schema.get_field_index("Tags"), "Tags", maps)
    out = io.BytesIO()
    pq.write_table(table, out)
    fetched = fetch(tmp_path, out.getvalue())
    assert set(fetched.frame["service"]) == {"cart"}
    assert len(fetched.frame) == 10
    assert "read as UTC, as FOCUS prescribes" in fetched.coverage[-1].reason


@pytest.mark.parametrize("data", [b"", b"a,b\n1,2\n", b"PAR1 and nothing", b"\xff\xfe"])
def test_what_is_no_focus_file_fails_by_name(tmp_path, data):
    (row,) = fetch(tmp_path, data).coverage
    assert row.status == "failed"
    assert "0.csv" in row.reason


def test_a_month_to_date_that_is_told_again_is_counted_once(tmp_path):
    runs = [
        written([charge(day, cost=1.0 + 0.1 * (last - day)) for day in range(last + 1)])
        for last in range(5)
    ]
    fetched = fetch(tmp_path, *runs, late_hours=0)
    assert fetched.frame["effective_cost"].tolist() == pytest.approx([1.4, 1.3, 1.2, 1.1, 1.0])
    assert "10 charge(s) restated by a later file" in fetched.coverage[-1].reason
    assert fetched.coverage[-1].status != "failed"


def test_the_run_that_knows_more_is_the_later_whatever_the_files_are_called(tmp_path):
    late = written([charge(0, cost=1.7), charge(1, cost=1.0)])
    fetched = fetch(tmp_path, late, written([charge(0, cost=1.5)]), late_hours=0)
    assert fetched.frame["effective_cost"].sum() == pytest.approx(2.7)


def test_parts_of_one_export_are_added_up(tmp_path):
    parts = [
        written([charge(0, cost=1.0, SkuId=f"sku-{n}"), charge(0, cost=2.0, ResourceId=f"vm-{n}")])
        for n in range(3)
    ]
    fetched = fetch(tmp_path, *parts, late_hours=0)
    assert fetched.frame["effective_cost"].sum() == pytest.approx(9)
    assert "restate" not in fetched.coverage[-1].reason


def test_figures_that_two_files_tell_otherwise_in_part_are_told_loudly(tmp_path):
    one = written([charge(0, cost=1.5), charge(0, cost=1.0, ResourceId="vm-2")])
    two = written([charge(0, cost=1.7), charge(0, cost=1.0, ResourceId="vm-3")])
    fetched = fetch(tmp_path, one, two, late_hours=0)
    assert fetched.coverage[-1].status == "partial"
    assert "both are counted" in fetched.coverage[-1].reason
