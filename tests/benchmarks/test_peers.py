"""Peers on a planted window: each adapter says what its method says, or that it gave up."""

from __future__ import annotations

import signal
import time

import numpy as np
import pytest

from parts import AMPLE_S, missing_part
from planted import SHOP, Fault, metrics_window
from tests.benchmarks.peers import Peer, as_table, fared, missing, peers
from workbench.errors import BadInput
from workbench.features.aligned import align

pytestmark = pytest.mark.slow

FAULT = Fault("payments", "latency", 0.3)


@pytest.fixture(scope="module")
def case():
    window = metrics_window(SHOP, (FAULT,), noise=0.1, id="slow-payments")
    return window, align(window), window.sli()


def test_the_table_has_what_the_diagnosis_has_and_no_names(case):
    _, aligned, sli = case
    table, onset, names = as_table(aligned, sli)
    assert (table["time"] < onset).sum() == aligned.split.baseline.size
    assert (table["time"] >= onset).sum() == aligned.split.incident.size
    assert set(names.values()) == set(SHOP.services)
    code = next(code for code, name in names.items() if name == "payments")
    rows = np.concatenate([aligned.split.baseline, aligned.split.incident])
    expected = aligned.nodes["payments", "latency"].to_numpy()[rows]
    assert np.array_equal(table[f"{code}_latency"], expected)
    assert not any(name in column for column in table for name in SHOP.services)


@pytest.mark.parametrize("name", ["DoWhy GCM attribution", "BARO", "CIRCA (RCAEval)"])
def test_a_peer_finds_a_plain_fault(case, name):
    for family in ("BARO", "RCAEval"):
        if family in name and missing(family):
            missing_part(f"needs the bench extra: {missing(family)}")
    peer = peers()[name]
    peer.limit = AMPLE_S
    scores = peer(*case)
    top = sorted(scores, key=scores.__getitem__, reverse=True)[:3]
    assert "payments" in top
    assert not peer.missed


def test_the_learned_graphs_give_an_answer(case):
    if missing("RCAEval"):
        missing_part(f"needs the bench extra: {missing('RCAEval')}")
    ran = {name: peer for name, peer in peers().items() if "RCAEval" in name}
    for peer in ran.values():
        peer.limit = AMPLE_S
        assert set(peer(*case)) <= set(SHOP.services), peer.name
    table = fared(ran)
    assert len(table) == len(ran)
    assert table["no answer"].sum() == 0, table.to_string()


def test_one_that_takes_too_long_is_stopped_and_an_earlier_alarm_goes_on(case):
    def endless(window, aligned, sli):
        while True:
            try:
                time.sleep(0.01)
            except Exception:  # noqa: BLE001 - as RCAEval does
                continue

    peer = Peer("endless", endless, limit=0.05)
    before, _ = signal.getitimer(signal.ITIMER_REAL)
    with pytest.raises(BadInput, match="no answer"):
        peer(*case)
    assert peer.missed == ["stopped at 0.05 s"]
    assert bool(signal.getitimer(signal.ITIMER_REAL)[0]) == bool(before)


def test_one_that_fails_says_why(case):
    def failing(window, aligned, sli):
        raise ValueError("singular matrix")

    peer = Peer("failing", failing)
    with pytest.raises(BadInput):
        peer(*case)
    assert fared({"failing": peer})["why, first"].tolist() == ["ValueError: singular matrix"]
