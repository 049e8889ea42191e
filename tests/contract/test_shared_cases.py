"""Small inputs as real systems write them, each of which was once read wrongly and silently.

They lie beside the repository (``../shared/cases``), one folder a case with what is right of it;
each has one function here. Tests of their kind stand with the modules.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import math
import runpy
from urllib.parse import parse_qs

import numpy as np
import pandas as pd
import pytest
import yaml
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

import workbench as wb
from modelservers.serving import served
from parts import require_shared_case
from servers.prometheus import prometheus
from workbench import IncidentWindow, TimeRange
from workbench.collection.query_templates import template_queries, templates
from workbench.connectors.registry import make, settings_class
from workbench.errors import BadInput
from workbench.features.signals import signals

WHEN = TimeRange("2026-03-01T12:00:00Z", "2026-03-01T13:01:00Z")
EVER = TimeRange("2026-02-01T00:00:00Z", "2026-04-01T00:00:00Z")


def fetched(kind, table, settings, when=WHEN):
    async def work():
        made = make(kind, "case", settings_class(kind)(**settings))
        try:
            return await made.fetch(table, when)
        finally:
            await made.aclose()

    return asyncio.run(work())


def files(kind, table, folder, pattern="*", when=WHEN):
    return fetched(kind, table, {"files": str(folder / pattern)}, when)


def said(found):
    return "; ".join(row.reason for row in found.coverage)


def status(found):
    return found.coverage[-1].status


def aligned(found, step=60):
    return signals(IncidentWindow.from_frames(id="w", when=WHEN, metrics=found.frame), step=step)


def otlp(name, table, pattern="*.json*", when=EVER):
    return files("otlp", table, require_shared_case(name), pattern, when)


@contextlib.contextmanager
def held(folder):
    """Yield the URL of a Prometheus that holds a case's series."""
    known = json.loads((folder / "series.json").read_text())
    series = []
    for one in known:
        labels = dict(one["labels"])
        samples = [(ms / 1000, value) for ms, value in one["values"]]
        series.append((labels.pop("__name__"), labels, samples))
    with prometheus(series) as url:
        yield url


def prometheus_case(name):
    folder = require_shared_case(name)
    settings = json.loads((folder / "settings.json").read_text())
    with held(folder) as url:
        return fetched("prometheus", "metrics", {"url": url, **settings})


def steady(column):
    """Values of the whole bins within the data."""
    return column.dropna().to_numpy()


def case_01_sli_not_measured_during_incident():
    made = scripted("01-sli-not-measured-during-incident")
    window = IncidentWindow.from_frames(
        id="case",
        when=TimeRange("2026-03-01T12:30:00Z", "2026-03-01T13:00:00Z"),
        metrics=made["metrics"][~made["gone"]],
        topology=wb.topology.from_table(pd.DataFrame({"src": ["web"], "dst": ["cart"]})),
        slos=(wb.SLO("web latency", "web", "latency", objective=0.99, threshold=0.2),),
    )
    found = wb.diagnose.compare(window)
    assert "not measured in the incident" in found.verdict
    assert "normal" not in found.verdict
    assert "0 s" not in repr(found)
    assert found.would_settle
    assert {suspect.claim for suspect in found.suspects} <= {"observed"}
    assert "not measured" in repr(wb.diagnose.next_checks(window))


def case_03_incident_after_last_sample():
    with pytest.raises(BadInput, match=r"Nothing was measured in the incident.*until 2026-03-01"):
        scripted("03-incident-after-last-sample")


def case_05_otlp_status_code_attribute_has_dots():
    found = otlp("05-otlp-status-code-attribute-has-dots", "metrics", when=WHEN)
    errors = aligned(found).node("cart", "errors")
    before = errors["2026-03-01T12:05":"2026-03-01T12:38"]
    after = errors["2026-03-01T12:42":"2026-03-01T12:58"]
    assert before.to_numpy() == pytest.approx(1)
    assert after.to_numpy() == pytest.approx(20)
    window = IncidentWindow.from_frames(
        id="w",
        when=TimeRange("2026-03-01T12:40:00Z", "2026-03-01T13:00:00Z"),
        metrics=found.frame,
    )
    assert "normal range" not in wb.diagnose.compare(window, sli="cart/errors").verdict


