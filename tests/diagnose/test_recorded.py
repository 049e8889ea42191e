"""The recorded incidents: the injected place first, the decoys ruled out, silence on silence."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from workbench import datasets
from workbench.diagnose import compare
from workbench.diagnose.objective import check_objective
from workbench.features import align

pytestmark = pytest.mark.slow

RECORDED = ("shop-orders-locks", "shop-payments-slow", "shop-traffic-surge")
QUIET = "shop-innocent-deploy"


def injected(incident: str) -> dict:
    return json.loads((datasets.bundles.folder() / incident / "truth.json").read_text())


@pytest.fixture(scope="module", params=RECORDED)
def diagnosed(request):
    return request.param, compare(datasets.load(request.param))


def test_the_injected_place_is_first_and_supported(diagnosed):
    incident, found = diagnosed
    truth = injected(incident)
    first = found.suspects[0]
    assert first == found.cause
    assert (first.service, first.signal) == (truth["service"], truth["signal"])
    if truth["change"]:
        assert first.change == truth["change"]["ref"]
    if truth.get("first_failure"):
        places = {s.service for s in found.bucket("first failure")} or {first.service}
        assert places == {truth["first_failure"]["service"]}


def test_the_decoys_are_listed_with_the_reason_they_were_ruled_out(diagnosed):
    incident, found = diagnosed
    ruled_out = {s.service: s for s in found.ruled_out}
    changed = {s.change.split("@")[0]: s for s in found.ruled_out if s.change}
    # No known path is no acquittal.
    outside = {s.service: s for s in found.suspects if s.standing == "outside the known graph"}
    for decoy in injected(incident)["decoys"]:
        suspect = changed.get(decoy["service"]) or ruled_out.get(decoy["service"])
        suspect = suspect or outside.get(decoy["service"])
        assert suspect is not None, f"{decoy} is not told"
        assert len(suspect.reason) > 20


def test_on_an_innocent_deploy_no_cause_is_named():
    found = compare(datasets.load(QUIET))
    assert found.cause is None
    assert "Not enough evidence" in found.verdict or "Nothing to blame" in found.verdict
    (deploy,) = [s for s in found.suspects if s.change]
    assert deploy.claim == "refuted"


def test_the_onset_is_near_the_injection(diagnosed):
    incident, found = diagnosed
    at = pd.Timestamp(injected(incident)["onset"])
    assert abs((found.onset - at).total_seconds()) <= 60


def test_without_its_gauges_a_saturated_service_is_not_called_the_cause():
    window = datasets.load("shop-traffic-surge")
    metrics = window.metrics
    kept = metrics["metric"].astype(str).str.startswith("http_") | (metrics["service"] != "catalog")
    found = compare(window.with_(tables={**window.tables, "metrics": metrics[kept]}))
    assert found.cause is None
    assert "a gauge of what catalog may run out of: queue, pool, CPU" in found.would_settle


@pytest.mark.slow
@pytest.mark.parametrize("incident", [*RECORDED, QUIET])
def test_a_broken_objective_is_never_told_as_normal(incident):
    window = datasets.load(incident)
    broken = []
    for slo in window.slos:
        found = compare(window, slo.sli)
        objective = check_objective(align(window), window.slos, slo.sli)
        if objective.broken:
            broken.append(str(slo.sli))
            assert "normal range" not in found.verdict
            assert "normal range" not in " ".join(s.reason for s in found.suspects if s.change)
    expected = {
        "shop-orders-locks": {"checkout/errors"},
        "shop-payments-slow": set(),
        "shop-traffic-surge": {"storefront/latency", "storefront/errors"},
        QUIET: set(),
    }
    assert set(broken) == expected[incident]
