"""Places and kinds weighed: what each rule of the posterior does, one case at a time."""

from dataclasses import replace

import numpy as np
import pytest

from planted import Fault, System, everywhere, metrics_window
from tests.benchmarks.fitting import design
from workbench.causal.attribution.study import study
from workbench.causal.evidence.fitted import FITTED, LEFT_OUT
from workbench.causal.evidence.hypotheses import (
    KINDS,
    Features,
    explained_share,
    features_of,
    weigh,
    weigh_features,
)
from workbench.causal.evidence.surprise import all_evidence
from workbench.features import align

SLOW = 0.05
CHAIN = {"front": {"api": 1.0, "cart": 1.0}, "api": {"db": 2.0}, "cart": {"cache": 1.0}}


def features(places=("front", "api", "db"), **given):
    names = [n for n in Features.__dataclass_fields__ if n != "places"]
    zeros = {n: np.zeros(len(places)) for n in names}
    zeros |= {
        "share": np.full(len(places), np.log(0.05)),
        "covered": np.full(len(places), np.log(0.05)),
    }
    return Features(tuple(places), **(zeros | {n: np.array(v, float) for n, v in given.items()}))


def scores(**given):
    return weigh_features(features(**given), FITTED)


def test_a_place_without_evidence_has_a_score_of_zero():
    found, none, _ = scores()
    assert found == pytest.approx([0.0, 0.0, 0.0])
    assert abs(none) < 1.5


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("latency", "slow"),
        ("errors", "failing"),
        ("lines", "behaving differently"),
        ("load", "load"),
    ],
)
def test_each_family_makes_its_own_kind_likelier(name, kind):
    found, _, kinds = scores(**{name: [0.0, 8.0, 0.0]})
    assert found.argmax() == 1
    assert kinds[1] == kind


@pytest.mark.parametrize(
    "name", ["latency", "own_time", "gauge", "errors", "lines", "load", "platform"]
)
def test_more_evidence_never_lowers_a_place(name):
    steps = [scores(**{name: [0.0, size, 0.0]})[0][1] for size in (0.0, 2.0, 4.0, 8.0)]
    assert np.all(np.diff(steps) > 0)


def test_who_accounts_for_the_change_outranks_who_accounts_for_nothing():
    found, _, _ = scores(latency=[6.0, 6.0, 6.0], share=np.log([0.05, 1.05, 0.05]))
    assert found.argmax() == 1


def test_what_the_platform_says_adds_to_every_kind():
    plain, told = (scores(errors=[0.0, 5.0, 0.0], platform=[0.0, p, 0.0])[0][1] for p in (0.0, 3.0))
    assert told == pytest.approx(plain + 3.0)


def test_the_fit_multiplies_what_the_product_adds():
    rng = np.random.default_rng(0)
    names = [n for n in Features.__dataclass_fields__ if n != "places"]
    drawn = {n: rng.uniform(0, 5, 3) for n in names}
    drawn |= {"hidden_time": np.array([0.0, 1, 0]), "hidden_errors": np.array([0.0, 1, 1])}
    found = features(**drawn)
    rows, offset = design(found)
    values = np.array([getattr(FITTED, n) for n in FITTED.__dataclass_fields__])
    whole = np.log(np.exp(rows @ values + offset).sum(axis=0))
    product, none, _ = weigh_features(found, FITTED)
    assert product - none == pytest.approx(whole - FITTED.none)
    assert rows.shape[0] == len(KINDS)


def test_every_weight_lies_within_its_spread():
    for name, (least, most) in LEFT_OUT.items():
        assert least - 0.02 <= getattr(FITTED, name) <= most + 0.02
    assert len(LEFT_OUT) <= 12


def planted(*faults, **more):
    window = metrics_window(System(CHAIN), faults, seed=1, **more)
    return study(align(window), window.sli())


def test_a_shift_in_place_shares_the_change():
    found = planted(Fault("api", "latency", SLOW))
    share = dict(
        zip(found.split.services, explained_share(found, found.split.services), strict=True)
    )
    assert share["api"] > 0.8
    assert share["cart"] < 0.1


def test_where_requests_reach_nobody_the_share_is_unknown_and_alike():
    found = planted(Fault("api", "latency", SLOW))
    alone = replace(found, graph=replace(found.graph, reached=frozenset({"front"})))
    assert len(set(explained_share(alone, found.split.services))) == 1


def test_none_competes_and_everything_sums_to_one():
    for found in (planted(Fault("api", "latency", SLOW)), planted()):
        posterior = weigh(found)
        assert posterior.probability.sum() + posterior.none == pytest.approx(1.0)
    assert posterior.none > 0.05


@everywhere
def unmeasured(window, name):
    table = window.metrics
    lost = (table["service"] == name) & table["metric"].isin(["service.latency", "service.errors"])
    return window.with_(tables={**window.tables, "metrics": table[~lost]})


def test_a_place_nobody_measures_may_have_done_what_its_callers_show():
    window = unmeasured(
        metrics_window(System(CHAIN), (Fault("db", "latency", SLOW),), edges=False), "db"
    )
    found = study(align(window), window.sli())
    seen = features_of(found, all_evidence(found.aligned))
    at = {name: i for i, name in enumerate(seen.places)}
    assert seen.hidden_time[at["db"]] == seen.hidden_errors[at["db"]] == 1.0
    assert seen.hidden_time[at["api"]] == seen.hidden_errors[at["api"]] == 0.0
    assert seen.latency[at["db"]] >= seen.latency[at["api"]] > 3.0
    posterior = weigh(found)
    sure = dict(zip(posterior.places, posterior.probability, strict=True))
    assert sure["db"] > 0.2


def test_a_gauge_of_a_quiet_window_says_nothing():
    loaded = planted(gauges=("cpu",))
    assert max(e.nats for e in all_evidence(loaded.aligned) if e.family == "gauge") < 4.0