def case_08_otlp_three_replicas_push_at_their_own_second():
    made = aligned(otlp("08-otlp-three-replicas-push-at-their-own-second", "metrics", when=WHEN))
    assert np.median(steady(made.node("web", "load"))) == pytest.approx(300)
    assert steady(made.node("web", "latency")) == pytest.approx(0.1)


def case_10_prometheus_pods_without_instance_label():
    made = aligned(prometheus_case("10-prometheus-pods-without-instance-label"))
    assert np.median(steady(made.node("cart", "load"))) == pytest.approx(300)


def case_11_otlp_replicas_without_identity():
    found = otlp("11-otlp-replicas-without-identity", "metrics", when=WHEN)
    (service,) = found.frame["service"].unique()
    made = aligned(found)
    assert np.median(steady(made.node(service, "load"))) == pytest.approx(200)
    assert "several writers" in said(found)


def case_12_otlp_delta_counter_over_several_files():
    folder = require_shared_case("12-otlp-delta-counter-over-several-files")
    found = files("otlp", "metrics", folder, "otlp/*.json", EVER)
    assert list(found.frame["value"]) == [10, 22, 33, 63, 94, 123]


def case_14_otlp_delta_updowncounter():
    found = otlp("14-otlp-delta-updowncounter", "metrics")
    assert set(found.frame["kind"]) == {"gauge"}
    assert list(found.frame["value"][:5]) == [50, 51, 50, 52, 50]


def case_15_otlp_summary_quantiles():
    frame = otlp("15-otlp-summary-quantiles", "metrics").frame
    levels = frame["labels"].astype("str").str.extract(r'"quantile":"([^"]+)"')[0].dropna()
    assert set(levels) == {"0.5", "0.99"}


def case_16_otlp_batches_in_place_of_resourcespans():
    frame = otlp("16-otlp-batches-in-place-of-resourcespans", "spans").frame
    assert list(frame["service"]) == ["cart"]


def case_17_otlp_original_field_names():
    frame = otlp("17-otlp-original-field-names", "metrics").frame
    assert list(frame["value"]) == [1.0]


def case_20_jaeger_download_in_the_otlp_folder():
    for table in ("spans", "metrics", "logs"):
        found = otlp("20-jaeger-download-in-the-otlp-folder", table)
        assert status(found) == "failed"
        assert "Not OTLP" in said(found)
        assert "Jaeger" in said(found)


def case_21_file_exporter_proto_framing():
    found = otlp("21-file-exporter-proto-framing", "spans", "*.proto")
    assert len(found.frame) == 10
    assert status(found) != "failed"


def case_23_otlp_severity_as_text_alone():
    assert list(otlp("23-otlp-severity-as-text-alone", "logs").frame["severity_number"]) == [17]


def case_24_webhook_without_fingerprint():
    folder = require_shared_case("24-webhook-without-fingerprint")
    frame = files("alertmanager_webhook", "alerts", folder, "*.json").frame
    assert len(frame) == frame["fingerprint"].nunique() == 3


def case_26_webhook_fires_again_with_the_same_start():
    folder = require_shared_case("26-webhook-fires-again-with-the-same-start")
    frame = files("alertmanager_webhook", "alerts", folder, "*.jsonl").frame
    assert list(frame["status"]) == ["firing"]
    assert frame["ends_at"].isna().all()


def answering(answers):
    """Serve JSON by path and service: (path, service or ``""``) to status and body."""

    async def any_path(request):
        asked = request.query_params
        service = asked.get("query.serviceName", asked.get("service", ""))
        code, body = answers.get((request.url.path, service), (404, {"detail": "no such path"}))
        return JSONResponse(body, status_code=code)

    return served(Starlette(routes=[Route("/{path:path}", any_path)]))


