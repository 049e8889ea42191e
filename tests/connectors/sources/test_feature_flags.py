"""Flags: who switched what, and when another variant was first seen."""

from __future__ import annotations

import asyncio
import json

from workbench.connectors.sources.feature_flags import FeatureFlags, FeatureFlagsSettings
from workbench.times import TimeRange

WHEN = TimeRange("2026-01-31T12:00Z", "2026-01-31T13:00Z")
AUDIT = {
    "_id": "1",
    "date": 1769861400000,
    "kind": "flag",
    "titleVerb": "turned on the flag",
    "member": {"email": "ann@example.org"},
    "target": {"name": "New", "resources": ["proj/shop:env/production:flag/new-checkout;tag"]},
}


def fetch(tmp_path, *records, **settings):
    (tmp_path / "flags").write_text("\n".join(json.dumps(one) for one in records))
    source = FeatureFlags("flags", FeatureFlagsSettings(files=str(tmp_path / "flags"), **settings))
    return asyncio.run(source.fetch("changes", WHEN))


def evaluation(minute, variant, key="new", service="cart", **more):
    return {
        "timestamp": f"2026-01-31T12:{minute:02}:00Z",
        "service.name": service,
        "feature_flag.key": key,
        "feature_flag.result.variant": variant,
        **more,
    }


def test_an_audit_log_page_gives_a_row_a_flag_and_environment(tmp_path):
    other = {**AUDIT, "target": {"resources": ["proj/shop:env/test:flag/a", "member/x"]}}
    fetched = fetch(tmp_path, {"items": [AUDIT, other]}, services={"new-checkout": "cart"})
    rows = {row["environment"]: row for row in fetched.frame.to_dict("records")}
    assert rows["production"]["service"] == "cart"
    assert rows["test"]["service"] == "*"
    assert rows["production"]["version"] == "turned on the flag"
    assert rows["production"]["actor"] == "ann@example.org"
    assert rows["production"]["ref"] == "new-checkout@2026-01-31T12:10:00Z"
    assert list(fetched.frame["kind"].unique()) == ["flag"]
    assert "flag" not in fetched.frame


def test_an_evaluation_is_a_change_only_where_it_is_the_first_of_another_variant(tmp_path):
    told = [evaluation(n, "off") for n in range(10)]
    told += [evaluation(20, "on"), evaluation(21, "off"), evaluation(22, "on")]
    told += [evaluation(30, "on", service="pay")]
    fetched = fetch(tmp_path, *reversed(told))
    assert list(fetched.frame["ref"]) == ["new@2026-01-31T12:20:00Z"]
    assert "14 evaluations read, 1 of another variant" in fetched.coverage[-1].reason


def test_attributes_of_otlp_and_old_names_are_read(tmp_path):
    def logged(minute, variant):
        pairs = {"feature_flag.key": "new", "feature_flag.variant": variant}
        return {
            "timeUnixNano": str(1769860800 * 10**9 + minute * 60 * 10**9),
            "attributes": [{"key": k, "value": {"stringValue": v}} for k, v in pairs.items()],
            "resource": {"attributes": {"service.name": "cart"}},
        }

    row = fetch(tmp_path, logged(1, "off"), logged(5, "on")).frame.iloc[0]
    assert (row["service"], row["version"]) == ("cart", "on")
    assert row["ts"].isoformat() == "2026-01-31T12:05:00+00:00"


def test_configuration_changes_of_flagd_and_openfeature(tmp_path):
    at = "2026-01-31T12:05:00Z"
    flagd = {
        "type": "configuration_change",
        "time": at,
        "data": {"flags": {"a": {"type": "delete"}}},
    }
    provider = {"type": "PROVIDER_CONFIGURATION_CHANGED", "time": at, "flagsChanged": ["b", "c"]}
    frame = fetch(tmp_path, flagd, provider).frame
    assert dict(zip(frame["ref"].str[0], frame["version"], strict=True)) == {
        "a": "delete",
        "b": "changed",
        "c": "changed",
    }


def test_what_is_no_flag_event_is_told(tmp_path):
    fetched = fetch(tmp_path, AUDIT, {"message": "hello"}, {**AUDIT, "date": "soon"})
    verdict = fetched.coverage[-1]
    assert (verdict.status, verdict.rows) == ("partial", 1)
    assert "Not a flag event" in verdict.reason
    assert "line 3: Not a time since 1970" in verdict.reason


def test_a_change_of_a_segment_is_a_change(tmp_path):
    resources = ["proj/shop:env/production:segment/beta-users"]
    entry = {**AUDIT, "kind": "segment", "target": {"resources": resources}}
    fetched = fetch(tmp_path, {"items": [AUDIT, entry]})
    refs = fetched.frame["ref"].str.partition("@")[0]
    assert set(refs) == {"new-checkout", "segment beta-users"}
    assert set(fetched.frame["environment"]) == {"production"}


def test_an_entry_of_something_else_is_counted_by_its_kind(tmp_path):
    others = [{**AUDIT, "kind": "member", "target": {"resources": ["member/x"]}}] * 2
    fetched = fetch(tmp_path, {"items": others})
    assert fetched.frame.empty
    assert "2 × an entry of no flag and no segment, but of member" in fetched.coverage[-1].reason
