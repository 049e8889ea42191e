"""The next best check: what it asks for, what it no longer asks for, and that it helps."""

from __future__ import annotations

import numpy as np
import pytest

from planted import Fault, everywhere, metrics_window, spans_window
from workbench import TimeRange
from workbench.diagnose import Hypotheses, hypotheses, next_checks
from workbench.diagnose.value_of_information.likelihoods import ANSWERS
from workbench.diagnose.value_of_information.next_checks import _gain, entropy
from workbench.errors import BadInput

FAULT = (Fault("payments", "latency", 0.2),)


@everywhere
def hiding(window, *services, gauges=False):
    """Return the window without what these services report of their time (or their gauges)."""
    metrics = window.metrics
    kind = metrics["metric"].str.startswith("service.") | metrics["metric"].str.startswith("edge.")
    told = ~kind if gauges else metrics["metric"].isin(["service.latency"])
    hidden = told & metrics["service"].isin(services)
    hidden |= metrics["metric"].str.startswith("edge.")
    return window.with_(tables={**window.tables, "metrics": metrics[~hidden]})


INNER = ("cart", "catalog", "checkout", "payments", "orders", "db", "cache")


def asked(found):
    return {(check.source, check.service) for check in found.checks}


def test_what_nobody_loaded_is_asked_for_with_its_bits_and_in_words():
    found = next_checks(hiding(metrics_window(faults=FAULT, seed=1), *INNER))
    first = next(check for check in found.checks if check.source == "requests")
    assert f"load latency of {first.service} 13:30–14:00: separates {first.service}" in repr(found)
    assert f"{first.bits:.1f} bits" in first.statement
    assert "counted on 26 PetShop incidents" in first.basis
    bits = [round(check.bits, 2) for check in found.checks]
    assert bits == sorted(bits, reverse=True)
    assert 0 < max(bits) <= found.bits


@pytest.mark.slow
def test_what_is_loaded_and_silent_is_not_asked_for_again():
    window = metrics_window(faults=FAULT, seed=1)
    hidden, loaded = (next_checks(hiding(window, *names)) for names in (INNER, INNER[2:]))
    first = {service for source, service in asked(hidden) if source == "requests"}
    again = {service for source, service in asked(loaded) if source == "requests"}
    assert "cart" in first
    assert not again & {"cart", "catalog"}


@pytest.mark.slow
def test_spans_that_are_loaded_are_not_asked_for():
    window = spans_window(faults=(Fault("payments", "latency", 0.05),), seed=1)
    assert not [source for source, _ in asked(next_checks(window)) if source == "spans"]
    metrics = next_checks(hiding(metrics_window(faults=FAULT, seed=1), *INNER))
    assert [source for source, _ in asked(metrics) if source == "spans"]


def test_a_call_between_two_leading_suspects_is_named():
    found = next_checks(hiding(metrics_window(faults=FAULT, seed=1), *INNER))
    leading = set(found.probability)
    words = [check.statement for check in found.checks if check.source == "spans"]
    pairs = [("cart", "cache"), ("orders", "db"), ("checkout", "orders"), ("checkout", "payments")]
    expected = [f"spans of {u} → {v}" for u, v in pairs if {u, v} <= leading]
    assert expected
    assert any(text in word for text in expected for word in words)


def test_the_record_of_changes_is_asked_for_only_where_there_is_none():
    from planted import changes_frame

    blind = hiding(metrics_window(faults=FAULT, seed=1), *INNER)
    assert "changes" in {source for source, _ in asked(next_checks(blind))}
    record = changes_frame([(60.0, "deploy", "cart", "cart-1")])
    known = blind.with_(tables={**blind.tables, "changes": record})
    assert "changes" not in {source for source, _ in asked(next_checks(known))}


@pytest.mark.slow
def test_loading_what_was_proposed_narrows_the_question_down():
    """Hide the time of all inner services, ask, load the answer back: the entropy moves."""
    seeds, moved = range(12), []
    for seed in seeds:
        window = metrics_window(faults=FAULT, seed=seed)
        before = next_checks(hiding(window, *INNER))
        asked_for = next(c.service for c in before.checks if c.source == "requests")
        after = next_checks(hiding(window, *(n for n in INNER if n != asked_for)))
        moved.append(abs(after.bits - before.bits))
    rate = np.mean(np.array(moved) > 0.05)
    assert rate >= 0.75, f"{rate:.2f} of {len(moved)}"


@pytest.mark.slow
def test_following_the_checks_leads_to_the_one_at_fault():
    """Load what is proposed, one after the other: the place is told with far fewer bits left."""
    for seed in range(4):
        window, loaded = metrics_window(faults=FAULT, seed=seed), set()
        found = start = next_checks(hiding(window, *INNER))
        while wanted := [c.service for c in found.checks if c.source == "requests"]:
            loaded.add(wanted[0])
            found = next_checks(hiding(window, *(n for n in INNER if n not in loaded)))
        assert max(found.probability, key=found.probability.get) == "payments"
        assert found.bits < start.bits / 2


def test_in_a_quiet_window_nothing_is_proposed():
    found = next_checks(metrics_window(faults=(), seed=3))
    assert not found.checks
    assert "nothing to tell apart" in repr(found)


def test_little_history_is_worth_a_longer_one():
    window = hiding(metrics_window(faults=FAULT, seed=1), *INNER)
    start = window.when.start
    short = window.with_(baseline=TimeRange(start - window.when.duration / 6, start))
    assert "history" in {source for source, _ in asked(next_checks(short))}
    assert "history" not in {source for source, _ in asked(next_checks(window))}


def test_a_failed_source_is_asked_for_with_its_reason():
    from workbench.coverage import Coverage, CoverageRow

    window = hiding(metrics_window(faults=FAULT, seed=1), *INNER)
    failed = Coverage((CoverageRow("tempo", "spans", "*", "failed", 0, reason="timed out"),))
    found = next_checks(window.with_(coverage=window.coverage + failed))
    assert "(failed: timed out)" in next(c for c in found.checks if c.source == "spans").statement


@pytest.mark.slow
def test_a_ledger_is_asked_like_its_window(tmp_path):
    window = hiding(metrics_window(faults=FAULT, seed=1), *INNER)
    ledger = hypotheses(window)
    assert repr(next_checks(ledger)) == repr(next_checks(window))
    with pytest.raises(BadInput, match="no window"):
        next_checks(Hypotheses.load(ledger.save(tmp_path / "ledger.json")))


def test_information_gain_by_hand():
    """A coin on which of two it is, answered without error, is worth one bit."""
    half = np.array([0.5, 0.5])
    assert entropy(half) == 1.0
    assert _gain(half, np.array([1.0, 0.0])) == pytest.approx(1.0)
    assert _gain(half, np.array([0.7, 0.7])) == pytest.approx(0.0)
    # By hand: 0.9 against 0.1 leaves H(0.9) = 0.469 bits.
    assert _gain(half, np.array([0.9, 0.1])) == pytest.approx(0.531, abs=1e-3)


def test_every_likelihood_is_a_probability_that_says_where_it_is_from():
    for answers in ANSWERS.values():
        assert 0 < answers.other < answers.itself < 1
        assert 0 < answers.waiting < answers.itself
        assert answers.basis.startswith(("counted on", "declared"))
