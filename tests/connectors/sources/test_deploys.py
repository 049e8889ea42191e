"""A plain list of deploys: columns by settings, bad lines by number."""

from __future__ import annotations

import asyncio
import json

import pytest

from workbench.connectors.sources.deploys import Deploys, DeploysSettings
from workbench.times import TimeRange

WHEN = TimeRange("2026-01-31T12:00Z", "2026-01-31T13:00Z")


def fetch(tmp_path, text, **settings):
    (tmp_path / "deploys").write_bytes(text if isinstance(text, bytes) else text.encode())
    source = Deploys("releases", DeploysSettings(files=str(tmp_path / "deploys"), **settings))
    return asyncio.run(source.fetch("changes", WHEN))


def test_csv_with_our_names_needs_no_settings(tmp_path):
    text = "ts,service,version,actor\r\n2026-01-31T13:10:00+01:00,cart,v7,ann\r\n"
    fetched = fetch(tmp_path, "\ufeff" + text)
    row = fetched.frame.iloc[0]
    assert (row["service"], row["version"], row["kind"]) == ("cart", "v7", "deploy")
    assert row["ts"].isoformat() == "2026-01-31T12:10:00+00:00"
    assert row["ref"] == "v7@2026-01-31T12:10:00Z"
    assert fetched.coverage[-1].status == "complete"


def test_columns_kinds_and_delimiter_are_mapped(tmp_path):
    text = "when;app;what\n1769861400;cart;Revert\n1769861460;pay;big bang\n"
    columns = {"ts": "when", "service": "app", "kind": "what"}
    frame = fetch(
        tmp_path, text, columns=columns, delimiter=";", times="s", kinds={"big bang": "infra"}
    ).frame
    assert list(frame["kind"]) == ["rollback", "infra"]


@pytest.mark.parametrize("wrap", ["list", "lines", "in an object"])
def test_json_in_its_forms_with_nested_columns(tmp_path, wrap):
    records = [{"at": "2026-01-31T12:10:00Z", "meta": {"app": "cart"}, "id": 7}]
    text = {
        "list": json.dumps(records),
        "lines": "\n".join(json.dumps(one) for one in records) + "\n",
        "in an object": json.dumps({"count": 1, "deploys": records}),
    }[wrap]
    columns = {"ts": "at", "service": "meta.app", "ref": "id"}
    row = fetch(tmp_path, text, columns=columns).frame.iloc[0]
    assert (row["service"], row["ref"]) == ("cart", "7")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("2026-01-31T12:10:00,cart", "without a zone"),
        ("yesterday,cart", "Not a time"),
        (",cart", "without a time"),
        ("2026-01-31T12:10:00Z,cart,more", "More cells"),
        ("2026-02-30T12:10:00Z,cart", "Not a time"),
    ],
)
def test_a_line_that_cannot_be_read_is_refused_by_its_number(tmp_path, line, why):
    good = "2026-01-31T12:20:00Z,cart"
    fetched = fetch(tmp_path, f"ts,service\n{good}\n{line}\n{good}\n")
    verdict = fetched.coverage[-1]
    assert verdict.status == "partial"
    assert "line 3" in verdict.reason
    assert why in verdict.reason
    assert "1 duplicated row" in verdict.reason


def test_a_missing_column_says_what_the_file_has(tmp_path):
    fetched = fetch(tmp_path, "date,app\n2026-01-31T12:10:00Z,cart\n")
    assert fetched.coverage[-1].status == "failed"
    assert "It has date, app" in fetched.coverage[-1].reason


def test_a_change_without_a_service_is_everyones(tmp_path):
    fetched = fetch(tmp_path, '[{"ts": "2026-01-31T12:10:00Z", "kind": "infra"}]')
    assert list(fetched.frame["service"]) == ["*"]


def test_formulas_and_addresses_are_literal_text(tmp_path):
    cell = '"=HYPERLINK(""http://evil.example"")"'
    row = fetch(tmp_path, f"ts,service,url\n2026-01-31T12:10:00Z,=1+1,{cell}\n").frame.iloc[0]
    assert row["service"] == "=1+1"
    assert row["url"] == '=HYPERLINK("http://evil.example")'


def test_a_column_nobody_knows_is_refused_in_the_settings():
    with pytest.raises(ValueError, match="unknown column"):
        DeploysSettings(files="x", columns={"when": "date"})
