"""The ledger: what tests say, what people propose and decide, each kept apart."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from planted import Fault, metrics_window
from workbench import TimeRange
from workbench.checks import CheckId, CheckResult
from workbench.diagnose import Entry, Hypotheses, Hypothesis, compare, hypotheses
from workbench.diagnose.ledger.ledger import STATUSES, hypothesis_id
from workbench.errors import BadInput, NaiveTimestamp, UnknownName
from workbench.findings import CLAIMS
from workbench.slis import SLI

AT = "2026-01-31T14:00:00Z"
LATER = "2026-01-31T14:05:00Z"
DEPLOYS = pd.DataFrame(
    [
        {"ts": pd.Timestamp(ts), "kind": "deploy", "service": service, "ref": ref}
        for ts, service, ref in (
            ("2026-01-31T12:40:00Z", "cart", "cart-8"),  # long ago: not a suspect by its time
            ("2026-01-31T13:26:00Z", "cart", "cart-9"),
            ("2026-01-31T13:29:30Z", "payments", "payments-2"),
        )
    ]
)
FAULT = (Fault("payments", "latency", 0.2),)


@pytest.fixture(scope="module")
def window():
    return metrics_window(faults=FAULT, seed=1, changes=DEPLOYS)


@pytest.fixture(scope="module")
def ledger(window):
    return hypotheses(window, at=AT)


def of(ledger, service, change=""):
    return next(h for h in ledger.hypotheses if (h.service, h.change) == (service, change))


def test_the_guilty_change_is_supported_and_the_innocent_one_refuted(ledger):
    guilty, innocent = of(ledger, "payments", "payments-2"), of(ledger, "cart", "cart-9")
    assert (guilty.status, guilty.rung) == ("supported", "supported")
    assert innocent.status == "refuted"
    assert {test.name for test in guilty.evidence_for} >= {"effect excludes zero"}
    assert not any(test.passed for test in innocent.evidence_against)
    assert innocent.evidence_against


@pytest.mark.slow
def test_the_ledger_holds_the_suspects_of_the_diagnosis_with_their_confidence(window, ledger):
    found = compare(window)
    told = {s.name for s in found.suspects if s.role != "first failure"}
    assert {h.name for h in ledger.hypotheses} == told
    confidence = {s.name: s.confidence for s in found.suspects}
    assert all(
        h.confidence == confidence[h.name] or confidence[h.name] != confidence[h.name]
        for h in ledger.hypotheses
    )
    assert ledger.verdict == found.verdict


def test_a_guilty_change_and_where_it_showed_first_are_told_once(ledger):
    assert [h.change for h in ledger.hypotheses if h.status == "supported"] == ["payments-2"]
    words = {test.name: test.figure for test in of(ledger, "payments", "payments-2").evidence_for}
    assert words["payments/latency failed first"].startswith("where payments-2 showed first")


def test_the_place_of_a_guilty_change_is_linked_to_it_where_somebody_asks(ledger):
    asked = ledger.propose("payments", by="ada", statement="its card provider is slow", at=LATER)
    place, guilty = of(asked, "payments"), of(asked, "payments", "payments-2")
    assert place.reason.startswith("where payments-2 showed first")
    assert place.proposed_by == ("ada",)
    assert not any("failed first" in test.name for test in guilty.evidence_for)


@pytest.mark.slow
def test_ids_are_of_the_subject_and_the_same_in_another_window(ledger):
    other = hypotheses(metrics_window(faults=FAULT, seed=2, changes=DEPLOYS), at=AT)
    ids = {h.name: h.id for h in other.hypotheses}
    both = [h for h in ledger.hypotheses if h.name in ids]
    assert both
    assert all(ids[h.name] == h.id and h.id.startswith("h-") and len(h.id) == 10 for h in both)
    assert len(set(ledger.ids)) == len(ledger)


def test_a_persons_hypothesis_is_put_to_the_same_tests(ledger):
    assert not [h for h in ledger.hypotheses if h.service == "cache"]
    asked = ledger.propose("cache", by="ada", note="it was restarted last week", at=LATER)
    cache, front = of(asked, "cache"), of(asked, "front")
    assert cache.status == "refuted"
    assert cache.proposed_by == ("ada",)
    names = [{test.name for test in (*h.evidence_for, *h.evidence_against)} for h in (cache, front)]
    # The SLI's own service is neither held against itself nor before itself.
    assert names[0] - names[1] == {"moves with the SLI", "not after the SLI"}
    assert len(asked) == len(ledger) + 1


def test_a_ledger_is_frozen_and_proposing_makes_a_new_one(ledger):
    before = repr(ledger)
    ledger.propose("cache", by="ada", at=LATER)
    assert repr(ledger) == before


def test_what_is_suspected_already_is_the_same_hypothesis(ledger):
    asked = ledger.propose("front", by="ada", statement="its template got heavier", at=LATER)
    assert asked.ids == ledger.ids
    front = of(asked, "front")
    assert front.proposed_by[1:] == ("ada",)
    assert front.statement == "its template got heavier"
    assert front.status == of(ledger, "front").status


@pytest.mark.slow
def test_a_change_of_long_ago_can_be_proposed(ledger):
    asked = ledger.propose(change="cart-8", by="ada", at=LATER)
    assert of(asked, "cart", "cart-8").status == "refuted"
    entries = [e.what for e in asked.history if e.hypothesis == of(asked, "cart", "cart-8").id]
    assert entries == ["proposed", "tested"]


def test_a_signal_that_stayed_in_its_range_is_refuted_even_at_the_guilty_service(ledger):
    asked = ledger.propose("payments", signal="load", by="ada", at=LATER)
    through = next(h for h in asked.hypotheses if (h.service, h.signal) == ("payments", "load"))
    assert through.status == "refuted"
    assert through.rung == "observed"
    assert "not through load" in through.reason


def test_what_is_not_measured_stays_proposed_and_names_what_is_missing(ledger):
    asked = ledger.propose("payments", signal="saturation:heap", by="ada", at=LATER)
    heap = next(h for h in asked.hypotheses if h.signal == "saturation:heap")
    assert heap.status == "proposed"
    assert heap.missing == ("saturation:heap is not measured",)


@pytest.mark.slow
def test_a_service_without_telemetry_is_neither_supported_nor_refuted(window):
    topology = window.topology.copy()
    topology.add_edge("payments", "bank")
    ledger = hypotheses(window.with_(topology=topology), at=AT)
    bank = of(ledger.propose("bank", by="ada", at=LATER), "bank")
    assert bank.status == "proposed"
    assert bank.missing == ("no telemetry of it is loaded",)


def test_a_decision_stands_beside_the_verdict_and_earns_no_rung(ledger):
    cart = of(ledger, "cart", "cart-9")
    decided = ledger.decide(cart.id, status="supported", by="ada", note="I saw it", at=LATER)
    after = of(decided, "cart", "cart-9")
    assert after == cart
    row = decided.to_frame().set_index("id").loc[cart.id]
    assert (row["status"], row["decision"], row["decided_by"]) == ("refuted", "supported", "ada")
    assert row["decided_at"] == pd.Timestamp(LATER)
    assert {f.claim for f in decided.findings() if f.change == "cart-9"} == {"refuted"}
    assert decided.verdict == ledger.verdict
    assert "caused by change cart-9" not in repr(decided)


def test_the_history_is_only_added_to(ledger):
    cart = of(ledger, "cart", "cart-9").id
    first = ledger.decide(cart, status="supported", by="ada", at=LATER)
    second = first.decide(cart, status="refuted", by="bob", note="placebos", at=LATER)
    third = second.propose("cache", by="eve", at=LATER)
    assert third.history[: len(second.history)] == second.history
    assert second.history[-1] == Entry(
        pd.Timestamp(LATER), cart, "bob", "decided", "supported", "refuted", "placebos"
    )
    assert second.decision(cart).by == "bob"
    assert list(second.history_frame()["by"].iloc[-2:]) == ["ada", "bob"]


def test_every_verdict_of_the_machine_is_in_the_history(ledger):
    last = {e.hypothesis: e.after for e in ledger.history}
    assert last == {h.id: h.status for h in ledger.hypotheses}
    assert {e.at for e in ledger.history} == {pd.Timestamp(AT)}


def test_in_a_quiet_window_a_proposal_is_refuted_with_the_reason():
    calm = hypotheses(metrics_window(faults=(), seed=3), at=AT).propose("payments", by="ada", at=AT)
    assert of(calm, "payments").status == "refuted"
    assert "nothing it could have caused" in of(calm, "payments").reason


@pytest.mark.slow
def test_more_data_are_tested_anew_and_the_turn_is_recorded(window):
    without = window.with_(tables={k: v for k, v in window.tables.items() if k != "changes"})
    blind = hypotheses(without, at=AT)
    seen = blind.retest(window, at=LATER)
    assert of(seen, "payments", "payments-2").status == "supported"
    assert seen.history[: len(blind.history)] == blind.history
    with pytest.raises(BadInput, match="another incident"):
        blind.retest(metrics_window(seed=2))


def test_a_change_that_is_not_in_the_window_any_more_loses_its_verdict(window, ledger):
    without = window.with_(tables={k: v for k, v in window.tables.items() if k != "changes"})
    lost = of(ledger.retest(without, at=LATER), "payments", "payments-2")
    assert (lost.status, lost.missing) == ("proposed", ("no record of payments-2",))


@pytest.mark.slow
def test_saved_and_loaded_it_is_the_same(ledger, window, tmp_path):
    full = ledger.propose("cache", by="ada", at=LATER).decide(
        ledger.ids[0], status="refuted", by="bob", note="ünlikely <b>", at=LATER
    )
    path = full.save(tmp_path / "ledger.json")
    read = Hypotheses.load(path)
    assert repr(read) == repr(full)
    assert read.history == full.history
    assert read.save(tmp_path / "again.json").read_text() == path.read_text()
    with pytest.raises(BadInput, match="cannot test"):
        read.propose("cart", by="ada")
    again = read.retest(window, at=LATER)
    assert [(h.id, h.status) for h in again.hypotheses] == [
        (h.id, h.status) for h in full.hypotheses
    ]
    assert again.history == full.history


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda plain: plain.update(schema=3), "another schema"),
        (lambda plain: plain.update(kind="x"), "Not a ledger"),
        (lambda plain: plain.pop("sli"), "'sli'"),
        (lambda plain: plain["hypotheses"][0].update(status="guilty"), "'status'"),
        (lambda plain: plain["hypotheses"][0].update(rung="cause"), "'rung'"),
        (lambda plain: plain["hypotheses"][0].update(confidence="high"), "'confidence'"),
        (lambda plain: plain["hypotheses"][0].update(evidence_for=[["a", 1, "b"]]), "no test"),
        (lambda plain: plain["hypotheses"].append(3), "rows"),
        (lambda plain: plain["history"][0].update(at="2026-01-31T12:00:00"), "without a zone"),
        (lambda plain: plain.update(when={"start": AT}), "'end'"),
        (lambda plain: plain.update(missing=[1]), "'missing'"),
        (lambda plain: plain.update(seed=True), "'seed'"),
    ],
)
def test_a_file_that_is_not_a_ledger_is_a_named_error(ledger, tmp_path, change, words):
    path = ledger.save(tmp_path / "ledger.json")
    plain = json.loads(path.read_text())
    change(plain)
    path.write_text(json.dumps(plain))
    with pytest.raises(BadInput, match=words):
        Hypotheses.load(path)


@pytest.mark.parametrize("text", ["", "[]", "{", "\x00", '{"kind": 1}', "[" * 100_000])
def test_any_other_text_is_a_named_error(tmp_path, text):
    path = tmp_path / "ledger.json"
    path.write_text(text)
    with pytest.raises(BadInput):
        Hypotheses.load(path)
    with pytest.raises(BadInput):
        Hypotheses.load(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({}, "No service"),
        ({"service": "nobody"}, "Unknown service"),
        ({"service": "cart", "signal": "laziness"}, "Unknown signal"),
        ({"change": "cart-77"}, "Unknown change"),
        ({"service": "front", "change": "cart-9"}, "another service"),
    ],
)
def test_what_nobody_knows_cannot_be_proposed(ledger, asked, error):
    with pytest.raises(BadInput, match=error):
        ledger.propose(**asked, by="ada")


def test_somebody_must_be_named_with_a_known_status_and_a_moment_with_a_zone(ledger):
    first = ledger.ids[0]
    with pytest.raises(BadInput, match="Nobody"):
        ledger.propose("cart", by=" ")
    with pytest.raises(BadInput, match="Nobody"):
        ledger.decide(first, status="refuted", by="")
    with pytest.raises(UnknownName, match="status"):
        ledger.decide(first, status="guilty", by="ada")
    with pytest.raises(UnknownName, match="hypothesis"):
        ledger.decide("h-00000000", status="refuted", by="ada")
    with pytest.raises(NaiveTimestamp):
        ledger.decide(first, status="refuted", by="ada", at="2026-01-31T12:00:00")


def test_names_are_escaped_in_a_notebook(ledger):
    shown = ledger.propose("cart", by="<script>", statement="<img src=x>", at=LATER)._repr_html_()
    assert "<script>" not in shown
    assert "<img" not in shown
    assert "people say" in shown


words = st.text(max_size=12)
tests = st.lists(
    st.builds(
        CheckResult,
        id=st.sampled_from(CheckId),
        outcome=st.sampled_from(["passed", "failed", "not_run"]),
        figure=words,
        subject=words,
    ),
    max_size=2,
).map(tuple)


@st.composite
def ledgers(draw):
    rows = draw(
        st.lists(
            st.builds(
                Hypothesis,
                id=words.map(lambda text: hypothesis_id(text, "latency")),
                service=words,
                signal=words,
                change=words,
                statement=words,
                reason=words,
                status=st.sampled_from(STATUSES),
                rung=st.sampled_from(CLAIMS),
                role=st.sampled_from(["state change", "symptom", "undecided"]),
                evidence_for=tests,
                evidence_against=tests,
                missing=st.lists(words, max_size=2).map(tuple),
                confidence=st.floats(0, 1),
                proposed_by=st.lists(words, max_size=2).map(tuple),
            ),
            max_size=3,
        )
    )
    moment = draw(st.integers(0, 2**60))
    entry = Entry(
        pd.Timestamp(moment, unit="ns", tz="UTC"),
        "h",
        draw(words),
        "decided",
        "",
        "refuted",
        draw(words),
    )
    when = TimeRange("2026-01-31T12:00:00Z", "2026-01-31T13:00:00Z")
    return Hypotheses(
        draw(words),
        "",
        when,
        SLI("front", "latency"),
        draw(words),
        tuple(rows),
        (entry,),
        tuple(draw(st.lists(words, max_size=2))),
    )


@pytest.mark.slow
@given(ledgers())
def test_any_ledger_survives_a_round_trip(tmp_path_factory, made):
    path = tmp_path_factory.mktemp("ledger") / "ledger.json"
    made.save(path)
    assert Hypotheses.load(path) == made