def case_27_zipkin_span_without_duration():
    folder = require_shared_case("27-zipkin-span-without-duration")
    traces = json.loads((folder / "traces.json").read_text())
    with answering({("/api/v2/traces", ""): (200, traces)}) as url:
        found = fetched("zipkin", "spans", {"url": url}, WHEN)
    seconds = found.frame.set_index("span_id")["duration_s"]
    assert math.isnan(seconds["0000000000000001"])
    assert seconds["0000000000000002"] == pytest.approx(0.15)
    assert "1 span(s) without a duration" in said(found)


def case_29_jaeger_v3_answers_404_for_nothing_found():
    folder = require_shared_case("29-jaeger-v3-answers-404-for-nothing-found")
    known = {
        name: json.loads((folder / f"{name}.json").read_text())
        for name in ("services", "traces-cart", "traces-web-404")
    }
    answers = {
        ("/api/v3/services", ""): (200, known["services"]),
        ("/api/v3/traces", "cart"): (200, known["traces-cart"]),
        ("/api/v3/traces", "web"): (404, known["traces-web-404"]),
    }
    with answering(answers) as url:
        found = fetched("jaeger", "spans", {"url": url}, WHEN)
    assert list(found.frame["service"]) == ["cart"]
    assert status(found) == "complete"


def junit(name):
    return files("junit", "tests", require_shared_case(name), "*.xml", EVER).frame


def case_30_junit_googletest_not_run():
    assert list(junit("30-junit-googletest-not-run")["outcome"]) == ["passed", "skipped", "skipped"]


def case_32_junit_testcases_under_testsuites():
    folder = require_shared_case("32-junit-testcases-under-testsuites")
    found = files(
        "junit", "tests", folder, "*.xml", TimeRange("2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z")
    )
    assert sorted(found.frame["outcome"]) == ["failed", "passed"]
    assert "file's time used" in said(found)


def case_33_junit_decimal_comma():
    seconds = junit("33-junit-decimal-comma").set_index("name")["duration_s"]
    assert seconds.to_dict() == {"a": pytest.approx(0.16), "b": pytest.approx(1234.5)}


def case_34_junit_inner_suite_has_no_time_of_its_own():
    frame = junit("34-junit-inner-suite-has-no-time-of-its-own")
    assert set(frame["name"]) == {"a", "b"}
    assert set(frame["ts"]) == {pd.Timestamp("2026-03-01T12:10:00Z")}


def case_35_kubernetes_event_goes_on_after_the_range():
    folder = require_shared_case("35-kubernetes-event-goes-on-after-the-range")
    hour = TimeRange("2026-03-01T12:00:00Z", "2026-03-01T13:00:00Z")
    found = files("kubernetes_files", "events", folder, "*.json", hour)
    assert list(found.frame["reason"]) == ["BackOff"]
    assert list(found.frame["name"]) == ["cart-1"]
    assert status(found) == "partial"


def case_37_kubectl_watch_writes_one_object_after_the_other():
    folder = require_shared_case("37-kubectl-watch-writes-one-object-after-the-other")
    found = files("kubernetes_files", "events", folder, "*.json", EVER)
    assert len(found.frame) == 2
    assert status(found) != "failed"


def audits(name, pattern="*.json"):
    return files("audit_logs", "audits", require_shared_case(name), pattern, EVER)


def case_39_cloudtrail_failed_console_login():
    assert list(audits("39-cloudtrail-failed-console-login").frame["decision"]) == ["denied"]


def case_40_cloudtrail_same_event_in_two_files():
    found = audits("40-cloudtrail-same-event-in-two-files", "audit/*.json")
    assert len(found.frame) == 1
    assert "came twice" in said(found)


