from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.findings import CLAIMS, Evidence, Finding, digest_of

PARAMETERS = st.dictionaries(
    st.text(max_size=6), st.one_of(st.integers(), st.text(max_size=6), st.none()), max_size=3
)


@given(st.text(max_size=10), st.floats(allow_infinity=False), PARAMETERS)
def test_evidence_reads_back_with_the_same_id(select, value, parameters):
    evidence = Evidence("causal.rank", select, value, "s", parameters, "w", "0.1")
    again = Evidence.from_dict(evidence.to_dict())
    assert again.id == evidence.id
    assert again.to_dict() == evidence.to_dict()


def test_an_id_is_short_and_depends_on_every_part():
    one = Evidence("causal.rank", "a/latency", 0.25, "s", {"seed": 0}, "w", "0.1")
    assert one.id.startswith("ev-")
    assert len(one.id) == 15
    others = [
        Evidence("causal.rank", "a/latency", 0.26, "s", {"seed": 0}, "w", "0.1"),
        Evidence("causal.rank", "a/latency", 0.25, "s", {"seed": 1}, "w", "0.1"),
        Evidence("causal.rank", "a/latency", 0.25, "s", {"seed": 0}, "v", "0.1"),
    ]
    assert len({one.id, *(o.id for o in others)}) == 4


@given(PARAMETERS)
def test_the_order_of_a_mapping_does_not_change_its_digest(parameters):
    assert digest_of(dict(reversed(parameters.items()))) == digest_of(parameters)


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_finding_shows_its_claim_first(claim):
    finding = Finding("cart", "latency", "rose by 0.3 s", claim)
    assert repr(finding) == f"[{claim}] cart/latency: rose by 0.3 s"


def test_a_findings_card_escapes_what_it_says():
    finding = Finding("<b>cart</b>", "latency", "<script>x</script>", "observed")
    html = finding._repr_html_()
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html