def case_42_cloudtrail_assumed_role_hides_the_person():
    frame = audits("42-cloudtrail-assumed-role-hides-the-person").frame
    assert list(frame["actor"]) == ["Administrators/john"]


def case_43_focus_month_to_date_exports_overlap():
    folder = require_shared_case("43-focus-month-to-date-exports-overlap")
    days = TimeRange("2026-02-01T00:00:00Z", "2026-02-03T00:00:00Z")
    found = files("focus", "costs", folder, "bills/*.csv", days)
    assert found.frame["effective_cost"].sum() == pytest.approx(3.2)
    assert "restate" in said(found)


def slos(name, tmp_path):
    """Connect sources whose OpenSLO file is the case's."""
    file = require_shared_case(name) / "slo.yaml"
    settings = tmp_path / "sources.yaml"
    sources = {"deploys": {"kind": "deploys", "files": "deploys.csv"}}
    settings.write_text(yaml.safe_dump({"openslo": [str(file)], "sources": sources}))
    return wb.connect(settings).slos


def refused(name, tmp_path):
    with pytest.raises(BadInput) as caught:
        slos(name, tmp_path)
    assert "slo.yaml:1: s" in str(caught.value)
    return str(caught.value)


def case_44_openslo_threshold_that_is_no_latency(tmp_path):
    assert "more is better" in refused("44-openslo-threshold-that-is-no-latency", tmp_path)


def case_45_openslo_threshold_metric_without_value(tmp_path):
    assert "op and value" in refused("45-openslo-threshold-metric-without-value", tmp_path)


def case_47_openslo_list_of_objects(tmp_path):
    (slo,) = slos("47-openslo-list-of-objects", tmp_path)
    assert (slo.service, slo.signal, slo.threshold) == ("cart", "latency", 0.2)


def case_49_openslo_indicator_as_a_name(tmp_path):
    assert "indicatorRef" in refused("49-openslo-indicator-as-a-name", tmp_path)


def case_52_openslo_ratio_of_fast_requests(tmp_path):
    (slo,) = slos("52-openslo-ratio-of-fast-requests", tmp_path)
    assert (slo.signal, slo.threshold) == ("latency", 0.3)


def case_55_gauge_that_ends_in_count():
    found = prometheus_case("55-gauge-that-ends-in-count")
    assert set(found.frame["kind"]) == {"gauge"}
    (service,) = found.frame["service"].unique()
    level = aligned(found).node(service, "saturation:db_connection_count")
    assert level.iloc[3] == pytest.approx(50, abs=10)
    assert level.max() == pytest.approx(130, abs=10)


def case_57_prometheus_ha_pair_not_deduplicated():
    found = prometheus_case("57-prometheus-ha-pair-not-deduplicated")
    assert np.median(steady(aligned(found).node("cart", "load"))) == pytest.approx(100)
    assert "prometheus_replica" in said(found)


def case_58_victoriametrics_vmrange_buckets():
    made = aligned(prometheus_case("58-victoriametrics-vmrange-buckets"))
    assert np.median(steady(made.node("cart", "latency_p50"))) == pytest.approx(0.1, rel=0.15)


def case_64_istio_template_counts_four_times():
    """The server answers 100 at every step it is asked for, whatever the query."""
    require_shared_case("64-istio-template-counts-four-times")
    found = istio()
    for step in (60, 120):
        load = aligned(found, step).node("cart", "load")
        assert np.median(steady(load)) == pytest.approx(100 * step / 60)
    assert aligned(found, None).step_s == 60


def case_66_istio_template_does_not_see_grpc_errors():
    require_shared_case("66-istio-template-does-not-see-grpc-errors")
    labels = {
        "reporter": "destination",
        "request_protocol": "grpc",
        "response_code": "200",
        "grpc_response_status": "14",
        "destination_canonical_service": "cart",
    }
    start = WHEN.start.timestamp() - 60
    samples = [(start + s, 10 + s) for s in range(0, 3700, 15)]
    with prometheus([("istio_requests_total", labels, samples)]) as url:
        found = fetched("prometheus", "metrics", {"url": url, "queries": istio_queries()})
    assert np.median(steady(aligned(found).node("cart", "errors"))) == pytest.approx(60, rel=0.01)


def istio_queries():
    return [one.model_dump() for one in template_queries(("istio",), templates())]


def istio():
    async def query_range(request):
        form = {name: one[0] for name, one in parse_qs((await request.body()).decode()).items()}
        start, end, step = (float(form[name]) for name in ("start", "end", "step"))
        points = [[start + i * step, "100"] for i in range(int((end - start) / step) + 1)]
        if form["query"].startswith("count("):
            series = [{"metric": {}, "values": [[at, "1"] for at, _ in points]}]
        else:
            metric = {"destination_canonical_service": "cart"}
            series = [{"metric": metric, "values": points}]
        return JSONResponse(
            {"status": "success", "data": {"resultType": "matrix", "result": series}}
        )

    async def query(request):
        return JSONResponse({"status": "success", "data": {"resultType": "vector", "result": []}})

    routes = [
        Route("/api/v1/query_range", query_range, methods=["POST"]),
        Route("/api/v1/query", query, methods=["POST"]),
    ]
    with served(Starlette(routes=routes)) as url:
        return fetched("prometheus", "metrics", {"url": url, "queries": istio_queries()})


def case_69_otlp_restart_told_by_start_time_alone():
    found = otlp("69-otlp-restart-told-by-start-time-alone", "metrics", when=WHEN)
    (service,) = found.frame["service"].unique()
    load = aligned(found).node(service, "load")
    assert load[pd.Timestamp("2026-03-01T12:30:00Z")] == pytest.approx(5000)


def case_70_otlp_spans_of_no_service():
    found = otlp("70-otlp-spans-of-no-service", "spans")
    assert len(found.frame) == 1
    assert "1 span(s) without service.name" in said(found)


def case_53_unit_milliseconds_capital(capsys):
    scripted("53-unit-milliseconds-capital")
    assert "100 ms → 400 ms" in capsys.readouterr().out


def case_59_change_without_a_ref(capsys):
    scripted("59-change-without-a-ref")
    assert "caused by change cart@2026-03-01T12:29:00Z" in capsys.readouterr().out


def case_60_span_without_a_service(capsys):
    made = scripted("60-span-without-a-service")
    assert "100 ms → 400 ms" in capsys.readouterr().out
    window = IncidentWindow.from_frames(
        id="w", when=WHEN, metrics=made["metrics"], spans=made["spans"]
    )
    assert "50 spans name no service and were left out" in signals(window).notes


def case_63_coloured_log_lines():
    made = scripted("63-coloured-log-lines")["window"]
    templates = wb.features.log_templates(made).to_frame()
    assert list(templates["change"]) == ["same"]


def case_67_backstage_template_and_own_kinds():
    folder = require_shared_case("67-backstage-template-and-own-kinds")
    found = files("backstage", "topology", folder, "*.yaml", EVER)
    assert list(zip(found.frame["src"], found.frame["dst"], strict=True)) == [("web", "cart")]
    assert status(found) == "complete"


def case_68_launchdarkly_segment_change():
    folder = require_shared_case("68-launchdarkly-segment-change")
    frame = files("feature_flags", "changes", folder, "*.json", EVER).frame
    assert len(frame) == 1
    assert "beta-users" in frame["ref"].iloc[0]


def scripted(name):
    """Run the Python file of a case."""
    return runpy.run_path(str(require_shared_case(name) / "case.py"))


CASES = {name: made for name, made in list(globals().items()) if name.startswith("case_")}


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_shared_case_is_read_right(name, tmp_path, capsys):
    given = {"tmp_path": tmp_path, "capsys": capsys}
    made = CASES[name]
    made(**{one: given[one] for one in inspect.signature(made).parameters})
